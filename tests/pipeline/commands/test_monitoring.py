"""`lastseen alerts` and `lastseen metrics`, as their people run them."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from storage import alerts
from tests.office import Office
from tests.servers.receivers import Receiver
from tests.servers.serving import Said


def with_receiver(office: Office, receiver: Receiver) -> Office:
    told = {"alert_webhook_url": SecretStr(f"{receiver.url}/hook?key=k"), "alert_disk_percent": 0.0}
    return Office(office.settings.model_copy(update=told), office.stores)


def test_alerts_are_listed_with_what_to_do(office: Office) -> None:
    with office.stores.db.begin() as db:
        alerts.sound(db, alerts.LOCK, "object store", "said")
    [told] = json.loads(office.run("alerts", "--json").stdout.splitlines()[-1])["alerts"]
    assert (told["what"], told["about"], told["said"]) == ("lock not kept", "object store", "said")
    assert "who changed the object store" in told["do"]


def test_what_is_due_is_sent_and_what_is_left_is_said(office: Office) -> None:
    with Receiver(Said(status=500)) as receiver:
        there = with_receiver(office, receiver)
        with office.stores.db.begin() as db:
            alerts.sound(db, alerts.LOCK, "object store", "said")
        failed = there.run("alerts", "send", status=1)
        assert "HTTP 500" in failed.stderr
        listed = json.loads(there.run("alerts", "list", "--json").stdout.splitlines()[-1])
        assert [(one["channel"], one["waiting"]) for one in listed["channels"]] == [("webhook", 1)]
        tried = json.loads(there.run("alerts", "test", "--json").stdout.splitlines()[-1])
    assert tried["channels"] == [{"channel": "webhook", "sent": 1, "left": 0, "why": ""}]
    assert "key=k" not in failed.stderr + failed.stdout
    assert [json.loads(body)["notices"][0]["kind"] for body in receiver.bodies] == ["lock not kept", "test"]


def test_without_a_channel_a_test_says_which_settings_are_needed(office: Office) -> None:
    assert "LASTSEEN_ALERT_WEBHOOK_URL" in office.run("alerts", "test", status=2).stderr


def test_figures_are_printed_or_written_whole(office: Office, tmp_path: Path) -> None:
    printed = office.run("metrics").stdout
    assert "# TYPE lastseen_work_items gauge" in printed
    assert "lastseen_airflow_up 0.0" in printed
    file = tmp_path / "lastseen.prom"
    office.run("metrics", "--to", str(file))
    assert {line for line in file.read_text().splitlines() if line[:6] == "# TYPE"} == {
        line for line in printed.splitlines() if line[:6] == "# TYPE"
    }
    assert [path.name for path in tmp_path.glob(".lastseen.prom*")] == []
    assert "cannot be written" in office.run("metrics", "--to", str(tmp_path / "no" / "x"), status=2).stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alert_mail_to": ("duty@office.example",)}, "LASTSEEN_ALERT_SMTP"),
        ({"alert_mail_to": ("no address",), "alert_smtp": "mail", "alert_mail_from": "a@b"}, "is no e-mail address"),
        ({"alert_webhook_url": SecretStr("ftp://host/x")}, "no address of HTTP"),
    ],
)
def test_wrong_settings_are_told_by_name(office: Office, given: dict[str, object], said: str) -> None:
    there = Office(office.settings.model_copy(update=given), office.stores)
    assert said in there.run("alerts", status=2).stderr
