"""Does the evidence still stand?  The chain is followed; every object that it speaks of is read and hashed again."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from storage import chain_checks, posts
from storage.chain_checks import StoredHeads
from storage.custody import Incident
from storage.custody_keys import Trust
from storage.objects import EVIDENCE, ObjectMissing, ObjectStore, ObjectUnreadable

WITNESSED = ("stored", "collected")
"""actions whose events name an object that must be there"""


@dataclass(frozen=True, slots=True)
class Report:
    """What was read, and what did not stand."""

    objects: int
    events: int
    incidents: tuple[Incident, ...]

    @property
    def ok(self) -> bool:
        """Nothing was found wrong."""
        return not self.incidents


@dataclass(frozen=True, slots=True)
class _Expected:
    """An object that a row speaks of."""

    where: str
    key: str
    sha256: str
    version_id: str | None
    action: str
    """the custody event that must stand beside it"""


def verify(engine: Engine, objects: ObjectStore, trust: Trust = Trust()) -> Report:  # noqa: B008  it is frozen
    """Read everything again, as it stood at one moment: others may go on storing meanwhile.

    `trust`: whose signatures on heads of the log are believed.  Raises storage.objects.StoreUnavailable when the store
    does not answer.
    """
    stored = StoredHeads.read(objects)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as db:
        incidents, events, told = _follow(db, stored, trust)
        expected = list(_expected(db))
    for item in expected:
        if told.pop((item.action, item.key), None) != item.sha256:
            incidents.append(Incident(f"the custody log does not say that it was {item.action}", item.where))
        incidents += _damage(item, objects)
    incidents += [Incident(f"it was {action}, but its row is gone", key) for action, key in told]
    return Report(len(expected), events, tuple(incidents))


def _follow(
    db: Connection, stored: StoredHeads, trust: Trust
) -> tuple[list[Incident], int, dict[tuple[str, str], str]]:
    """The chain's incidents, its length, and (action, key) -> sha256 of every object that it speaks of."""
    incidents: list[Incident] = []
    told: dict[tuple[str, str], str] = {}
    events = 0
    for link in chain_checks.follow(db, stored, trust):
        if isinstance(link, Incident):
            incidents.append(link)
            continue
        events += 1
        if link.action in WITNESSED:
            told[link.action, str(link.detail.get("key"))] = str(link.detail.get("sha256"))
    return incidents, events, told


def _expected(db: Connection) -> Iterator[_Expected]:
    for blob in posts.every_blob(db):
        yield _Expected(f"blob {blob.sha256}", blob.key, blob.sha256, blob.version_id, "stored")
    for key, sha256 in posts.every_raw_record(db):
        yield _Expected(f"raw record {key}", key, sha256, None, "collected")


def _damage(item: _Expected, objects: ObjectStore) -> Iterator[Incident]:
    digest = hashlib.sha256()
    try:
        for chunk in objects.open(EVIDENCE, item.key, item.version_id):
            digest.update(chunk)
    except ObjectMissing:
        yield Incident("the object is missing", item.where)
        return
    except ObjectUnreadable:
        yield Incident("the store has the object, and cannot give it", item.where)
        return
    if digest.hexdigest() != item.sha256:
        yield Incident("the object's bytes are not what was stored", item.where)
