"""Legal holds: what they concern is neither erased nor does it expire, whatever its lock and the settings say.

A hold is on a subject, not on a list: what comes later to a source, or is found of a person, is under it from the
moment of its row.  The object store is told of each version apart, by `sync`: at once when a hold is placed or
released, and daily for what has come since.  What the store was told is written down, so that a run that was killed
goes on where it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from lastseen.errors import WrongUse
from storage import subjects
from storage.custody import Action, Entry
from storage.objects import EVIDENCE, ObjectMissing, ObjectStore
from storage.subjects import Subject

PLACE = text("INSERT INTO holds (subject, reason, placed_by) VALUES (:subject, :reason, :actor) RETURNING id")
RELEASE = text("INSERT INTO hold_releases (hold_id, reason, released_by) VALUES (:hold, :reason, :actor)")

LISTED = text("""
    SELECT id, subject, holds.reason, placed_by, placed_at, released_by, released_at, hold_releases.reason AS why
      FROM holds LEFT JOIN hold_releases ON hold_id = id
     WHERE :released OR hold_id IS NULL ORDER BY id""")

TOLD = text("SELECT key, version_id FROM held_objects")
NOTE = text("INSERT INTO held_objects (key, version_id) VALUES (:key, :version) ON CONFLICT DO NOTHING")
FORGET = text("DELETE FROM held_objects WHERE key = :key AND version_id = :version")

# For one hold and one order or rule: do they touch the same blob, or the same post?
MEET = """
    SELECT EXISTS (SELECT 1 FROM ({blobs}) AS held (id) WHERE id IN ({other_blobs}))
        OR EXISTS (SELECT 1 FROM ({posts}) AS held (id) WHERE id IN ({other_posts}))"""


@dataclass(frozen=True, slots=True)
class Hold:
    """One that was placed."""

    id: int
    subject: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    """None: it stands"""
    released_at: datetime | None
    why: str | None
    """it was released"""


@dataclass(frozen=True, slots=True)
class Synced:
    """What the object store was told."""

    held: int
    released: int
    missing: int
    """versions that should be held and are not there: `lastseen verify` names them"""


def place(db: Connection, subject: Subject, reason: str, actor: str) -> tuple[int, list[Entry]]:
    """Put a subject under a hold.  Returns the hold's id, and what the custody log must say.  Raises WrongUse."""
    subjects.row(db, subject)
    hold: int = db.execute(PLACE, {"subject": str(subject), "reason": reason, "actor": actor}).scalar_one()
    return hold, [Entry(Action.HELD, str(subject), {"hold": hold}, reason)]


def release(db: Connection, subject: Subject, reason: str, actor: str) -> list[Entry]:
    """Take every hold off a subject.  Returns what the custody log must say.  Raises WrongUse if there is none."""
    mine = [hold for hold in listed(db) if hold.subject == str(subject)]
    if not mine:
        raise WrongUse(f"there is no hold on {subject}: `lastseen hold list` shows those that stand")
    for hold in mine:
        db.execute(RELEASE, {"hold": hold.id, "reason": reason, "actor": actor})
    return [Entry(Action.RELEASED, str(subject), {"hold": hold.id}, reason) for hold in mine]


def listed(db: Connection, *, released: bool = False) -> list[Hold]:
    """Those that stand; with `released` all that there ever were."""
    return [Hold(**row) for row in db.execute(LISTED, {"released": released}).mappings()]


def standing(db: Connection) -> list[Subject]:
    """What is held now."""
    return [subjects.parse(name) for name in dict.fromkeys(hold.subject for hold in listed(db))]


def over(db: Connection, subject: Subject) -> list[Subject]:
    """The held subjects that share a blob, a post or themselves with this one."""
    return [held for held in standing(db) if held == subject or _meet(db, held, subject)]


def _meet(db: Connection, held: Subject, other: Subject) -> bool:
    statement = MEET.format(
        blobs=subjects.BLOBS[held.kind],
        posts=subjects.POSTS[held.kind],
        other_blobs=subjects.BLOBS[other.kind].replace(":name", ":other"),
        other_posts=subjects.POSTS[other.kind].replace(":name", ":other"),
    )
    return bool(db.execute(text(statement), {"name": held.value, "other": other.value}).scalar())


def held_blobs(db: Connection) -> list[int]:
    """Row ids of the blobs under any hold."""
    return sorted({blob for held in standing(db) for blob in _ids(db, held)})


def held_people(db: Connection) -> list[int]:
    """Row ids of the people under a hold of their own, or with a candidate under one."""
    statement = text("SELECT person_id FROM candidates WHERE id = :name")
    found = set()
    for held in standing(db):
        if held.kind is subjects.Kind.PERSON:
            found.add(subjects.row(db, held))
        if held.kind is subjects.Kind.CANDIDATE:
            found.update(db.execute(statement, {"name": held.value}).scalars())
    return sorted(found)


def _ids(db: Connection, held: Subject) -> Sequence[int]:
    return db.execute(text(subjects.BLOBS[held.kind]), {"name": held.value}).scalars().all()


# --- the object store --------------------------------------------------------------------------------------


def sync(engine: Engine, objects: ObjectStore) -> Synced:
    """Have the store hold exactly what is under a hold now.  Raises storage.objects.StoreUnavailable."""
    with engine.connect() as db:
        wanted = {piece.key for held in standing(db) for piece in subjects.pieces(db, held)}
        told = {(row.key, row.version_id) for row in db.execute(TOLD)}
    counts = {"held": 0, "released": 0, "missing": 0}
    for key, version in sorted(told):
        if key not in wanted:
            counts["released"] += _release(engine, objects, key, version)
    for key in sorted(wanted - {key for key, _ in told}):
        versions = list(_versions(objects, key))
        counts["missing"] += not versions
        for version in versions:
            counts["held"] += _hold(engine, objects, key, version)
    return Synced(**counts)


def _versions(objects: ObjectStore, key: str) -> Iterator[str]:
    """Every version of a key: which of them was recorded is for `verify` to say, and none may go meanwhile."""
    for one in objects.versions(EVIDENCE, key):
        if one.key == key and not one.marker:
            yield one.version_id


def _hold(engine: Engine, objects: ObjectStore, key: str, version: str) -> int:
    objects.hold(key, version)
    with engine.begin() as db:
        db.execute(NOTE, {"key": key, "version": version})
    return 1


def _release(engine: Engine, objects: ObjectStore, key: str, version: str) -> int:
    """One that is gone needs no release."""
    try:
        objects.release(key, version)
    except ObjectMissing:
        released = 0
    else:
        released = 1
    with engine.begin() as db:
        db.execute(FORGET, {"key": key, "version": version})
    return released
