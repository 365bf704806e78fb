"""Analysts before the pages, for the measurements of `tests.review.queue_bench`: real requests to a served site.

Each has one connection that is kept open, a session's cookie and the forms' token, and asks for what a browser would:
the page, its pictures (those that it has not yet), and ahead of time what comes next.  It asks for one thing after the
other, where browsers ask for several at once: what is measured here is no better than what people get.
"""

import http.client
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlencode

from review.doors import SESSION_COOKIE, TOKEN_FIELD, form_token

DEADLINE = 120
"""seconds for one request: a slow one is to be counted, not broken off"""
STARTS = 120
"""seconds within which the pages have to be served"""
PICTURE = re.compile(r'(?:src|poster)="(/reviews/[^"]+\.jpg)"')
STATIC = re.compile(r'(?:src|href)="(/static/[^"]+)"')
DESCRIPTION = {"visible.ears": "1", "note.ears": "the left one"}
YES = {"answer": "2", "feature.ears": "similar"}
NO = {"answer": "-2", "feature.ears": "different"}
FORM = "application/x-www-form-urlencoded"


class Times:
    """Seconds that things took, by name, and requests that failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self.failed: list[str] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - began)

    def add(self, name: str, seconds: float) -> None:
        with self._lock:
            self._seconds[name].append(seconds)

    def fail(self, what: str) -> None:
        with self._lock:
            self.failed.append(what)

    def told(self) -> dict[str, dict[str, float]]:
        """Name -> count, p50, p95 and the longest, in milliseconds."""
        return {name: _spread(seconds) for name, seconds in self._seconds.items()}


def _spread(seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=20) if len(seconds) > 1 else [seconds[0]] * 19
    figures = {"p50": cuts[9], "p95": cuts[18], "most": max(seconds)}
    return {"count": len(seconds), **{name: round(each * 1000, 1) for name, each in figures.items()}}


class Unexpected(Exception):
    """An answer that no browser should get."""


class Analyst:
    """One browser, signed in."""

    def __init__(self, port: int, token: str, times: Times, think: float = 0, name: str = "") -> None:
        """`think`: seconds before each form is sent, on average.  `name`: under which its times are told."""
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self._headers = {"Cookie": f"{SESSION_COOKIE}={token}", "Accept": "text/html", "Accept-Encoding": "identity"}
        self._form = {TOKEN_FIELD: form_token(token)}
        self._times, self._think, self._name = times, think, name
        self._has: set[str] = set()
        """addresses that the browser keeps"""

    def work(self, answers: int) -> None:
        """Take what is next and answer it, so many times.  What goes wrong is counted."""
        try:
            time.sleep(random.random() * self._think)
            self._timed("queue", "GET", "/")
            place = self._post("take the first", "/reviews", {})
            shown = self._look(place)
            for _ in range(answers):
                place, shown = self._judge(place, shown)
        except (OSError, http.client.HTTPException, Unexpected) as fault:
            self._times.fail(f"{type(fault).__name__}: {fault}")
        finally:
            self._http.close()

    def _judge(self, place: str, shown: str) -> tuple[str, str]:
        """Describe and answer what is on the screen; returns what comes next, as it is on the screen then."""
        here = place.partition("?")[0]
        if f'action="{here}/description"' in shown:
            self._wait()
            with self._times.of(self._name + "description to its page and pictures"):
                self._post("description", f"{here}/description", DESCRIPTION)
                self._look(here)
        self._wait()
        began = time.perf_counter()
        said = YES if hash(here) % 4 == 0 else NO
        next_ = self._post("answer", f"{here}/answer", said)
        shown = self._timed("page", "GET", next_).decode()
        self._times.add(self._name + "answer to next page", time.perf_counter() - began)
        self._pictures(shown)
        self._times.add(self._name + "answer to next page and pictures", time.perf_counter() - began)
        self._ahead(next_)
        return next_, shown

    def _look(self, place: str) -> str:
        shown = self._timed("page", "GET", place).decode()
        self._pictures(shown)
        self._ahead(place)
        return shown

    def _pictures(self, shown: str) -> None:
        for address in dict.fromkeys([*STATIC.findall(shown), *PICTURE.findall(shown)]):
            if address not in self._has:
                self._timed("picture" if address.startswith("/reviews/") else "static file", "GET", address)
                self._has.add(address)

    def _ahead(self, place: str) -> None:
        told = json.loads(self._timed("ahead", "GET", place.partition("?")[0] + "/ahead"))
        for address in told["pictures"]:
            if address not in self._has:
                self._timed("picture", "GET", address)
                self._has.add(address)

    def _wait(self) -> None:
        if self._think:
            time.sleep(random.uniform(0.5, 1.5) * self._think)

    def _post(self, name: str, place: str, fields: dict[str, str]) -> str:
        """Returns where it leads."""
        status, where, _ = self._ask(name, "POST", place, urlencode({**self._form, **fields}))
        if status != 303 or not where.startswith("/reviews/"):
            raise Unexpected(f"{name}: {status} {where[:9]}")
        return where

    def _timed(self, name: str, method: str, place: str) -> bytes:
        status, _, content = self._ask(name, method, place)
        if status != 200:
            raise Unexpected(f"{name}: {status}")
        return content

    def _ask(self, name: str, method: str, place: str, body: str | None = None) -> tuple[int, str, bytes]:
        headers = {**self._headers, "Content-Type": FORM} if body else self._headers
        with self._times.of(self._name + "one " + name):
            self._http.request(method, place, body, headers)
            answer = self._http.getresponse()
            content = answer.read()
        return answer.status, answer.headers.get("Location", ""), content


def at_once(port: int, tokens: list[str], times: Times, answers: int, think: float, name: str) -> float:
    """All of them at the same time.  Returns seconds."""
    sitting = [
        threading.Thread(target=Analyst(port, token, times, think, name).work, args=(answers,)) for token in tokens
    ]
    began = time.perf_counter()
    for one in sitting:
        one.start()
    for one in sitting:
        one.join()
    return time.perf_counter() - began


@contextmanager
def served(data_dir: Path) -> Iterator[tuple[int, int]]:
    """The pages in a process of their own, as `lastseen` serves them; its port and process id."""
    environment = {**os.environ, "LASTSEEN_DATA_DIR": str(data_dir), "LASTSEEN_REQUESTS_A_MINUTE": "0"}
    command = [sys.executable, "-m", "review", "--port", "0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _port(process), process.pid
        finally:
            process.terminate()
            process.wait(STARTS)


def _port(process: "subprocess.Popen[str]") -> int:
    for line in process.stderr or ():
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
            threading.Thread(target=_pass_on, args=(process,), daemon=True).start()
            return int(found[1])
    raise Unexpected("the pages were not served")


def _pass_on(process: "subprocess.Popen[str]") -> None:
    for line in process.stderr or ():
        sys.stderr.write(line)


def memory(process: int) -> int:
    """Megabytes that a process has used at most."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) // 1024 if found else 0
