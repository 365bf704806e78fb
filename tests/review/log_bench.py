"""How fast the custody log is read: `python -m tests.review.log_bench [--events N] [--rounds N]`.

Fills a database of its own with a chain of so many events, spread over two years, signs its head, and then reads it as
an auditor does, over HTTP on loopback: the first page, each filter, several at once, pages far back, the files, and the
whole chain verified piece by piece.  Prints a table, and what the pages used of memory; exits with 1 if a page was
refused.
"""

import argparse
import http.client
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from lastseen.clock import utcnow
from lastseen.roles import Role
from lastseen.settings import Settings
from pipeline.custody import signing
from review.doors import SESSION_COOKIE, TOKEN_FIELD, form_token
from review.house.audit import PIECE
from storage import accounts, custody
from storage.custody import GENESIS, Action, Event
from storage.stores import Stores, open_stores
from tests.review.sitting import Times, memory, served

DAYS: Final = 730
PEOPLE: Final = 40
RARE: Final = 100_000
"""one event of so many is of the rare kind, and one by the rare person"""
BY_MACHINES: Final = (Action.SEARCHED, Action.STORED, Action.DERIVED)
BY_PEOPLE: Final = (Action.VIEWED, Action.PLAYED, Action.JUDGED)
WORKER: Final = "the worker"
"""has every second event, and never does what people do"""
COLUMNS: Final = ("seq", "at", "actor", "action", "subject", "detail", "previous", "hash", "version", "reason")
PIECES: Final = 20
"""of the log that are verified: each takes as long as any other"""
CHUNK: Final = 1024 * 1024
FORM: Final = "application/x-www-form-urlencoded"
DEADLINE: Final = 600
"""seconds for one request"""


def chain(events: int, until: datetime) -> Iterator[Event]:
    """A log of so many events, the last of them at `until`."""
    step, last = timedelta(days=DAYS) / events, GENESIS
    for seq in range(1, events + 1):
        actor, action = _who_and_what(seq)
        detail = {"candidate": seq % 5000, "recipe": "dlib.2.example", "sha256": f"{seq:064x}"}
        at = until - step * (events - seq)
        event = Event(seq, at, actor, action, f"candidate:{seq % 50_000}", detail, last, b"")
        last = custody.digest(last, event.body)
        yield replace(event, hash=last)


def _who_and_what(seq: int) -> tuple[str, Action]:
    if seq % RARE == RARE // 2:
        return "the rare one", Action.HELD
    if seq % 2 == 0:
        return WORKER, BY_MACHINES[seq // 2 % len(BY_MACHINES)]
    return f"analyst{seq // 2 * 7 % PEOPLE}", BY_PEOPLE[seq // 2 % len(BY_PEOPLE)]


def fill(stores: Stores, events: int) -> None:
    """Write the log as the database's own copy does, and sign nothing yet."""
    with stores.owner.connect() as db:
        raw = db.connection.driver_connection
        with raw.cursor() as cursor:  # type: ignore[union-attr]  # psycopg's, since it is open
            with cursor.copy(f"COPY custody_events ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                for event in chain(events, utcnow() - timedelta(minutes=1)):
                    values = {name: getattr(event, name) for name in COLUMNS}
                    copy.write_row([*{**values, "detail": json.dumps(event.detail)}.values()])
            cursor.execute("ANALYZE custody_events")
        raw.commit()  # type: ignore[union-attr]  # as above


class Auditor:
    """One browser, signed in."""

    def __init__(self, port: int, token: str, times: Times) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self._headers = {"Cookie": f"{SESSION_COOKIE}={token}", "Accept-Encoding": "identity"}
        self._form = urlencode({TOKEN_FIELD: form_token(token)})
        self._times = times

    def read(self, name: str, rounds: int, **asked: str) -> None:
        """One page of events, so many times."""
        for _ in range(rounds):
            self._ask(name, "GET", f"/log?{urlencode(asked)}", 200)

    def take(self, name: str, ending: str, **asked: str) -> int:
        """The log as a file.  Returns its bytes."""
        return self._ask(name, "GET", f"/log.{ending}?{urlencode(asked)}", 200)

    def verify(self, name: str, pieces: int) -> None:
        """Follow the log, a piece a request."""
        for _ in range(pieces):
            self._ask(name, "POST", "/log/verify", 303)

    def _ask(self, name: str, method: str, place: str, expected: int) -> int:
        body = self._form if method == "POST" else None
        headers = {**self._headers, "Content-Type": FORM} if body else self._headers
        with self._times.of(name):
            self._http.request(method, place, body, headers)
            answer = self._http.getresponse()
            size = 0
            while piece := answer.read(CHUNK):
                size += len(piece)
        if answer.status != expected:
            self._times.fail(f"{name}: {answer.status}")
        return size


def pages(events: int) -> Mapping[str, Mapping[str, str]]:
    """What an auditor asks for, by name."""
    today = utcnow().date()
    long_ago = {"since": str(today - timedelta(days=DAYS - 10)), "until": str(today - timedelta(days=DAYS - 11))}
    return {
        "the first page": {},
        "the last but one page": {"before": "150"},
        "a page half-way": {"before": str(events // 2)},
        "by who": {"actor": "analyst7"},
        "by a rare who": {"actor": "the rare one"},
        "by nobody": {"actor": "nobody"},
        "by what": {"action": Action.VIEWED},
        "by a rare what": {"action": Action.HELD},
        "by a what that never was": {"action": Action.PARTED},
        "by subject": {"subject": "candidate:4711"},
        "by day, long ago": long_ago,
        "by day, today": {"since": str(today)},
        "until a day long ago": {"until": long_ago["until"]},
        "by who and what, half-way": {"actor": "analyst7", "action": Action.VIEWED, "before": str(events // 2)},
        "by a rare who and a common what that never met": {"actor": "the rare one", "action": Action.VIEWED},
        "by a common who and a common what that never met": {"actor": WORKER, "action": Action.VIEWED},
        "by who, what and day, long ago": {"actor": "analyst7", "action": Action.PLAYED, **long_ago},
        "by a rare who, long ago": {"actor": "the rare one", **long_ago},
        "by a common what and a rare subject, long ago": {
            "action": Action.VIEWED,
            "subject": "candidate:4711",
            **long_ago,
        },
    }


def main(argv: list[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> int:
    """Returns the exit status."""
    given = _arguments(argv)
    times, judging = Times(), Times()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder))
        with open_stores(settings) as stores:
            fill(stores, given.events)
            with times.of("signing the head of it all"):
                signing.sign(settings, stores)
            auditor, judge = (_session(stores, name, *roles) for name, roles in ACCOUNTS.items())
            with served(settings.data_dir) as (port, process):
                for who, told in ((auditor, times), (judge, judging)):
                    reads = Auditor(port, who, told)
                    for name, asked in pages(given.events).items():
                        reads.read(name, given.rounds, **asked)
                read = memory(process)
                reads = Auditor(port, auditor, times)
                sizes = {ending: reads.take(f"all of it, {ending}", ending) for ending in ("csv", "jsonl")}
                reads.take("a rare person's events, csv", "csv", actor="the rare one")
                taken = memory(process)
                reads.verify("a piece verified", min(PIECES, -(-given.events // PIECE)))
                used = {"after the pages": read, "after the files": taken, "after verifying": memory(process)}
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    say(f"{given.events} events, {os.cpu_count()} cores, {load}\n")
    say(f"MiB of memory: {used}; bytes of the files: {sizes}\n\n")
    for heading, told in (("an auditor", times), ("an auditor who judges", judging)):
        say(f"| {heading}, ms | times | p50 | p95 | longest |\n|---|---|---|---|---|\n")
        for name, one in told.told().items():
            say(f"| {name} | {one['count']} | {one['p50']} | {one['p95']} | {one['most']} |\n")
        say("\n")
    for what in sorted({*times.failed, *judging.failed}):
        say(f"failed: {what}\n")
    return 1 if times.failed or judging.failed else 0


ACCOUNTS: Final = {"auditor": (Role.AUDITOR,), "both": (Role.AUDITOR, Role.ANALYST)}


def _session(stores: Stores, name: str, *roles: Role) -> str:
    with stores.db.begin() as db:
        return accounts.start_session(db, accounts.add_user(db, name, None, list(roles)))


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.review.log_bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="how often each page is read")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
