"""Accounts, sessions and one-time links on a real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from lastseen.preferences import Preferences
from storage import accounts
from storage.accounts import Awaits, LastAdministrator, NotAcceptable

PASSWORD = "river lantern otter stone"
PASSED = timedelta(seconds=-1)


def test_a_password_opens_its_own_account_only(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "Olena", PASSWORD, ["analyst"])
        accounts.add_user(connection, "petro", PASSWORD + "!", ["analyst"])
        assert accounts.verify_password(connection, " OLENA ", PASSWORD) == user
        assert accounts.verify_password(connection, "olena", PASSWORD + "!") is None
        assert accounts.verify_password(connection, "nobody", PASSWORD) is None
        assert accounts.verify_password(connection, "ol ena\x00", PASSWORD) is None
        assert user.roles == ("analyst",)


def test_an_account_without_a_password_has_none_that_fits(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "admin", None, ["administrator"])
        assert not user.has_password
        for guess in ("", "admin", "\0", PASSWORD):
            assert accounts.verify_password(connection, "admin", guess) is None


def test_a_password_is_kept_as_argon2id_and_composed_letters_are_one_spelling(db: Engine) -> None:
    with db.begin() as connection:
        accounts.add_user(connection, "mykola", "cafe\u0301 lantern otter", ["analyst"])
        kept = connection.execute(text("SELECT password_hash FROM users")).scalar_one()
        assert kept.startswith("$argon2id$")
        assert accounts.verify_password(connection, "mykola", "caf\u00e9 lantern otter")


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 65, "a\u202eb", "a\nb", "<b>"])
def test_a_name_that_could_imitate_another_text_is_refused(db: Engine, name: str) -> None:
    with db.begin() as connection, pytest.raises(NotAcceptable):
        accounts.add_user(connection, name, None, [])


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "the name is olena"])
def test_a_weak_password_is_refused(db: Engine, password: str) -> None:
    with db.begin() as connection, pytest.raises(NotAcceptable):
        accounts.add_user(connection, "olena", password, [])


def test_a_name_is_given_once_and_the_transaction_lives_on(db: Engine) -> None:
    with db.begin() as connection:
        accounts.add_user(connection, "olena", None, [])
        with pytest.raises(NotAcceptable, match="already"):
            accounts.add_user(connection, "OLENA", None, [])
        assert accounts.count_users(connection) == 1


def test_a_link_is_used_once(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, ["analyst"])
        token = accounts.make_link(connection, "olena")
        assert accounts.use_link(connection, token) == user
        assert accounts.use_link(connection, token) is None
        assert accounts.use_link(connection, "guess") is None
        with pytest.raises(LookupError):
            accounts.make_link(connection, "nobody")


def test_a_link_expires_by_the_database_clock(db: Engine) -> None:
    with db.begin() as connection:
        accounts.add_user(connection, "olena", None, [])
        token = accounts.make_link(connection, "olena", PASSED)
        assert accounts.use_link(connection, token) is None
        kept = accounts.make_link(connection, "olena")
        left = connection.execute(text("SELECT max(expires_at) - now() FROM sign_in_links")).scalar_one()
        assert left == accounts.LINK_LIFETIME
        assert accounts.use_link(connection, kept)


def test_a_session_ends_when_it_expires_or_is_ended(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, ["analyst"])
        old = accounts.start_session(connection, user, PASSED)
        assert accounts.find_session(connection, old) is None
        token = accounts.start_session(connection, user)
        found = accounts.find_session(connection, token)
        assert found is not None
        assert (found.user, found.fresh) == (user, True)
        accounts.end_session(connection, token)
        assert accounts.find_session(connection, token) is None
        assert accounts.find_session(connection, "") is None


def test_a_session_is_fresh_for_a_quarter_of_an_hour(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, [])
        token = accounts.start_session(connection, user)
        connection.execute(text("UPDATE sessions SET begun_at = now() - interval '15 minutes'"))
        found = accounts.find_session(connection, token)
        assert found is not None
        assert not found.fresh


def test_only_hashes_of_tokens_are_kept(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, [])
        tokens = [accounts.start_session(connection, user).encode(), accounts.make_link(connection, "olena").encode()]
        kept = connection.execute(
            text("SELECT token_hash FROM sessions UNION ALL SELECT token_hash FROM sign_in_links")
        ).scalars()
        assert all(len(row) == 32 and row not in tokens for row in kept)


def test_a_new_password_ends_the_other_ways_in(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, [])
        mine, other = (accounts.start_session(connection, user) for _ in range(2))
        link = accounts.make_link(connection, "olena")
        accounts.set_password(connection, user, PASSWORD)
        accounts.end_other_ways_in(connection, user, mine)
        assert accounts.find_session(connection, mine)
        assert accounts.find_session(connection, other) is None
        assert accounts.use_link(connection, link) is None
        assert accounts.verify_password(connection, "olena", PASSWORD)


def test_expired_rows_go_when_somebody_signs_in(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, [])
        accounts.start_session(connection, user, PASSED)
        accounts.make_link(connection, "olena", PASSED)
        accounts.start_session(connection, user)
        counted = "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM sign_in_links)"
        assert tuple(connection.execute(text(counted)).one()) == (1, 0)


def test_a_session_that_nobody_used_for_a_while_has_ended(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, [])
        token = accounts.start_session(connection, user, browser="x" * 300, address="192.0.2.1", proved="password")
        connection.execute(text("UPDATE sessions SET seen_at = now() - interval '10 minutes'"))
        assert accounts.find_session(connection, token, timedelta(minutes=9)) is None
        assert accounts.browsers(connection, user, timedelta(minutes=9)) == []
        assert accounts.find_session(connection, token, timedelta(minutes=11))
        assert accounts.find_session(connection, token, timedelta(minutes=1)), "looking at it was a sign of life"
        shown = accounts.browsers(connection, user)
        assert [(one.browser, one.address, one.proved) for one in shown] == [("x" * 200, "192.0.2.1", "password")]


def test_somebody_half_way_in_gets_another_token_for_the_rest(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, ["analyst"])
        half = accounts.start_session(connection, user, awaits=Awaits.CODE)
        found = accounts.find_session(connection, half)
        assert found is not None
        assert found.awaits is Awaits.CODE
        assert accounts.browsers(connection, user) == []
        assert accounts.holder(connection, found.id) is None
        whole = accounts.go_on(connection, half)
        assert whole is not None
        assert accounts.find_session(connection, half) is None
        found = accounts.find_session(connection, whole)
        assert found is not None
        assert (found.awaits, found.user) == (Awaits.NOTHING, user)
        assert accounts.holder(connection, found.id) == user
        assert accounts.go_on(connection, whole) is None, "nothing was awaited"


def test_one_browser_or_all_are_signed_out_and_never_another_accounts(db: Engine) -> None:
    with db.begin() as connection:
        one, other = (accounts.add_user(connection, name, None, []) for name in ("one", "other"))
        for user in (one, one, other):
            accounts.start_session(connection, user)
        newest = accounts.browsers(connection, one)[0]
        assert not accounts.end_browser(connection, other, newest.id)
        assert accounts.end_browser(connection, one, newest.id)
        assert accounts.end_everywhere(connection, one) == 1
        assert len(accounts.browsers(connection, other)) == 1


def test_a_disabled_account_has_no_way_in_and_keeps_its_name(db: Engine) -> None:
    with db.begin() as connection:
        accounts.add_user(connection, "chief", None, ["administrator"])
        user = accounts.add_user(connection, "olena", PASSWORD, ["analyst"])
        session, link = accounts.start_session(connection, user), accounts.make_link(connection, "olena")
        token = accounts.make_token(connection, user, "nightly export", ["analyst"])
        assert accounts.disable(connection, user)
        assert not accounts.disable(connection, user)
        assert accounts.find_session(connection, session) is None
        assert accounts.use_link(connection, link) is None
        assert accounts.find_token(connection, token) is None
        assert accounts.verify_password(connection, "olena", PASSWORD) is None
        with pytest.raises(LookupError, match="disabled"):
            accounts.make_link(connection, "olena")
        assert accounts.enable(connection, user)
        assert accounts.verify_password(connection, "olena", PASSWORD) == user
        assert accounts.find_token(connection, token) is None, "a token does not come back to life"


def test_nobody_deletes_an_account(owner: Engine) -> None:
    with owner.begin() as connection:
        accounts.add_user(connection, "olena", None, [])
    with pytest.raises(IntegrityError, match="refused"), owner.begin() as connection:
        connection.execute(text("DELETE FROM users"))


def test_there_is_always_an_administrator(db: Engine) -> None:
    with db.begin() as connection:
        one = accounts.add_user(connection, "one", None, ["administrator"])
        other = accounts.add_user(connection, "other", None, ["administrator", "senior"])
        assert accounts.set_roles(connection, other, {"senior", "analyst"}).roles == ("analyst", "senior")
        with pytest.raises(LastAdministrator):
            accounts.set_roles(connection, one, ["analyst"])
        with pytest.raises(LastAdministrator):
            accounts.disable(connection, one)
        accounts.set_roles(connection, other, ["administrator"])
        assert accounts.disable(connection, one)
        with pytest.raises(LastAdministrator):
            accounts.disable(connection, other)


def test_a_token_has_no_role_that_its_account_has_not(db: Engine) -> None:
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, ["analyst", "senior"])
        token = accounts.make_token(connection, user, " nightly export ", ["analyst", "senior"])
        with pytest.raises(NotAcceptable, match="administrator"):
            accounts.make_token(connection, user, "x", ["administrator"])
        for name, lifetime in (("", timedelta(days=1)), ("x", timedelta()), ("x", timedelta(days=400))):
            with pytest.raises(NotAcceptable):
                accounts.make_token(connection, user, name, ["analyst"], lifetime)
        accounts.set_roles(connection, user, ["senior"])
        found = accounts.find_token(connection, token)
        assert found is not None
        assert (found.user.roles, found.fresh) == (("senior",), False)
        (shown,) = accounts.tokens(connection, user)
        assert (shown.name, shown.user, shown.roles) == ("nightly export", "olena", ("analyst", "senior"))
        assert shown.used_at is not None
        assert accounts.revoke_token(connection, shown.id, user)
        assert not accounts.revoke_token(connection, shown.id)
        assert accounts.find_token(connection, token) is None
        assert accounts.find_session(connection, token) is None


def test_a_token_expires_and_another_account_cannot_revoke_it(db: Engine) -> None:
    with db.begin() as connection:
        user, other = (accounts.add_user(connection, name, None, ["analyst"]) for name in ("a", "b"))
        token = accounts.make_token(connection, user, "x", ["analyst"])
        assert not accounts.revoke_token(connection, accounts.tokens(connection)[0].id, other)
        assert accounts.find_token(connection, token)
        connection.execute(text("UPDATE api_tokens SET expires_at = now()"))
        assert accounts.find_token(connection, token) is None


def test_preferences_are_kept_with_the_account(db: Engine) -> None:
    wanted = Preferences("uk", greyscale=True, small=True, cover=False, cap=40)
    with db.begin() as connection:
        user = accounts.add_user(connection, "olena", None, [])
        assert user.preferences == Preferences()
        accounts.set_preferences(connection, user, wanted)
        found = accounts.user_of(connection, user.id)
        assert found is not None
        assert found.preferences == wanted
        (account,) = accounts.listed(connection)
        assert (account.user, account.second_factor, account.sessions) == (found, False, 0)


def test_two_administrators_cannot_take_the_role_from_each_other_at_once(db: Engine) -> None:
    with db.begin() as connection:
        users = [accounts.add_user(connection, name, None, ["administrator"]) for name in ("one", "other")]

    def disable(user: accounts.User) -> bool:
        try:
            with db.begin() as connection:
                return accounts.disable(connection, user)
        except LastAdministrator:
            return False

    with ThreadPoolExecutor(2) as crowd:
        assert sorted(crowd.map(disable, users)) == [False, True]
