"""What is sealed is sealed again with the present key, batch by batch, while everything else goes on.

Nothing remembers how far it is: what the present key has sealed is left alone, so a run that was killed is begun anew
and comes to the same.  A row is changed only if it still holds what was read of it, so that whoever changes it
meanwhile wins; what opens with no key stays as it is.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, text

from storage import custody, sealing, second_factors, site_accounts, telegram_accounts, tips
from storage.custody import Action, Entry
from storage.sealing import CannotOpen, Ring, What

BATCH: Final = 1000
"""rows of one transaction: some 600 KiB of templates, a tenth of a second"""
UNREADABLE: Final = ""
"""stands where a key's name does for rows that no key opens"""


@dataclass(frozen=True, slots=True)
class Place:
    """A column of sealed bytes."""

    table: str
    column: str
    id: str
    """column with each row's number"""
    named_by: Sequence[str]
    """columns that its identity is made of"""
    identity: Callable[[Row[Any]], str]


PLACES: Final[Mapping[What, Sequence[Place]]] = {
    What.TEMPLATES: (
        Place(
            "templates",
            "sealed",
            "id",
            ("track_id", "photo_id", "kind", "engine"),
            lambda row: sealing.identity(track=row.track_id, photo=row.photo_id, kind=row.kind, engine=row.engine),
        ),
    ),
    What.SECRETS: (
        Place("telegram_accounts", "sealed_session", "id", ("name",), lambda row: telegram_accounts.identity(row.name)),
        *(
            Place(
                "site_accounts",
                f"sealed_{what}",
                "id",
                ("name",),
                lambda row, what=what: site_accounts.identity(row.name, what),  # type: ignore[misc]
            )
            for what in ("cookies", "proxy")
        ),
        Place("tip_contacts", "sealed", "tip_id", ("tip_id",), lambda row: tips.identity(row.tip_id)),
        Place("second_factors", "sealed", "user_id", ("user_id",), lambda row: second_factors.identity(row.user_id)),
    ),
}


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some rows."""

    again: int
    """sealed with the present key now"""
    unreadable: int
    """no key opens them"""


def seal_again(engine: Engine, what: What, ring: Ring, actor: str) -> Iterator[Batch]:
    """Have everything of a kind sealed with the present key; each batch is a transaction, and logged in it."""
    for place in PLACES[what]:
        after = -1
        while True:
            with engine.begin() as db:
                rows = _rows(db, place, after)
                done = _again(db, place, rows, ring)
                if done.again:
                    detail = {"what": what, "rows": done.again}
                    custody.append_all(db, actor, [Entry(Action.RESEALED, f"key:{ring.ids[0]}", detail)])
            if not rows:
                break
            after = rows[-1].id
            yield done


def held(db: Connection, what: What, ring: Ring) -> Counter[str]:
    """How many rows are sealed with which key, by its name; UNREADABLE: with one that is not here."""
    found: Counter[str] = Counter()
    for place in PLACES[what]:
        after = -1
        while rows := _rows(db, place, after):
            found.update(_key(ring, place, row) for row in rows)
            after = rows[-1].id
    return found


def newest(db: Connection, what: What, ring: Ring) -> Counter[str]:
    """With which key the newest row of each place is sealed, as `held` says it; in a form that we know."""
    found = ((place, _newest(db, place)) for place in PLACES[what])
    known = ((place, row) for place, row in found if row is not None and bytes(row.sealed)[:1] == sealing.VERSION)
    return Counter(_key(ring, place, row) for place, row in known)


def _rows(db: Connection, place: Place, after: int) -> Sequence[Row[Any]]:
    after_it = f"{_sealed(place)} AND {place.id} > :after ORDER BY {place.id} LIMIT :most"
    return db.execute(text(after_it), {"after": after, "most": BATCH}).all()


def _newest(db: Connection, place: Place) -> Row[Any] | None:
    return db.execute(text(f"{_sealed(place)} ORDER BY {place.id} DESC LIMIT 1")).first()


def _sealed(place: Place) -> str:
    """Selects what is sealed there, with what its identity is made of."""
    columns = ", ".join([f"{place.id} AS id", f"{place.column} AS sealed", *place.named_by])
    return f"SELECT {columns} FROM {place.table} WHERE {place.column} IS NOT NULL"  # noqa: S608  our own names


def _again(db: Connection, place: Place, rows: Sequence[Row[Any]], ring: Ring) -> Batch:
    ids, old, new, unreadable = [], [], [], 0
    for row in rows:
        try:
            sealed = ring.again(bytes(row.sealed), place.identity(row))
        except CannotOpen:
            unreadable += 1
            continue
        if sealed is not None:
            ids.append(row.id)
            old.append(bytes(row.sealed))
            new.append(sealed)
    statement = text(
        f"UPDATE {place.table} SET {place.column} = fresh.sealed"  # noqa: S608  our own names
        "  FROM unnest(CAST(:ids AS bigint[]), CAST(:old AS bytea[]), CAST(:new AS bytea[])) AS fresh (id, old, sealed)"
        f" WHERE {place.table}.{place.id} = fresh.id AND {place.table}.{place.column} = fresh.old"
    )
    changed = db.execute(statement, {"ids": ids, "old": old, "new": new}).rowcount if ids else 0
    return Batch(changed, unreadable)


def _key(ring: Ring, place: Place, row: Row[Any]) -> str:
    try:
        return ring.sealed_with(bytes(row.sealed), place.identity(row))
    except CannotOpen:
        return UNREADABLE
