"""Answers of a real `openssl ts`, right and wrong in every way that we know of."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from extractors import time_stamps
from extractors.asking import Refused, Unanswered
from extractors.time_stamps import NoRoots, Rejected, Token, WrongAnswer
from lastseen.clock import utcnow
from tests.servers.time_stamp_authority import OPENSSL, Fault, TimeStampAuthority

STATEMENT = b"lastseen.stamp.v1\n{}"


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeStampAuthority]:
    with TimeStampAuthority(tmp_path_factory.mktemp("authority")) as served:
        yield served


@pytest.fixture
def authority(authorities: TimeStampAuthority) -> TimeStampAuthority:
    authorities.fault = authorities.at = None
    return authorities


def _stamped(authority: TimeStampAuthority, seconds: float = 5) -> tuple[bytes, Token]:
    query = time_stamps.query(STATEMENT)
    answer = time_stamps.ask(authority.url, query, seconds)
    return answer, time_stamps.verify(answer, STATEMENT, time_stamps.roots(authority.roots), query.nonce)


def test_a_stamp_states_when_and_verifies_again_without_the_authority(authority: TimeStampAuthority) -> None:
    before = utcnow() - timedelta(seconds=1)
    answer, token = _stamped(authority)
    assert before <= token.gen_time <= utcnow()
    assert token.policy == "1.2.3.4.1"
    assert time_stamps.verify(answer, STATEMENT, authority.roots.read_bytes()) == token


def test_openssl_accepts_what_we_accept(authority: TimeStampAuthority, tmp_path: Path) -> None:
    answer, _ = _stamped(authority)
    (tmp_path / "answer.tsr").write_bytes(answer)
    (tmp_path / "statement").write_bytes(STATEMENT)
    command = [OPENSSL, "ts", "-verify", "-data", "statement", "-in", "answer.tsr", "-CAfile", str(authority.roots)]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.IMPRINT, "Mismatch between messages"),
        (Fault.NONCE, "Nonce mismatch"),
        (Fault.NO_NONCE, "Nonce mismatch"),
        (Fault.OTHER_CA, "certificate"),
        (Fault.EXPIRED, "certificate has expired"),
        (Fault.NOT_YET, "certificate is not yet valid"),
        (Fault.NO_USAGE, "unsuitable certificate purpose"),
        (Fault.UNNAMED, "does not say by which certificate"),
        (Fault.DAMAGED, "does not verify"),
        (Fault.GARBAGE, "no answer in the form of RFC 3161"),
        (Fault.CUT_SHORT, "no answer in the form of RFC 3161"),
        (Fault.EMPTY, "no answer in the form of RFC 3161"),
    ],
)
def test_a_wrong_answer_is_refused(authority: TimeStampAuthority, fault: Fault, said: str) -> None:
    authority.fault = fault
    with pytest.raises(WrongAnswer, match=said):
        _stamped(authority)


def test_a_rejection_is_told_with_its_reason(authority: TimeStampAuthority) -> None:
    authority.fault = Fault.REJECTION
    with pytest.raises(Rejected, match=r"rejection.*algorithm"):
        _stamped(authority)


@pytest.mark.parametrize("fault", [Fault.HUGE, Fault.HTTP_403, Fault.REDIRECT])
def test_an_answer_of_another_kind_is_refused(authority: TimeStampAuthority, fault: Fault) -> None:
    authority.fault = fault
    before = authority.asked
    with pytest.raises(Refused):
        _stamped(authority)
    assert authority.asked == before + 1, "no redirect is followed"


@pytest.mark.parametrize("fault", [Fault.AWAY, Fault.SLOW, Fault.HTTP_500, Fault.HTTP_429])
def test_no_answer_is_waited_for_and_not_for_ever(authority: TimeStampAuthority, fault: Fault) -> None:
    authority.fault = fault
    with pytest.raises(Unanswered) as caught:
        _stamped(authority, seconds=0.5)
    assert caught.value.after == (120 if fault is Fault.HTTP_429 else None)


def test_nobody_there_is_waited_for(authority: TimeStampAuthority) -> None:
    with pytest.raises(Unanswered, match="cannot be reached"):
        time_stamps.ask("http://127.0.0.1:1/", time_stamps.query(STATEMENT), 1)


@pytest.mark.parametrize("days", [-40, 40])
def test_a_fresh_token_from_another_time_is_refused(authority: TimeStampAuthority, days: int) -> None:
    authority.at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    _, token = _stamped(authority)
    assert token.gen_time == authority.at
    with pytest.raises(WrongAnswer, match="clock"):
        time_stamps.check_time(token, utcnow(), timedelta(minutes=5))
    time_stamps.check_time(token, authority.at + timedelta(minutes=5), timedelta(minutes=5))


def test_the_chain_is_checked_at_the_tokens_own_time(authority: TimeStampAuthority) -> None:
    authority.at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=500)
    authority.fault = Fault.EXPIRED  # since a year
    _, token = _stamped(authority)
    assert token.gen_time == authority.at


def test_a_stamp_of_other_bytes_is_none_of_these(authority: TimeStampAuthority) -> None:
    answer, _ = _stamped(authority)
    with pytest.raises(WrongAnswer, match="Mismatch"):
        time_stamps.verify(answer, STATEMENT + b" ", authority.roots.read_bytes())


def test_every_changed_byte_of_an_answer_is_refused_or_says_the_same(authority: TimeStampAuthority) -> None:
    answer, token = _stamped(authority)
    roots, refused = authority.roots.read_bytes(), 0
    for at in range(len(answer)):
        changed = answer[:at] + bytes([answer[at] ^ 0x15]) + answer[at + 1 :]
        try:
            assert time_stamps.verify(changed, STATEMENT, roots) == token
        except WrongAnswer:
            refused += 1
    assert refused > len(answer) * 0.5


def test_roots_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(NoRoots, match=r"none\.pem cannot be read"):
        time_stamps.roots(tmp_path / "none.pem")
    (tmp_path / "none.pem").write_text("hello")
    with pytest.raises(NoRoots, match="holds no certificates in PEM"):
        time_stamps.roots(tmp_path / "none.pem")
