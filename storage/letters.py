"""Letters to other offices, and what became of each.  Facts: one that is edited is a new one, which revises the other.

Nothing leaves without a second person: a letter is approved by another account than its writer's, and files that may be
sent are made only then; the database holds that, too (`storage.migrations.lettering`).  What it tells of are possible
sightings; where people come to something else about one of them, a letter that was not sent is blocked, and of one that
was sent somebody has to be told again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from lastseen import letter_marks
from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.letters import (
    AWAITED,
    DATED,
    EXPLAINED,
    MOVES,
    UNSENT,
    LetterEvent,
    LetterFacts,
    LetterFormat,
    LetterGroup,
    LetterKind,
    LetterPerson,
    LetterSighting,
    LetterState,
    due,
)
from lastseen.lifecycle import WorkState
from lastseen.words import Words, words
from storage import group_cases, letter_book, tellings, work
from storage.accounts import User
from storage.custody import Action, Entry
from storage.group_cases import NoSuchCase
from storage.letter_book import Recipient
from storage.work import Queue

STEP: Final = "letter"
"""of the items in `work`; the subject is the letter"""
DRAFT: Final = Queue(STEP, "draft")
FINAL: Final = Queue(STEP, "final")
OVER: Final = Queue(STEP, "over")
"""letters of which files are to go: drafts of those that left, and all of those that never will"""
MOST: Final = 50
"""letters on one page"""
LONGEST: Final = 40_000
"""characters of a letter: some twenty pages"""
FALLEN: Final = words(
    "Something that this letter tells of is no possible sighting any more, or is of an entry that was withdrawn. Write"
    " it anew: what does not stand is left out of the annex."
)

_PLACE = """
    LEFT JOIN LATERAL (
         SELECT (array_agg(permalink ORDER BY first_seen_at, posts.id))[1] AS permalink,
                min(published_at) AS published_at, min(first_seen_at) AS first_seen_at, count(*) AS places
           FROM posts WHERE EXISTS (SELECT FROM media_items WHERE post_id = posts.id AND blob_id = blobs.id))
           AS place ON true"""
SIGHTINGS = text(f"""
    SELECT candidates.id, candidates.state = 'sighting' AND persons.status <> 'withdrawn' AS stands,
           candidates.still_key, persons.id AS person, register_number, names,
           birth_year, kind, tracks.start_ms, tracks.end_ms, blobs.sha256, coalesce(permalink, '') AS permalink,
           published_at, first_seen_at, coalesce(places, 0) AS places
      FROM candidates
      JOIN persons ON persons.id = person_id
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
      JOIN blobs ON blobs.id = analyses.blob_id {_PLACE}
     WHERE candidates.id = ANY(CAST(:candidates AS bigint[]))
     ORDER BY register_number, coalesce(published_at, first_seen_at), candidates.id""")  # noqa: S608  our own words
OF_CASE = text("""
    SELECT candidates.id FROM candidates
      JOIN persons ON persons.id = person_id
      JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE candidates.state = 'sighting' AND persons.status <> 'withdrawn'
       AND blob_id IN (SELECT blob_id FROM group_case_files WHERE group_case_id = :case) ORDER BY candidates.id""")
CASE = text("SELECT title FROM group_cases WHERE id = :case")
PEOPLE = text("""
    SELECT persons.id, register_number, names, birth_year FROM letter_people JOIN persons ON persons.id = person_id
     WHERE letter_id = :letter ORDER BY register_number""")
# Of whom a letter says something: whatever is asked, or was decided, about any of these people.
CANDIDATES = text("SELECT candidate_id FROM letter_candidates WHERE letter_id = :letter ORDER BY candidate_id")

KEEP = text("""
    INSERT INTO letters (recipient_id, group_case_id, revises_id, language, subject, body, with_package, made_by)
    VALUES (:recipient, :case, :revises, :language, :subject, :body, :with_package, :by) RETURNING id""")
KEEP_PEOPLE = text("""
    INSERT INTO letter_people (letter_id, person_id)
    SELECT :letter, unnest(CAST(:people AS bigint[]))""")
KEEP_CANDIDATES = text("""
    INSERT INTO letter_candidates (letter_id, candidate_id) SELECT :letter, unnest(CAST(:candidates AS bigint[]))""")
KEEP_EVENT = text("""
    INSERT INTO letter_events (letter_id, event, dated, note, noted_by)
    VALUES (:letter, :event, :dated, :note, :by)""")
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('lastseen.letters', :letter))")

# A sighting that was lost and found again is told of as it is now, but whoever was told meanwhile knows other words.
_LETTER = """
    SELECT letters.id, letters.recipient_id AS recipient, letter_recipients.name AS recipient_name,
           letter_recipients.address AS recipient_address, letter_recipients.kind,
           letter_recipients.answers_within_days AS days, letters.group_case_id AS "case",
           letters.revises_id AS revises,
           letters.language, letters.subject, letters.body, letters.with_package, letters.made_by, letters.made_at,
           (SELECT max(id) FROM letters AS later WHERE later.revises_id = letters.id) AS revised_by,
           letter_state(letters.id) AS state,
           (SELECT noted_at FROM letter_events
             WHERE letter_id = letters.id AND event = 'approved' ORDER BY id DESC LIMIT 1) AS approved_at,
           sent.dated AS sent_on, sent.noted_at AS sent_at,
           (SELECT count(*) FROM letter_people WHERE letter_id = letters.id) AS people,
           (SELECT count(*) FROM letter_candidates WHERE letter_id = letters.id) AS sightings,
           NOT EXISTS (SELECT FROM letter_candidates JOIN candidates ON candidates.id = candidate_id
                         JOIN persons ON persons.id = person_id
                        WHERE letter_id = letters.id
                          AND (candidates.state <> 'sighting' OR persons.status = 'withdrawn')) AS stands,
           sent.noted_at IS NOT NULL
           AND EXISTS (SELECT FROM letter_candidates AS told
                         JOIN candidates ON candidates.id = told.candidate_id
                         JOIN persons ON persons.id = person_id
                        WHERE letter_id = letters.id
                          AND (persons.status = 'withdrawn'
                               OR EXISTS (SELECT FROM verdicts
                                           WHERE verdicts.candidate_id = told.candidate_id AND verdict <> 'sighting'
                                             AND verdicts.made_at > letters.made_at)))
           AND NOT EXISTS (SELECT FROM letters AS later JOIN letter_events AS told ON told.letter_id = later.id
                            WHERE later.revises_id = letters.id AND told.event = 'sent') AS again
      FROM letters
      JOIN letter_recipients ON letter_recipients.id = letters.recipient_id
      LEFT JOIN LATERAL (SELECT dated, noted_at FROM letter_events
                          WHERE letter_id = letters.id AND event = 'sent' ORDER BY id LIMIT 1) AS sent ON true"""
ONE = text(f"{_LETTER} WHERE letters.id = :id")
_LISTED = f"""
    WITH found AS ({_LETTER}),
         stood AS (SELECT *, state IN ('written', 'offered', 'approved', 'refused') AS unsent,
                          state IN ('sent', 'acknowledged') AND sent_on + days < CAST(:today AS date) AS overdue
                     FROM found)"""  # noqa: S608  our own words
_WHICH = """
    CASE CAST(:which AS text)
         WHEN 'unsent' THEN unsent AND revised_by IS NULL
         WHEN 'to approve' THEN state = 'offered' AND revised_by IS NULL
         WHEN 'awaited' THEN state IN ('sent', 'acknowledged')
         WHEN 'overdue' THEN overdue
         WHEN 'again' THEN again
         ELSE true END"""
LISTED = text(f"""
    {_LISTED} SELECT * FROM stood WHERE {_WHICH} AND (CAST(:before AS bigint) IS NULL OR id < :before)
     ORDER BY id DESC LIMIT :most""")  # noqa: S608  our own words
COUNTS = text(f"""
    {_LISTED}
    SELECT count(*) FILTER (WHERE unsent AND revised_by IS NULL) AS unsent,
           count(*) FILTER (WHERE state = 'offered' AND revised_by IS NULL) AS to_approve,
           count(*) FILTER (WHERE state IN ('sent', 'acknowledged')) AS awaited,
           count(*) FILTER (WHERE overdue) AS overdue, count(*) FILTER (WHERE again) AS again, count(*) AS all_
      FROM stood""")  # noqa: S608  our own words
OVERDUE = text(f"{_LISTED} SELECT id, sent_on + days AS due FROM stood WHERE overdue ORDER BY id")  # noqa: S608  our own words
EVENTS = text("""
    SELECT id, event, dated, note, noted_by, noted_at FROM letter_events WHERE letter_id = :letter ORDER BY id""")
KEEP_FILE = text("""
    INSERT INTO letter_files (letter_id, format, sha256, size, object_key)
    VALUES (:letter, :format, :sha256, :size, :key)""")
FILES = text("""
    SELECT format, sha256, size, object_key AS key, made_at FROM letter_files WHERE letter_id = :letter
     ORDER BY array_position(ARRAY['draft', 'pdf', 'docx', 'package'], format)""")
KEYS = text("""
    SELECT object_key FROM letter_files WHERE CAST(:letter AS bigint) IS NULL OR letter_id = :letter""")
# Nobody begins to work on it until the transaction ends.
WORKED_ON = text("""
    SELECT lease IS NOT NULL AND ready_at > now() AS held FROM work WHERE step = 'letter' AND subject = :letter
       FOR UPDATE""")
WAITS = text("""
    SELECT recipe, state, outcome, why FROM work
     WHERE step = 'letter' AND subject = :letter AND recipe <> 'over' AND state <> 'done' ORDER BY recipe""")
# What was not made or did not go, and would be now: a draft of what is worked on, files of what may be sent.
STOPPED = text(f"""
    WITH found AS ({_LETTER})
    SELECT work.subject, work.recipe FROM work LEFT JOIN found ON found.id = work.subject
     WHERE step = 'letter' AND work.state IN ('failed', 'quarantined', 'skipped')
       AND (CAST(:letter AS bigint) IS NULL OR work.subject = :letter)
       AND (work.recipe = 'over'
            OR found.revised_by IS NULL
               AND (work.recipe = 'draft' AND found.state IN ('written', 'offered', 'approved', 'refused')
                    OR work.recipe = 'final' AND found.state = 'approved' AND found.stands))
     ORDER BY work.id""")  # noqa: S608  our own words


class Which(StrEnum):
    """Which letters are listed."""

    UNSENT = "unsent"
    TO_APPROVE = "to approve"
    AWAITED = "awaited"
    OVERDUE = "overdue"
    AGAIN = "again"
    """sent, and something that it told of does not stand any more"""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Written:
    """What a letter says, before it is kept."""

    recipient: int
    language: str
    subject: str
    body: str
    """with marks around generated forms (`lastseen.letter_marks`)"""
    with_package: bool
    candidates: tuple[int, ...]
    people: tuple[int, ...] = ()
    """beside those whom the candidates are about"""
    case: int | None = None
    """of a group"""
    revises: int | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """One, and how far it is."""

    id: int
    recipient: int
    recipient_name: str
    recipient_address: str
    kind: LetterKind
    days: int | None
    case: int | None
    revises: int | None
    language: str
    subject: str
    body: str
    with_package: bool
    made_by: str
    made_at: datetime
    revised_by: int | None
    """the newest letter that was written instead of it, or to correct it"""
    state: LetterState
    approved_at: datetime | None
    """for the last time"""
    sent_on: date | None
    sent_at: datetime | None
    people: int
    sightings: int
    stands: bool
    """everything that it tells of is a possible sighting"""
    again: bool
    """people came to something else after it was sent, and nobody was told"""

    @property
    def due(self) -> date | None:
        """Until when an answer is expected."""
        return due(self.sent_on, self.days) if self.sent_on and self.state in AWAITED else None

    @property
    def overdue(self) -> bool:
        """The answer should be there."""
        return self.due is not None and self.due < utcnow().date()

    @property
    def blocked(self) -> bool:
        """It cannot go out as it is."""
        return not self.stands and self.state in UNSENT


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a letter."""

    id: int
    event: LetterEvent
    dated: date | None
    note: str
    noted_by: str
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class File:
    """A letter as a file."""

    format: LetterFormat
    sha256: str
    size: int
    key: str
    """in the bucket `export`"""
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Files that are not made (yet)."""

    recipe: str
    state: str
    outcome: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Move:
    """What is to be written down of a letter."""

    event: LetterEvent
    actor: str
    note: str = ""
    dated: date | None = None


@dataclass(frozen=True, slots=True)
class Subjects:
    """What a letter can tell of."""

    people: Sequence[LetterPerson]
    fallen: Sequence[int] = field(default=())
    """candidates that were asked for, and are no possible sightings"""


def of_case(db: Connection, case: int) -> tuple[str, tuple[int, ...]] | None:
    """Title of a group's case and its possible sightings (candidates); None: there is no such case."""
    title = db.execute(CASE, {"case": case}).scalar()
    return None if title is None else (title, tuple(db.execute(OF_CASE, {"case": case}).scalars()))


def subjects(db: Connection, candidates: Sequence[int]) -> Subjects:
    """Whom possible sightings are about, by register number, and what of them stands."""
    rows = list(db.execute(SIGHTINGS, {"candidates": list(candidates)}).mappings())
    known = {row["id"] for row in rows if row["stands"]}
    people: dict[int, LetterPerson] = {}
    for row in rows:
        if row["id"] in known:
            before = people.get(row["person"])
            seen = LetterSighting(
                **{name: row[name] for name in LetterSighting.__dataclass_fields__}  # the columns have their names
            )
            people[row["person"]] = LetterPerson(
                row["person"], row["register_number"], tuple(row["names"]), row["birth_year"],
                (*(before.sightings if before else ()), seen),
            )  # fmt: skip
    return Subjects(tuple(people.values()), tuple(one for one in dict.fromkeys(candidates) if one not in known))


def write(db: Connection, written: Written, actor: str) -> tuple[int, list[Entry]]:
    """Keep a letter, and have its draft made.  Returns its row id, and what the log must say.  Raises WrongUse."""
    subject, body = " ".join(written.subject.split()), written.body.strip().replace("\r\n", "\n")
    if not letter_marks.plain(subject) or not letter_marks.plain(body).strip():
        raise WrongUse(words("A letter needs a subject and a text."))
    if len(subject) + len(body) > LONGEST:
        raise WrongUse(words("This is too long: {most} characters are the most.", most=LONGEST))
    found = subjects(db, written.candidates)
    if found.fallen:
        raise WrongUse(words("No possible sighting: {ids}.", ids=", ".join(map(str, found.fallen))))
    people = sorted({*written.people, *(one.id for one in found.people)})
    if not people:
        raise WrongUse(words("Say which possible sightings the letter is to tell of."))
    if written.revises is not None:
        _revise(db, written.revises)
        work.offer(db, OVER, [written.revises])
    else:
        _require_recipient(db, written.recipient)
    made: int = db.execute(
        KEEP,
        {
            "recipient": written.recipient, "case": written.case, "revises": written.revises,
            "language": written.language, "subject": subject, "body": body, "with_package": written.with_package,
            "by": actor,
        },
    ).scalar_one()  # fmt: skip
    db.execute(KEEP_PEOPLE, {"letter": made, "people": people})
    db.execute(KEEP_CANDIDATES, {"letter": made, "candidates": sorted(set(written.candidates))})
    work.offer(db, DRAFT, [made])
    detail = {
        "letter": made, "recipient": written.recipient, "revises": written.revises, "people": len(people),
        "content": _digest(subject, body),
    }  # fmt: skip
    return made, [Entry(Action.LETTER_WRITTEN, f"letter:{made}", detail)]


def _require_recipient(db: Connection, id_: int) -> None:
    """Raises WrongUse: it is not in the address book, or retired.  Corrections go there all the same."""
    found = letter_book.recipient(db, id_)
    if found is None or found.retired_at is not None:
        raise WrongUse(words("This office is not in the address book, or not written to any more."))


def _revise(db: Connection, id_: int) -> None:
    """Raises WrongUse: there is no such letter, or it was edited before."""
    db.execute(LOCK, {"letter": id_})
    found = find(db, id_)
    if found is None or found.state is LetterState.GIVEN_UP:
        raise WrongUse(words("There is no such letter to edit."))
    if found.revised_by is not None:
        raise WrongUse(words("This letter was edited before: go on with letter {id}.", id=str(found.revised_by)))


def move(db: Connection, id_: int, moved: Move) -> list[Entry]:
    """Write down what happened to a letter.  Returns what the custody log must say.  Raises WrongUse."""
    db.execute(LOCK, {"letter": id_})
    letter = find(db, id_)
    if letter is None or moved.event not in MOVES[letter.state]:
        raise WrongUse(words("This letter is in another state by now: load its page again."))
    note = moved.note.strip()
    if refusal := _refusal(db, letter, moved, note):
        raise WrongUse(refusal)
    dated = moved.dated if moved.event in DATED else None
    values = {"letter": id_, "event": moved.event, "dated": dated, "note": note, "by": moved.actor}
    db.execute(KEEP_EVENT, values)
    if moved.event is LetterEvent.APPROVED:
        _make_files(db, id_)
    if moved.event in (LetterEvent.SENT, LetterEvent.GIVEN_UP):
        work.offer(db, OVER, [id_])
    detail = {"letter": id_, "event": moved.event, "dated": str(dated) if dated else None, "content": _digest(note)}
    if moved.event is LetterEvent.SENT:
        detail["files"] = {one.format: one.sha256 for one in files(db, id_)}
    return [Entry(Action.LETTER_MOVED, f"letter:{id_}", detail)]


def _make_files(db: Connection, id_: int) -> None:
    """Also anew: of a letter that an erasure has changed they went with it, and it was approved once more."""
    work.offer(db, FINAL, [id_])
    work.reopen(db, replace(FINAL, subjects=(id_,)), [one for one in WorkState if one is not WorkState.OPEN])


def _refusal(db: Connection, letter: Letter, moved: Move, note: str) -> Words | None:
    """Why this must not happen; None: it may."""
    if moved.event in EXPLAINED and not note:
        return words("Say why, how or with what: whoever reads it in ten years has nothing else.")
    if moved.event in DATED and (wrong := _undated(letter, moved)):
        return wrong
    match moved.event:
        case LetterEvent.APPROVED if moved.actor == letter.made_by:
            return words("Whoever wrote a letter cannot approve it: another officer has to read it.")
        case LetterEvent.OFFERED | LetterEvent.APPROVED:
            return _unready(db, letter)
        case LetterEvent.SENT if not letter.stands:
            return FALLEN
        case LetterEvent.SENT if not _is_made(db, letter):
            return words("Its files are not made yet: look again in some minutes.")
        case _:
            return None


def _undated(letter: Letter, moved: Move) -> Words | None:
    if moved.dated is None or moved.dated > utcnow().date():
        return words("Say on which day it was: today at the latest.")
    if letter.sent_on and moved.dated < letter.sent_on:
        return words("That is before the day on which it was sent.")
    if letter.approved_at and moved.dated < letter.approved_at.astimezone(UTC).date():
        return words("That is before the day on which it was approved: nothing may leave before.")
    return None


def _unready(db: Connection, letter: Letter) -> Words | None:
    if not letter.stands:
        return FALLEN
    if left := unconfirmed(db, letter):
        forms = ", ".join(piece.text for piece in left)
        return words("These word forms were generated, and nobody has confirmed them: {forms}.", forms=forms)
    return None


def _is_made(db: Connection, letter: Letter) -> bool:
    made = {one.format for one in files(db, letter.id)}
    wanted = {LetterFormat.PDF, LetterFormat.DOCX} | ({LetterFormat.PACKAGE} if letter.with_package else set())
    return wanted <= made


def stopped(db: Connection, id_: int | None = None) -> Sequence[tuple[int, Queue]]:
    """Files that ended without being made, or without going, and could be now: letters, and their queues.

    Of one letter, or of all.  What was made is not among them, so it is never made twice.
    """
    queues = {queue.recipe: queue for queue in (DRAFT, FINAL, OVER)}
    return [(row.subject, queues[row.recipe]) for row in db.execute(STOPPED, {"letter": id_})]


def ask_again(db: Connection, id_: int | None = None) -> list[Entry]:
    """Have files made that ended without being made, of one letter or of all; what the log must say.

    Whoever asks has mended why: each is tried as often as if it were new.
    """
    if id_ is not None:
        db.execute(LOCK, {"letter": id_})
    ended = [one for one in WorkState if one not in (WorkState.OPEN, WorkState.DONE)]
    found: dict[int, list[str]] = {}
    for letter, queue in stopped(db, id_):
        if work.reopen(db, replace(queue, subjects=(letter,)), ended):
            found.setdefault(letter, []).append(queue.recipe)
    return [
        Entry(Action.ASKED_FOR, f"letter:{letter}", {"letter": letter, "files": recipes})
        for letter, recipes in found.items()
    ]


def confirm(db: Connection, id_: int, form: str, actor: str) -> list[Entry]:
    """Write down that a generated form is right in this letter.  Returns what the log must say.  Raises WrongUse."""
    db.execute(LOCK, {"letter": id_})
    letter = find(db, id_)
    if letter is None or letter.state is not LetterState.WRITTEN or letter.revised_by is not None:
        raise WrongUse(words("This letter is in another state by now: load its page again."))
    if form not in [piece.text for piece in unconfirmed(db, letter)]:
        raise WrongUse(words("No such form waits to be confirmed: load the page again."))
    db.execute(KEEP_EVENT, {"letter": id_, "event": LetterEvent.CONFIRMED, "dated": None, "note": form, "by": actor})
    detail = {"letter": id_, "event": LetterEvent.CONFIRMED, "content": _digest(form)}
    return [Entry(Action.LETTER_MOVED, f"letter:{id_}", detail)]


def unconfirmed(db: Connection, letter: Letter) -> list[letter_marks.Piece]:
    """Generated forms that nobody has confirmed."""
    right = confirmed_forms(db, letter.id)
    return [piece for piece in letter_marks.forms(f"{letter.subject}\n{letter.body}") if piece.text not in right]


def confirmed_forms(db: Connection, id_: int) -> frozenset[str]:
    """Generated forms of a letter that somebody has confirmed."""
    return frozenset(one.note for one in events(db, id_) if one.event is LetterEvent.CONFIRMED)


def find(db: Connection, id_: int) -> Letter | None:
    """One."""
    row = db.execute(ONE, {"id": id_}).mappings().first()
    return _letter(dict(row)) if row else None


def held(db: Connection, id_: int) -> Letter | None:
    """One, to which nothing happens until the transaction ends."""
    db.execute(LOCK, {"letter": id_})
    return find(db, id_)


def listed(db: Connection, which: Which, before: int | None = None) -> list[Letter]:
    """Letters, the newest first; one more than MOST, if there are."""
    values = {"which": which, "before": before, "most": MOST + 1, "today": utcnow().date()}
    return [_letter(dict(row)) for row in db.execute(LISTED, values).mappings()]


def counts(db: Connection) -> dict[Which, int]:
    """How many there are of each."""
    row = db.execute(COUNTS, {"today": utcnow().date()}).one()
    return dict(zip(Which, row, strict=True))


def overdue(db: Connection) -> Sequence[tuple[int, date]]:
    """Letters whose answer should be there, and since when."""
    return [(row.id, row.due) for row in db.execute(OVERDUE, {"today": utcnow().date()})]


def people(db: Connection, id_: int) -> Sequence[LetterPerson]:
    """Whom a letter is about, without their sightings."""
    return [
        LetterPerson(row.id, row.register_number, tuple(row.names), row.birth_year, ())
        for row in db.execute(PEOPLE, {"letter": id_})
    ]


def shown(db: Connection, id_: int, reader: User) -> Sequence[LetterPerson]:
    """Whom a letter is about, for somebody who is shown it: who is not asked about their faces from then on."""
    about = people(db, id_)
    tellings.tell_of(db, reader, [one.id for one in about])
    return about


def candidates(db: Connection, id_: int) -> tuple[int, ...]:
    """Possible sightings that a letter tells of."""
    return tuple(db.execute(CANDIDATES, {"letter": id_}).scalars())


def facts(office: str, zone: str, to: Recipient, group: LetterGroup | None, about: Subjects) -> LetterFacts:
    """What a letter of today is filled with."""
    today = utcnow().astimezone(ZoneInfo(zone)).date()
    return LetterFacts(office, to.name, to.address, today, about.people, group, zone)


def group(db: Connection, case: int) -> LetterGroup | None:
    """What a letter says of the case of a group; None: there is no such case."""
    try:
        drawn = group_cases.of(db, case)
    except NoSuchCase:
        return None
    since = min(drawn.first_published_at or drawn.first_seen_at, drawn.first_seen_at)
    return LetterGroup(drawn.title, drawn.shown, drawn.accounted, drawn.open, since)


def events(db: Connection, id_: int) -> Sequence[Event]:
    """What happened to a letter, in its order."""
    found = db.execute(EVENTS, {"letter": id_}).mappings()
    return [Event(**{**row, "event": LetterEvent(row["event"])}) for row in found]


def files(db: Connection, id_: int) -> Sequence[File]:
    """Its files that are made."""
    found = db.execute(FILES, {"letter": id_}).mappings()
    return [File(**{**row, "format": LetterFormat(row["format"])}) for row in found]


def stays(letter: Letter, file: File) -> bool:
    """Whether a file is kept: a draft until the letter left or never will, the others for good once it left."""
    return letter.state in UNSENT or (letter.sent_at is not None and file.format is not LetterFormat.DRAFT)


def gone(id_: int, files_: Sequence[File]) -> Entry:
    """What the custody log must say of files that went."""
    detail = {"files": {one.format: one.sha256 for one in files_}}
    return Entry(Action.EXPIRED, f"letter:{id_}", detail, "drafts, and letters that were not sent, are not kept")


def waits(db: Connection, id_: int) -> Sequence[Wait]:
    """Its files that are being made, or were not."""
    return [Wait(**row) for row in db.execute(WAITS, {"letter": id_}).mappings()]


def keep_file(db: Connection, id_: int, made: File) -> None:
    """Say that a file of a letter is there."""
    values = {"letter": id_, "format": made.format, "sha256": made.sha256, "size": made.size, "key": made.key}
    db.execute(KEEP_FILE, values)


def file_keys(db: Connection, id_: int | None = None) -> frozenset[str]:
    """Where files of letters lie that were recorded: of one letter, or of all."""
    return frozenset(db.execute(KEYS, {"letter": id_}).scalars())


def unrecorded(db: Connection, id_: int, keys: Sequence[str]) -> list[str]:
    """Which of these objects no row of a letter speaks of; none while somebody works on it.

    Nobody begins to work on it, and nothing happens to it, until the transaction ends.
    """
    db.execute(LOCK, {"letter": id_})
    if any(db.execute(WORKED_ON, {"letter": id_}).scalars()):
        return []
    known = file_keys(db, id_)
    return [key for key in keys if key not in known]


def made(id_: int, of: Sequence[File]) -> Entry:
    """What the custody log must say of files that were made."""
    detail = {"letter": id_, "event": "made", "files": {one.format: one.sha256 for one in of}}
    return Entry(Action.LETTER_MOVED, f"letter:{id_}", detail)


def _letter(row: dict[str, object]) -> Letter:
    values = {name: row[name] for name in Letter.__dataclass_fields__}
    state = LetterState(str(row["state"]))
    if row["revised_by"] is not None and state in UNSENT:
        state = LetterState.REVISED
    return Letter(**{**values, "kind": LetterKind(str(row["kind"])), "state": state})  # type: ignore[arg-type]  # so


def _digest(*said: str) -> str:
    """The log has no names: it binds what was said by its hash."""
    return hashlib.sha256(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()
