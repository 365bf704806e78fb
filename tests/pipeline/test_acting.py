"""The frame of a decision: who makes it proves it, all of it is kept or nothing, and the log says it last."""

import pytest
import typer
from sqlalchemy import text

from lastseen.errors import WrongUse
from lastseen.roles import Role
from pipeline import acting
from pipeline.acting import deciding
from storage import accounts, custody
from storage.custody import Action, Entry
from storage.stores import Stores

PASSWORD = "a long password"
CLOSED = Entry(Action.REJECTED, "rejection:1", {}, "why")


@pytest.fixture
def stores(stores: Stores) -> Stores:
    """Of an office where Bert has an account."""
    with stores.db.begin() as db:
        accounts.add_user(db, "bert", PASSWORD, [Role.ANALYST])
    return stores


def logged(stores: Stores) -> list[tuple[str, str]]:
    with stores.db.begin() as db:
        return [(event.actor, event.action) for event in custody.events(db) if event.subject == CLOSED.subject]


def types(monkeypatch: pytest.MonkeyPatch, password: str, stores: Stores) -> None:
    """Somebody types a password, while no transaction is open."""

    def typed(*_: object, **__: object) -> str:
        assert stores.db.pool.checkedout() == 0  # type: ignore[attr-defined]  # of the pool that is used
        return password

    monkeypatch.setattr(typer, "prompt", typed)


def test_the_log_says_it_when_all_else_is_done(stores: Stores) -> None:
    with deciding("", stores) as decision:
        decision.log([CLOSED])
        assert decision.db.execute(text("SELECT count(*) FROM custody_events WHERE action = 'rejected'")).scalar() == 0
    assert logged(stores) == [(decision.actor, Action.REJECTED)]
    assert decision.actor.startswith("local:")


def test_what_is_raised_leaves_nothing(stores: Stores) -> None:
    with pytest.raises(WrongUse, match="no such"), deciding("", stores) as decision:
        decision.log([CLOSED])
        accounts.add_user(decision.db, "anna", PASSWORD, [Role.ANALYST])
        raise WrongUse("no such thing")
    assert logged(stores) == []
    with stores.db.begin() as db:
        assert accounts.find_user(db, "anna") is None


def test_an_account_proves_itself_while_no_transaction_is_open(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    types(monkeypatch, PASSWORD, stores)
    with deciding("bert", stores) as decision:
        decision.log([CLOSED])
    assert logged(stores) == [("bert", Action.REJECTED)]


@pytest.mark.parametrize(("account", "password"), [("bert", "another password"), ("nobody", PASSWORD)])
def test_who_cannot_prove_it_decides_nothing(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, account: str, password: str
) -> None:
    types(monkeypatch, password, stores)
    with pytest.raises(WrongUse, match="not right"), deciding(account, stores) as decision:
        decision.log([CLOSED])
    assert logged(stores) == []


@pytest.mark.parametrize("reason", ["", " \n"])
def test_a_reason_has_words(reason: str) -> None:
    with pytest.raises(WrongUse, match="--order is empty"):
        acting.said(reason, "--order")
