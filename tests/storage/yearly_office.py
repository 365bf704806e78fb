"""An office with everything that figures of a year count, written by the code that writes it, for tests."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sqlalchemy import text

from lastseen.records import Says, StatementSource, TieKind
from storage import custody, statements, ties
from storage.database import Connection
from storage.statements import Said
from storage.stores import Stores
from tests.storage.casting import Seen, candidate, person, post, row, video
from tests.storage.lettered import went_out

EARLY = datetime(2020, 1, 1, tzinfo=UTC)
"""before everything: when posts were seen first"""
DEATH = date(2019, 5, 1)
DEAD = Said(Says.DEAD, "side A", StatementSource.DOCUMENT, "list 1", DEATH, DEATH)


@dataclass(frozen=True)
class People:
    """(row id, row id of the photo) of each."""

    ada: tuple[int, int]
    """two recordings; called dead before they were published"""
    ben: tuple[int, int]
    """one recording, and another entry of the same person"""
    ben_again: tuple[int, int]
    cy: tuple[int, int]
    """on a list only, and home since"""


def now(db: Connection) -> datetime:
    """By the database's clock, as it stands now and not when the transaction began."""
    moment: datetime = db.execute(text("SELECT clock_timestamp()")).scalar_one()
    return moment


def moment(stores: Stores) -> datetime:
    """After all that was written so far, and before all that comes."""
    with stores.db.begin() as db:
        return now(db)


def sighting(db: Connection, who: tuple[int, int], site: str) -> int:
    """A possible sighting in a recording of its own that a post carries."""
    shown = video(db, Seen(0, 1000))
    post(db, shown.blob, site, EARLY)
    return candidate(db, shown.tracks[0], who, "sighting")


def listed(db: Connection, who: tuple[int, int], *, same: bool = True) -> tuple[int, int]:
    """A list whose line was decided on; row ids of both."""
    made = row(
        db, "lists", title="exchange", body="side B", kind="csv", dated=DEATH, file_name="l.csv", sha256="s", size=1,
        object_key="k", mapping={}, imported_by="ada",
    )  # fmt: skip
    entry = row(db, "list_entries", list_id=made, row=2, names=["Cy"], says="returned", raw={})
    row(db, "list_decisions", entry_id=entry, person_id=who[0], same=same, decided_by="ada")
    return made, entry


def letter(db: Connection, sent: date, days: int | None = 30) -> int:
    """A letter that was sent."""
    recipient = row(
        db, "letter_recipients", kind="police", name="Police", language="en", answers_within_days=days, added_by="ada"
    )
    made = row(
        db, "letters", recipient_id=recipient, language="en", subject="s", body="b", with_package=False, made_by="ada"
    )
    went_out(db, made, sent, "ben")
    return made


def event(db: Connection, of: int, what: str, dated: date | None = None) -> None:
    """What became of a letter."""
    row(db, "letter_events", letter_id=of, event=what, dated=dated, noted_by="ben")


def tie(db: Connection, one: str, other: str) -> None:
    """One person by the register, as the log says."""
    custody.append_all(db, "keeper", ties.declare(db, (one, other), TieKind.SAME, "keeper", 5))


def state(db: Connection, who: tuple[int, int], said: Said) -> int:
    """A statement that sets what it says."""
    return statements.keep(db, who[0], said, "ada")[0]


def home(day: date) -> Said:
    """Somebody has returned on a day."""
    return replace(DEAD, says=Says.RETURNED, since=day, dated=day, sets=True)


def everything(db: Connection, title: str = "Yard") -> People:
    """Records of every kind, on this day; `title`: of the case of a group."""
    who, today = people(db), now(db).date()
    sighting(db, who.ada, "one.example")
    sighting(db, who.ada, "two.example")
    sighting(db, who.ben, "three.example")
    state(db, who.ada, DEAD)
    state(db, who.cy, home(today))
    listed(db, who.cy)
    event(db, letter(db, today), "answered", today)
    letter(db, today)
    row(db, "tips", code_hash=b"x", language="en", came_by="form", received_by="form")
    row(db, "group_cases", title=title, reason="r", opened_by="ada")
    return who


def people(db: Connection) -> People:
    """Four entries of the register."""
    return People(*(person(db, number) for number in ("26-1", "26-2", "26-3", "26-4")))
