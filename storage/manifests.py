"""The manifest of a day: what the custody log says came into the evidence on that UTC day.

Its bytes follow from the log alone, so anybody who has the log can make them again.

First line: {"day","first_seq","format","last_seq","objects","origin"}; then a line for each event `stored` or
`collected` of that day, by its number: {"action","key","observations","seq","sha256","size","version"}.  Each line is
canonical JSON (sorted keys, no spaces, UTF-8) and ends with LF.  What an event does not say is null, or an empty list.

A day has its manifest once it is *closed*: an event of a later day stands in the chain.  Time never runs back along the
chain, so no event of that day can come any more, whatever the clocks of other machines say.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, Date, cast, func, insert, select

from storage import custody
from storage.custody import Action, Event
from storage.objects import Stored
from storage.tables import custody_events, manifests

FORMAT = "lastseen.manifest.1"
OF_OBJECTS = (Action.COLLECTED, Action.STORED)
"""events that say that an object came in"""
EPOCH = date(1970, 1, 1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Contents:
    """A manifest before it is stored."""

    content: bytes
    objects: int
    first_seq: int
    last_seq: int

    @property
    def sha256(self) -> str:
        """Of the bytes."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as its row has it."""

    day: date
    key: str
    sha256: str
    size: int
    version_id: str
    objects: int
    first_seq: int
    last_seq: int

    def detail(self) -> dict[str, object]:
        """What its custody event says of it."""
        return {
            "key": self.key,
            "sha256": self.sha256,
            "size": self.size,
            "version": self.version_id,
            "objects": self.objects,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
        }


COLUMNS = [manifests.c[one.name] for one in fields(Manifest)]


def number(day: date) -> int:
    """Days since 1970: the subject of a work item."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The day of a work item."""
    return EPOCH + number * DAY


def start(day: date) -> datetime:
    """Its first moment."""
    return datetime.combine(day, time(), UTC)


def subject(day: date) -> str:
    """What its custody events are about."""
    return f"manifest:{day.isoformat()}"


def is_of_an_object(event: Event) -> bool:
    """Whether a manifest has a line for it."""
    return event.action in OF_OBJECTS and bool(detail(event).get("key"))


def detail(event: Event) -> Mapping[str, object]:
    """What an event says; nothing, where somebody has put something else into the database."""
    said: object = event.detail
    return said if isinstance(said, Mapping) else {}


def contents(day: date, origin: str, events: Iterable[Event]) -> Contents:
    """The manifest of events of one day, all of which are of objects, by their numbers.  Raises ValueError for none."""
    lines, seqs = [], []
    for event in events:
        lines.append(line(event))
        seqs.append(event.seq)
    if not seqs:
        raise ValueError(f"nothing came in on {day}")
    first = header(day, origin, len(seqs), seqs[0], seqs[-1])
    return Contents(b"".join([first, *lines]), len(seqs), seqs[0], seqs[-1])


def header(day: date, origin: str, objects: int, first_seq: int, last_seq: int) -> bytes:
    """The first line."""
    return _line(
        {
            "day": day.isoformat(),
            "first_seq": first_seq,
            "format": FORMAT,
            "last_seq": last_seq,
            "objects": objects,
            "origin": origin,
        }
    )


def line(event: Event) -> bytes:
    """The line of an event of an object."""
    return _line(_entry(event))


def _entry(event: Event) -> dict[str, object]:
    said = detail(event)
    return {
        "action": event.action,
        "key": said.get("key"),
        "observations": _observations(said),
        "seq": event.seq,
        "sha256": said.get("sha256"),
        "size": said.get("size"),
        "version": said.get("version"),
    }


def _observations(said: Mapping[str, object]) -> list[object]:
    """Row ids, where the event names them; one about many posts only says how many there were."""
    match said:
        case {"observation": int() as one}:
            return [one]
        case {"observations": [*several]}:
            return several
        case _:
            return []


def _line(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


# --- the chain ---------------------------------------------------------------------------------------------


def events_of(db: Connection, day: date) -> Iterator[Event]:
    """The events of objects of a day, by their numbers."""
    columns = custody_events.c
    of_day = (columns.at >= start(day), columns.at < start(day + DAY), columns.action.in_(OF_OBJECTS))
    rows = db.execute(select(custody_events).where(*of_day).order_by(columns.seq)).mappings()
    return filter(is_of_an_object, (Event(**row) for row in rows))


def is_closed(db: Connection, day: date) -> bool:
    """Whether no event of that day can come any more."""
    return custody.head(db).at >= start(day + DAY)


def close(db: Connection, actor: str, today: date) -> None:
    """Close the days before `today` that still wait for their manifest, if nothing that happened later has done so."""
    last = custody.head(db).at
    if last < start(today) and due(db, today):
        custody.append(db, actor, Action.CLOSED, f"day:{last.date().isoformat()}")


def due(db: Connection, today: date) -> Sequence[date]:
    """The days before `today`, after the newest manifest, that have events of objects."""
    columns = custody_events.c
    newest = db.execute(select(func.max(manifests.c.day))).scalar()
    after = start(newest + DAY) if newest else custody.BEGINNING
    day = cast(func.timezone("UTC", columns.at), Date)
    of_objects = (columns.action.in_(OF_OBJECTS), columns.detail["key"].astext != "")
    found = select(day).where(*of_objects, columns.at >= after, columns.at < start(today))
    return db.execute(found.distinct().order_by(day)).scalars().all()


# --- rows --------------------------------------------------------------------------------------------------


def made(day: date, contents: Contents, stored: Stored) -> Manifest:
    """A manifest that is stored."""
    where = (stored.key, stored.sha256, stored.size, stored.version_id)
    return Manifest(day, *where, contents.objects, contents.first_seq, contents.last_seq)


def keep(db: Connection, manifest: Manifest, locked_until: datetime) -> None:
    """Write it down.  Raises sqlalchemy's IntegrityError if the day has one."""
    db.execute(insert(manifests).values(**asdict(manifest), locked_until=locked_until))


def get(db: Connection, day: date) -> Manifest | None:
    """The manifest of a day."""
    row = db.execute(select(*COLUMNS).where(manifests.c.day == day)).mappings().first()
    return Manifest(**row) if row else None


def every(db: Connection) -> Sequence[Manifest]:
    """All of them, by days."""
    return [Manifest(**row) for row in db.execute(select(*COLUMNS).order_by(manifests.c.day)).mappings()]


def event_of(db: Connection, manifest: Manifest) -> Event | None:
    """The custody event that says that a manifest was made."""
    columns = custody_events.c
    about = (columns.action == Action.MANIFESTED, columns.subject == subject(manifest.day))
    found = select(custody_events).where(columns.seq > manifest.last_seq, *about).order_by(columns.seq).limit(1)
    row = db.execute(found).mappings().first()
    return Event(**row) if row else None
