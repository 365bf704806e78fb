"""`lastseen user`, as somebody at an office gives it."""

import re
import shlex

import pytest

from storage import accounts, custody, lockouts, process_table, running
from storage.running import Note
from tests.office import Office
from tests.pipeline.commands.test_site import Desk

PASSWORD = "river lantern otter stone"


@pytest.fixture
def desk(office: Office, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """At an office with an administrator."""
    made = Desk(office, monkeypatch)
    made.run("user", "add", "chief", "--role", "administrator", said=f"{PASSWORD}\n{PASSWORD}\n")
    return made


def acts(desk: Desk) -> list[tuple[str, str]]:
    with desk.office.stores.db.begin() as db:
        return [(event.action, event.reason) for event in custody.events(db)]


def test_an_account_is_made_by_password_or_by_link(desk: Desk) -> None:
    told = desk.run("user", "add", "Olena", "--role", "analyst", "--role", "senior", "--by-link")
    link = re.search(r"/enter/([\w-]+)", told)
    assert link
    with desk.office.stores.db.begin() as db:
        assert accounts.verify_password(db, "chief", PASSWORD)
        found = accounts.use_link(db, link[1])
    assert found is not None
    assert (found.name, found.roles) == ("olena", ("analyst", "senior"))
    assert [action for action, _ in acts(desk)] == ["account added", "account added", "sign-in link made"]
    listed = desk.ask("user", "list")["accounts"]
    assert [(one["name"], one["disabled"], one["sessions"]) for one in listed] == [
        ("chief", False, 0),
        ("olena", False, 0),
    ]
    assert "argon2" not in desk.run("user", "list")


def test_a_link_leads_to_where_the_pages_are_served(desk: Desk) -> None:
    """A running `lastseen up` may have been given another port than the settings name."""
    data = desk.office.settings.data_dir
    assert f":{desk.office.settings.review_port}/enter/" in desk.run("user", "link", "chief")
    up = process_table.myself()
    running.write(data, Note(up, "", "http://127.0.0.1:4321/status", "", review_host="127.0.0.1", review_port=4321))
    assert "http://127.0.0.1:4321/enter/" in desk.run("user", "link", "chief")
    running.forget(data)


def test_what_is_done_to_an_account_has_a_reason_in_the_log(desk: Desk) -> None:
    desk.run("user", "add", "olena", "--role", "analyst", "--by-link")
    desk.run("user", "roles", "olena", "--role", "auditor", "--reason", "moves to the audit")
    desk.run("user", "disable", "olena", "--reason", "on leave")
    assert "disabled" in desk.run("user", "link", "olena", status=2)
    assert "disabled already" in desk.run("user", "disable", "olena", "--reason", "again", status=2)
    desk.run("user", "enable", "olena", "--reason", "is back")
    assert "no second factor" in desk.run("user", "reset-second-factor", "olena", "--reason", "lost", status=2)
    assert "not locked" in desk.run("user", "unlock", "olena", status=2)
    with desk.office.stores.db.begin() as db:
        lockouts.take(db, [lockouts.of_name("olena")])
    desk.run("user", "unlock", "olena")
    assert acts(desk)[-4:] == [
        ("roles changed", "moves to the audit"),
        ("account disabled", "on leave"),
        ("account enabled", "is back"),
        ("account unlocked", ""),
    ]


WRONG = (
    ("disable chief --reason x", "last administrator"),
    ("roles chief --role senior --reason x", "last administrator"),
    ("disable chief --reason ''", "Say why"),
    ("disable nobody --reason x", "no account"),
    ("link nobody", "no account"),
    ("add chief --role senior --by-link", "already"),
    ("add 'a b' --role senior --by-link", "letters, digits"),
    ("token add chief --for x --role senior", "not senior"),
    ("token add chief --for '' --role administrator", "what the token is for"),
    ("token add chief --for x --role administrator --days 900", "days"),
    ("token revoke 9", "no token"),
)


def test_what_cannot_be_done_is_said_and_not_done(desk: Desk) -> None:
    for command, said in WRONG:
        assert said in desk.run("user", *shlex.split(command), status=2), command
    assert len(acts(desk)) == 1


def test_a_token_is_printed_once_listed_and_revoked(desk: Desk) -> None:
    token = desk.run("user", "token", "add", "chief", "--for", "nightly export", "--role", "administrator").strip()
    with desk.office.stores.db.begin() as db:
        found = accounts.find_token(db, token)
    assert found is not None
    assert found.user.name == "chief"
    (listed,) = desk.ask("user", "token", "list")["tokens"]
    assert (listed["account"], listed["for"], listed["revoked_at"]) == ("chief", "nightly export", None)
    assert token not in desk.run("user", "token", "list")
    desk.run("user", "token", "revoke", str(listed["id"]))
    with desk.office.stores.db.begin() as db:
        assert accounts.find_token(db, token) is None
    assert [action for action, _ in acts(desk)][-2:] == ["token made", "token revoked"]
