"""What a person is to the office, as it follows from what was said; and what a change of it sets going.

`persons.status` is derived: it is what the newest statement says that stands and sets one, else what the register said
before there was any.  Whoever is searched for no more loses their templates, hints and open candidates at once; whose
status goes back to one that is searched for is enrolled again by the next `enroll`, and searched for by the next
`match`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select, text

from lastseen.records import SEARCHED, PersonStatus
from storage import candidates, name_hints
from storage.custody import Entry
from storage.tables import reference_photos, templates

LOCK = text("SELECT status FROM persons WHERE id = :person FOR UPDATE")
DERIVE = text("""
    UPDATE persons
       SET first_status = coalesce(persons.first_status, persons.status), status = said.status,
           changed_at = CASE persons.status WHEN said.status THEN changed_at ELSE now() END
      FROM (SELECT coalesce((SELECT statements.status FROM statements
                              WHERE person_id = :person AND statements.status IS NOT NULL
                                AND NOT EXISTS (SELECT FROM statement_withdrawals WHERE statement_id = statements.id)
                              ORDER BY id DESC LIMIT 1), first_status, status) AS status
              FROM persons WHERE id = :person) AS said
     WHERE persons.id = :person RETURNING said.status""")
WITHOUT = text("""
    SELECT coalesce((SELECT statements.status FROM statements
                      WHERE person_id = :person AND statements.status IS NOT NULL AND id <> :statement
                        AND NOT EXISTS (SELECT FROM statement_withdrawals WHERE statement_id = statements.id)
                      ORDER BY id DESC LIMIT 1), first_status, status)
      FROM persons WHERE id = :person""")
SEARCHED_FOR_TOO = text("""
    SELECT one.id, register_number FROM unnest(CAST(:people AS bigint[])) AS one (id)
      JOIN persons ON persons.id <> one.id AND persons.id IN (SELECT same_people(one.id))
     WHERE status = ANY(:searched) ORDER BY one.id, register_number""")
WOULD_CLOSE = text("""
    SELECT (SELECT count(*) FROM candidates WHERE person_id = :person AND state = 'open') AS candidates,
           (SELECT count(*) FROM templates JOIN reference_photos ON reference_photos.id = photo_id
             WHERE person_id = :person) AS templates,
           (SELECT count(*) FROM reference_photos
             WHERE person_id = :person AND object_key <> '' AND removed_at IS NULL) AS photos""")


@dataclass(frozen=True, slots=True)
class Stake:
    """What ends when somebody is searched for no more, and what begins when they are searched for again."""

    candidates: int
    """that are open"""
    templates: int
    photos: int
    """that are still there"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What importing one entry, or saying something of one, did."""

    person: int
    new: bool = False
    changed: bool = False
    came_up: tuple[int, ...] = ()
    """candidates of other people that are queued now, and have no moment yet"""
    status: PersonStatus | None = field(default=None, compare=False)
    """what the person is to the office now"""
    ended: Stake | None = field(default=None, compare=False)
    """what ended, if nobody searches for the person any more"""
    searched_for_too: tuple[str, ...] = field(default=(), compare=False)
    """register numbers of the other entries of this person, if nobody searches by this one any more"""
    entries: tuple[Entry, ...] = field(default=(), compare=False)
    """what the custody log must say of statements"""


def at_stake(db: Connection, person: int) -> Stake:
    """What hangs on somebody's (row id) being searched for."""
    return Stake(**db.execute(WOULD_CLOSE, {"person": person}).mappings().one())


def searched_for_too(db: Connection, people: Iterable[int]) -> Mapping[int, tuple[str, ...]]:
    """Person (row id) -> register numbers of their other entries by which they are searched for; none: left out."""
    found: dict[int, tuple[str, ...]] = {}
    for person, number in db.execute(SEARCHED_FOR_TOO, {"people": sorted(people), "searched": sorted(SEARCHED)}):
        found[person] = (*found.get(person, ()), number)
    return found


def without(db: Connection, person: int, statement: int) -> PersonStatus:
    """What a person (row id) would be if one statement (row id) did not count."""
    return PersonStatus(db.execute(WITHOUT, {"person": person, "statement": statement}).scalar_one())


def follow(db: Connection, person: int, people_per_track: int) -> Kept:
    """Give a person (row id) the status that follows from what stands, with everything that this sets going.

    Call `candidates.lock` before anything else in its transaction.
    """
    about = {"person": person}
    before = PersonStatus(db.execute(LOCK, about).scalar_one())
    now = PersonStatus(db.execute(DERIVE, about).scalar_one())
    if now in SEARCHED or now is before:
        return Kept(person, changed=now is not before, status=now)
    ended = at_stake(db, person)
    _forget_templates(db, person)
    name_hints.forget(db, person)
    came_up = tuple(candidates.withdraw(db, person, people_per_track))
    too = searched_for_too(db, [person]).get(person, ())
    return Kept(person, changed=True, came_up=came_up, status=now, ended=ended, searched_for_too=too)


def _forget_templates(db: Connection, person: int) -> None:
    photos = select(reference_photos.c.id).where(reference_photos.c.person_id == person)
    db.execute(delete(templates).where(templates.c.photo_id.in_(photos)))
