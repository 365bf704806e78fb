"""Packages that were asked for on the pages are made as the command makes them, in the name of whoever asked."""

import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.errors import Failure
from lastseen.settings import Settings
from pipeline.app import App
from pipeline.evidence import export, packing
from pipeline.evidence.export import Handed
from storage import custody, packages
from storage.objects import EXPORT
from storage.packages import Package
from storage.stores import Stores
from tests.review.things import sighting
from tests.storage.judged import account

HANDED = Handed("01ARZ3NDEKTSV4RRFFQ69G5FAV", "a" * 64, 1, 4, 1, 0, "the key")


@pytest.fixture
def app(stores: Stores, settings: Settings) -> App:
    """Only what packing takes of it."""
    return App(settings, stores, None, None, "worker")  # type: ignore[arg-type]


@pytest.fixture
def asked(stores: Stores) -> int:
    """A package that cora asked for."""
    candidate = int(str(sighting(stores)["id"]))
    with stores.db.begin() as db:
        packages.ask(db, candidate, "court", "order 7", account(db, "cora"))
        return packages.of_candidate(db, candidate)[0].id


def found(stores: Stores, package: int) -> Package:
    with stores.db.begin() as db:
        one = packages.find(db, package)
    assert one is not None
    return one


def makes(monkeypatch: pytest.MonkeyPatch, fault: Exception | None = None) -> list[tuple[str, ...]]:
    """A package of one file in place of the real one, which `test_export` makes; what it was asked for."""
    told: list[tuple[str, ...]] = []

    def made(app: App, written: str, to: Path, recipient: str, reason: str) -> Handed:
        told.append((app.actor, written, recipient, reason))
        if fault:
            raise fault
        to.mkdir()
        (to / "file").write_bytes(b"said")
        return HANDED

    monkeypatch.setattr(export, "export", made)
    return told


def test_what_was_asked_for_is_made_once_and_lies_in_the_bucket(
    app: App, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = makes(monkeypatch)
    assert packing.due(app) == 1
    assert packing.run(app) == {"made": 1, "failed": 0, "removed": 0}
    assert packing.run(app)["made"] == 0
    one = found(app.stores, asked)
    assert told == [("cora", f"candidate:{one.candidate}", "court", "order 7")]
    assert one.ready and one.key is not None and (one.sha256, one.log_key) == (HANDED.sha256, HANDED.key)
    content = app.stores.objects.read(EXPORT, one.key)
    assert len(content) == one.size
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.read(f"evidence-{HANDED.id}/file") == b"said"


def test_what_cannot_be_made_says_why(app: App, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    makes(monkeypatch, Failure("the disk is full"))
    assert packing.run(app) == {"made": 0, "failed": 1, "removed": 0}
    one = found(app.stores, asked)
    assert one.failed and one.why == "the disk is full"


def test_a_package_goes_when_its_days_are_over(app: App, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    makes(monkeypatch)
    packing.run(app)
    with app.stores.db.begin() as db:
        db.execute(text("UPDATE package_files SET made_at = now() - :days"), {"days": timedelta(days=7, minutes=1)})
    assert packing.run(app)["removed"] == 1
    one = found(app.stores, asked)
    assert not one.ready and one.key is not None and not app.stores.objects.exists(EXPORT, one.key)
    with app.stores.db.begin() as db:
        (event,) = [event for event in custody.events(db) if event.action == "expired"]
    assert (event.actor, event.subject) == ("worker", f"candidate:{one.candidate}")


def test_a_file_that_an_erasure_left_goes_but_not_one_that_is_being_made(
    app: App, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    makes(monkeypatch)
    packing.run(app)
    with app.stores.db.begin() as db:
        db.execute(text("DELETE FROM package_files"))
    assert packing.run(replace(app, actor="another"))["removed"] == 1, "its name is of 2016"
    monkeypatch.setattr(packing, "UNRECORDED", timedelta(days=20_000))
    assert packing.run(app)["removed"] == 0
