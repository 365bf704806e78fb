"""The custody log as an auditor reads it: by who, what, on what and when, page by page, and as a file.

Pages go by the events' numbers, so nothing is counted or skipped over.  Time never runs back along the log, so that a
stretch of time is a stretch of numbers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Select, select, text

from lastseen.clock import iso
from storage import custody, manifests, tellings
from storage.accounts import User
from storage.custody import Action
from storage.tables import custody_events

MOST: Final = 100
"""events on a page"""
AT_ONCE: Final = 2000
"""events of a file that are read from the database at once"""
OF_REVIEWS: Final = frozenset(
    {
        *(Action.TOOK_UP, Action.DESCRIBED, Action.GIVEN_BACK, Action.WARNED, Action.PLAYED),
        *(Action.JUDGED, Action.JUDGEMENT_UNDONE, Action.REJECTED, Action.REJECTION_REVOKED),
    }
)
"""what nobody reads who may judge themselves: what others answered, and which reviews, their own too, are of known
pairs"""
OF_FATES: Final = ("person:%", "people", "list:%", "list_entry:%", "statement:%", "letter:%", "tip:%", "group:%")
"""subjects of which those do not read either: the events tell what was said of whom, and for whom somebody wrote"""
OF_ANSWERED: Final = ("candidate:%", "judgement:%", "known_pair:%", "rejection:%")
"""subjects of which those do not read either: that somebody opened a record says that they have answered"""

_COLUMNS = tuple(custody_events.c[name] for name in ("seq", "at", "actor", "action", "subject", "detail", "reason"))
AT = text("SELECT at FROM custody_events WHERE seq >= :seq ORDER BY seq LIMIT 1")
OF_SUBJECTS = text("""
    SELECT seq, at, actor, action, subject FROM custody_events
     WHERE subject = ANY(CAST(:subjects AS text[])) ORDER BY seq DESC LIMIT :most""")
# What was stored of the case: the first signed head that covers it, who has seen that, and the stamps of its day.
PROVEN = text("""
    SELECT stored.seq, stored.at, stored.subject, head.size, head.signed_at,
           (SELECT count(*) FROM cosignatures WHERE cosignatures.size = head.size) AS witnesses,
           ARRAY(SELECT authority || ': ' || CASE WHEN stamped.gen_time IS NOT NULL
                             THEN to_char(stamped.gen_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
                             WHEN stamped.complete THEN 'in a block'
                             ELSE 'promised' END
                   FROM stamp_statements
                   JOIN stamp_requests ON statement_id = stamp_statements.id
                   JOIN LATERAL (SELECT * FROM stamps WHERE request_id = stamp_requests.id ORDER BY id DESC LIMIT 1)
                        AS stamped ON true
                  WHERE stamp_statements.day = CAST(stored.at AT TIME ZONE 'UTC' AS date)
                  ORDER BY authority) AS stamps
      FROM custody_events AS stored
      LEFT JOIN LATERAL (SELECT size, signed_at FROM checkpoints WHERE size >= stored.seq ORDER BY size LIMIT 1)
           AS head ON true
     WHERE stored.subject = ANY(CAST(:subjects AS text[])) AND stored.action = 'stored'
     ORDER BY stored.seq""")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which events somebody wants to read; empty or None: all."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: date | None = None
    """on this day (UTC) or later"""
    until: date | None = None
    """on this day or before"""

    @classmethod
    def of(cls, said: Mapping[str, str]) -> "Filters":
        """As they stand in an address.  Raises ValueError for what is no day."""
        actor, action, subject = (said.get(name, "").strip() for name in ("actor", "action", "subject"))
        since, until = (date.fromisoformat(said[name]) if said.get(name) else None for name in ("since", "until"))
        return cls(actor, action, subject, since, until)

    def said(self) -> dict[str, str]:
        """Those that are given, as they stand in an address."""
        return {name: str(value) for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True)
class Line:
    """One event, to be read."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, object]
    reason: str
    hash: str
    """hexadecimal"""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {**{name: getattr(self, name) for name in self.__slots__}, "at": iso(self.at)}


@dataclass(frozen=True, slots=True)
class Happened:
    """One event of a case, without its detail."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class Proven:
    """What shows when an original was there."""

    seq: int
    at: datetime
    """when it was stored, by the office's own clock"""
    subject: str
    size: int | None
    """events that the first signed head covers which covers this one; None: none does yet"""
    signed_at: datetime | None
    witnesses: int
    """that cosigned this head"""
    stamps: Sequence[str]
    """of the day's manifest: by whom, and when"""


Stretch = tuple[int, int]
"""numbers of events: from the first on, and before the second"""


def page(db: Connection, reader: User, filters: Filters, before: int | None = None) -> list[Line]:
    """Events, the newest first; `before`: only those with smaller numbers.  One more than MOST, if there is one.

    For somebody who may judge, without those of reviews and of people's fates.  Whoever reads those is not asked about
    these candidates and people, if they come to judge one day.
    """
    wanted = (
        _wanted(filters, _stretch(db, filters), reader.judges).order_by(custody_events.c.seq.desc()).limit(MOST + 1)
    )
    rows = db.execute(wanted if before is None else wanted.where(custody_events.c.seq < before))
    lines = [_line(row) for row in rows]
    tellings.tell_of_events(db, reader, _named(lines, "candidate"), _named(lines, "judgement"))
    tellings.tell_of(db, reader, [*_named(lines, "person"), *_several(lines)])
    return lines


def take_along(db: Connection, reader: User) -> bool:
    """Somebody takes the log along as a file.  Returns whether they may judge, for `whole`."""
    if reader.judges:
        return True
    tellings.tell_of_all(db, reader)
    return False


def whole(engine: Engine, filters: Filters, upto: int, *, judges: bool) -> Iterator[Line]:
    """Events to number `upto`, in order, in pieces: no connection is held while they are sent.

    `judges`: for somebody who may judge, without those of reviews.
    """
    seq, after = custody_events.c.seq, 0
    with engine.begin() as db:
        stretch = _stretch(db, filters)
    wanted = _wanted(filters, stretch, judges).where(seq <= upto).order_by(seq).limit(AT_ONCE)
    while True:
        with engine.begin() as db:
            lines = [_line(row) for row in db.execute(wanted.where(seq > after))]
        yield from lines
        if len(lines) < AT_ONCE:
            return
        after = lines[-1].seq


def of_subjects(db: Connection, subjects: Sequence[str], most: int) -> list[Happened]:
    """What was done to some things, the newest first."""
    rows = db.execute(OF_SUBJECTS, {"subjects": list(subjects), "most": most}).mappings()
    return [Happened(**row) for row in rows]


def proven(db: Connection, sha256s: Sequence[str]) -> list[Proven]:
    """Of some originals what shows when they were there."""
    rows = db.execute(PROVEN, {"subjects": [f"blob:{one}" for one in sha256s]}).mappings()
    return [Proven(**row) for row in rows]


def _wanted(filters: Filters, stretch: Stretch | None, judges: bool) -> Select[Any]:
    """Only with what is asked for: the database then uses the index of it."""
    columns, said = custody_events.c, filters.said()
    wanted = select(*_COLUMNS, columns.hash)
    for name in ("actor", "action", "subject"):
        if name in said:
            wanted = wanted.where(columns[name] == said[name])
    if judges:
        wanted = wanted.where(columns.action.not_in(sorted(OF_REVIEWS)))
        wanted = wanted.where(*(columns.subject.not_like(one) for one in (*OF_ANSWERED, *OF_FATES)))
    if stretch is not None:
        wanted = wanted.where(columns.seq >= stretch[0], columns.seq < stretch[1])
    return wanted


def _stretch(db: Connection, filters: Filters) -> Stretch | None:
    """The events of the days that are asked for; None: of all days."""
    if filters.since is None and filters.until is None:
        return None
    end = custody.head(db).seq + 1
    first = 1 if filters.since is None else _first(db, manifests.start(filters.since), end)
    after = end if filters.until is None else _first(db, manifests.start(filters.until + timedelta(days=1)), end)
    return first, after


def _first(db: Connection, moment: datetime, end: int) -> int:
    """Number of the first event at a moment or later, found by halving: time never runs back along the log.

    `end`: if there is none.  Filtering by time instead would read all that is newer than the page.
    """
    low, high = 1, end
    while low < high:
        middle = (low + high) // 2
        at = db.execute(AT, {"seq": middle}).scalar()
        low, high = (middle + 1, high) if at is not None and at < moment else (low, middle)
    return low


def _named(lines: Sequence[Line], what: str) -> list[int]:
    """Row ids that events give of a candidate, or of a judgement."""
    told = [one.detail.get(what) for one in lines]
    subjects = [one.subject.removeprefix(f"{what}:") for one in lines if one.subject.startswith(f"{what}:")]
    return [one for one in told if isinstance(one, int)] + [int(one) for one in subjects if one.isdigit()]


def _several(lines: Sequence[Line]) -> list[int]:
    """Row ids of people whom events give together."""
    told = [one.detail.get("people") for one in lines]
    return [id_ for ids in told if isinstance(ids, list) for id_ in ids if isinstance(id_, int)]


def _line(row: Row[Any]) -> Line:
    return Line(
        row.seq, row.at, row.actor, row.action, row.subject, detail=row.detail, reason=row.reason, hash=row.hash.hex()
    )
