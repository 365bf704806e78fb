"""Tries to sign in, counted in the database for all workers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from storage import lockouts
from storage.lockouts import LONGEST, PER_ADDRESS, PER_FACTOR, PER_NAME, SHORTEST, of_address, of_factor, of_name


def pass_time(db: Connection, by: timedelta) -> None:
    db.execute(
        text(
            "UPDATE sign_in_failures SET counted_at = counted_at - CAST(:by AS interval),"
            " locked_until = locked_until - CAST(:by AS interval)"
        ),
        {"by": by},
    )


def rows(db: Connection) -> int:
    counted: int = db.execute(text("SELECT count(*) FROM sign_in_failures")).scalar_one()
    return counted


@pytest.mark.parametrize(
    ("failures", "minutes"), [(7.4, None), (8, 1), (9, 2), (11.4, 8), (14, 64), (15, 120), (5000, 120)]
)
def test_locks_last_twice_as_long_with_each_failure_up_to_two_hours(failures: float, minutes: int | None) -> None:
    assert lockouts.locked_for(failures, 8) == (None if minutes is None else timedelta(minutes=minutes))


def test_a_name_is_locked_at_its_limit_wherever_one_tries_and_longer_each_time(db: Engine) -> None:
    with db.begin() as connection:
        for number in range(PER_NAME):
            assert lockouts.take(connection, [of_name("Olena "), of_address(f"192.0.2.{number}")]) == 0
        wait = lockouts.take(connection, [of_name("olena"), of_address("192.0.2.99")])
        assert 0 < wait <= SHORTEST.total_seconds()
        assert rows(connection) == PER_NAME + 1, "a try that waits is not counted, and leaves nothing"
        pass_time(connection, SHORTEST)
        assert lockouts.take(connection, [of_name("olena")]) == 0
        assert SHORTEST.total_seconds() < lockouts.take(connection, [of_name("olena")]) <= 2 * SHORTEST.total_seconds()
        pass_time(connection, lockouts.FADES * PER_NAME)
        assert lockouts.take(connection, [of_name("olena")]) == 0
        assert lockouts.take(connection, [of_name("olena")]) == 0, "what is long ago has faded"


def test_an_address_has_a_limit_of_its_own_and_is_not_freed_by_one_right_password(db: Engine) -> None:
    home = of_address("192.0.2.7")
    with db.begin() as connection:
        for number in range(PER_ADDRESS):
            assert lockouts.take(connection, [of_name(f"n{number}"), home]) == 0
        assert lockouts.take(connection, [of_name("new"), home]) > 0
        assert lockouts.take(connection, [of_name("new"), of_address("192.0.2.8")]) == 0
        lockouts.was_right(connection, of_name("new"), home)
        assert lockouts.take(connection, [of_name("new"), home]) == 0
        assert lockouts.take(connection, [of_name("new"), home]) > 0


def test_a_right_password_does_not_open_an_address_that_wrong_ones_have_locked_meanwhile(db: Engine) -> None:
    home = of_address("192.0.2.7")
    with db.begin() as connection:
        for number in range(PER_ADDRESS):
            assert lockouts.take(connection, [of_name(f"n{number}"), home]) == 0
        pass_time(connection, SHORTEST)
        assert lockouts.take(connection, [of_name("wrong"), home]) == 0, "while the right one is being looked at"
        lockouts.was_right(connection, of_name("n0"), home)
        assert lockouts.take(connection, [of_name("new"), home]) > 0


def test_a_right_password_and_an_administrator_forget_what_was_wrong(db: Engine) -> None:
    with db.begin() as connection:
        for key, limit in ((of_name("olena"), PER_NAME), (of_factor(7), PER_FACTOR)):
            for _ in range(limit):
                assert lockouts.take(connection, [key]) == 0
            assert lockouts.take(connection, [key]) > 0
        assert lockouts.unlock(connection, "olena", 7)
        assert not lockouts.unlock(connection, "olena", 7)
        for key in (of_name("olena"), of_factor(7)):
            assert lockouts.take(connection, [key]) == 0
        lockouts.was_right(connection, of_name("olena"))
        assert rows(connection) == 1


def test_all_addresses_of_one_ipv6_network_are_one() -> None:
    assert of_address("2001:db8::1") == of_address("2001:db8:0:0:ffff::2") != of_address("2001:db8:0:1::1")
    assert of_address("::ffff:192.0.2.1") == of_address("192.0.2.1")
    assert of_address("") != of_address("testclient")


def test_old_counts_go_and_no_name_is_kept(db: Engine) -> None:
    with db.begin() as connection:
        lockouts.take(connection, [of_name("a password that was typed here")])
        (key,) = connection.execute(text("SELECT key FROM sign_in_failures")).scalars()
        assert len(key) == 32
        pass_time(connection, lockouts.FORGOTTEN + LONGEST)
        lockouts.was_right(connection, of_name("other"))
        assert rows(connection) == 0


def test_tries_side_by_side_do_not_slip_through(db: Engine) -> None:
    def one(number: int) -> bool:
        with db.begin() as connection:
            return lockouts.take(connection, [of_name("olena"), of_address(f"192.0.2.{number}")]) == 0

    with ThreadPoolExecutor(4) as crowd:
        assert sum(crowd.map(one, range(4 * PER_NAME))) == PER_NAME
