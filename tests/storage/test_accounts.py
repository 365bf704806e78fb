"""Accounts, sessions and one-time links on a real database."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from storage import accounts
from storage.accounts import NotAcceptable

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
        began = accounts.SESSION_LIFETIME - accounts.FRESH
        token = accounts.start_session(connection, user, began - timedelta(seconds=1))
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
