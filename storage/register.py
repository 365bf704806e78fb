"""The register: people, their reference photos, and what happens when somebody is found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.lifecycle import WorkState
from lastseen.records import (
    SAID_OF,
    SEARCHED,
    SETS,
    Badge,
    Eyes,
    PersonEntry,
    PersonFacts,
    PersonStatus,
    Quality,
    StatementSource,
)
from storage import candidates, holds, statements, statuses
from storage.custody import Action, Entry
from storage.database import any_of
from storage.objects import Stored
from storage.statements import Said
from storage.statuses import Kept
from storage.tables import persons, reference_photos, templates, work

BODY: Final = "the office's register"
"""who says what a file of the register says"""

# Of a photo whose check has ended, the newest end counts: there is one for each engine that was in use.
HELD = text("""
    SELECT reference_photos.id, file_name, sha256, badge, removed_at IS NOT NULL AS removed, object_key <> '' AS there,
           EXISTS (SELECT FROM templates WHERE photo_id = reference_photos.id) AS searched, check_.state, check_.why
      FROM reference_photos
      LEFT JOIN LATERAL (SELECT state, why FROM work WHERE step = 'enroll' AND subject = reference_photos.id
                          ORDER BY settled_at DESC NULLS FIRST, id DESC LIMIT 1) AS check_ ON true
     WHERE person_id = :person ORDER BY reference_photos.id""")

REFUSED = text("""
    SELECT reference_photos.id, register_number, file_name, work.why, work.settled_at, count(*) OVER () AS total
      FROM work JOIN reference_photos ON reference_photos.id = subject JOIN persons ON persons.id = person_id
     WHERE step = 'enroll' AND state IN ('skipped', 'quarantined', 'failed') AND removed_at IS NULL
       AND is_searched(status) AND NOT EXISTS (SELECT FROM work AS later
                                               WHERE later.step = 'enroll' AND later.subject = work.subject
                                                 AND (later.settled_at > work.settled_at OR later.settled_at IS NULL))
     ORDER BY work.settled_at DESC, work.id DESC LIMIT :limit""")

BADGES = """
    SELECT badge AS state, count(*) FROM reference_photos
     WHERE badge <> '' AND EXISTS (SELECT FROM templates WHERE photo_id = reference_photos.id) GROUP BY badge"""
"""how many photos that are searched with bear which badge"""

REMOVE = text(
    "UPDATE reference_photos SET removed_at = now(), removed_by = :actor, quality = NULL, badge = '' WHERE id = :id"
)
NOT_TO_DO = text("DELETE FROM work WHERE step IN ('enroll', 'match_photo') AND subject = :id")


@dataclass(frozen=True, slots=True)
class Photo:
    """One reference photo and whose it is."""

    id: int
    person: int
    register_number: str
    sha256: str
    key: str


@dataclass(frozen=True, slots=True)
class PhotoFate:
    """What became of a photo."""

    photo: int
    """row id"""
    name: str
    """register number and file name"""
    accepted: bool
    why: str


@dataclass(frozen=True, slots=True)
class PhotoHeld:
    """One photo of an entry, with what became of it."""

    id: int
    file_name: str
    sha256: str
    badge: Badge | None
    """None: it was not accepted, or before there were badges"""
    state: str
    """`searched`, `refused`, `pending`, `removed`, or `not searched`: the person is not missing any more"""
    why: str
    """it was refused"""


@dataclass(frozen=True, slots=True)
class PersonHeld:
    """One entry as it stands."""

    id: int
    register_number: str
    status: PersonStatus
    photos: tuple[PhotoHeld, ...]


@dataclass(frozen=True, slots=True)
class RefusedPhoto:
    """A photo of somebody missing that is not searched with."""

    id: int
    register_number: str
    file_name: str
    why: str


@dataclass(frozen=True, slots=True)
class Removed:
    """What taking a photo away has set going."""

    person: int
    others: tuple[int, ...]
    """row ids of the person's photos that are searched with; they are compared anew"""
    came_up: tuple[int, ...]
    """candidates of other people that are queued now, and have no moment yet"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry was read: what its statements refer to."""

    file: str
    """its name"""
    actor: str
    body: str = BODY
    """whose register it is"""


SOMEWHERE: Final = Origin("register", "system")


def every_name(db: Connection) -> list[tuple[str, tuple[str, ...]]]:
    """Register number and names of each person, whatever became of them."""
    return [(row.register_number, tuple(row.names)) for row in db.execute(select(persons))]


def keep_person(db: Connection, entry: PersonEntry, people_per_track: int, origin: Origin = SOMEWHERE) -> Kept:
    """Insert an entry, or change the one with its register number; the same entry again changes nothing.

    What the entry does not state stays as it is; a new person is then missing, and named by the register number.  A
    status that is another than the register said last is written down as its statement; one that it said before is no
    news, whatever others said since.  Call it before anything else in its transaction: it may take `candidates.lock`.
    """
    facts = entry.facts or PersonFacts((entry.register_number,), None, PersonStatus.MISSING)
    row: dict[str, object] = {"names": list(facts.names), "birth_year": facts.birth_year}
    row |= {} if facts.region is None else {"region": facts.region}
    if facts.status not in SEARCHED:
        candidates.lock(db)
    made: int | None = db.execute(
        upsert(persons)
        .values(register_number=entry.register_number, status=facts.status, **row)
        .on_conflict_do_nothing(index_elements=[persons.c.register_number])
        .returning(persons.c.id)
    ).scalar()
    if made is not None:
        return Kept(made, new=True, status=facts.status)
    held = db.execute(select(persons).where(persons.c.register_number == entry.register_number).with_for_update()).one()
    if entry.facts is None:
        return Kept(held.id, status=PersonStatus(held.status))
    changed = any(held._mapping[name] != value for name, value in row.items())
    if changed:
        db.execute(update(persons).where(persons.c.id == held.id).values(**row, changed_at=func.now()))
    if facts.status is statements.register_said(db, held.id):
        return Kept(held.id, changed=changed, status=PersonStatus(held.status))
    kept, entries = _stated(db, held.id, entry, facts.status, people_per_track, origin)
    return replace(kept, changed=changed or kept.changed, entries=entries)


def _stated(
    db: Connection, person: int, entry: PersonEntry, status: PersonStatus, people_per_track: int, origin: Origin
) -> tuple[Kept, tuple[Entry, ...]]:
    """The register says another status than it said last."""
    reference = f"{origin.file}, {entry.place}" if entry.place else origin.file
    today = utcnow().date()
    said = Said(SAID_OF[status], origin.body, StatementSource.REGISTER, reference, today, sets=True)
    _, entry_ = statements.keep(db, person, said, origin.actor)
    return statuses.follow(db, person, people_per_track), (entry_,)


def keep_photo(db: Connection, person: int, name: str, stored: Stored, media_type: str) -> tuple[int, bool]:
    """Record a photo that is stored in the register bucket.  Returns its row id, and whether it is new, or back.

    One that was removed is taken back: whoever does not want that asks `barred` before.
    """
    row = {
        "person_id": person,
        "file_name": name,
        "sha256": stored.sha256,
        "size": stored.size,
        "media_type": media_type,
        "object_key": stored.key,
    }
    made: int | None = db.execute(
        upsert(reference_photos).values(**row).on_conflict_do_nothing().returning(reference_photos.c.id)
    ).scalar()
    if made is not None:
        return made, True
    mine = (reference_photos.c.person_id == person) & (reference_photos.c.sha256 == stored.sha256)
    gone = (reference_photos.c.object_key == "") | reference_photos.c.removed_at.is_not(None)
    back = {"object_key": stored.key, "removed_at": None, "removed_by": None}  # it had expired, or was removed
    returned = db.execute(update(reference_photos).where(mine, gone).values(**back)).rowcount
    held: int = db.execute(select(reference_photos.c.id).where(mine)).scalar_one()
    return held, bool(returned)


def fates(db: Connection, photos: Sequence[int], engine: str) -> list[PhotoFate]:
    """What became of photos at their check: accepted, or refused and why."""
    statement = (
        select(reference_photos.c.id, persons.c.register_number, reference_photos.c.file_name, work.c.state, work.c.why)
        .join(reference_photos, reference_photos.c.person_id == persons.c.id)
        .join(work, (work.c.subject == reference_photos.c.id) & (work.c.step == "enroll") & (work.c.recipe == engine))
        .where(reference_photos.c.id == any_of(photos))
        .order_by(reference_photos.c.id)
    )
    return [
        PhotoFate(row.id, f"{row.register_number}: {row.file_name}", row.state == WorkState.DONE, row.why)
        for row in db.execute(statement)
    ]


def photo(db: Connection, photo_id: int) -> Photo:
    """One reference photo by its row id."""
    statement = (
        select(
            reference_photos.c.id,
            reference_photos.c.person_id.label("person"),
            persons.c.register_number,
            reference_photos.c.sha256,
            reference_photos.c.object_key.label("key"),
        )
        .join(persons, persons.c.id == reference_photos.c.person_id)
        .where(reference_photos.c.id == photo_id)
    )
    return Photo(**db.execute(statement).mappings().one())


def keep_check(db: Connection, photo_id: int, crop_key: str, eyes: Eyes | None, quality: Quality, badge: Badge) -> None:
    """Record what was measured of an accepted photo, and where the face that was cut from it lies (derived bucket)."""
    row = {"crop_key": crop_key, "eyes": eyes, "quality": asdict(quality), "badge": badge}
    db.execute(update(reference_photos).where(reference_photos.c.id == photo_id).values(**row))


def photos_to_enroll(db: Connection, engine: str) -> Sequence[int]:
    """Photos of people who are searched for that are there and have no template of this engine."""
    done = select(templates.c.photo_id).where(
        templates.c.photo_id == reference_photos.c.id, templates.c.engine == engine
    )
    statement = (
        select(reference_photos.c.id)
        .join(persons, persons.c.id == reference_photos.c.person_id)
        .where(persons.c.status.in_(SEARCHED), reference_photos.c.object_key != "", ~done.exists())
        .where(reference_photos.c.removed_at.is_(None))
        .order_by(reference_photos.c.id)
    )
    return db.execute(statement).scalars().all()


def is_searched(db: Connection, photo_id: int) -> bool:
    """Whether the photo is there and its person searched for; holds the person's row until the transaction ends."""
    statement = (
        select(persons.c.status)
        .join(reference_photos, reference_photos.c.person_id == persons.c.id)
        .where(reference_photos.c.id == photo_id, reference_photos.c.removed_at.is_(None))
        .with_for_update(read=True, of=persons)
    )
    return db.execute(statement).scalar() in SEARCHED


# --- what the keeper asks -----------------------------------------------------------------------------------


def held(db: Connection, number: str) -> PersonHeld:
    """One entry with all its photos, also those that were removed.  Raises WrongUse if there is none."""
    row = db.execute(select(persons).where(persons.c.register_number == number)).one_or_none()
    if row is None:
        raise WrongUse(f"the register has no entry {number}")
    status = PersonStatus(row.status)
    photos = tuple(_held(found, status) for found in db.execute(HELD, {"person": row.id}).mappings())
    return PersonHeld(row.id, number, status, photos)


def barred(db: Connection, number: str) -> frozenset[str]:
    """The sha256 of the photos that were removed from an entry (register number)."""
    statement = (
        select(reference_photos.c.sha256)
        .join(persons, persons.c.id == reference_photos.c.person_id)
        .where(persons.c.register_number == number, reference_photos.c.removed_at.is_not(None))
    )
    return frozenset(db.execute(statement).scalars())


def unlisted(db: Connection, person: int, sha256s: Sequence[str]) -> int:
    """How many photos of a person (row id) are held beside those of some sha256."""
    statement = select(func.count()).where(
        reference_photos.c.person_id == person,
        reference_photos.c.object_key != "",
        reference_photos.c.removed_at.is_(None),
        ~reference_photos.c.sha256.in_(sha256s),
    )
    return db.execute(statement).scalar_one()


def refused(db: Connection, limit: int | None = None) -> tuple[list[RefusedPhoto], int]:
    """Photos of missing people that were refused when they were checked last, the newest first; and how many in all."""
    rows = db.execute(REFUSED, {"limit": limit}).all()
    photos = [RefusedPhoto(row.id, row.register_number, row.file_name, row.why) for row in rows]
    return photos, rows[0].total if rows else 0


def badges(db: Connection) -> dict[str, int]:
    """How many photos that are searched with bear which badge."""
    found: dict[str, int] = {row.state: row[1] for row in db.execute(text(BADGES))}
    return {badge: found.get(badge, 0) for badge in Badge}


def close(
    db: Connection, number: str, said: Said, reason: str, actor: str, people_per_track: int
) -> tuple[Kept, list[Entry]]:
    """Somebody was found, or the entry is withdrawn.  Returns what that did, and what the custody log must say.

    Call it before anything else in its transaction: it takes `candidates.lock`.  Raises WrongUse.
    """
    candidates.lock(db)
    row = db.execute(select(persons).where(persons.c.register_number == number).with_for_update()).one_or_none()
    if row is None:
        raise WrongUse(f"the register has no entry {number}")
    if row.status == SETS[said.says]:
        raise WrongUse(f"entry {number} is {row.status} already")
    _, kept, entries = statements.enter(db, row.id, said, actor, people_per_track)
    return kept, [replace(entry, reason=reason) for entry in entries]


def remove_photo(
    db: Connection, number: str, written: str, reason: str, actor: str, people_per_track: int
) -> tuple[int, Removed, list[Entry]]:
    """Take a photo (row id or file name) away from an entry: its template goes at once, it is not searched with again.

    Returns its row id, what that did, and what the custody log must say.  Its object and crop are for
    `storage.retention.removed`.  Call it before anything else in its transaction: it takes `candidates.lock`.
    Raises WrongUse if there is no such photo, or the person is under a legal hold.
    """
    candidates.lock(db)
    entry = held(db, number)
    one = _chosen(entry, written)
    if entry.id in holds.held_people(db):
        raise WrongUse(f"entry {number} is under a legal hold: nothing of it goes until that is released")
    db.execute(NOT_TO_DO, {"id": one.id})  # first: a check that is about to end ends before this, or not at all
    db.execute(delete(templates).where(templates.c.photo_id == one.id))
    db.execute(REMOVE, {"id": one.id, "actor": actor})
    came_up = candidates.withdraw_photo(db, one.id, people_per_track)
    others = tuple(photo.id for photo in entry.photos if photo.state == "searched" and photo.id != one.id)
    said = Entry(Action.REMOVED, f"photo:{one.id}", {"person": entry.id, "sha256": one.sha256}, reason)
    return one.id, Removed(entry.id, others, tuple(came_up)), [said]


def _chosen(entry: PersonHeld, written: str) -> PhotoHeld:
    """The photo of an entry that somebody means.  Raises WrongUse."""
    named = [photo for photo in entry.photos if written in (str(photo.id), photo.file_name)]
    there = [photo for photo in named if photo.state != "removed"]
    show = f"`lastseen register show {entry.register_number}` lists them"
    if len(there) > 1:
        raise WrongUse(f"entry {entry.register_number} has several such photos, name one by its id: {show}")
    if not there:
        raise WrongUse(f"{'that photo was removed already' if named else 'the entry has no such photo'}: {show}")
    return there[0]


def _held(row: RowMapping, status: PersonStatus) -> PhotoHeld:
    refused = row["state"] in (WorkState.SKIPPED, WorkState.QUARANTINED, WorkState.FAILED, WorkState.GONE)
    waits = status in SEARCHED and row["there"] and row["state"] != WorkState.DONE
    if row["removed"]:
        state = "removed"
    elif row["searched"]:
        state = "searched"
    elif refused:
        state = "refused"
    else:
        state = "pending" if waits else "not searched"
    badge = Badge(row["badge"]) if row["badge"] else None
    return PhotoHeld(row["id"], row["file_name"], row["sha256"], badge, state, row["why"] if state == "refused" else "")
