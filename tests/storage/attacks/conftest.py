"""An office whose custody log has grown, was signed, and was witnessed; and what its database's owner can do."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.settings import Settings
from pipeline.custody import signing, witness
from pipeline.custody.witness import State
from storage import chain_checks, custody, custody_keys, heads
from storage.chain_checks import StoredHeads
from storage.custody import Action, Entry, Event, Incident
from storage.heads import SignedHead
from storage.stores import Stores
from storage.tables import custody_events

TABLES = ("custody_events", "checkpoints", "cosignatures")


@dataclass(frozen=True)
class Scene:
    """One office, and who attacks it."""

    settings: Settings
    stores: Stores

    def log(self, count: int) -> None:
        """More happens."""
        with self.stores.db.begin() as db:
            entries = [Entry(Action.STORED, f"blob:{n}", {"size": n}, "order 7") for n in range(count)]
            custody.append_all(db, "collector", entries)

    def sign(self) -> SignedHead:
        """As the office does every hour."""
        head = signing.sign(self.settings, self.stores).head
        assert head is not None
        return head

    def as_owner(self, *statements: str, **values: object) -> None:
        """What the triggers would refuse."""
        with self.stores.owner.begin() as db:
            for table in TABLES:
                db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            for statement in statements:
                db.execute(text(statement), values)
            for table in TABLES:
                db.execute(text(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only"))

    def events(self) -> list[Event]:
        """The log as it stands."""
        with self.stores.db.begin() as db:
            return list(custody.events(db))

    def rewrite(self, events: Sequence[Event], after: int = 0) -> None:
        """Have the log go on, behind event number `after`, with these: numbered, linked and hashed as it should be."""
        with self.stores.owner.begin() as db:
            db.execute(text("ALTER TABLE custody_events DISABLE TRIGGER USER"))
            previous = next((one.hash for one in custody.events(db, after - 1, after)), custody.GENESIS)
            db.execute(text("DELETE FROM custody_events WHERE seq > :after"), {"after": after})
            for seq, event in enumerate(events, after + 1):
                linked = replace(event, seq=seq, previous=previous, version=2)
                previous = custody.digest(previous, linked.body)
                row = {column.name: getattr(linked, column.name) for column in custody_events.columns}
                db.execute(custody_events.insert().values({**row, "hash": previous}))
            db.execute(text("ALTER TABLE custody_events ENABLE ALWAYS TRIGGER append_only"))

    def found(self, *files: Path) -> list[tuple[str, str]]:
        """What the checks say: where and what."""
        stored = StoredHeads.read(self.stores.objects)
        if files:
            stored = stored.beside({path.name: path.read_text() for path in files})
        with self.stores.db.begin() as db:
            links = chain_checks.follow(db, stored, custody_keys.trusted(self.settings))
            return [(link.where, link.what) for link in links if isinstance(link, Incident)]

    def witnessed(self, state: State, since: int = 0) -> Path:
        """The newest head as a witness has cosigned it, in a file."""
        with self.stores.db.begin() as db:
            head = heads.newest(db)
            assert head is not None
            body = witness.Request(since, tuple(heads.proof(db, since, head.size)), str(head.note).encode()).written()
        note, line = witness.cosign(state, body)
        path = state.folder / f"{hashlib.sha256(body).hexdigest()[:8]}.txt"
        path.write_text(str(note.signed(line)))
        return path


@pytest.fixture
def scene(settings: Settings, stores: Stores) -> Iterator[Scene]:
    """Ten events; heads over the first four and the first eight."""
    made = Scene(settings.model_copy(update={"log_name": "lastseen/office"}), stores)
    for count in (4, 4):
        made.log(count)
        made.sign()
    made.log(2)
    assert made.found() == []
    yield made


def public_key(settings: Settings) -> str:
    """The line that witnesses are told."""
    (key,) = custody_keys.public_keys(settings)
    return str(key)
