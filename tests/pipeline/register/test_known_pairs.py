"""Known pairs out of real photos of public figures, as the register keeper and retention meet them."""

import shutil
from dataclasses import astuple
from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.errors import WrongUse
from pipeline import tasks
from pipeline.app import App
from pipeline.duties import retention
from pipeline.register import keeping, known_pairs
from pipeline.register.disguise import UNKNOWN, film_wanted, look_of
from pipeline.register.importing import import_register
from storage import custody
from storage import known_pairs as kept
from storage.known_pairs import UsualFilm
from storage.objects import DERIVED
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.commands.test_site import Desk
from tests.pipeline.register.test_keeping import app, lies, table, write

__all__ = ["app", "table"]


@pytest.fixture
def register(app: App, table: Path, shared_media: Path) -> App:
    """Two people, of whom one has two photos."""
    for name in ("obama.jpg", "obama2.jpg", "biden.jpg"):
        shutil.copy(shared_media / name, table.parent)
    path = write(table, "BO,Barack,,,obama.jpg|obama2.jpg,,", "JB,Joe,,,biden.jpg,,")
    assert import_register(app, path).refused == []
    return app


def pictures(app: App) -> list[str]:
    with app.stores.db.begin() as db:
        return list(db.execute(text(f"SELECT unnest({kept.PICTURES}) FROM known_pairs")).scalars())  # noqa: S608  our own


def test_pairs_are_made_drawn_kept_certain_and_their_pictures_go_with_their_photo(register: App) -> None:
    made = known_pairs.make(register)
    assert made.in_use == {True: 2, False: 3}
    assert known_pairs.draw(register).as_dict() == {"done": 5}
    with register.stores.db.begin() as db:
        found = kept.listed(db)
        told = [event.detail for event in custody.events(db) if event.action == "known pairs made"]
    assert {(one.probe, one.person) for one in found if one.genuine} == {("BO", "BO")}
    assert {(one.probe, one.person) for one in found if not one.genuine} == {("BO", "JB"), ("JB", "BO")}
    assert all(one.ready and one.fit for one in found)
    assert [detail["made"] for detail in told] == [5]
    there = pictures(register)
    films = [key for key in there if key.endswith(".mp4")]
    assert len(films) == 5
    assert len(there) >= 5 * len(["face", "whole", "moment", "clip", "a shot"])
    assert all(lies(register, DERIVED, key) for key in there)
    assert not [word for key in there for word in ("BO", "JB") if word in key]
    assert known_pairs.make(register).pairs == ()

    keeping.remove_photo(register, "JB", "biden.jpg", "it is not Joe", "keeper")
    left = pictures(register)
    assert len([key for key in left if key.endswith(".mp4")]) == 4
    assert not any(lies(register, DERIVED, key) for key in set(there) - set(left))
    retention.run(register)
    with register.stores.db.begin() as db:
        assert [one.genuine for one in kept.listed(db)] == [True, True], "nothing is certain beside who is gone"
        db.execute(text("UPDATE known_pairs SET retired_at = now() - interval '2 days' WHERE retired_at IS NOT NULL"))
    assert retention.run(register)["known_pairs"] == 2
    last = pictures(register)
    assert len([key for key in last if key.endswith(".mp4")]) == 2
    assert {key for key in there if lies(register, DERIVED, key)} == set(last)


def test_a_photo_always_looks_the_same() -> None:
    assert look_of("a" * 64) == look_of("a" * 64) != look_of("b" * 64)
    assert all(0 <= part < 1 for part in astuple(look_of("c" * 64)))


def test_a_film_is_like_one_of_the_offices_within_bounds() -> None:
    look = look_of("a" * 64)
    like = UsualFilm(720, 1280, 60_000, 4_000, 7.5, 83.0, 29.97)
    made = film_wanted(like, look)
    assert (made.width, made.height, made.rate, made.seconds, made.face_width) == (720, 1280, 29.97, 7.5, 83.0)
    assert 0 <= made.since_ms <= 60_000 - 7_500
    odd = film_wanted(UsualFilm(720, 1280, 900, 0, 0.9, 83.0, 120.0), look)
    assert (odd.rate, odd.seconds, odd.since_ms) == (30, 6, 0)
    assert 48 <= film_wanted(UNKNOWN, look).face_width <= 160


def test_the_command_makes_lists_and_retires(register: App, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(Office(register.settings, stores), monkeypatch)
    made = desk.ask("known-pairs", "make", "--most", "1")
    assert (made["genuine"], made["strangers"], made["disguise"]) == (1, 1, {"done": 2})
    found = desk.ask("known-pairs", "list")["known_pairs"]
    assert {(one["genuine"], one["state"]) for one in found} == {(True, "in use"), (False, "in use")}
    assert "2 known pairs" in desk.run("known-pairs", "list")
    assert "name pairs" in desk.run("known-pairs", "retire", status=2)
    assert "no known pair 999" in desk.run("known-pairs", "retire", "999", status=2)
    assert desk.ask("known-pairs", "retire", str(found[0]["id"])) == {"retired": [found[0]["id"]]}
    assert desk.ask("known-pairs", "retire", "--all") == {"retired": [found[1]["id"]]}
    assert desk.ask("known-pairs", "list")["known_pairs"] == []
    assert [one["state"] for one in desk.ask("known-pairs", "list", "--all")["known_pairs"]] == ["retired"] * 2


def test_an_office_without_photos_has_none_and_says_so(
    app: App, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(Office(app.settings, stores), monkeypatch)
    assert desk.ask("known-pairs", "make")["made"] == 0
    assert "no entry has two photos" in desk.run("known-pairs", "make")
    with pytest.raises(WrongUse), stores.db.begin() as db:
        kept.retire(db, [1])


def test_the_task_does_the_same(register: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "settings", lambda: register.settings)
    assert tasks.known_pairs({"dry_run": True}) == {"in_use": 0}
    assert tasks.known_pairs({}) == {"made": 5, "retired": 0, "done": 5}
    assert tasks.known_pairs({"dry_run": True}) == {"in_use": 5}
