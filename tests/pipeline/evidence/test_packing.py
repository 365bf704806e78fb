"""Packages that were asked for on the pages are made as the command makes them, in the name of whoever asked."""

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from ulid import ULID

from lastseen.errors import Failure
from lastseen.outcomes import ObjectToStore
from lastseen.roles import Role
from lastseen.settings import Settings
from pipeline.app import App
from pipeline.evidence import export, folders, packing
from pipeline.evidence.export import Handed
from storage import custody, packages
from storage.custody import Action
from storage.objects import EXPORT, ObjectStore, StoreUnavailable
from storage.packages import Package
from storage.stores import Stores
from tests.pipeline.duties import erasing
from tests.review.things import sighting
from tests.storage.judged import account, give

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
        packages.ask(db, candidate, "court", "order 7", account(db, "cora", Role.SENIOR))
        return packages.of_candidate(db, candidate)[0].id


def found(stores: Stores, package: int) -> Package:
    with stores.db.begin() as db:
        one = packages.find(db, package)
    assert one is not None
    return one


def makes(
    monkeypatch: pytest.MonkeyPatch, fault: Exception | None = None, meanwhile: Callable[[], object] = lambda: None
) -> list[tuple[str, ...]]:
    """A package of one file in place of the real one, which `tests/review/browser/test_package.py` has made.

    Returns what it was asked for.
    """
    told: list[tuple[str, ...]] = []

    def made(app: App, written: str, to: Path, recipient: str, reason: str) -> Handed:
        told.append((app.actor, written, recipient, reason))
        meanwhile()
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


def test_what_cannot_be_made_says_why_and_holds_up_no_other(
    app: App, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    makes(monkeypatch, Failure("it does not stand"))
    assert packing.run(app) == {"made": 0, "failed": 1, "removed": 0}
    one = found(app.stores, asked)
    assert one.failed and (one.outcome, one.why) == ("DEFECT", "it does not stand")
    again = ask(app, one.candidate)
    makes(monkeypatch)
    assert packing.run(app)["made"] == 1 and found(app.stores, again).ready


def ask(app: App, candidate: int, recipient: str = "court") -> int:
    """Cora asks (again).  Returns the newest that was asked for."""
    with app.stores.db.begin() as db:
        packages.ask(db, candidate, recipient, "order 7", account(db, "cora", Role.SENIOR))
        return packages.of_candidate(db, candidate)[0].id


def test_a_full_disk_is_told_and_tried_again(app: App, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    makes(monkeypatch)
    with monkeypatch.context() as full:
        full.setattr(folders, "SPARE", 2**60)
        assert packing.run(app)["failed"] == 1
    one = found(app.stores, asked)
    assert not one.failed and one.outcome == "TRANSIENT" and "make room" in str(one.why)
    rested(app)
    assert packing.run(app)["made"] == 1


def rested(app: App) -> None:
    """The time until the next try is over."""
    with app.stores.db.begin() as db:
        db.execute(text("UPDATE work SET ready_at = now() WHERE step = 'package' AND state = 'open'"))


def test_a_store_that_is_away_is_asked_again_and_then_no_more(app: App, asked: int) -> None:
    away = ObjectStore("127.0.0.1:9", "a", "b", secure=False, bucket_prefix="t-")
    without = replace(app, stores=Stores(app.stores.db, away))
    for tried in range(app.settings.transient_limit):
        rested(app)
        with pytest.raises(StoreUnavailable):  # what was kept long enough cannot be removed either: the run says so
            packing.run(without)
        one = found(app.stores, asked)
        assert one.outcome == "TRANSIENT" and "did not answer" in str(one.why)
        assert one.failed == (tried + 1 == app.settings.transient_limit)
    away.close()


def test_our_own_fault_ends_one_package_and_not_the_run(
    app: App, asked: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    makes(monkeypatch, ZeroDivisionError())
    ask(app, found(app.stores, asked).candidate, "another court")
    assert packing.run(app)["failed"] == 2
    assert "ZeroDivisionError" in str(found(app.stores, asked).why)
    caplog.clear()


def test_what_people_took_back_meanwhile_leaves_nobody(app: App, asked: int, monkeypatch: pytest.MonkeyPatch) -> None:
    told = makes(monkeypatch)
    candidate = found(app.stores, asked).candidate
    with app.stores.db.begin() as db:
        before = db.execute(text("SELECT max(id) FROM judgements")).scalar_one()
        reviewer = db.execute(text("SELECT reviewer FROM judgements WHERE id = :id"), {"id": before}).scalar_one()
        give(db, account(db, reviewer), candidate, 0, supersedes=before)
    assert packing.run(app)["failed"] == 1 and told == []
    one = found(app.stores, asked)
    assert one.failed and one.outcome == "SKIPPED" and one.told is packages.CHANGED


NO_MORE = {
    "disabled": "UPDATE users SET disabled_at = now() WHERE name = 'cora'",
    "no senior": "UPDATE users SET roles = ARRAY['analyst'] WHERE name = 'cora'",
}


@pytest.mark.parametrize("how", NO_MORE)
def test_whoever_may_not_ask_any_more_gets_none(
    app: App, asked: int, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    told = makes(monkeypatch)
    with app.stores.db.begin() as db:
        db.execute(text(NO_MORE[how]))
    assert packing.run(app)["failed"] == 1 and told == []
    assert found(app.stores, asked).told is packages.NOT_THEIRS


@pytest.mark.parametrize("before", [True, False], ids=["before it is begun", "while it is made"])
def test_what_is_erased_meanwhile_leaves_no_package(
    app: App, owning: Settings, asked: int, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    mighty = replace(app, settings=owning)

    def erase() -> None:
        erasing.erase(mighty, f"candidate:{found(app.stores, asked).candidate}")

    if before:
        claimed = packing.asked(app).claim()
        assert claimed is not None
        erase()
        assert not packing.asked(app).work(claimed)
    else:
        makes(monkeypatch, meanwhile=erase)
        assert packing.run(app)["made"] == 0
    with app.stores.db.begin() as db:
        assert packages.find(db, asked) is None and packages.keys(db) == frozenset()
    assert not [key for key in app.stores.objects.keys(EXPORT) if key.endswith(packages.NAME)]


def test_an_erasure_takes_a_finished_package_at_once(
    app: App, owning: Settings, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    makes(monkeypatch)
    packing.run(app)
    one = found(app.stores, asked)
    assert one.key is not None and app.stores.objects.exists(EXPORT, one.key)
    erasing.erase(replace(app, settings=owning), f"candidate:{one.candidate}")
    assert not app.stores.objects.exists(EXPORT, one.key)


def test_what_is_asked_for_twice_before_it_is_made_is_made_once(app: App, asked: int) -> None:
    candidate = found(app.stores, asked).candidate
    assert ask(app, candidate) == asked
    assert ask(app, candidate, "another court") != asked


def test_a_package_whose_worker_died_too_often_is_left_with_the_reason(
    app: App, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    makes(monkeypatch)
    for _ in range(app.settings.crash_limit):
        assert packing.asked(app).claim() is not None
        rested(app)
    assert packing.run(app)["made"] == 0
    one = found(app.stores, asked)
    assert one.failed and "its worker died" in str(one.why)


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


def test_manifests_go_that_were_stored_for_an_export_of_which_the_log_does_not_tell(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, died = str(ULID()), str(ULID())
    for name in (told, died):
        for file in export.BOUND_BY:
            thing = ObjectToStore(EXPORT, f"{name}/{file}", b"x", hashlib.sha256(b"x").hexdigest(), "text/plain")
            app.stores.objects.put_verified(thing)
    with app.stores.db.begin() as db:
        custody.append(db, "x", Action.EXPORTED, "candidate:1", {"export": told})
    assert packing.run(app)["removed"] == 0, "they are young"
    monkeypatch.setattr(packing, "UNRECORDED", timedelta(days=-1))
    assert packing.run(app)["removed"] == 2
    assert set(app.stores.objects.keys(EXPORT)) == {f"{told}/{file}" for file in export.BOUND_BY}
