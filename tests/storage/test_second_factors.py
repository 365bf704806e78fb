"""Codes of a second factor, held against the standard's own vectors, and recovery codes."""

import base64

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import Connection, Engine, text

from storage import accounts, second_factors
from storage.accounts import User
from storage.sealing import CannotOpen, Secrets

KEY = Secrets(bytes(32))
NOW = 1_800_000_000
SESSION = 7


def user(db: Connection, name: str = "olena") -> User:
    return accounts.add_user(db, name, None, ["analyst"])


def code(offered: second_factors.Offer, at: int = NOW) -> str:
    """What an authenticator shows at that moment."""
    padded = offered.secret + "=" * (-len(offered.secret) % 8)
    return TOTP(base64.b32decode(padded), 6, SHA1(), 30).generate(at).decode()  # noqa: S303 - as the standard has it


def confirm(db: Connection, user: User, given: str, session: int = SESSION) -> bool:
    return second_factors.check(db, user, given, KEY, lambda: NOW, session=session)


def test_a_factor_counts_from_its_first_code_on(db: Engine) -> None:
    with db.begin() as connection:
        olena = user(connection)
        offered = second_factors.offer(connection, olena, SESSION, KEY)
        assert second_factors.offer(connection, olena, SESSION, KEY) == offered, (
            "a page that is loaded again shows the same"
        )
        assert (
            offered.address
            == f"otpauth://totp/lastseen:olena?digits=6&secret={offered.secret}&algorithm=SHA1&issuer=lastseen&period=30"
        )
        assert not second_factors.is_set(connection, olena)
        assert not second_factors.check(connection, olena, "000000", KEY, lambda: NOW - 10**9)
        assert not second_factors.check(connection, olena, code(offered), KEY, lambda: NOW), "it was only offered"
        assert confirm(connection, olena, code(offered))
        assert second_factors.is_set(connection, olena)
        with pytest.raises(ValueError, match="shown once"):
            second_factors.offer(connection, olena, SESSION, KEY)


def test_nobody_knows_the_secret_that_another_session_confirms(db: Engine) -> None:
    with db.begin() as connection:
        olena = user(connection)
        thief = second_factors.offer(connection, olena, 8, KEY)
        offered = second_factors.offer(connection, olena, SESSION, KEY)
        assert offered.secret != thief.secret
        assert not confirm(connection, olena, code(thief))
        assert not confirm(connection, olena, code(offered), session=8)
        assert confirm(connection, olena, code(offered))
        with pytest.raises(ValueError, match="shown once"):
            second_factors.offer(connection, olena, 8, KEY)


def test_a_code_is_taken_once_and_no_older_one_after_it(db: Engine) -> None:
    with db.begin() as connection:
        olena = user(connection)
        offered = second_factors.offer(connection, olena, SESSION, KEY)

        def given(shown_at: int, now: int) -> bool:
            return second_factors.check(connection, olena, code(offered, shown_at), KEY, lambda: now, session=SESSION)

        assert given(NOW, NOW)
        assert not given(NOW, NOW), "the same again"
        assert not given(NOW - 30, NOW), "an older one"
        assert given(NOW + 30, NOW), "a telephone that is ahead"
        assert not given(NOW + 120, NOW), "too far ahead"
        assert not given(NOW + 60, NOW + 120), "too old"
        assert given(NOW + 120, NOW + 120)


@pytest.mark.parametrize(
    "wrong", ["", "12345", "1234567", "abcdef", "\uff11\uff12\uff13\uff14\uff15\uff16", "-12345", "12 34"]
)
def test_what_is_no_code_is_refused(db: Engine, wrong: str) -> None:
    with db.begin() as connection:
        olena = user(connection)
        assert not second_factors.check(connection, olena, "123456", KEY), "there is no secret"
        second_factors.offer(connection, olena, SESSION, KEY)
        assert not confirm(connection, olena, wrong)


def test_a_code_may_be_typed_in_two_groups(db: Engine) -> None:
    with db.begin() as connection:
        olena = user(connection)
        shown = code(second_factors.offer(connection, olena, SESSION, KEY))
        assert confirm(connection, olena, f" {shown[:3]} {shown[3:]} ")


def test_the_secret_is_sealed_for_its_own_account(db: Engine) -> None:
    with db.begin() as connection:
        olena, petro = user(connection), user(connection, "petro")
        offered = second_factors.offer(connection, olena, SESSION, KEY)
        second_factors.offer(connection, petro, SESSION, KEY)
        sealed = bytes(connection.execute(text("SELECT sealed FROM second_factors LIMIT 1")).scalar_one())
        assert offered.secret.encode() not in sealed
        connection.execute(
            text("UPDATE second_factors SET sealed = (SELECT sealed FROM second_factors WHERE user_id = :one)"),
            {"one": olena.id},
        )
        with pytest.raises(CannotOpen):
            confirm(connection, petro, code(offered))


def test_recovery_codes_work_once_each_and_new_ones_end_the_old(db: Engine) -> None:
    with db.begin() as connection:
        olena, petro = user(connection), user(connection, "petro")
        first = second_factors.new_recovery_codes(connection, olena)
        assert len(set(first)) == 10
        assert not second_factors.recover(connection, petro, first[0])
        assert second_factors.recover(connection, olena, f" {first[0].upper().replace('-', '')} ")
        assert not second_factors.recover(connection, olena, first[0])
        assert second_factors.recovery_codes_left(connection, olena) == 9
        second_factors.new_recovery_codes(connection, olena)
        assert not second_factors.recover(connection, olena, first[1])
        assert second_factors.recovery_codes_left(connection, olena) == 10


def test_a_reset_takes_everything(db: Engine) -> None:
    with db.begin() as connection:
        olena = user(connection)
        offered = second_factors.offer(connection, olena, SESSION, KEY)
        confirm(connection, olena, code(offered))
        codes = second_factors.new_recovery_codes(connection, olena)
        assert second_factors.reset(connection, olena)
        assert not second_factors.reset(connection, olena)
        assert not second_factors.is_set(connection, olena)
        assert not second_factors.recover(connection, olena, codes[0])
        assert second_factors.offer(connection, olena, SESSION, KEY).secret != offered.secret
