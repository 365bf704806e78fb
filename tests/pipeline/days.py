"""Days of an office for tests: things that came in on them, their manifests, and who stamps them."""

import hashlib
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, text

from lastseen.clock import utcnow
from lastseen.outcomes import ObjectToStore
from lastseen.settings import Authority, Settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.jobs import Scope
from storage import custody, keys, manifests
from storage.custody import Action, Entry
from storage.merkle import Frontier
from storage.notes import Checkpoint, Note, Signer
from storage.objects import EVIDENCE
from storage.stores import Stores
from storage.tables import checkpoints
from tests.servers.time_stamp_authority import TimeStampAuthority

NOON = timedelta(hours=12)
TODAY = utcnow().date()
YESTERDAY, BEFORE = TODAY - timedelta(days=1), TODAY - timedelta(days=2)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


class Days:
    """An office whose custody log can be written on other days than today."""

    def __init__(self, settings: Settings, stores: Stores, patch: pytest.MonkeyPatch) -> None:
        self.settings, self.stores, self._patch = settings, stores, patch
        self.key = Ed25519PrivateKey.generate()

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
        """`lastseen manifest`, with a head signed as soon as the manifests are there."""
        with self.opened() as app:
            jobs.due(app, "manifest", Scope())
            made = app.runner.drain(app.steps.by_name["manifest"])
            self.sign()
            _, *tallies = jobs.execute(app, "manifest", Scope())
        return {one.step: one.as_dict() for one in [made, *tallies]}

    def sign(self) -> None:
        """Sign the head of the log, as often as it has grown."""
        with self.stores.db.begin() as db:
            tree = Frontier().grown(custody.hashes(db))
        with self.stores.db.begin() as db:
            head = custody.head(db)
            signer = Signer(manifests.origin(db), self.key)
            text_ = Checkpoint.of(signer.name, head.seq, tree.root, head.hash, utcnow()).text
            note = str(Note(text_).signed(signer.sign(text_)))
            known = db.execute(text("SELECT count(*) FROM checkpoints WHERE size = :size"), {"size": head.seq}).scalar()
            if not known:
                values = {"size": head.seq, "origin": signer.name, "note": note, "peaks": tree.packed()}
                db.execute(insert(checkpoints).values(**values, signed_at=utcnow()))

    def hurry(self) -> None:
        """What rests is ready now."""
        self.rows("UPDATE work SET ready_at = now() WHERE state = 'open'")

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with self.stores.db.begin() as db:
            result = db.execute(text(sql))
            return [tuple(row) for row in result] if result.returns_rows else []

    def keys(self, prefix: str) -> list[str]:
        return list(self.stores.objects.keys(EVIDENCE, prefix, versions=True))
