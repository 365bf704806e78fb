"""Lines of lists beside people: where each stands, who may be meant, and what people decide of that.

A line speaks of one person at most.  Whoever confirms that has the list's giver say of them what the line says, as a
statement; whether the office takes it for what is, they choose.  A line is `matched` when somebody confirmed whom it
means, `waiting` while somebody proposed is undecided, `refused` when nobody proposed was meant, `unmatched` when the
names alone find nobody, `faulty` when it could not be understood.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, text

from lastseen.errors import WrongUse
from lastseen.fates import Basis, Claim, Conflict, Contradiction, Side
from lastseen.records import NameReason, PersonStatus, Says, StatementSource, Verdict
from lastseen.words import Words, words
from storage import accounts, candidates, contradictions, lists, statements, tellings
from storage.accounts import User
from storage.contradictions import SUPPOSED, Supposed
from storage.custody import Action, Entry
from storage.statements import Said
from storage.statuses import Kept

PAGE: Final = 50
"""lines on one page"""
MOST_LISTS: Final = 200
"""on one page"""
LONGEST_REASON: Final = 2000
"""characters"""

# --- looking

# Of each line and person the newest decision; of each line what it comes to.
_DECIDED = """
        SELECT DISTINCT ON (entry_id, person_id) entry_id, person_id, same, reason, decided_by, decided_at
          FROM list_decisions {where} ORDER BY entry_id, person_id, id DESC"""
_STOOD = f"""
    WITH decided AS ({_DECIDED}),
    stood AS (
        SELECT list_entries.*,
               CASE WHEN cardinality(names) = 0 OR says = '' THEN 'faulty'
                    WHEN EXISTS (SELECT FROM decided WHERE entry_id = list_entries.id AND same) THEN 'matched'
                    WHEN EXISTS (SELECT FROM list_matches
                                  WHERE entry_id = list_entries.id
                                    AND NOT EXISTS (SELECT FROM decided WHERE decided.entry_id = list_entries.id
                                                       AND decided.person_id = list_matches.person_id)) THEN 'waiting'
                    WHEN EXISTS (SELECT FROM decided WHERE entry_id = list_entries.id) THEN 'refused'
                    ELSE 'unmatched' END AS state
          FROM list_entries {{those}})"""  # noqa: S608  our own words
_OF_LIST = _STOOD.format(
    where="WHERE entry_id IN (SELECT id FROM list_entries WHERE list_id = :list)", those="WHERE list_id = :list"
)
_OF_ALL = _STOOD.format(where="", those="")
_OF_ENTRIES = _STOOD.format(where="WHERE entry_id = ANY(CAST(:entries AS bigint[]))",
                            those="WHERE id = ANY(CAST(:entries AS bigint[]))")  # fmt: skip

_LISTS = """
    SELECT lists.*, undone_by, undone_at, coalesce(list_undos.reason, '') AS why_undone
      FROM lists LEFT JOIN list_undos ON list_id = lists.id"""
_COUNTED = "SELECT list_id AS list, says, state, count(*) AS lines FROM stood GROUP BY 1, 2, 3"
FIND = text(f"{_LISTS} WHERE lists.id = :list")
EVERY = text(f"{_LISTS} ORDER BY lists.id DESC LIMIT :most")
COUNTS = text(f"{_OF_ALL} {_COUNTED}")
COUNTS_OF = text(f"{_OF_LIST} {_COUNTED}")
DOUBLES = text("""
    SELECT count(*) FILTER (WHERE within > 1) AS within, count(*) FILTER (WHERE elsewhere) AS elsewhere
      FROM (SELECT count(*) OVER (PARTITION BY key) AS within,
                   EXISTS (SELECT FROM list_entries AS other LEFT JOIN list_undos USING (list_id)
                            WHERE other.key = list_entries.key AND other.list_id <> :list AND undone_at IS NULL)
                   AS elsewhere
              FROM list_entries WHERE list_id = :list AND key <> '') AS lines""")

_DOUBLED = """
           ARRAY(SELECT other.id FROM list_entries AS other LEFT JOIN list_undos USING (list_id)
                  WHERE key <> '' AND other.key = stood.key AND other.id <> stood.id AND undone_at IS NULL
                  ORDER BY other.list_id <> stood.list_id, other.id LIMIT 20) AS doubles"""
_LINE = f"""
    SELECT id, list_id AS list, "row", part, names, birth_year, born, says, since, note, raw, fault, fault_words, state,
           {_DOUBLED}
      FROM stood"""  # noqa: S608  our own words
# `doubles`, `faults` and `all` are no states.
LISTED = text(f"""{_OF_LIST} {_LINE}
     WHERE id > :after AND CASE CAST(:show AS text)
                WHEN 'all' THEN true
                WHEN 'faults' THEN fault <> ''
                WHEN 'doubles' THEN key <> '' AND EXISTS (
                     SELECT FROM list_entries AS other LEFT JOIN list_undos USING (list_id)
                      WHERE other.key = stood.key AND other.id <> stood.id AND undone_at IS NULL)
                ELSE state = :show END
       AND (CAST(:says AS text) = '' OR says = :says)
     ORDER BY id LIMIT :most""")
SOME = text(f"{_OF_ENTRIES} {_LINE} ORDER BY id")
PROPOSED = text(f"""
    WITH decided AS ({_DECIDED.format(where="WHERE entry_id = ANY(CAST(:entries AS bigint[]))")}),
    pairs AS (SELECT entry_id, person_id FROM list_matches WHERE entry_id = ANY(CAST(:entries AS bigint[]))
               UNION SELECT entry_id, person_id FROM decided)
    SELECT pairs.entry_id AS entry, pairs.person_id AS person, register_number, persons.names, persons.birth_year,
           status, region, coalesce(rank, 99) AS rank, why, same, reason, decided_by, decided_at,
           (SELECT count(*) FROM candidates WHERE candidates.person_id = pairs.person_id AND state = 'open') AS open
      FROM pairs JOIN persons ON persons.id = pairs.person_id
      LEFT JOIN list_matches USING (entry_id, person_id) LEFT JOIN decided USING (entry_id, person_id)
     ORDER BY pairs.entry_id, same IS NOT TRUE, rank, pairs.person_id""")  # noqa: S608  our own words
NEXT = text(f"""{_OF_LIST}
    SELECT id FROM stood WHERE state = 'waiting' AND id > :after ORDER BY id LIMIT :most""")  # noqa: S608  our own words

# --- deciding

ENTRY = text("""
    SELECT list_entries.id, list_id AS list, "row", part, names, says, since, title, body, dated, undone_at
      FROM list_entries JOIN lists ON lists.id = list_id LEFT JOIN list_undos USING (list_id)
     WHERE list_entries.id = :entry""")
ENTRY_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('lastseen.list_entry', :entry))")
PERSON = text("SELECT id, status FROM persons WHERE register_number = :number")
NEWEST = text(f"{_DECIDED.format(where='WHERE entry_id = :entry')}")
DECIDE = text("""
    INSERT INTO list_decisions (entry_id, person_id, same, reason, decided_by)
    VALUES (:entry, :person, :same, :reason, :by)""")

# --- what contradicts what

STATEMENTS = text("""
    SELECT list_entry_id AS entry, person_id AS person, statements.id FROM statements
      LEFT JOIN statement_withdrawals ON statement_id = statements.id
     WHERE list_entry_id = ANY(CAST(:entries AS bigint[])) AND withdrawn_at IS NULL""")
PAIRS = text(f"""
    WITH decided AS ({_DECIDED.format(where="WHERE entry_id IN (SELECT id FROM list_entries WHERE list_id = :list)")}),
    pairs AS (SELECT entry_id, person_id FROM list_matches
               UNION SELECT entry_id, person_id FROM decided)
    SELECT list_entries.id AS entry, person_id AS person, says, body, dated, since
      FROM list_entries JOIN lists ON lists.id = list_id JOIN pairs ON pairs.entry_id = list_entries.id
      LEFT JOIN decided USING (entry_id, person_id)
     WHERE list_id = :list AND same IS NOT FALSE
     ORDER BY list_entries.id, person_id""")  # noqa: S608  our own words
SIDES = text("SELECT id, says, body, reference, dated, since FROM statements WHERE id = ANY(CAST(:ids AS bigint[]))")

# --- who may be shown whom

OF_LINE = text("""
    SELECT person_id FROM list_matches WHERE entry_id = :entry
     UNION SELECT person_id FROM list_decisions WHERE entry_id = :entry
     UNION SELECT id FROM persons WHERE register_number = :number""")
# About them, or about an entry that is declared to be the same person.
MAY_BE_ASKED = text("""
    SELECT person FROM unnest(CAST(:people AS bigint[])) AS those (person)
     WHERE account_judges(:user)
       AND EXISTS (SELECT FROM review_queue
                    WHERE NOT (CAST(:user AS bigint) = ANY(judges || told))
                      AND (person_id = person
                           OR EXISTS (SELECT FROM ties
                                       WHERE kind = 'same' AND person IN (one_person_id, other_person_id)
                                         AND person_id IN (one_person_id, other_person_id))))""")
MAY_BE_ASKED_AT_ALL = text("""
    SELECT EXISTS (SELECT FROM review_queue
                    WHERE account_judges(:user) AND NOT (CAST(:user AS bigint) = ANY(judges || told)))""")
# Nobody knows yet of whom these speak: they were not understood, or not held against all who are in the register.
UNKNOWN = text("""
    SELECT id FROM list_entries
     WHERE id = ANY(CAST(:entries AS bigint[]))
       AND (cardinality(names) = 0 OR says = ''
            OR NOT EXISTS (SELECT FROM list_looks WHERE block = list_entries.id / :size
                              AND looked_at >= (SELECT max(added_at) FROM persons)))""")


class State(StrEnum):
    """Where a line stands."""

    FAULTY = "faulty"
    UNMATCHED = "unmatched"
    WAITING = "waiting"
    MATCHED = "matched"
    REFUSED = "refused"


SHOWN: Final = ("waiting", "matched", "refused", "unmatched", "faulty", "faults", "doubles", "all")
"""what a list's page may show; `faults`: something in them was not understood, though they name somebody"""


@dataclass(frozen=True, slots=True)
class Stood:
    """A list as it stands."""

    id: int
    title: str
    body: str
    kind: str
    dated: date
    file_name: str
    sha256: str
    size: int
    object_key: str
    mapping: Mapping[str, Any]
    imported_by: str
    imported_at: datetime
    erased_at: datetime | None
    """when the file went, with its name, since it held somebody who was erased"""
    undone_by: str | None
    undone_at: datetime | None
    why_undone: str
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(says, state) -> lines"""

    @property
    def lines(self) -> int:
        """All."""
        return sum(self.counts.values())

    def of(self, state: str) -> int:
        """Lines in this state."""
        return sum(count for (_, one), count in self.counts.items() if one == state)

    @property
    def categories(self) -> Mapping[str, Mapping[str, int]]:
        """What is said -> state -> lines."""
        every = sorted({says for says, _ in self.counts})
        return {says: {state: self.counts.get((says, state), 0) for state in State} for says in every}


@dataclass(frozen=True, slots=True)
class Match:
    """Somebody whom a line may speak of, or was decided to speak of."""

    entry: int
    person: int
    register_number: str
    names: tuple[str, ...]
    birth_year: int | None
    status: PersonStatus
    region: str
    rank: int
    reasons: tuple[NameReason, ...]
    """none: somebody named them by hand"""
    fitting: int
    """people of the register whom the line fits as well"""
    same: bool | None
    """what was decided; None: nothing yet"""
    reason: str
    decided_by: str | None
    decided_at: datetime | None
    open: int
    """candidates of theirs that wait"""

    @property
    def namesakes(self) -> int:
        """As the pages' table of reasons asks for it."""
        return self.fitting


@dataclass(frozen=True, slots=True)
class Line:
    """One line, with who may be meant."""

    id: int
    list: int
    row: int
    part: int
    names: tuple[str, ...]
    birth_year: int | None
    born: date | None
    says: str
    since: date | None
    note: str
    raw: Mapping[str, str]
    fault: str
    """what of it was not understood; `Words`, which the pages say in their language"""
    state: State
    doubles: tuple[int, ...]
    """other lines, of this and of other lists, that name the same person in the same way"""
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision did."""

    statement: int | None
    came_up: tuple[int, ...]
    """candidates of other people that are queued now, and have no moment yet"""
    entries: list[Entry]
    searched_for_too: tuple[str, ...] = ()
    """as `statuses.Kept`"""


# --- looking -----------------------------------------------------------------------------------------------


def find(db: Connection, list_: int) -> Stood | None:
    """One list."""
    row = db.execute(FIND, {"list": list_}).mappings().first()
    return Stood(**row, counts=_counts(db.execute(COUNTS_OF, {"list": list_}))[list_]) if row else None


def every(db: Connection) -> list[Stood]:
    """All lists, the newest first."""
    rows, counts = db.execute(EVERY, {"most": MOST_LISTS}).mappings().all(), _counts(db.execute(COUNTS))
    return [Stood(**row, counts=counts[row["id"]]) for row in rows]


def doubles(db: Connection, list_: int) -> tuple[int, int]:
    """How many of its lines name somebody whom another of its lines names in the same way; and of another list."""
    row = db.execute(DOUBLES, {"list": list_}).one()
    return row.within, row.elsewhere


def listed(db: Connection, list_: int, show: str = "all", says: str = "", after: int = 0) -> list[Line]:
    """Lines behind a row id, in the order of the file.  One more than PAGE, if any."""
    asked = {"list": list_, "show": show, "says": says, "after": after, "most": PAGE + 1}
    return _with_matches(db, db.execute(LISTED, asked).mappings().all())


def some(db: Connection, entries: Iterable[int]) -> list[Line]:
    """Lines by their row ids."""
    return _with_matches(db, db.execute(SOME, {"entries": list(entries)}).mappings().all())


def next_waiting(db: Connection, list_: int, after: int = 0, most: int = PAGE) -> Sequence[int]:
    """Lines behind a row id that wait for somebody to decide."""
    return db.execute(NEXT, {"list": list_, "after": after, "most": most}).scalars().all()


def _counts(rows: Any) -> dict[int, dict[tuple[str, str], int]]:
    made: dict[int, dict[tuple[str, str], int]] = defaultdict(dict)
    for row in rows:
        made[row.list][row.says, row.state] = row.lines
    return made


def _with_matches(db: Connection, rows: Sequence[RowMapping]) -> list[Line]:
    proposed: dict[int, list[Match]] = {row["id"]: [] for row in rows}
    for match in db.execute(PROPOSED, {"entries": list(proposed)}).mappings():
        proposed[match["entry"]].append(_match(match))
    return [_line(row, tuple(proposed[row["id"]])) for row in rows]


def _line(row: RowMapping, matches: tuple[Match, ...]) -> Line:
    kept = {name: value for name, value in row.items() if name != "fault_words"}
    if row["fault_words"]:
        kept["fault"] = Words.of_json(row["fault_words"])
    tuples = {name: tuple(row[name]) for name in ("names", "doubles")}
    return Line(**{**kept, **tuples, "state": State(row["state"])}, matches=matches)


def _match(row: RowMapping) -> Match:
    why = row["why"] or {"reasons": [], "fitting": 0}
    reasons = tuple(NameReason(**{**one, "verdict": Verdict(one["verdict"])}) for one in why["reasons"])
    kept = {name: value for name, value in row.items() if name != "why"}
    own = {"names": tuple(row["names"]), "status": PersonStatus(row["status"]), "reason": row["reason"] or ""}
    return Match(**{**kept, **own}, reasons=reasons, fitting=why["fitting"])


# --- what contradicts what ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clash:
    """What a line would contradict, if it spoke of somebody; the other side, and where it stands."""

    kind: Conflict
    day: date
    basis: Basis
    says: str
    """empty: it is a possible sighting"""
    body: str
    reference: str
    candidate: int
    """row id of the possible sighting; 0: it is a statement"""


def contradicting(db: Connection, list_: int) -> frozenset[int]:
    """Lines of a list that contradict what stands of somebody whom they speak of, or may speak of."""
    rows = db.execute(PAIRS, {"list": list_}).all()
    found = contradictions.would(db, _supposed(db, rows))
    return frozenset(row.entry for row, told in zip(rows, found, strict=True) if told)


def clashes(db: Connection, stood: Stood, found: Sequence[Line]) -> dict[tuple[int, int], list[Clash]]:
    """(line, person) -> what that would contradict; of those that were not refused."""
    pairs = [_Pair(line.id, match.person, line.says, stood.body, stood.dated, line.since)
             for line in found for match in line.matches if match.same is not False]  # fmt: skip
    told = contradictions.would(db, _supposed(db, pairs))
    sides = {
        (pair.entry, pair.person): [(one.kind, _other(one)) for one in each]
        for pair, each in zip(pairs, told, strict=True) if each
    }  # fmt: skip
    ids = sorted({side.statement for each in sides.values() for _, side in each})
    said = {row.id: row for row in db.execute(SIDES, {"ids": ids})}
    return {pair: [_clash(kind, side, said) for kind, side in each] for pair, each in sides.items()}


@dataclass(frozen=True, slots=True)
class _Pair:
    """A line and somebody whom it may speak of."""

    entry: int
    person: int
    says: str
    body: str
    dated: date
    since: date | None


def _supposed(db: Connection, pairs: Sequence[Any]) -> list[Supposed]:
    entries = list({pair.entry for pair in pairs})
    there = {(row.entry, row.person): row.id for row in db.execute(STATEMENTS, {"entries": entries})}
    return [
        Supposed(
            pair.person,
            Claim(SUPPOSED, Says(pair.says), pair.body, pair.dated, pair.since),
            there.get((pair.entry, pair.person), 0),
        )
        for pair in pairs
    ]


def _other(found: Contradiction) -> Side:
    return found.other if found.one.statement == SUPPOSED else found.one


def _clash(kind: Conflict, side: Side, said: Mapping[int, Any]) -> Clash:
    row = said.get(side.statement)
    if row is None:
        return Clash(kind, side.day, side.basis, "", "", "", side.candidate)
    return Clash(kind, side.day, side.basis, row.says, row.body, row.reference, 0)


# --- deciding ----------------------------------------------------------------------------------------------


def decide(
    db: Connection, entry: int, number: str, same: bool, actor: str, people_per_track: int,
    *, reason: str = "", sets: bool = False,
) -> Decided:  # fmt: skip
    """Say whether a line speaks of an entry of the register, which names need not have proposed.

    If it does, the list's giver is noted to say of them what the line says; `sets`: and the office takes it for what
    is.  Another answer than before takes back what followed of that one, and needs a reason.  Call it before anything
    else in its transaction: it takes `candidates.lock`.  Raises WrongUse.
    """
    candidates.lock(db)
    db.execute(ENTRY_LOCK, {"entry": entry})
    line, person = _decidable(db, entry), db.execute(PERSON, {"number": number}).first()
    if person is None:
        raise WrongUse(words("The register has no entry {number}.", number=number))
    before = {row.person_id: row.same for row in db.execute(NEWEST, {"entry": entry})}
    _check_decision(before, person.id, same, reason)
    came_up: tuple[int, ...] = ()
    entries: list[Entry] = []
    if before.get(person.id):
        _, came_up, entries = lists.withdraw(db, line.list, reason, actor, people_per_track, entry, person.id)
    db.execute(DECIDE, {"entry": entry, "person": person.id, "same": same, "reason": reason.strip(), "by": actor})
    detail = {"list": line.list, "person": person.id, "same": same, "content": statements.digest(reason.strip())}
    entries.append(Entry(Action.LINE_DECIDED, f"list_entry:{entry}", detail))
    if not same:
        return Decided(None, came_up, entries)
    made, kept, more = _state(db, line, person.id, sets, actor, people_per_track)
    return Decided(made, (*came_up, *kept.came_up), [*entries, *more], kept.searched_for_too)


def _decidable(db: Connection, entry: int) -> Any:
    line = db.execute(ENTRY, {"entry": entry}).first()
    if line is None:
        raise WrongUse(words("There is no line {id}.", id=str(entry)))
    if line.undone_at is not None:
        raise WrongUse(words("This list was undone: its lines count for nothing."))
    if not line.names or not line.says:
        raise WrongUse(words("This line was not understood: mend it in the file, and import that again."))
    return line


def _check_decision(before: Mapping[int, bool], person: int, same: bool, reason: str) -> None:
    if len(reason) > LONGEST_REASON:
        raise WrongUse(words("A reason has {most} characters at most.", most=LONGEST_REASON))
    if before.get(person) is same:
        raise WrongUse(words("That was decided before."))
    if person in before and not reason.strip():
        raise WrongUse(words("Somebody decided otherwise before: say why it is not so."))
    if same and any(before.values()):
        raise WrongUse(words("This line is matched with somebody else: refuse that first."))


def _state(
    db: Connection, line: Any, person: int, sets: bool, actor: str, people_per_track: int
) -> tuple[int, Kept, list[Entry]]:
    row = f"{line.row}" if line.part == 1 else f"{line.row}.{line.part}"
    said = Said(
        Says(line.says), line.body, StatementSource.LIST, f"{line.title}, {row}", line.dated, line.since, sets=sets,
        list_entry=line.id,
    )  # fmt: skip
    return statements.enter(db, person, said, actor, people_per_track)


# --- who may be shown whom ---------------------------------------------------------------------------------


def may_decide(db: Connection, user: User, entry: int, number: str) -> bool:
    """Whether somebody may be told anything of a line beside an entry of the register, even that it was decided."""
    people = db.execute(OF_LINE, {"entry": entry, "number": number}).scalars().all()
    return not _kept_back(db, user, people)


def show(db: Connection, user: User, found: Sequence[Line]) -> list[Line]:
    """Of some lines those that somebody may be shown; that they were is kept.

    A line that may speak of somebody of whom this person may still be asked whether a face is theirs would tell them
    what others say of that person; so may one of which nobody knows yet of whom it speaks, if they may be asked about
    anybody.  Whoever is shown a line is asked about its people no more.
    """
    kept_back = _kept_back(db, user, {match.person for line in found for match in line.matches})
    unknown = _unknown(db, user, [line.id for line in found if not line.matches])
    shown = [one for one in found if one.id not in unknown and not kept_back & {match.person for match in one.matches}]
    told = {match.person for line in shown for match in line.matches}
    tellings.tell_of(db, user, told)
    return shown


def _kept_back(db: Connection, user: User, people: Iterable[int]) -> set[int]:
    """Those of some people (row ids) of whom somebody may still be asked whether a face is theirs."""
    return set(db.execute(MAY_BE_ASKED, {"people": list(people), "user": user.id}).scalars())


def _unknown(db: Connection, user: User, entries: Sequence[int]) -> set[int]:
    """Those of some lines of which nobody knows yet of whom they speak, for somebody who may be asked about anybody."""
    if not entries or not db.execute(MAY_BE_ASKED_AT_ALL, {"user": user.id}).scalar():
        return set()
    return set(db.execute(UNKNOWN, {"entries": list(entries), "size": lists.BLOCK}).scalars())


def show_named(db: Connection, name: str, found: Sequence[Line]) -> list[Line]:
    """As `show`, for the account with this name, if there is one; everybody else is asked about nobody."""
    user = accounts.find_user(db, name)
    return show(db, user, found) if user else list(found)
