"""Cases of groups: opened from a recording, with the recordings in which the group was seen again, counts and notes.

Facts: what somebody decided or noted stays.  Who is shown and what stands of them is drawn up anew each time
(`storage.group_case`).
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import Connection, RowMapping, text

from lastseen import letter_marks
from lastseen.errors import WrongUse
from lastseen.records import PersonStatus
from lastseen.words import words
from storage import contradictions, footage, group_case, roll_calls, statements, tellings, ties
from storage.accounts import User
from storage.custody import Action, Entry
from storage.group_case import File, GroupCase, Known, Member, Note, Proposal, Sent, Shown
from storage.roll_call import Question, RollCall, told_to
from storage.same_face import Overlap, Seen
from storage.statements import Statement

Kind = TypeVar("Kind")

MOST_PEOPLE: Final = 100_000
"""whom anybody counts by eye"""
LEAST_AGAIN: Final = 2
"""people of a case of whom sightings stand in another recording: one alone may have been filmed with others"""

OPEN = text("""
    INSERT INTO group_cases (title, reason, opened_by) VALUES (:title, :reason, :by) RETURNING id""")
DECIDE = text("""
    INSERT INTO group_case_decisions (group_case_id, blob_id, belongs, reason, decided_by)
    VALUES (:case, :blob, :belongs, :reason, :by)""")
NOTE = text("""
    INSERT INTO group_case_notes (group_case_id, kind, people, note, noted_by)
    VALUES (:case, :kind, :people, :note, :by)""")
CASES = text("""
    SELECT id, title, reason, opened_by, opened_at FROM group_cases
     WHERE (CAST(:case AS bigint) IS NULL OR id = :case)
       AND (CAST(:as_of AS timestamptz) IS NULL OR opened_at <= :as_of) ORDER BY id""")
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('lastseen.group_cases', :case))")
IS_THERE = text("SELECT EXISTS (SELECT FROM group_cases WHERE id = :case)")
FILES = text("""
    SELECT group_case_id AS "case", blob_id AS blob, sha256, why, added_by AS by, added_at AS at
      FROM group_case_files JOIN blobs ON blobs.id = blob_id
     WHERE CAST(:case AS bigint) IS NULL OR group_case_id = :case ORDER BY added_at, blob_id""")
FILES_THEN = text("""
    SELECT "case", blob, sha256, why, by, at
      FROM (SELECT DISTINCT ON (group_case_id, blob_id) group_case_id AS "case", blob_id AS blob, belongs,
                   reason AS why, decided_by AS by, decided_at AS at
              FROM group_case_decisions WHERE decided_at <= :as_of
             ORDER BY group_case_id, blob_id, group_case_decisions.id DESC) AS newest
      JOIN blobs ON blobs.id = blob
     WHERE belongs ORDER BY at, blob""")
REFUSED = text("""
    SELECT DISTINCT ON (blob_id) blob_id AS blob, sha256, belongs, reason AS why, decided_by AS by, decided_at AS at
      FROM group_case_decisions JOIN blobs ON blobs.id = blob_id
     WHERE group_case_id = :case ORDER BY blob_id, group_case_decisions.id DESC""")
NOTES = text("""
    SELECT group_case_id AS "case", id, kind, people, note, noted_by AS by, noted_at AS at FROM group_case_notes
     WHERE (CAST(:case AS bigint) IS NULL OR group_case_id = :case)
       AND (CAST(:as_of AS timestamptz) IS NULL OR noted_at <= :as_of) ORDER BY id""")
SHA256 = text("SELECT sha256 FROM blobs WHERE id = :blob")
OF_FILE = text("""
    SELECT id, title FROM group_cases JOIN group_case_files ON group_case_id = id WHERE blob_id = :blob ORDER BY id""")
NEWEST = text("""
    SELECT blob_id AS blob, max(id) AS analysis FROM analyses
     WHERE blob_id = ANY(CAST(:blobs AS bigint[]))
       AND (CAST(:as_of AS timestamptz) IS NULL OR analyzed_at <= :as_of) GROUP BY blob_id""")
PEOPLE = text("""
    SELECT id, register_number, names, status FROM persons WHERE register_number = ANY(CAST(:numbers AS text[]))
     ORDER BY id""")
SIGHTED = text("""
    SELECT candidates.id AS candidate, person_id AS person, blob_id AS blob, sha256
      FROM candidates
      JOIN tracks ON tracks.id = track_id
      JOIN analyses ON analyses.id = analysis_id
      JOIN blobs ON blobs.id = blob_id
     WHERE candidates.state = 'sighting' AND person_id = ANY(CAST(:people AS bigint[]))
       AND NOT blob_id = ANY(CAST(:blobs AS bigint[]))
     ORDER BY candidates.id""")
LETTERS = text("""
    SELECT letters.id, letters.subject, letter_recipients.name AS recipient, letters.made_at, newest.event,
           newest.dated, newest.noted_at AS at
      FROM letters
      JOIN letter_recipients ON letter_recipients.id = recipient_id
      LEFT JOIN LATERAL (SELECT event, dated, noted_at FROM letter_events
                          WHERE letter_id = letters.id AND event <> 'confirmed' ORDER BY id DESC LIMIT 1)
           AS newest ON true
     WHERE group_case_id = :case AND NOT EXISTS (SELECT FROM letters AS later WHERE later.revises_id = letters.id)
     ORDER BY letters.id""")


class NoSuchCase(WrongUse):
    """There is no case with this number."""


# --- reading -----------------------------------------------------------------------------------------------


def of(db: Connection, case: int) -> GroupCase:
    """One case with all that stands of it.  Raises NoSuchCase."""
    for found in _drawn(db, case):
        people = [member for member in found.everybody if member.known]
        told = {one.entries: one for member in people for one in member.known}
        known = {
            entries: replace(one, contradictions=contradictions.of_person(db, entries[0]))
            for entries, one in told.items()
        }
        everybody = tuple(
            replace(member, known=tuple(known[one.entries] for one in member.known)) for member in found.everybody
        )
        letters = tuple(Sent(**letter_marks.titled(row)) for row in db.execute(LETTERS, {"case": case}).mappings())
        found = replace(found, everybody=everybody, letters=letters)
        return replace(found, proposals=tuple(_proposals(db, found)))
    raise NoSuchCase(words("There is no case {id}.", id=str(case)))


def every(db: Connection) -> list[GroupCase]:
    """All cases, without letters and proposals: those that are followed first, and of these the oldest."""
    return sorted(_drawn(db), key=lambda case: (case.closed is not None, case.since, case.id))


def then(db: Connection, as_of: datetime) -> list[GroupCase]:
    """All cases as they stood at a moment: who was shown in them, and accounted for.

    By what had been written down then, and counted as everywhere.  Not in them: who waited, and what was said of them.
    """
    return list(_drawn(db, as_of=as_of))


def of_file(db: Connection, blob: int) -> list[tuple[int, str]]:
    """Cases that a recording (row id) belongs to: number and title."""
    return [(row.id, row.title) for row in db.execute(OF_FILE, {"blob": blob})]


def tell(db: Connection, user: User | str, case: GroupCase) -> None:
    """Keep that somebody was shown all of a case: what is asked about those of whom it tells is told to them.

    Call it before the custody log is written to.
    """
    entries = {entry for member in case.everybody for known in member.known for entry in known.entries}
    asked = {question.id for call in case.calls for face in call.faces for question in face.questions}
    if isinstance(user, User):
        tellings.tell(db, user, sorted(asked))
        tellings.tell_of(db, user, sorted(entries))
    else:
        tellings.tell_named(db, user, sorted(asked))
        tellings.tell_of_named(db, user, sorted(entries))


def told(case: GroupCase, seen: frozenset[int]) -> GroupCase:
    """The same for somebody who may still have to judge what waits: only candidates in `seen` (row ids) are told."""
    calls = {call.blob: told_to(call, seen) for call in case.calls}
    faces = {(call.blob, face.number): face for call in calls.values() for face in call.faces}
    everybody = tuple(
        replace(
            member,
            shown=tuple(Shown(calls[one.call.blob], faces[one.call.blob, one.face.number]) for one in member.shown),
        )
        for member in case.everybody
    )
    return replace(case, calls=tuple(calls.values()), everybody=everybody)


# --- deciding ----------------------------------------------------------------------------------------------


def open_(db: Connection, blob: int, title: str, reason: str, actor: str) -> tuple[int, list[Entry]]:
    """Open a case of those whom a recording (row id) shows.  Returns its number, and what the custody log must say.

    Raises WrongUse.
    """
    title, reason = " ".join(title.split()), reason.strip()
    if not title:
        raise WrongUse(words("Give the case a title."))
    _explained(reason)
    sha256 = _file(db, blob)
    made: int = db.execute(OPEN, {"title": title, "reason": reason, "by": actor}).scalar_one()
    db.execute(DECIDE, {"case": made, "blob": blob, "belongs": True, "reason": reason, "by": actor})
    detail = {"blob": sha256, "content": _digest(title, reason)}
    return made, [Entry(Action.CASE_OPENED, f"group:{made}", detail)]


def decide(db: Connection, case: int, blob: int, belongs: bool, reason: str, actor: str) -> list[Entry]:
    """A recording (row id) shows the group of a case, or it does not: then it is not proposed again, or taken out.

    Returns what the custody log must say.  Raises WrongUse.
    """
    _explained(reason)
    sha256 = _file(db, blob)
    _followed(db, case)
    files = {row.blob for row in db.execute(FILES, {"case": case})}
    if belongs and blob in files:
        raise WrongUse(words("This recording belongs to the case already."))
    if not belongs and files == {blob}:
        raise WrongUse(words("A case has at least one recording: close it instead."))
    db.execute(DECIDE, {"case": case, "blob": blob, "belongs": belongs, "reason": reason.strip(), "by": actor})
    what = "recording added" if belongs else "recording taken out" if blob in files else "recording refused"
    return [_changed(case, what, {"blob": sha256, "content": _digest(reason.strip())})]


def note(db: Connection, case: int, said: str, actor: str) -> list[Entry]:
    """Write something down.  Returns what the custody log must say.  Raises WrongUse."""
    _locked(db, case)
    if not said.strip():
        raise WrongUse(words("The note is empty."))
    return [_noted(db, case, "note", None, said, actor)]


def count(db: Connection, case: int, people: int, said: str, actor: str) -> list[Entry]:
    """Somebody counted by eye how many people the recordings show together.  Raises WrongUse."""
    _followed(db, case)
    if not 0 < people <= MOST_PEOPLE:
        raise WrongUse(words("That is no number of people: write one from 1 to {most}.", most=MOST_PEOPLE))
    return [_noted(db, case, "counted", people, said, actor)]


def close(db: Connection, case: int, said: str, actor: str) -> list[Entry]:
    """Follow it no longer; how many are still open then is kept.  Raises WrongUse."""
    _explained(said)
    _followed(db, case)
    return [_noted(db, case, "closed", of(db, case).open, said, actor)]


def reopen(db: Connection, case: int, said: str, actor: str) -> list[Entry]:
    """Follow it again.  Raises WrongUse."""
    _explained(said)
    _locked(db, case)
    if not _is_closed(db, case):
        raise WrongUse(words("This case is open."))
    return [_noted(db, case, "reopened", None, said, actor)]


def _explained(reason: str) -> None:
    if not reason.strip():
        raise WrongUse(words("Say why, for whoever reads it in ten years."))


def _file(db: Connection, blob: int) -> str:
    found: str | None = db.execute(SHA256, {"blob": blob}).scalar()
    if found is None:
        raise WrongUse(words("There is no such recording."))
    return found


def _locked(db: Connection, case: int) -> None:
    """Until the end of the transaction nobody else changes it.  Raises NoSuchCase."""
    if not db.execute(IS_THERE, {"case": case}).scalar():
        raise NoSuchCase(words("There is no case {id}.", id=str(case)))
    db.execute(LOCK, {"case": case})


def _followed(db: Connection, case: int) -> None:
    _locked(db, case)
    if _is_closed(db, case):
        raise WrongUse(words("This case is closed: reopen it first."))


def _is_closed(db: Connection, case: int) -> bool:
    noted = db.execute(NOTES, {"case": case, "as_of": None})
    ends = [row.kind for row in noted if row.kind in ("closed", "reopened")]
    return ends[-1:] == ["closed"]


def _noted(db: Connection, case: int, kind: str, people: int | None, said: str, actor: str) -> Entry:
    db.execute(NOTE, {"case": case, "kind": kind, "people": people, "note": said.strip(), "by": actor})
    detail: dict[str, object] = {"content": _digest(said.strip())}
    return _changed(case, kind, detail if people is None else {"people": people, **detail})


def _changed(case: int, what: str, detail: Mapping[str, object]) -> Entry:
    return Entry(Action.CASE_CHANGED, f"group:{case}", {"what": what, **detail})


def _digest(*said: str) -> str:
    """The log has no names: it binds what was written by its hash."""
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


# --- putting it together -----------------------------------------------------------------------------------


def _drawn(db: Connection, case: int | None = None, as_of: datetime | None = None) -> Iterator[GroupCase]:
    """One, or all; `as_of`: as they stood then."""
    one = {"case": case, "as_of": as_of}
    heads = db.execute(CASES, one).mappings().all()
    files = _by_case(db.execute(FILES if as_of is None else FILES_THEN, one).mappings(), File)
    notes = _by_case(db.execute(NOTES, one).mappings(), Note)
    blobs = sorted({file.blob for of_ in files.values() for file in of_})
    calls = {call.blob: call for call in _calls(db, blobs, as_of)}
    known = _Register.read(db, calls.values(), as_of)
    seen = _seen(db, calls, files, as_of)
    for head in heads:
        mine = sorted(
            (calls[file.blob] for file in files[head["id"]]), key=lambda call: (call.first_seen_at, call.blob)
        )
        here = {call.blob: seen[call.blob] for call in mine if call.blob in seen}
        everybody = group_case.members(mine, here, known.of)
        yield GroupCase(
            **head, files=tuple(files[head["id"]]), calls=tuple(mine), everybody=everybody,
            notes=tuple(notes[head["id"]]),
        )  # fmt: skip


def _by_case(rows: Iterable[RowMapping], kind: Callable[..., Kind]) -> Mapping[int, list[Kind]]:
    found: dict[int, list[Kind]] = defaultdict(list)
    for row in rows:
        found[row["case"]].append(kind(**{name: value for name, value in row.items() if name != "case"}))
    return found


def _calls(db: Connection, blobs: Sequence[int], as_of: datetime | None) -> Iterator[RollCall]:
    for begin in range(0, len(blobs), roll_calls.BATCH):
        yield from roll_calls.of_blobs(db, blobs[begin : begin + roll_calls.BATCH], as_of)


def _seen(
    db: Connection, calls: Mapping[int, RollCall], files: Mapping[int, Sequence[File]], as_of: datetime | None
) -> Mapping[int, Sequence[Seen]]:
    """Where the tracks were of recordings that show the footage of another one of their case."""
    linked: set[int] = set()
    for mine in files.values():
        blobs = {file.blob for file in mine}
        for blob in blobs:
            others = {passage.other for _, passage in calls[blob].copies} & blobs
            linked |= {blob, *others} if others else set()
    newest = {row.analysis: row.blob for row in db.execute(NEWEST, {"blobs": sorted(linked), "as_of": as_of})}
    found: dict[int, list[Seen]] = defaultdict(list)
    for one in footage.seen(db, sorted(newest)):
        found[newest[one.analysis]].append(one)
    return found


class _Register:
    """Entries of which sightings stand in some recordings."""

    def __init__(self, known: Mapping[str, Known]) -> None:
        self._known = known
        """by register number; one for all entries that are one person"""

    @classmethod
    def read(cls, db: Connection, calls: Iterable[RollCall], as_of: datetime | None) -> "_Register":
        numbers = {one.register_number for call in calls for face in call.faces for one in face.asked}
        rows = db.execute(PEOPLE, {"numbers": sorted(numbers)}).all()
        groups = ties.groups(db, [row.id for row in rows], as_of)
        same = {entry: group for group in groups for entry in group}
        said = _standing(db, sorted(same)) if as_of is None else {}
        known: dict[tuple[int, ...], Known] = {}
        for row in rows:
            about = tuple(one for entry in same[row.id] for one in said.get(entry, ()))
            first = Known(same[row.id], row.register_number, tuple(row.names), PersonStatus(row.status), about)
            known.setdefault(same[row.id], first)
        return cls({row.register_number: known[same[row.id]] for row in rows})

    def of(self, question: Question) -> Known | None:
        return self._known.get(question.register_number)


def _standing(db: Connection, entries: Sequence[int]) -> Mapping[int, list[Statement]]:
    found: dict[int, list[Statement]] = defaultdict(list)
    for one in statements.of_people(db, entries):
        if one.stands:
            found[one.person].append(one)
    return found


# --- seen again --------------------------------------------------------------------------------------------


def _proposals(db: Connection, case: GroupCase) -> list[Proposal]:
    """Recordings with the footage of one of a case's, or with several of its people; those that were refused last."""
    refused = {
        row["sha256"]: File(**{name: row[name] for name in ("blob", "sha256", "why", "by", "at")})
        for row in db.execute(REFUSED, {"case": case.id}).mappings()
        if not row["belongs"]
    }
    copies, again = _copies(case), _again(db, case)
    files = sorted({*copies, *again})
    places = footage.places(db, files)
    made = [
        Proposal(
            sha256,
            tuple(copies.get(sha256, ((), ()))[0]),
            tuple(copies.get(sha256, ((), ()))[1]),
            *again.get(sha256, ((), ())),
            tuple(places[sha256]),
            refused.get(sha256),
        )
        for sha256 in files
    ]
    return sorted(made, key=lambda one: (one.refused is not None, -len(one.people) - len(one.members), one.sha256))


def _copies(case: GroupCase) -> Mapping[str, tuple[list[tuple[str, Overlap]], list[int]]]:
    """Other recordings that show the footage of a case's while somebody of it is to be seen: where, and whom."""
    mine = {file.sha256 for file in case.files}
    found: dict[str, tuple[list[tuple[str, Overlap]], list[int]]] = {}
    for call in case.calls:
        for sha256, passage in call.copies:
            there = [one.number for one in case.everybody if _shows(passage.stretch, one, call)]
            if sha256 not in mine and there:
                stretches, members = found.setdefault(sha256, ([], []))
                stretches.append((call.sha256, passage.stretch))
                members += [number for number in there if number not in members]
    return found


def _shows(stretch: Overlap, member: Member, call: RollCall) -> bool:
    faces = (one.face for one in member.shown if one.call.blob == call.blob)
    return any(stretch.shows(start, end) for face in faces for start, end in face.spans)


def _again(db: Connection, case: GroupCase) -> Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]]:
    """Other recordings in which sightings of several people of a case stand: register numbers, and the sightings."""
    numbers = {
        entry: known.register_number for member in case.everybody for known in member.known for entry in known.entries
    }
    rows: dict[str, list[tuple[str, int]]] = defaultdict(list)
    asked = {"people": sorted(numbers), "blobs": [file.blob for file in case.files]}
    for row in db.execute(SIGHTED, asked):
        rows[row.sha256].append((numbers[row.person], row.candidate))
    return {
        sha256: (tuple(dict.fromkeys(number for number, _ in found)), tuple(candidate for _, candidate in found))
        for sha256, found in rows.items()
        if len({number for number, _ in found}) >= LEAST_AGAIN
    }
