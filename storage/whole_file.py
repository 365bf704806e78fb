"""Everything that the office holds on one person, for that person or whoever may ask for them (subject access).

What tells of others is left out of each part: other people's names, faces, answers and contacts.  What could still
tell a reviewer something is left out, too: of candidates that wait for people there is their number, and no more.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text
from ulid import ULID

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.exchange import whole
from lastseen.exchange.whole import About, Rows
from lastseen.records import Called
from lastseen.words import words
from storage.custody import Action, Entry
from storage.objects import DERIVED, ObjectMissing, ObjectStore

_MINE = "SELECT id FROM candidates WHERE person_id = :person"
_SETTLED = f"{_MINE} AND state <> 'open'"

PARTS: Final[Mapping[str, str]] = {
    "entry": """
        SELECT register_number, names, birth_year, region, status, first_status, added_at, changed_at
          FROM persons WHERE id = :person""",
    "ties": """
        SELECT kind, declared_by, declared_at,
               CASE WHEN kind = 'same' THEN
                    (SELECT register_number FROM persons
                      WHERE id IN (one_person_id, other_person_id) AND id <> :person) END AS same_person_as
          FROM ties WHERE :person IN (one_person_id, other_person_id) ORDER BY declared_at""",
    "photos": """
        SELECT id AS photo, file_name, sha256, size, media_type, added_at, badge, removed_at, removed_by,
               (SELECT string_agg(DISTINCT engine, ', ') FROM templates WHERE photo_id = reference_photos.id)
               AS templates_by_engine
          FROM reference_photos WHERE person_id = :person ORDER BY id""",
    "photo_findings": """
        SELECT kind, found_at, stands,
               (SELECT max(explained_at) FROM finding_explanations WHERE finding_id = photo_findings.id) AS explained_at
          FROM photo_findings WHERE :person IN (person_id, other_person_id) ORDER BY found_at""",
    "compared": """
        SELECT photo_id AS photo, sweep_photos.engine, asked_at, planned_at AS compared_at
          FROM sweep_photos LEFT JOIN sweeps ON sweeps.id = sweep_id
         WHERE photo_id IN (SELECT id FROM reference_photos WHERE person_id = :person) ORDER BY sweep_photos.id""",
    "candidates": """
        SELECT state, count(*) AS candidates, min(created_at) AS first_at, max(created_at) AS last_at
          FROM candidates WHERE person_id = :person GROUP BY state ORDER BY state""",
    "sightings": """
        SELECT candidates.id AS possible_sighting, kind, start_ms, end_ms, permalink, published_at, first_seen_at,
               coalesce(places, 0) AS places, sha256 AS recording_sha256
          FROM candidates
          JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
          JOIN blobs ON blobs.id = analyses.blob_id
          LEFT JOIN LATERAL (
               SELECT (array_agg(permalink ORDER BY first_seen_at, posts.id))[1] AS permalink,
                      min(published_at) AS published_at, min(first_seen_at) AS first_seen_at, count(*) AS places
                 FROM posts WHERE EXISTS (SELECT FROM media_items WHERE post_id = posts.id AND blob_id = blobs.id))
                 AS place ON true
         WHERE person_id = :person AND state = 'sighting'
         ORDER BY coalesce(published_at, first_seen_at), candidates.id""",
    "verdicts": f"""
        SELECT candidate_id AS candidate, verdict, made_at FROM verdicts
         WHERE candidate_id IN ({_SETTLED}) ORDER BY id""",  # noqa: S608  our own words
    "judgements": f"""
        SELECT judgements.candidate_id AS candidate, stage, answer, judged_at, undone_at,
               (SELECT count(*) FROM also_judged WHERE judgement_id = judgements.id) AS counts_for_others
          FROM judgements LEFT JOIN judgement_undos ON judgement_id = judgements.id
         WHERE judgements.candidate_id IN ({_SETTLED}) ORDER BY judgements.id""",  # noqa: S608  our own words
    "rejections": """
        SELECT rejected_at, revoked_at FROM rejections LEFT JOIN rejection_revocations ON rejection_id = rejections.id
         WHERE person_id = :person
           AND NOT EXISTS (SELECT FROM candidates WHERE candidates.track_id = rejections.track_id
                              AND candidates.person_id = rejections.person_id AND state = 'open')
         ORDER BY rejections.id""",
    "hand_overs": f"""
        SELECT candidate_id AS possible_sighting, receiver, handed_at FROM hand_overs
         WHERE candidate_id IN ({_SETTLED}) ORDER BY id""",  # noqa: S608  our own words
    "packages": f"""
        SELECT candidate_id AS possible_sighting, recipient, packages.reason, asked_at, made_at, export_id, sha256,
               removed_at
          FROM packages LEFT JOIN package_files ON package_id = packages.id
         WHERE candidate_id IN ({_SETTLED}) ORDER BY packages.id""",  # noqa: S608  our own words
    "statements": """
        SELECT statements.id AS statement, says, body, source, reference, dated, since, status AS sets_status, note,
               entered_by, entered_at, withdrawn_at, statement_withdrawals.reason AS why_withdrawn
          FROM statements LEFT JOIN statement_withdrawals ON statement_id = statements.id
         WHERE person_id = :person ORDER BY statements.id""",
    "list_lines": """
        SELECT title AS list, lists.body, lists.dated, "row", list_entries.names, list_entries.birth_year, says, since,
               note, same AS is_this_person, decided_by, decided_at, undone_at AS list_undone_at
          FROM (SELECT DISTINCT ON (entry_id) * FROM list_decisions WHERE person_id = :person
                 ORDER BY entry_id, id DESC) AS decided
          JOIN list_entries ON list_entries.id = entry_id JOIN lists ON lists.id = list_entries.list_id
          LEFT JOIN list_undos ON list_undos.list_id = lists.id
         WHERE same ORDER BY lists.dated, list_entries.id""",
    "undecided_lines": """
        SELECT title AS list, lists.body, lists.dated, count(*) AS lines FROM list_matches
          JOIN list_entries ON list_entries.id = entry_id JOIN lists ON lists.id = list_id
         WHERE person_id = :person
           AND NOT EXISTS (SELECT FROM list_decisions WHERE list_decisions.entry_id = list_matches.entry_id
                              AND list_decisions.person_id = list_matches.person_id)
         GROUP BY lists.id ORDER BY lists.dated""",
    "letters": """
        SELECT letters.id AS letter, letter_recipients.name AS recipient, subject, letters.body, made_by, made_at,
               revises_id AS revises,
               (SELECT count(*) FROM letter_candidates
                 WHERE letter_id = letters.id
                   AND candidate_id IN (SELECT id FROM candidates WHERE person_id = :person)) AS sightings
          FROM letter_people JOIN letters ON letters.id = letter_id
          JOIN letter_recipients ON letter_recipients.id = recipient_id
         WHERE person_id = :person ORDER BY letters.id""",
    "letter_events": """
        SELECT letter_id AS letter, event, dated, note, noted_at FROM letter_events
         WHERE letter_id IN (SELECT letter_id FROM letter_people WHERE person_id = :person) ORDER BY id""",
    "tips": """
        SELECT tips.id AS tip, address, at_seconds, came_by, received_at,
               (SELECT kind FROM tip_notes WHERE tip_id = tips.id AND kind <> 'about' ORDER BY id DESC LIMIT 1)
               AS newest_note, EXISTS (SELECT FROM tip_contacts WHERE tip_id = tips.id) AS contact_is_kept
          FROM tips
         WHERE (SELECT person_id FROM tip_notes WHERE tip_id = tips.id AND kind = 'about' ORDER BY id DESC LIMIT 1)
               = :person
         ORDER BY tips.id""",
    "group_cases": f"""
        SELECT DISTINCT group_case_id AS group_case, added_at FROM group_case_files
         WHERE blob_id IN (SELECT blob_id FROM candidates JOIN tracks ON tracks.id = track_id
                             JOIN analyses ON analyses.id = analysis_id
                            WHERE candidates.id IN ({_MINE} AND state = 'sighting'))
         ORDER BY 1, 2""",  # noqa: S608  our own words
    "name_hints": """
        SELECT permalink, matcher, found_at FROM name_hints JOIN posts ON posts.id = post_id
         WHERE person_id = :person
           AND NOT EXISTS (SELECT FROM candidates JOIN tracks ON tracks.id = track_id
                             JOIN analyses ON analyses.id = analysis_id
                             JOIN media_items ON media_items.blob_id = analyses.blob_id
                            WHERE media_items.post_id = posts.id AND state = 'open')
         ORDER BY name_hints.id""",
    "known_pairs": """
        SELECT made_at, retired_at, (SELECT count(*) FROM known_answers WHERE known_pair_id = known_pairs.id) AS answers
          FROM known_pairs
         WHERE person_id = :person
            OR probe_photo_id IN (SELECT id FROM reference_photos WHERE person_id = :person) ORDER BY id""",
    "told": f"""
        SELECT name AS account, min(told_at) AS first_at, max(told_at) AS last_at, count(candidate_id) AS candidates
          FROM (SELECT user_id, told_at, candidate_id FROM tellings WHERE candidate_id IN ({_MINE})
                 UNION ALL SELECT user_id, told_at, NULL FROM tellings_of_people WHERE person_id = :person) AS told
          JOIN users ON users.id = user_id GROUP BY name ORDER BY first_at""",  # noqa: S608  our own words
    "looks": """
        SELECT seq, at, actor, action, reason, detail ->> 'recipient' AS recipient FROM custody_events
         WHERE subject = ANY(:subjects) OR detail -> 'people' @> CAST(:among AS jsonb) ORDER BY seq""",
}
"""part -> what it consists of; their order is that of the file"""
SUBJECTS = text(f"""
    SELECT 'person:' || CAST(:person AS text)
     UNION ALL SELECT 'photo:' || id FROM reference_photos WHERE person_id = :person
     UNION ALL SELECT 'candidate:' || id FROM candidates WHERE id IN ({_SETTLED})""")  # noqa: S608  our own words
PERSON = text("SELECT id, register_number, names FROM persons WHERE register_number = :number")
PICTURES = text("""
    SELECT 'photos/' || id || '.jpg' AS name, crop_key AS key FROM reference_photos
     WHERE person_id = :person AND crop_key IS NOT NULL
     UNION ALL
    SELECT 'sightings/' || id || '.jpg', still_key FROM candidates
     WHERE person_id = :person AND state = 'sighting' AND still_key IS NOT NULL ORDER BY name""")
OTHERS = text("""
    SELECT letter_id AS letter, register_number AS number, names FROM letter_people
      JOIN persons ON persons.id = person_id
     WHERE person_id <> :person AND letter_id IN (SELECT letter_id FROM letter_people WHERE person_id = :person)
     ORDER BY letter_id, register_number""")


# Of whom a word begins as some word of the texts does, which is so in every case of a name.
PERHAPS = text("""
    SELECT register_number AS number, names FROM persons
     WHERE id <> :person
       AND (EXISTS (SELECT FROM unnest(names) AS name, string_to_table(lower(name), ' ') AS word
                     WHERE length(word) >= :least AND left(word, :least) = ANY(CAST(:beginnings AS text[])))
            OR lower(register_number) = ANY(CAST(:words AS text[])))
     ORDER BY register_number""")
BEGINNING: Final = 4
"""letters that the cases of one name have in common"""
LONGEST_REASON: Final = 2000
"""characters"""


@dataclass(frozen=True, slots=True)
class Order:
    """A file that somebody wants."""

    number: str
    """of the register"""
    reason: str
    office: str
    language: str
    """code of the page's"""


@dataclass(frozen=True, slots=True)
class WholeFile:
    """One that was made."""

    id: str
    number: str
    content: bytes
    """a ZIP"""
    counts: Mapping[str, int]
    """part -> rows"""
    person: int
    """row id: whoever gets the file is told of all that is asked about them"""
    entry: Entry
    """for the custody log"""


Cover = Callable[[str, Called, Sequence[Called]], str]
"""a text about several people, without what it says of others than the first"""


@dataclass(frozen=True, slots=True)
class Covers:
    """How others are left out."""

    about: Cover
    """of a text that is about all of them"""
    named: Cover
    """of any other text, which may name them"""


def make(
    db: Connection, objects: ObjectStore, order: Order, covers: Covers, say: Callable[[str], str]
) -> WholeFile | None:
    """Everything on the entry with this register number; None: there is no such one.  Raises WrongUse: no reason.

    `say`: a message in the language of the page.
    """
    reason = order.reason.strip()[:LONGEST_REASON]
    if not reason:
        raise WrongUse(words("Say why, for whoever reads it in ten years."))
    row = db.execute(PERSON, {"number": order.number}).first()
    if row is None:
        return None
    parts = _parts(db, row.id, Called(row.register_number, tuple(row.names)), covers)
    pictures, left = _pictures(db, objects, row.id)
    about = About(str(ULID()), utcnow(), order.office, reason, row.register_number, order.language, left)
    content = whole.write(about, parts, pictures, say)
    counts = {name: len(rows) for name, rows in parts.items()}
    detail: dict[str, object] = {
        "what": "whole file", "export": about.id, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content),
        "pictures": len(pictures), "rows": sum(counts.values()),
    }  # fmt: skip
    entry = Entry(Action.EXPORTED, f"person:{row.id}", detail, reason)
    return WholeFile(about.id, row.register_number, content, counts, row.id, entry)


def _parts(db: Connection, person: int, me: Called, covers: Covers) -> Mapping[str, Rows]:
    about = {"person": person}
    subjects = db.execute(SUBJECTS, about).scalars().all()
    values = {**about, "subjects": list(subjects), "among": f"[{person}]"}
    parts = {name: _rows(db, asked, values) for name, asked in PARTS.items()}
    others: dict[int, list[Called]] = defaultdict(list)
    for one in db.execute(OTHERS, about):
        others[one.letter].append(Called(one.number, tuple(one.names)))
    perhaps = _perhaps(db, person, " ".join(whole.written(parts)).lower())

    def cover(letter: int, said: str) -> str:
        return covers.about(said, me, others[letter])

    return whole.covered(parts, cover, lambda said: covers.named(said, me, perhaps))


def _perhaps(db: Connection, person: int, said: str) -> list[Called]:
    """Others of the register whom these words may name."""
    found = set(re.findall(r"[\w/-]+", said))
    beginnings = {word[:BEGINNING] for word in found if len(word) >= BEGINNING}
    values = {"person": person, "words": sorted(found), "beginnings": sorted(beginnings), "least": BEGINNING}
    return [Called(row.number, tuple(row.names)) for row in db.execute(PERHAPS, values)]


def _pictures(db: Connection, objects: ObjectStore, person: int) -> tuple[dict[str, bytes], int]:
    """Name in the file -> JPEG, and how many are not there any more."""
    found, left = {}, 0
    for one in db.execute(PICTURES, {"person": person}):
        try:
            found[one.name] = objects.read(DERIVED, one.key)
        except ObjectMissing:
            left += 1
    return found, left


def _rows(db: Connection, asked: str, values: Mapping[str, Any]) -> Rows:
    return [dict(row) for row in db.execute(text(asked), values).mappings()]
