"""The office's people at the command line, against a Telegram that they log in to."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.office import Office
from tests.servers.telegram import Channel, Post, Refuse, TelegramServer, World, numbered
from tests.servers.telegram.key_exchange import public_key

PHONE, CODE, PASSWORD = "+380440000000", "12345", "secret"


@dataclass(frozen=True, slots=True)
class Telegram:
    """An office with nothing, and a Telegram where it could read."""

    office: Office
    server: TelegramServer
    channel: Channel

    def login(self, name: str, *typed: str, status: int = 0) -> str:
        """What is said to somebody who types these lines."""
        lines = "".join(f"{line}\n" for line in (PHONE, *typed))
        return self.office.type(lines, "telegram", "login", name, status=status)


@pytest.fixture
def telegram(office: Office, tmp_path: Path) -> Iterator[Telegram]:
    world = World()
    channel = world.add(Channel(1001, "news", "News [red]of today[/]"))
    channel.publish(*numbered(range(1, 251)))
    key = tmp_path / "telegram.pem"
    key.write_text(public_key())
    with TelegramServer(world) as server:
        server.account("bohdan", PHONE, CODE, PASSWORD)
        server.account("olha", "+380440000001", CODE)
        settings = office.settings.model_copy(
            update={
                "telegram_api_id": 1,
                "telegram_api_hash": SecretStr("a secret hash"),
                "telegram_server": f"127.0.0.1:{server.port}",
                "telegram_server_pem": key,
                "telegram_pause_seconds": 0.0,
            }
        )
        yield Telegram(Office(settings, office.stores), server, channel)


def sealed(office: Office) -> list[bytes]:
    with office.stores.db.begin() as db:
        return [bytes(one) for one in db.exec_driver_sql("SELECT sealed_session FROM telegram_accounts").scalars()]


def shown_chat(office: Office) -> dict[str, object]:
    chats = office.ask("source", "show", "1")["chats"]
    assert isinstance(chats, list)
    (chat,) = chats
    assert isinstance(chat, dict)
    return chat


def standing(office: Office) -> list[tuple[object, object]]:
    alerts = office.ask("status")["alerts"]
    assert isinstance(alerts, list)
    return [(alert["what"], alert["about"]) for alert in alerts]


def test_log_in_collect_and_show(telegram: Telegram) -> None:
    said = telegram.login("bohdan", CODE, PASSWORD)
    assert "account bohdan reads Telegram now" in said
    assert PASSWORD not in said
    (session,) = sealed(telegram.office)
    assert b"1" + b"A" not in session[:2], "not the session itself"
    office = telegram.office
    assert office.ask("telegram", "accounts")["accounts"] == [
        {"id": 1, "name": "bohdan", "state": "reads", "chats": 0, "waits until": ""}
    ]
    office.run("source", "add", "telegram", "https://t.me/News/17", "--reason", "a test", "--since", "2024-05-01")
    assert office.run("source", "show", "1").stdout == "source 1 was not read yet\n"
    assert office.ask("collect") == {"collect": {"done": 1}}
    shown = office.run("source", "show", "1").stdout
    assert "1 - 250" in shown
    assert "News [red]of today[/]" in shown, "text from outside is text"
    chat = shown_chat(office)
    assert (chat["held"], chat["gaps"], chat["posts"], chat["stated"]) == ([[1, 250]], [], 250, 250)
    assert office.ask("verify")["ok"] is True


def test_three_tries_for_a_code_and_for_a_password(telegram: Telegram) -> None:
    assert "account bohdan" in telegram.login("bohdan", "1", "2", CODE, "wrong", "wrong", PASSWORD)
    assert "that was not the code: log in again" in telegram.login("olha", "1", "2", "3", status=1)
    assert "that was not the password" in telegram.login("olha", CODE, "a", "b", "c", status=1)
    assert len(sealed(telegram.office)) == 1


def test_an_account_that_lives_in_another_data_centre(telegram: Telegram) -> None:
    telegram.server.script("SendCode", Refuse(303, "PHONE_MIGRATE_4"))
    assert "account bohdan reads Telegram now" in telegram.login("bohdan", CODE, PASSWORD)
    telegram.office.run("source", "add", "telegram", "@news", "--reason", "a test")
    assert telegram.office.ask("collect") == {"collect": {"done": 1}}


def test_who_cannot_log_in(telegram: Telegram) -> None:
    nobody = telegram.office.type("+1\n", "telegram", "login", "nobody", status=2)
    assert "Telegram knows no account with this phone" in nobody
    telegram.server.script("SendCode", Refuse(420, "FLOOD_WAIT_3600"))
    assert "Telegram asks to wait 3600 s" in telegram.login("bohdan", CODE, status=1)
    telegram.login("bohdan", CODE, PASSWORD)
    assert "known here as bohdan" in telegram.login("another", CODE, PASSWORD, status=2)


def test_without_an_id_of_the_application(office: Office) -> None:
    said = office.run("telegram", "login", "bohdan", "--phone", PHONE, status=2).stderr
    assert "my.telegram.org" in said
    assert "LASTSEEN_TELEGRAM_API_ID" in said


def test_logging_in_again_ends_the_alert(telegram: Telegram) -> None:
    telegram.login("bohdan", CODE, PASSWORD)
    telegram.office.run("source", "add", "telegram", "@news", "--reason", "a test", "--account", "bohdan")
    telegram.server.revoke("bohdan")
    assert telegram.office.ask("collect") == {"collect": {"done": 0, "BLOCKED": 1}}
    assert standing(telegram.office) == [("account lost", "telegram account:1")]
    doctor = telegram.office.run("doctor", status=1).stdout
    assert "FAIL Telegram: Telegram lets bohdan in no more: `lastseen telegram login bohdan`" in doctor
    telegram.login("bohdan", CODE, PASSWORD)
    assert standing(telegram.office) == []


def test_a_channel_is_kept_by_its_name_and_what_is_none_is_counted(office: Office) -> None:
    said = office.run("source", "add", "telegram", "https://t.me/+AbCdEf", "--reason", "a test", status=2).stderr
    assert "joins nothing" in said.replace("\n", " ")
    assert office.ask("status")["outcomes"] == {"SKIPPED": 1}
    office.run("source", "add", "telegram", "https://t.me/s/News/5", "--reason", "a test", "--comments")
    assert office.ask("source", "list")["sources"] == [
        {"id": 1, "platform": "telegram", "address": "@news", "reason": "a test", "closed until": ""}
    ]


def test_wrong_use_of_a_source(office: Office, telegram: Telegram) -> None:
    page = ("source", "add", "video_site", "https://example.org/", "--reason", "a test")
    assert "are about channels of Telegram" in office.run(*page, "--comments", status=2).stderr
    assert "there is no account nobody" in office.run(
        "source", "add", "telegram", "@news", "--reason", "a test", "--account", "nobody", status=2
    ).stderr.replace("\n", " ")
    assert "there is no source 9" in office.run("source", "show", "9", status=2).stderr
    office.run("source", "add", "telegram", "@news", "--reason", "a test")
    assert "Or write `beginning`." in office.run("source", "since", "1", "yesterday", status=2).stderr
    assert "name its source" in office.run("collect", "--from", "3", status=2).stderr
    assert "Or write the number of a post." in office.run(
        "collect", "--source", "1", "--from", "x", status=2
    ).stderr.replace("\n", " ")
    assert "nothing is held of source 1" in office.run("collect", "--source", "1", "--from", "3", status=2).stderr


def test_read_anew_by_number_and_by_day_and_from_an_earlier_day(telegram: Telegram) -> None:
    telegram.login("bohdan", CODE, PASSWORD)
    office, channel = telegram.office, telegram.channel
    office.run("source", "add", "telegram", "@news", "--reason", "a test", "--since", "2024-05-02")
    channel.publish(*(Post(number, f"post {number}") for number in range(1000, 2000)))
    office.run("collect")
    held = office.rows()["posts"]
    assert 1000 <= held < 1250
    channel.publish(Post(1100, "changed"), Post(1900, "changed"))
    office.run("collect", "--source", "1", "--from", "1050", "--to", "1150")
    assert office.rows()["observations"] == held + 1
    office.run("collect", "--source", "1", "--from", "2024-05-02")
    assert office.rows()["observations"] == held + 2
    office.run("source", "since", "1", "beginning")
    office.run("collect")
    assert office.rows()["posts"] == 1250
    chat = shown_chat(office)
    assert (chat["held"], chat["gaps"]) == ([[1, 1999]], [])
