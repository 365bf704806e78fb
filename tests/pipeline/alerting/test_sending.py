"""Alerts reach people outside once each, whatever receivers do; nothing of a case goes along."""

import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.settings import Settings
from pipeline.alerting import messages, sending
from pipeline.alerting.messages import ONE_BY_ONE
from pipeline.alerting.sending import MAIL, WEBHOOK, Told
from storage import alert_notices, alerts
from storage.advice import ADVICE
from storage.database import Engine
from tests.servers.receivers import Receiver, Slow, certificate, mail_server
from tests.servers.serving import Said

SECRET = "a secret of both"
NAME = "Olena Kovalenko"


@pytest.fixture
def hooked(settings: Settings) -> Callable[[Receiver], Settings]:
    """Settings that post alerts to a receiver."""

    def make(receiver: Receiver, **more: object) -> Settings:
        url = SecretStr(f"{receiver.url}/hook?key=k")
        told = {"alert_webhook_url": url, "alert_webhook_secret": SecretStr(SECRET), "alert_disk_percent": 0.0}
        return settings.model_copy(update={**told, **more})

    return make


def sound(db: Engine, kind: str = alerts.SOURCE_CLOSED, subject: str = "source:12", said: str = NAME) -> None:
    with db.begin() as connection:
        alerts.sound(connection, kind, subject, said)


def end(db: Engine, kind: str = alerts.SOURCE_CLOSED, subject: str = "source:12") -> None:
    with db.begin() as connection:
        alerts.end(connection, kind, subject)


def due_now(db: Engine) -> None:
    with db.begin() as connection:
        connection.execute(text("UPDATE alert_notices SET due_at = now()"))


def told_of(body: bytes) -> list[tuple[Any, Any, Any]]:
    return [(one["kind"], one["about"], one["what"]) for one in json.loads(body)["notices"]]


def test_an_alert_is_told_once_when_it_is_raised_and_once_when_it_has_ended(db: Engine, hooked: Any) -> None:
    with Receiver() as receiver:
        settings = hooked(receiver)
        sound(db)
        assert sending.notify(db, settings) == [Told(WEBHOOK, 1, 0)]
        sound(db)
        assert sending.notify(db, settings) == [Told(WEBHOOK, 0, 0)]
        end(db)
        assert sending.notify(db, settings) == [Told(WEBHOOK, 1, 0)]
        assert sending.notify(db, settings) == [Told(WEBHOOK, 0, 0)]
    assert [told_of(body) for body in receiver.bodies] == [
        [("source closed", "source:12", "raised")],
        [("source closed", "source:12", "ended")],
    ]
    assert receiver.asked == ["POST /hook?key=k"] * 2


def test_one_that_is_raised_and_over_between_two_looks_is_told_of_both(db: Engine, hooked: Any) -> None:
    sound(db)
    end(db)
    with Receiver() as receiver:
        sending.notify(db, hooked(receiver))
    assert [what for _, _, what in told_of(receiver.bodies[0])] == ["raised", "ended"]


def test_what_was_over_long_before_there_was_a_receiver_is_not_told(db: Engine, hooked: Any) -> None:
    sound(db)
    end(db)
    with db.begin() as connection:
        connection.execute(text("UPDATE alerts SET ended_at = now() - interval '8 days'"))
    with Receiver() as receiver:
        assert sending.notify(db, hooked(receiver)) == [Told(WEBHOOK, 0, 0)]


def test_what_is_posted_is_signed_with_its_time(db: Engine, hooked: Any) -> None:
    sound(db)
    with Receiver() as receiver:
        sending.notify(db, hooked(receiver))
    said = dict(part.split("=") for part in receiver.headers[0][messages.SIGNATURE].split(","))
    mac = hmac.digest(SECRET.encode(), said["t"].encode() + b"." + receiver.bodies[0], "sha256").hex()
    assert said["v1"] == mac
    assert abs(int(said["t"]) - utcnow().timestamp()) < 600
    assert receiver.headers[0]["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (Said(status=500), "HTTP 500"),
        (Said(status=403), "HTTP 403"),
        (Said(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), "sends us elsewhere"),
        (Said(cut=True), "broke off"),
        (Said(status=429, headers={"Retry-After": "120"}), "HTTP 429"),
    ],
)
def test_what_a_receiver_does_not_take_is_sent_again_later(db: Engine, hooked: Any, says: Said, why: str) -> None:
    sound(db)
    with Receiver(says) as receiver:
        settings = hooked(receiver)
        [first] = sending.notify(db, settings)
        assert (first.sent, first.left) == (0, 1)
        assert why in first.why
        assert sending.notify(db, settings) == [Told(WEBHOOK, 0, 0)], "it rests"
        with db.begin() as connection:
            [channel] = alert_notices.channels(connection)
        assert (channel.waiting, why in channel.why, channel.sent_at) == (1, True, None)
        due_now(db)
        assert sending.notify(db, settings) == [Told(WEBHOOK, 1, 0)]
    assert len(receiver.bodies) == 2
    assert "key=k" not in first.why


def test_the_rest_grows_up_to_an_hour_and_is_as_long_as_the_receiver_says(db: Engine, hooked: Any) -> None:
    sound(db)
    with Receiver(*[Said(status=500)] * 9, Said(status=503, headers={"Retry-After": "1800"})) as receiver:
        settings = hooked(receiver)
        rests = []
        for _ in range(10):
            sending.notify(db, settings)
            with db.begin() as connection:
                rests.append(connection.execute(text("SELECT due_at - now() FROM alert_notices")).scalar_one())
            with db.begin() as connection:
                connection.execute(text("UPDATE alert_notices SET due_at = now(), attempts = least(attempts, 7)"))
    minutes = [round(rest / timedelta(minutes=1)) for rest in rests]
    assert minutes[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(minutes[7:]) == {60}


def test_a_receiver_that_does_not_answer_keeps_nobody_else_from_being_told(db: Engine, hooked: Any) -> None:
    sound(db)
    with Slow() as receiver, mail_server() as letters:
        mail = {
            "alert_mail_to": ("duty@office.example",),
            "alert_mail_from": "lastseen@office.example",
            "alert_smtp": f"127.0.0.1:{letters.port}",
            "alert_smtp_security": "none",
        }
        told = sending.notify(db, hooked(receiver, alert_seconds=0.2, **mail))
    assert [(one.channel, one.sent) for one in told] == [(WEBHOOK, 0), (MAIL, 1)]
    assert len(letters.got) == 1


def test_what_a_worker_took_that_died_is_sent_by_another(db: Engine, hooked: Any) -> None:
    sound(db)
    with db.begin() as connection:
        alert_notices.note(connection, [WEBHOOK])
        assert len(alert_notices.take(connection, WEBHOOK)) == 1
    with Receiver() as receiver:
        assert sending.notify(db, hooked(receiver)) == [Told(WEBHOOK, 0, 0)], "it is somebody else's"
        due_now(db)
        assert sending.notify(db, hooked(receiver)) == [Told(WEBHOOK, 1, 0)]


def test_many_alerts_are_one_message_that_counts_them(db: Engine, hooked: Any) -> None:
    for number in range(ONE_BY_ONE + 5):
        sound(db, subject=f"source:{number}")
    with Receiver() as receiver:
        assert sending.notify(db, hooked(receiver)) == [Told(WEBHOOK, ONE_BY_ONE + 5, 0)]
    [body] = receiver.bodies
    said = json.loads(body)
    assert (len(said["notices"]), said["left_off"]) == (ONE_BY_ONE, 5)
    assert said["counts"] == [{"kind": "source closed", "what": "raised", "count": ONE_BY_ONE + 5}]


def test_no_name_host_or_address_leaves_the_office(db: Engine, hooked: Any) -> None:
    sound(db, alerts.SITE_CLOSED, "site:rutube.example", NAME)
    sound(db, alerts.LONG_WAIT, "telegram account:3/messages.getHistory", NAME)
    sound(db, alerts.WITNESS_AWAY, f"witness:{NAME}", NAME)
    sound(db, alerts.INCIDENT, "incident:4", NAME)
    with Receiver() as receiver, mail_server() as letters:
        mail = {
            "alert_mail_to": ("duty@office.example",),
            "alert_mail_from": "lastseen@office.example",
            "alert_smtp": f"127.0.0.1:{letters.port}",
            "alert_smtp_security": "none",
        }
        sending.notify(db, hooked(receiver, **mail))
    [body], [letter] = receiver.bodies, letters.got
    assert [about for _, about, _ in told_of(body)] == ["site", "telegram account", "witness", "incident:4"]
    for written in (body.decode(), letter.as_string()):
        assert NAME.split()[0] not in written
        assert "rutube" not in written
        assert "getHistory" not in written
    assert "Stop, change nothing" in str(letter.get_payload())
    assert str(letter["Auto-Submitted"]) == "auto-generated"


@pytest.mark.logs_errors  # by the mail server, of a client that hangs up in the middle of its handshake
def test_letters_go_over_starttls_to_a_certificate_that_is_checked(
    db: Engine, settings: Settings, tmp_path: Path
) -> None:
    context, roots = certificate(tmp_path)
    sound(db)
    with mail_server(context, "office", "secret") as letters:
        mail = settings.model_copy(
            update={
                "alert_mail_to": ("duty@office.example", "night@office.example"),
                "alert_mail_from": "lastseen@office.example",
                "alert_smtp": f"127.0.0.1:{letters.port}",
                "alert_smtp_user": "office",
                "alert_smtp_password": SecretStr("secret"),
                "alert_disk_percent": 0.0,
            }
        )
        [unknown] = sending.notify(db, mail)
        assert "certificate is not accepted" in unknown.why
        due_now(db)
        known = mail.model_copy(update={"alert_smtp_roots": roots})
        [wrong] = sending.notify(db, known.model_copy(update={"alert_smtp_password": SecretStr("other")}))
        assert "SMTP 535" in wrong.why
        due_now(db)
        assert sending.notify(db, known) == [Told(MAIL, 1, 0)]
    assert letters.encrypted == [True]
    assert str(letters.got[0]["To"]) == "duty@office.example, night@office.example"
    assert str(letters.got[0]["Subject"]) == "[lastseen] alerts 1 raised: source closed"


def test_nothing_is_mailed_in_the_clear_unless_that_was_asked_for(db: Engine, settings: Settings) -> None:
    sound(db)
    with mail_server() as letters:
        letters.refuses = "451 later"
        mail = settings.model_copy(
            update={
                "alert_mail_to": ("duty@office.example",),
                "alert_mail_from": "lastseen@office.example",
                "alert_smtp": f"127.0.0.1:{letters.port}",
                "alert_disk_percent": 0.0,
            }
        )
        [clear] = sending.notify(db, mail)
        assert "no encryption" in clear.why
        due_now(db)
        [later] = sending.notify(db, mail.model_copy(update={"alert_smtp_security": "none"}))
        assert "SMTP 451" in later.why
        letters.refuses = ""
        due_now(db)
        assert sending.notify(db, mail.model_copy(update={"alert_smtp_security": "none"})) == [Told(MAIL, 1, 0)]
    assert letters.encrypted == [False]


def test_an_address_that_is_no_more_keeps_the_others_from_being_told_again_and_again(
    db: Engine, settings: Settings
) -> None:
    sound(db)
    with mail_server() as letters:
        letters.unknown = "gone@office.example"
        mail = settings.model_copy(
            update={
                "alert_mail_to": ("gone@office.example", "duty@office.example"),
                "alert_mail_from": "lastseen@office.example",
                "alert_smtp": f"127.0.0.1:{letters.port}",
                "alert_smtp_security": "none",
                "alert_disk_percent": 0.0,
            }
        )
        why = "it takes no letter for 1 of 2 addresses"
        assert sending.notify(db, mail) == [Told(MAIL, 1, 0, why)]
        due_now(db)
        assert sending.notify(db, mail) == [Told(MAIL, 0, 0)]
        with db.begin() as connection:
            [channel] = alert_notices.channels(connection)
        assert (channel.waiting, channel.why) == (0, why), "whoever looks at the channels sees it"
        letters.unknown = "duty@office.example"
        end(db)
        [nobody] = sending.notify(db, mail.model_copy(update={"alert_mail_to": ("duty@office.example",)}))
        assert (nobody.left, nobody.why) == (1, "it takes no letter for any of the addresses")
    assert len(letters.got) == 1


def test_a_switch_outside_hears_of_every_look(db: Engine, settings: Settings) -> None:
    with Receiver() as receiver:
        url = SecretStr(f"{receiver.url}/beat")
        told = sending.notify(db, settings.model_copy(update={"alert_heartbeat_url": url, "alert_disk_percent": 0.0}))
    assert told == [Told(sending.HEARTBEAT, 1, 0)]
    assert receiver.asked == ["GET /beat"]


def test_every_kind_of_alert_says_what_to_do_and_where_more_is_said() -> None:
    kinds = {value for name, value in vars(alerts).items() if name.isupper() and isinstance(value, str)}
    assert set(ADVICE) == kinds
    page = (Path(__file__).parents[3] / messages.DOCS).read_text(encoding="utf-8")
    headings = {line.removeprefix("### ").strip() for line in page.splitlines() if line.startswith("### ")}
    assert kinds <= headings
