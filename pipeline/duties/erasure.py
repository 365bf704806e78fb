"""A confirmed erasure is carried out: objects, then rows.  `storage.erasures` says in which order, and why."""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from extractors.telegram import without
from lastseen.clock import utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.outcomes import ObjectToStore
from lastseen.records import Called
from matchers.names import blotting
from pipeline.app import App
from pipeline.duties import template_files
from storage import alerts, custody, erasures, roles, subjects
from storage.database import Connection
from storage.erasures import Anew, Erasure, Plan, Record, Text
from storage.objects import DERIVED, EVIDENCE, EXPORT, REGISTER
from storage.stores import Stores
from storage.subjects import Subject

log = logging.getLogger("lastseen.erasure")

TRIES: Final = 5
"""each time something was added to what goes; nothing that is erased can come back, so that this ends"""
JSON: Final = ".json"
LETTER: Final = ("letters", "body")
"""a text that is about whoever is erased, whatever it calls them"""


def finish(app: App, others: Sequence[str] = ()) -> list[tuple[Erasure, Plan]]:
    """Carry out every erasure that was confirmed and is not done.  Returns what went.

    `others`: what else the erased person is called, such as a nickname; it is kept nowhere.

    Raises storage.objects.StoreRefuses if the store keeps something, StoreUnavailable if it is away: run it again then.
    Raises WrongUse where the role of the database may not take away what was observed.
    """
    with app.stores.db.connect() as db:
        waiting = erasures.half_done(db)
    if waiting:
        require_role(app.stores)
    return [(erasure, _carry_out(app, erasure, others)) for erasure in waiting]


def alert(app: App) -> int:
    """Have the operator know of every erasure that was cut short.  Returns how many there are."""
    with app.stores.db.begin() as db:
        waiting = erasures.half_done(db)
        for one in waiting:
            said = f"erasure {one.id} was confirmed, and is not done"
            alerts.sound(db, alerts.ERASURE, f"erasure:{one.id}", said)
    return len(waiting)


def doubts(db: Connection, subject: Subject) -> list[str]:
    """Where texts stand that may mean the person, and are not changed: people have to look at them before it is done.

    After it nobody can tell any more whom to look for.
    """
    found = erasures.plan(db, subject)
    gone = erasures.called(db, found)
    return [one.place for one in erasures.texts(db, found) if _may_mean(gone, rewritten(gone, one))]


def _may_mean(gone: Sequence[Called], left: str) -> bool:
    return any(blotting.doubtful(left, person) for person in gone)


def require_role(stores: Stores) -> None:
    """Raises WrongUse unless rows may be taken away from here, before any object is gone."""
    if not may_erase(stores):
        raise WrongUse(
            "the application's role cannot take away what was observed: say in LASTSEEN_DATABASE_OWNER_URL, for this"
            " command, who owns the database"
        )


def may_erase(stores: Stores) -> bool:
    """Whether rows may be taken away from here."""
    with stores.owner.connect() as db:
        return roles.may_erase(db)


def _carry_out(app: App, erasure: Erasure, others: Sequence[str]) -> Plan:
    rewrite = partial(rewritten, others=others)
    for _ in range(TRIES):
        with app.stores.db.connect() as db:
            found = erasures.plan_with_texts(db, subjects.parse(erasure.subject), rewrite)
        anew = list(_anew(app, erasure, found))
        _delete(app, found, {one.old.key for one in anew})
        with app.stores.owner.begin() as db:
            entries = erasures.take(db, erasure, found, anew, app.actor, app.settings.people_per_track, rewrite)
            if entries is not None:
                alerts.end(db, alerts.ERASURE, f"erasure:{erasure.id}")
                custody.append_all(db, app.actor, entries)
        if entries is not None:
            template_files.sweep(app)
            return found
    raise Failure(f"erasure {erasure.id}: something is added to what goes all the time; stop collecting, and try again")


def rewritten(gone: Sequence[Called], one: Text, others: Sequence[str] = ()) -> str:
    """A text that is kept for others, without what it says of the erased.

    A letter was written about them: where no line of it is found to name them, all of it goes.
    """
    said = one.said
    for person in gone:
        left = blotting.blotted(said, person, one.beside) if one.about else None
        said = said if left is None else left
        sure = blotting.struck(said, person, others, () if one.about else one.beside)
        said = said if sure is None else sure
        if one.about and left is sure is None and (one.table, one.column) == LETTER:
            return blotting.ERASED
    return said


def _delete(app: App, found: Plan, rewritten: set[str]) -> None:
    objects = app.stores.objects
    records = [record.key for record in found.records if not record.shared or record.key in rewritten]
    for bucket, keys in (
        (DERIVED, found.derived),
        (EXPORT, found.packages),
        (EXPORT, found.letter_files),
        (REGISTER, found.register),
        (REGISTER, found.list_files),
        (EVIDENCE, [piece.key for piece in found.pieces]),
        (EVIDENCE, records),
    ):
        for key in keys:
            objects.erase(bucket, key)


def _anew(app: App, erasure: Erasure, found: Plan) -> Iterator[Anew]:
    """The records that tell of others, too, written anew.  One that a killed run has written is taken as it is."""
    for record in found.records:
        if record.shared and (made := _rewritten(app, erasure, record)) is not None:
            yield made


def _rewritten(app: App, erasure: Erasure, record: Record) -> Anew | None:
    """None: none of the messages is in it, and it stays."""
    objects, key = app.stores.objects, _key(record.key, erasure.id)
    if objects.exists(EVIDENCE, key):
        content: bytes | None = objects.read(EVIDENCE, key)
    else:
        raw = objects.read(EVIDENCE, record.key)
        leave_out = without.export if "/export/" in record.key else without.pages
        content = leave_out(raw, record.numbers, record.sha256)
    if content is None:
        return None
    sha256 = hashlib.sha256(content).hexdigest()
    kind = "application/json" if key.endswith(JSON) else "application/octet-stream"
    until = utcnow() + timedelta(days=app.settings.evidence_lock_days)
    stored = objects.put_verified(ObjectToStore(EVIDENCE, key, content, sha256, kind), until)
    return Anew(record, key, sha256, stored.version_id, len(content))


def _key(old: str, erasure: int) -> str:
    """The same each time, so that what a killed run has written is found."""
    stem, _, ending = old.rpartition(".")
    return f"{stem}.without-{erasure}.{ending}"
