"""Days of an office for tests: things that came in on them, their manifests, and who stamps them."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from lastseen import clock
from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from lastseen.settings import Authority, Settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.jobs import Scope
from storage import custody, keys, objects
from storage.custody import Action, Entry
from storage.database import Engine
from storage.objects import EVIDENCE
from storage.stores import Stores
from tests.servers.time_stamp_authority import TimeStampAuthority

NOON = timedelta(hours=12)
TODAY = utcnow().date()
YESTERDAY, BEFORE = TODAY - timedelta(days=1), TODAY - timedelta(days=2)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@contextmanager
def moved(to: datetime) -> Iterator[None]:
    """The clock of the application shows this moment, and goes on from there; those of the two stores do not."""
    real = clock.utcnow
    ahead = to - real()
    with pytest.MonkeyPatch.context() as patch:
        for module in list(sys.modules.values()):
            if getattr(module, "__dict__", {}).get("utcnow") is real and module is not objects:  # asking loads nothing
                patch.setattr(module, "utcnow", lambda: real() + ahead)
        yield


class Days:
    """An office whose custody log can be written on other days than today."""

    def __init__(self, settings: Settings, stores: Stores, owner: Engine, patch: pytest.MonkeyPatch) -> None:
        self.settings, self.stores, self.owner, self._patch = settings, stores, owner, patch

    def asks(self, *authorities: tuple[str, TimeStampAuthority], **more: object) -> None:
        """From now on these stamp."""
        asked = tuple(Authority(name, one.url, one.roots) for name, one in authorities)
        self.settings = self.settings.model_copy(update={"time_stamp_authorities": asked, **more})

    def came_in(self, at: datetime, content: bytes) -> int:
        """An object, stored for real, with an event of that moment.  Returns the event's number."""
        sha256 = hashlib.sha256(content).hexdigest()
        thing = ObjectToStore(EVIDENCE, keys.blob(sha256), content, sha256, "text/plain")
        stored = self.stores.objects.put_verified(thing, utcnow() + timedelta(days=2))
        detail = {"key": stored.key, "sha256": sha256, "size": stored.size, "version": stored.version_id}
        return self.wrote(at, Entry(Action.STORED, f"blob:{sha256}", detail))

    def wrote(self, at: datetime, entry: Entry) -> int:
        """An event of that moment.  Returns its number."""
        with self._patch.context() as patch, self.stores.db.begin() as db:
            patch.setattr(custody, "utcnow", lambda: at)
            (event,) = custody.append_all(db, "test", [entry])
        return event.seq

    def opened(self) -> AbstractContextManager[App]:
        return open_app(self.settings, "test")

    def run(self) -> dict[str, dict[str, int]]:
        """`lastseen manifest`."""
        with self.opened() as app:
            return {one.step: one.as_dict() for one in jobs.execute(app, "manifest", Scope())}

    def hurry(self) -> None:
        """What rests is ready now."""
        self.rows("UPDATE work SET ready_at = now() WHERE state = 'open'")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """What a statement by the database's owner gives."""
        with self.owner.begin() as db:
            result = db.execute(text(sql))
            return [tuple(row) for row in result] if result.returns_rows else []

    def keys(self, prefix: str) -> list[str]:
        return list(self.stores.objects.keys(EVIDENCE, prefix, versions=True))
