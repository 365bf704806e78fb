"""What may be handed out of people: entries of the register, possible sightings that stand, statements that stand.

Nothing that was withdrawn is among it, nor anybody whose entry was; what was erased is not there any more.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, text
from ulid import ULID

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.exchange.records import Format, HandedPerson, HandedSighting, HandedStatement, Handing
from lastseen.fates import Contradiction
from lastseen.records import PersonStatus, Says
from lastseen.settings import Settings
from lastseen.words import words
from storage import contradictions
from storage.custody import Action, Entry

NO_DOMAIN: Final = "lastseen.invalid"
"""of an office that has no address of its own; RFC 2606 keeps it free"""
LONGEST: Final = {"receiver": 200, "purpose": 500, "right": 300}
"""characters"""
SUBJECT: Final = "people"
"""what the custody log calls a file about several people; its detail has their row ids"""

PEOPLE = text("""
    SELECT id, register_number AS number, names, birth_year, region, status, added_at, changed_at,
           ARRAY(SELECT other.register_number FROM ties
                   JOIN persons AS other ON other.id IN (one_person_id, other_person_id) AND other.id <> persons.id
                  WHERE kind = 'same' AND persons.id IN (one_person_id, other_person_id)
                    AND other.status <> 'withdrawn'
                  ORDER BY other.register_number) AS same
      FROM persons
     WHERE status <> 'withdrawn'
       AND (CAST(:numbers AS text[]) IS NULL OR register_number = ANY(CAST(:numbers AS text[])))
       AND (CAST(:status AS text) IS NULL OR status = :status)
       AND (CAST(:since AS date) IS NULL OR greatest(added_at, changed_at) >= :since
            OR EXISTS (SELECT FROM statements LEFT JOIN statement_withdrawals ON statement_id = statements.id
                        WHERE person_id = persons.id AND greatest(entered_at, withdrawn_at) >= :since)
            OR EXISTS (SELECT FROM candidates JOIN verdicts ON candidate_id = candidates.id
                        WHERE person_id = persons.id AND made_at >= :since))
     ORDER BY register_number""")
OF_NUMBERS = text("SELECT id FROM persons WHERE register_number = ANY(CAST(:numbers AS text[])) ORDER BY id")
KNOWN = text("SELECT register_number, status FROM persons WHERE register_number = ANY(CAST(:numbers AS text[]))")
SIGHTINGS = text("""
    SELECT person_id, candidates.id AS candidate, kind, start_ms, end_ms, coalesce(permalink, '') AS permalink,
           published_at, first_seen_at, coalesce(places, 0) AS places, sha256,
           coalesce((SELECT max(made_at) FROM verdicts WHERE candidate_id = candidates.id), created_at) AS decided_at
      FROM candidates
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id
      LEFT JOIN LATERAL (
           SELECT (array_agg(permalink ORDER BY first_seen_at, posts.id))[1] AS permalink,
                  min(published_at) AS published_at, min(first_seen_at) AS first_seen_at, count(*) AS places
             FROM posts WHERE EXISTS (SELECT FROM media_items WHERE post_id = posts.id AND blob_id = blobs.id))
             AS place ON true
     WHERE state = 'sighting' AND person_id = ANY(CAST(:people AS bigint[]))
     ORDER BY coalesce(published_at, first_seen_at), candidates.id""")
STATEMENTS = text("""
    SELECT person_id, id, says, body, source, reference, dated, since, status FROM statements
     WHERE person_id = ANY(CAST(:people AS bigint[]))
       AND NOT EXISTS (SELECT FROM statement_withdrawals WHERE statement_id = statements.id)
     ORDER BY coalesce(since, dated), id""")


@dataclass(frozen=True, slots=True)
class Selection:
    """Whom a file is about."""

    numbers: tuple[str, ...] = ()
    """register numbers; none: whoever else is chosen"""
    status: PersonStatus | None = None
    since: date | None = None
    """only of whom something was added, said, decided or withdrawn since (UTC)"""
    everybody: bool = False
    """nothing else chooses, and that is meant"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """To whom, why, and under which right."""

    receiver: str
    purpose: str
    right: str


def handing(settings: Settings, wanted: Wanted) -> Handing:
    """A new file.  Raises WrongUse."""
    said = {name: " ".join(getattr(wanted, name).split()) for name in LONGEST}
    for name, missing in (
        ("receiver", words("Say who gets it: an office or a person.")),
        ("purpose", words("Say what it is handed out for; it stands in the log for ever.")),
        ("right", words("Say under which law, agreement or decision it is handed out.")),
    ):
        if not said[name]:
            raise WrongUse(missing)
        if len(said[name]) > LONGEST[name]:
            raise WrongUse(words("This is too long: {most} characters are the most.", most=LONGEST[name]))
    made_at = utcnow().replace(microsecond=0)
    domain = urlsplit(settings.review_url).hostname or NO_DOMAIN
    expires = made_at + timedelta(days=settings.exchange_expiry_days)
    return Handing(str(ULID()), made_at, settings.office, domain, expires_at=expires, **said)


def gather(db: Connection, selection: Selection) -> tuple[HandedPerson, ...]:
    """Whom it is about, by register number, with what stands.  Raises WrongUse: nobody, or somebody who may not be."""
    chosen = bool(selection.numbers or selection.status or selection.since)
    if not chosen and not selection.everybody:
        raise WrongUse(
            words("Say whom it is about: register numbers, a status, or a date; or that you mean everybody.")
        )
    if selection.status is PersonStatus.WITHDRAWN:
        raise WrongUse(words("Entries that were withdrawn are handed out to nobody."))
    numbers = sorted(set(selection.numbers))
    _require_known(db, numbers)
    values = {"numbers": numbers or None, "status": selection.status, "since": selection.since}
    rows = db.execute(PEOPLE, values).mappings().all()
    if not rows:
        raise WrongUse(words("Nobody of the register is like that."))
    ids = {"people": [row["id"] for row in rows]}
    seen, said = defaultdict[int, list[HandedSighting]](list), defaultdict[int, list[HandedStatement]](list)
    for row in db.execute(SIGHTINGS, ids).mappings():
        seen[row["person_id"]].append(HandedSighting(**_but(row, "person_id")))
    for row in db.execute(STATEMENTS, ids).mappings():
        status = PersonStatus(row["status"]) if row["status"] else None
        one = {**_but(row, "person_id"), "says": Says(row["says"]), "status": status}
        said[row["person_id"]].append(HandedStatement(**one))
    against = {entry: one.found for one in contradictions.of_people(db, ids["people"]) for entry in one.entries}
    return tuple(
        _person(row, tuple(seen[row["id"]]), tuple(said[row["id"]]), against.get(row["id"], ())) for row in rows
    )


def named(db: Connection, numbers: Sequence[str]) -> Sequence[int]:
    """Row ids of the entries with these register numbers."""
    return db.execute(OF_NUMBERS, {"numbers": list(numbers)}).scalars().all()


def handed(
    made: Handing, format_: Format, selection: Selection, people: Sequence[HandedPerson], content: bytes
) -> Entry:
    """What the custody log must say of a file that goes out."""
    detail: dict[str, object] = {
        "what": "exchange",
        "export": made.id,
        "format": str(format_),
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "recipient": made.receiver,
        "right": made.right,
        "persons": len(people),
        "sightings": sum(len(one.sightings) for one in people),
        "statements": sum(len(one.statements) for one in people),
        "contradictions": sum(len(one.contradictions) for one in people),
        "status": str(selection.status or ""),
        "since": selection.since.isoformat() if selection.since else "",
        "people": [one.id for one in people],
    }
    subject = f"person:{people[0].id}" if len(people) == 1 else SUBJECT
    return Entry(Action.EXPORTED, subject, detail, made.purpose)


def _require_known(db: Connection, numbers: Sequence[str]) -> None:
    known = {row.register_number: row.status for row in db.execute(KNOWN, {"numbers": list(numbers)})}
    if missing := [number for number in numbers if number not in known]:
        raise WrongUse(words("The register has no entry {numbers}.", numbers=", ".join(missing)))
    if gone := [number for number, status in known.items() if status == PersonStatus.WITHDRAWN]:
        raise WrongUse(words("Withdrawn, and handed out to nobody: {numbers}.", numbers=", ".join(sorted(gone))))


def _person(
    row: Any,
    sightings: tuple[HandedSighting, ...],
    statements: tuple[HandedStatement, ...],
    against: tuple[Contradiction, ...],
) -> HandedPerson:
    values = {**row, "names": tuple(row["names"]), "same": tuple(row["same"]), "status": PersonStatus(row["status"])}
    return HandedPerson(**values, sightings=sightings, statements=statements, contradictions=against)


def _but(row: Any, name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
