"""`lastseen alerts` and `lastseen metrics`: what operators are told, and what monitoring reads."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from extractors import asking
from extractors.asking import Ask, Refused, Unanswered
from lastseen import exposition
from lastseen.clock import iso, utcnow
from lastseen.errors import Failure, WrongUse
from lastseen.exposition import Figure
from lastseen.settings import Settings, settings
from pipeline import console
from pipeline.alerting import rules, sending
from pipeline.console import AsJson, Voice
from storage import alert_notices, alerts, monitoring
from storage.advice import ADVICE
from storage.alert_notices import RAISED, Notice
from storage.stores import open_stores

TEST = "test"
"""kind of the message that `alerts test` sends"""
AIRFLOW_SECONDS = 2.0
"""its health is asked for so long"""

alerts_app = typer.Typer(help="What operators are told; without a command: the alerts that stand.")


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.add_typer(alerts_app, name="alerts")
    app.command("metrics")(metrics_)


@alerts_app.callback(invoke_without_command=True)
def alerts_(context: typer.Context, as_json: AsJson = False) -> None:
    """What operators are told; without a command: the alerts that stand."""
    if context.invoked_subcommand is None:
        alerts_list(as_json=as_json)


@alerts_app.command("list")
def alerts_list(as_json: AsJson = False) -> None:
    """The alerts that stand, and what waits to be told by which channel."""
    with open_stores(settings(), objects=False) as stores, stores.db.begin() as db:
        standing, channels = alerts.standing(db), alert_notices.channels(db)
    voice = Voice(as_json)
    rows = [(one.id, one.kind, one.subject, iso(one.raised_at), one.said) for one in standing]
    voice.show(console.table(f"{len(rows)} alerts", ("id", "what", "about", "since", "said"), rows))
    voice.show(
        console.table(
            "channels",
            ("channel", "waiting", "last sent", "why"),
            [(one.channel, one.waiting, iso(one.sent_at) if one.sent_at else "", one.why) for one in channels],
        )
    )
    voice.result(
        {
            "alerts": [
                {
                    "id": id_,
                    "what": what,
                    "about": about,
                    "since": since,
                    "said": said,
                    "do": str(ADVICE.get(what, "")),
                }
                for id_, what, about, since, said in rows
            ],
            "channels": [{"channel": one.channel, "waiting": one.waiting, "why": one.why} for one in channels],
        }
    )


@alerts_app.command("send")
def alerts_send(as_json: AsJson = False) -> None:
    """Look whether anything is to be told, and tell it: what the DAG `notify` does."""
    current = settings()
    with open_stores(current, objects=False) as stores:
        told = sending.notify(stores.db, current)
    _say(told, as_json)


@alerts_app.command("test")
def alerts_test(as_json: AsJson = False) -> None:
    """Send a message that is no alert by each channel, and say what came of it."""
    current = settings()
    wanted = sending.channels(current)
    if not wanted:
        raise WrongUse("no channel is set: LASTSEEN_ALERT_WEBHOOK_URL or LASTSEEN_ALERT_MAIL_TO")
    now = utcnow()
    notice = Notice(0, 0, TEST, "this office", RAISED, now, None, 1, 1)
    told = []
    for channel, send in wanted.items():
        try:
            told.append(sending.Told(channel, 1, 0, send(current, [notice])))
        except (Unanswered, Refused) as fault:
            told.append(sending.Told(channel, 0, 1, str(fault)))
    _say(told, as_json)


def _say(told: list[sending.Told], as_json: bool) -> None:
    """Raises Failure where something did not go out."""
    lines = [f"{one.channel}: {one.sent} sent, {one.left} left{f': {one.why}' if one.why else ''}" for one in told]
    Voice(as_json).result(
        {"channels": [one.as_dict() for one in told]},
        [console.plain(line) for line in lines] or ["no channel is set: alerts are on the page Status only"],
    )
    if any(one.why for one in told):
        raise Failure(", ".join(f"{one.channel}: {one.why}" for one in told if one.why))


# --- figures -----------------------------------------------------------------------------------------------


def metrics_(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="Write this file at once, as node_exporter's textfile collector needs."
        ),
    ] = None,
) -> None:
    """Print the figures of the office as Prometheus reads them: counts and ages, no name and no address."""
    current = settings()
    with open_stores(current, objects=False) as stores, stores.db.begin() as db:
        found = monitoring.figures(db)
    written = exposition.text_of([*found, *of_machine(current), *of_airflow(current)])
    if to is None:
        sys.stdout.write(written.decode())
    else:
        _put(to, written)


def _put(to: Path, written: bytes) -> None:
    """Never half of it.  Raises WrongUse."""
    part = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        part.write_bytes(written)
        part.chmod(0o644)  # node_exporter is another account
        part.replace(to)
    except OSError as fault:
        part.unlink(missing_ok=True)
        raise WrongUse(f"{to} cannot be written: {fault.strerror}") from fault


def of_machine(current: Settings) -> Iterator[Figure]:
    """Of the machine that this is run on."""
    room = rules.disk(current)
    yield Figure("disk_free_bytes", "Room left on the disk of the data folder.", (), {(): room["free"]})
    yield Figure("disk_size_bytes", "Size of that disk.", (), {(): room["total"]})


def of_airflow(current: Settings) -> Iterator[Figure]:
    """Of Airflow as it says itself, without signing in; that it does not answer is a figure, too."""
    address = current.airflow_url or f"http://127.0.0.1:{current.airflow_port}"
    try:
        said = json.loads(
            asking.ask(Ask(f"{address}/api/v2/monitor/health", accepts="application/json"), AIRFLOW_SECONDS)
        )
    except (Unanswered, Refused, ValueError):
        said = None
    parts = said if isinstance(said, dict) else {}
    healthy: dict[tuple[str, ...], float] = {
        (str(part),): float(state.get("status") == "healthy")
        for part, state in parts.items()
        if isinstance(state, dict)
    }
    yield Figure("airflow_up", "Whether Airflow's server answers.", (), {(): float(bool(healthy))})
    yield Figure("airflow_healthy", "Whether a part of Airflow says that it is well.", ("part",), healthy)
