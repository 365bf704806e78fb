"""No machine of an office goes on with a key of its own: nothing is sealed that the others could not read."""

import ast
import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.settings import Settings
from storage import custody, office_keys, sealing, telegram_accounts
from storage.custody import Action
from storage.database import Engine
from storage.office_keys import NotTheOfficesKey
from storage.sealing import Secrets, What
from storage.stores import Stores
from tests.office import Office
from tests.test_frame import ROOMS, ROOT

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
ASKED_BEFORE = {
    "storage/office_keys.py",
    "storage/sealing.py",
    *("pipeline/commands/keys.py", "pipeline/commands/backup.py"),  # they show names, and seal nothing
}


@pytest.fixture
def machine(settings: Settings, tmp_path: Path) -> Callable[..., Settings]:
    """Makes further machines of the office: data folders of their own, with these keys in their settings, or none."""

    def made(name: str, *keys: bytes) -> Settings:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        words = [base64.b64encode(key).decode() for key in keys]
        given = {
            f"{kind}{which}": SecretStr(value)
            for kind in ("template_key", "secrets_key")
            for which, value in (("", words[0]), ("s_before", ",".join(words[1:])))
        } if words else {}  # fmt: skip
        return settings.model_copy(update={"data_dir": folder, **given})

    return made


def takes(db: Engine, settings: Settings, what: What = What.TEMPLATES) -> str:
    """The key that a machine seals with."""
    with db.begin() as one:
        return office_keys.ring(one, settings, what).ids[0]


def in_use(db: Engine, what: What = What.TEMPLATES) -> set[str]:
    with db.begin() as one:
        return set(office_keys.in_use(one, what))


def test_a_machine_without_the_offices_key_is_refused_and_makes_none(
    db: Engine, machine: Callable[..., Settings]
) -> None:
    first, second = machine("first"), machine("second")
    key = takes(db, first)
    assert takes(db, first) == key
    with pytest.raises(NotTheOfficesKey, match=rf"the key {key}, and there is none here; nothing was sealed") as told:
        takes(db, second)
    assert "LASTSEEN_TEMPLATE_KEY" in str(told.value) and "keys new templates --lost" in str(told.value)
    assert not (second.data_dir / "keys").exists()
    assert in_use(db) == {key}
    assert in_use(db, What.SECRETS) == set(), "nobody asked for it"
    takes(db, second, What.SECRETS)


def test_a_machine_with_another_key_is_refused(db: Engine, machine: Callable[..., Settings]) -> None:
    takes(db, machine("first", OLD))
    with pytest.raises(NotTheOfficesKey, match=sealing.key_id(OTHER)):
        takes(db, machine("second", OTHER))
    assert takes(db, machine("third", OLD)) == sealing.key_id(OLD)


def test_who_has_the_offices_key_brings_a_new_one_and_the_old_one_goes_when_all_is_sealed_again(
    settings: Settings, stores: Stores, machine: Callable[..., Settings]
) -> None:
    db = stores.db
    old, new = machine("old", OLD), machine("new", NEW, OLD)
    takes(db, old)
    takes(db, new)
    assert takes(db, old), "until it is started again it goes on, and `keys rotate` finds what it sealed"
    assert Office(new, stores).ask("keys", "rotate", "templates")["left"] == 0
    with pytest.raises(NotTheOfficesKey, match=f"{sealing.key_id(NEW)}, and here is {sealing.key_id(OLD)}"):
        takes(db, old)
    assert takes(db, machine("newer", NEW)) == sealing.key_id(NEW)


def test_of_machines_that_come_to_a_new_office_at_once_one_makes_the_key(
    db: Engine, machine: Callable[..., Settings]
) -> None:
    machines = [machine(f"m{number}") for number in range(4)]
    told: list[str] = []
    together = threading.Barrier(len(machines))

    def come(settings: Settings) -> None:
        together.wait()
        try:
            takes(db, settings)
        except NotTheOfficesKey:
            told.append("refused")

    threads = [threading.Thread(target=come, args=(one,)) for one in machines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == ["refused"] * 3
    assert len(in_use(db)) == 1
    assert sum((one.data_dir / "keys" / "template.key").exists() for one in machines) == 1


def test_what_was_sealed_before_keys_were_known_by_name_says_which_one_it_is(
    db: Engine, machine: Callable[..., Settings]
) -> None:
    with db.begin() as one:
        telegram_accounts.add(one, "first", 1, "session", Secrets(OLD), "test")
    with pytest.raises(NotTheOfficesKey, match=f"another key, and here is {sealing.key_id(OTHER)}"):
        takes(db, machine("other", OTHER), What.SECRETS)
    assert takes(db, machine("new", NEW, OLD), What.SECRETS) == sealing.key_id(NEW)
    assert takes(db, machine("old", OLD), What.SECRETS) == sealing.key_id(OLD)


def test_a_lost_key_is_given_up_by_a_person_with_a_reason_only(
    stores: Stores, machine: Callable[..., Settings]
) -> None:
    first, second = Office(machine("first"), stores), Office(machine("second"), stores)
    lost = takes(stores.db, first.settings)
    assert "not lost" in first.run("keys", "new", "templates", "--lost", "--reason", "a fire", status=2).stderr
    assert "reason" in second.run("keys", "new", "templates", "--lost", status=2).stderr
    assert "is none here" in second.run("keys", "new", "templates", status=2).stderr
    assert in_use(stores.db) == {lost}
    second.run("keys", "new", "templates", "--lost", "--reason", "a fire")
    key = takes(stores.db, second.settings)
    assert key != lost
    with pytest.raises(NotTheOfficesKey):
        takes(stores.db, first.settings)
    with stores.db.begin() as one:
        (event,) = (event for event in custody.events(one) if event.action == Action.KEY_LOST)
    assert (event.subject, event.reason) == (f"key:{key}", "a fire")
    assert event.detail == {"what": "templates", "lost": [lost]}


def test_the_command_line_and_doctor_refuse_and_say_what_to_do(
    stores: Stores, machine: Callable[..., Settings]
) -> None:
    Office(machine("first"), stores).run("analyze")
    second = Office(machine("second"), stores)
    said = second.run("analyze", status=2).stderr
    assert "put the office's key" in " ".join(said.split()).lower()
    told = second.run("doctor", status=1)
    assert "nothing was sealed" in " ".join((told.stdout + told.stderr).split())
    assert not list(second.settings.data_dir.glob("keys/template*"))


@pytest.fixture
def asked() -> Iterator[list[tuple[str, str]]]:
    """Who makes a sealer of settings alone."""
    names = {"sealer", "secrets", "ring"}
    found = []
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.ImportFrom(module="storage.sealing", names=imported):
                    found += [(str(path.relative_to(ROOT)), one.name) for one in imported if one.name in names]
                case ast.Attribute(value=ast.Name(id="sealing"), attr=name) if name in names:
                    found.append((str(path.relative_to(ROOT)), name))
    yield found


def test_nobody_seals_without_asking_which_key_is_the_offices(asked: list[tuple[str, str]]) -> None:
    assert {path for path, _ in asked} <= ASKED_BEFORE


def test_the_names_of_keys_are_all_that_the_database_holds(db: Engine, machine: Callable[..., Settings]) -> None:
    takes(db, machine("first", OLD))
    with db.begin() as one:
        row = one.execute(text("SELECT * FROM sealing_keys")).mappings().one()
    assert (row["what"], row["key"], row["retired_at"]) == ("templates", sealing.key_id(OLD), None)


def test_a_key_that_is_here_is_not_given_up(db: Engine, machine: Callable[..., Settings]) -> None:
    takes(db, machine("first", OLD))
    with pytest.raises(WrongUse, match="not lost"), db.begin() as one:
        office_keys.go_on_without(one, machine("second", NEW, OLD), What.TEMPLATES, "test", "a reason")
