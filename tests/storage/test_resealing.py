"""Sealing again with another key: nothing readable is lost, whenever it is killed and whoever works beside it."""

import base64
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import LargeBinary, text

from lastseen.errors import WrongUse
from lastseen.records import PersonEntry, PersonFacts, PersonStatus, Template
from lastseen.roles import Role
from lastseen.settings import Settings
from storage import (
    accounts,
    custody,
    faces,
    register,
    resealing,
    sealing,
    second_factors,
    site_accounts,
    telegram_accounts,
    template_cache,
)
from storage.custody import Action
from storage.database import Engine
from storage.objects import Stored
from storage.resealing import PLACES, UNREADABLE, held, seal_again
from storage.sealed_blocks import Blocks, Origin
from storage.sealing import CannotOpen, Sealer, Secrets, What
from storage.tables import metadata
from storage.template_cache import Cache
from tests.office import Office

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
ENGINE = "engine"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "BATCH", 4)


def vector(number: int) -> tuple[float, ...]:
    return tuple(np.random.default_rng(number).normal(size=8).astype(np.float32).tolist())


def enrol(db: Engine, count: int, seal: Sealer, first: int = 0) -> None:
    """Photos of one person, each with a template."""
    with db.begin() as one:
        facts = PersonFacts(("P",), None, PersonStatus.MISSING)
        who = register.keep_person(one, PersonEntry("1", facts, ()), 5).person
        for number in range(first, first + count):
            stored = Stored(f"photo/{number}", "", 1, f"{number:064}", created=True)
            made, _ = register.keep_photo(one, who, f"{number}.jpg", stored, "image/jpeg")
            faces.keep_photo_template(one, made, ENGINE, Template("photo", vector(number), 0.5), seal)


def vectors(db: Engine, seal: Sealer) -> list[list[float]]:
    with db.begin() as one:
        return sorted(faces.gallery(one, ENGINE, seal).vectors.tolist())


def expected(*numbers: int) -> list[list[float]]:
    return sorted(list(vector(number)) for number in numbers)


def rotate(db: Engine, seal: Sealer) -> tuple[int, int]:
    batches = list(seal_again(db, What.TEMPLATES, seal.ring, "test"))
    return sum(batch.again for batch in batches), sum(batch.unreadable for batch in batches)


def test_every_column_of_sealed_bytes_is_known() -> None:
    sealed = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name.startswith("sealed")
    }
    assert sealed == {(place.table, place.column) for places in PLACES.values() for place in places}


def test_templates_open_with_the_old_key_before_and_need_only_the_new_one_after(db: Engine) -> None:
    enrol(db, 10, Sealer(OLD))
    both = Sealer(NEW, OLD)
    assert vectors(db, both) == expected(*range(10))
    assert rotate(db, both) == (10, 0)
    assert vectors(db, Sealer(NEW)) == expected(*range(10))
    with pytest.raises(CannotOpen):
        vectors(db, Sealer(OLD))
    assert rotate(db, both) == (0, 0), "a second time there is nothing to do"
    with db.begin() as one:
        log = [(event.subject, event.detail) for event in custody.events(one) if event.action == Action.RESEALED]
    assert log == [(f"key:{both.ring.ids[0]}", {"what": "templates", "rows": rows}) for rows in (4, 4, 2)]


def test_a_template_that_no_key_opens_is_counted_and_left_as_it_is(db: Engine) -> None:
    enrol(db, 3, Sealer(OLD))
    enrol(db, 2, Sealer(OTHER), first=3)
    assert rotate(db, Sealer(NEW, OLD)) == (3, 2)
    with db.begin() as one:
        told = held(one, What.TEMPLATES, Sealer(NEW, OLD).ring)
    assert told == Counter({sealing.key_id(NEW): 3, UNREADABLE: 2})
    assert vectors(db, Sealer(OTHER, NEW)) == expected(*range(5)), "with its key it opens again"


def test_what_somebody_changes_meanwhile_is_not_written_over(db: Engine) -> None:
    with db.begin() as one:
        telegram_accounts.add(one, "first", 1, "before", Secrets(OLD), "test")
    place = PLACES[What.SECRETS][0]
    with db.begin() as one:
        rows = resealing._rows(one, place, -1)
        fresh = Secrets(NEW).seal("after", telegram_accounts.identity("first"))
        one.execute(text("UPDATE telegram_accounts SET sealed_session = :fresh"), {"fresh": fresh})
        assert resealing._again(one, place, rows, Secrets(NEW, OLD).ring).again == 0
        kept = one.execute(text("SELECT sealed_session FROM telegram_accounts")).scalar_one()
    assert Secrets(NEW).open(bytes(kept), telegram_accounts.identity("first")) == "after"


def test_sessions_cookies_proxies_and_second_factors_open_with_the_new_key(db: Engine) -> None:
    old, new = Secrets(OLD), Secrets(NEW, OLD)
    with db.begin() as one:
        telegram_accounts.add(one, "first", 1, "session", old, "test")
        site_accounts.keep_proxy(one, "way", "http://127.0.0.1:1", "127.0.0.1:1", old, "test")
        user = accounts.add_user(one, "ada", None, [Role.ANALYST])
        second_factors.offer(one, user, 1, old)
    batches = list(seal_again(db, What.SECRETS, new.ring, "test"))
    assert sum(batch.again for batch in batches) == 3
    with db.begin() as one:
        assert held(one, What.SECRETS, Secrets(NEW).ring) == Counter({sealing.key_id(NEW): 3})


def test_files_of_templates_are_made_anew_with_the_new_key(
    db: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_cache, "IDS", 4)
    enrol(db, 10, Sealer(OLD))
    blocks, both = Blocks(tmp_path / "templates"), Sealer(NEW, OLD)

    def read(seal: Sealer) -> list[list[float]]:
        with db.begin() as one:
            return sorted(Cache(blocks, seal).templates(one, ENGINE, Origin.PHOTO).vectors.tolist())

    assert read(Sealer(OLD)) == read(both) == expected(*range(10))
    rotate(db, both)
    with db.begin() as one:
        assert template_cache.sweep(one, blocks) > 0
    assert read(Sealer(NEW)) == expected(*range(10))


# --- the command ------------------------------------------------------------------------------------------------


def with_keys(office: Office, present: bytes, *before: bytes) -> Office:
    """The same office, with keys in its settings."""
    words = [base64.b64encode(key).decode() for key in (present, *before)]
    keys = {"template_key": SecretStr(words[0]), "template_keys_before": SecretStr(", ".join(words[1:]))}
    return Office(office.settings.model_copy(update=keys), office.stores)


@pytest.fixture
def office(settings: Settings, stores: object) -> Office:
    return Office(settings, stores)  # type: ignore[arg-type]


def test_a_rotation_that_is_killed_is_begun_again_and_loses_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "BATCH", 1000)
    many = 2500
    enrol(office.stores.db, many, Sealer(OLD))
    both = with_keys(office, NEW, OLD)
    last = "SELECT id FROM templates ORDER BY id DESC LIMIT 1 FOR UPDATE"
    with office.stores.db.begin() as holding:
        holding.execute(text(last))  # so that its last batch waits, and is killed in the middle

        def two_batches_are_done() -> bool:
            with office.stores.db.begin() as db:
                return held(db, What.TEMPLATES, Sealer(NEW).ring)[sealing.key_id(NEW)] >= 2000

        both.kill_during(two_batches_are_done, "keys", "rotate", "templates")
    with office.stores.db.begin() as db:
        half = held(db, What.TEMPLATES, Sealer(NEW, OLD).ring)
    assert half == Counter({sealing.key_id(NEW): 2000, sealing.key_id(OLD): 500})
    assert vectors(office.stores.db, Sealer(NEW, OLD)) == expected(*range(many))
    told = both.ask("keys", "rotate", "templates")
    assert (told["sealed_again"], told["left"], told["unreadable"]) == (500, 0, 0)
    alone = with_keys(office, NEW)
    assert alone.ask("keys", "list")["keys"]["templates"] == [{"name": sealing.key_id(NEW), "rows": many}]  # type: ignore[index]
    assert vectors(office.stores.db, Sealer(NEW)) == expected(*range(many))


def test_without_the_key_of_before_the_command_says_what_is_missing(office: Office) -> None:
    enrol(office.stores.db, 2, Sealer(OLD))
    said = with_keys(office, NEW).run("keys", "rotate", "templates", status=2)
    assert "LASTSEEN_TEMPLATE_KEYS_BEFORE" in said.stderr
    assert vectors(office.stores.db, Sealer(OLD)) == expected(0, 1)
    enrol(office.stores.db, 1, Sealer(NEW), first=2)
    said = with_keys(office, NEW).run("keys", "rotate", "templates", status=1)
    assert "2 of templates open with none of the keys" in said.stderr
    assert "LASTSEEN_TEMPLATE_KEYS_BEFORE" in said.stderr
    assert vectors(office.stores.db, Sealer(OLD, NEW)) == expected(0, 1, 2)


def test_a_key_in_the_data_folder_is_changed_there(office: Office) -> None:
    enrol(office.stores.db, 3, sealing.sealer(office.settings))
    first = (office.settings.data_dir / "keys" / "template.key").read_bytes()
    office.run("keys", "new", "templates")
    files = sorted(path.name for path in (office.settings.data_dir / "keys").glob("template*"))
    assert files == ["template.key", f"template.key.before-{sealing.key_id(first)}"]
    assert vectors(office.stores.db, sealing.sealer(office.settings)) == expected(0, 1, 2)
    assert office.ask("keys", "rotate", "templates")["sealed_again"] == 3
    (office.settings.data_dir / "keys" / files[1]).unlink()
    assert vectors(office.stores.db, sealing.sealer(office.settings)) == expected(0, 1, 2)


def test_a_key_in_the_settings_is_not_changed_elsewhere(office: Office) -> None:
    with pytest.raises(WrongUse, match="LASTSEEN_TEMPLATE_KEYS_BEFORE"):
        sealing.new_key(with_keys(office, NEW).settings, What.TEMPLATES)
