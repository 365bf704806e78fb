"""The register: people, their reference photos, and what happens when somebody is found."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from lastseen.lifecycle import WorkState
from lastseen.records import PersonEntry, PersonFacts, PersonStatus
from storage import candidates, name_hints
from storage.database import any_of
from storage.objects import Stored
from storage.tables import persons, reference_photos, templates, work


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
class Kept:
    """What importing one entry did."""

    person: int
    new: bool = False
    changed: bool = False
    came_up: tuple[int, ...] = ()
    """candidates of other people that are queued now, and have no moment yet"""


def every_name(db: Connection) -> list[tuple[str, tuple[str, ...]]]:
    """Register number and names of each person, whatever became of them."""
    return [(row.register_number, tuple(row.names)) for row in db.execute(select(persons))]


def keep_person(db: Connection, entry: PersonEntry, people_per_track: int) -> Kept:
    """Insert an entry, or change the one with its register number; the same entry again changes nothing.

    What the entry does not state stays as it is; a new person is then missing, and named by the register number.  Of
    a person who is no longer missing the templates go and the candidates close; who was displaced by them comes up.
    Call it before anything else in its transaction: it may take `candidates.lock`.
    """
    facts = entry.facts or PersonFacts((entry.register_number,), None, PersonStatus.MISSING)
    row = {"names": list(facts.names), "birth_year": facts.birth_year, "status": facts.status}
    if facts.status is not PersonStatus.MISSING:
        candidates.lock(db)
    made: int | None = db.execute(
        upsert(persons)
        .values(register_number=entry.register_number, **row)
        .on_conflict_do_nothing(index_elements=[persons.c.register_number])
        .returning(persons.c.id)
    ).scalar()
    if made is not None:
        return Kept(made, new=True)
    held = db.execute(select(persons).where(persons.c.register_number == entry.register_number).with_for_update()).one()
    if entry.facts is None or (list(held.names), held.birth_year, held.status) == tuple(row.values()):
        return Kept(held.id)
    db.execute(update(persons).where(persons.c.id == held.id).values(**row, changed_at=func.now()))
    if facts.status is PersonStatus.MISSING:
        return Kept(held.id, changed=True)
    _forget_templates(db, held.id)
    name_hints.forget(db, held.id)
    return Kept(held.id, changed=True, came_up=tuple(candidates.withdraw(db, held.id, people_per_track)))


def keep_photo(db: Connection, person: int, name: str, stored: Stored, media_type: str) -> tuple[int, bool]:
    """Record a photo that is stored in the register bucket.  Returns its row id, and whether it is new."""
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
    gone = reference_photos.c.object_key == ""  # it had expired, and was handed in again
    db.execute(update(reference_photos).where(mine, gone).values(object_key=stored.key))
    held: int = db.execute(select(reference_photos.c.id).where(mine)).scalar_one()
    return held, False


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


def keep_crop(db: Connection, photo_id: int, crop_key: str) -> None:
    """Record where the face that was cut from a photo lies in the derived bucket."""
    db.execute(update(reference_photos).where(reference_photos.c.id == photo_id).values(crop_key=crop_key))


def photos_to_enroll(db: Connection, engine: str) -> Sequence[int]:
    """Photos of missing people that are there and have no template of this engine."""
    done = select(templates.c.photo_id).where(
        templates.c.photo_id == reference_photos.c.id, templates.c.engine == engine
    )
    statement = (
        select(reference_photos.c.id)
        .join(persons, persons.c.id == reference_photos.c.person_id)
        .where(persons.c.status == PersonStatus.MISSING, reference_photos.c.object_key != "", ~done.exists())
        .order_by(reference_photos.c.id)
    )
    return db.execute(statement).scalars().all()


def is_searched(db: Connection, photo_id: int) -> bool:
    """Whether the photo's person is still missing; holds the person's row until the transaction ends."""
    statement = (
        select(persons.c.status)
        .join(reference_photos, reference_photos.c.person_id == persons.c.id)
        .where(reference_photos.c.id == photo_id)
        .with_for_update(read=True, of=persons)
    )
    return db.execute(statement).scalar() == PersonStatus.MISSING


def _forget_templates(db: Connection, person: int) -> None:
    photos = select(reference_photos.c.id).where(reference_photos.c.person_id == person)
    db.execute(delete(templates).where(templates.c.photo_id.in_(photos)))
