"""A line says what it is about, in whichever thread, and nothing from outside can break it."""

import io
import json
import logging
import subprocess
import sys
import threading
from typing import Any

import pytest

from lastseen import logs

NAME = "Olena Kovalenko"


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(out: io.StringIO, request: pytest.FixtureRequest) -> logging.Logger:
    made = logging.getLogger(f"lastseen.of.{request.node.name}")
    made.addHandler(logs.written(logs.JSON, logging.StreamHandler(out)))
    made.setLevel(logging.INFO)
    made.propagate = False
    return made


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_names_its_run_step_and_item_in_every_thread(log: logging.Logger, out: io.StringIO) -> None:
    def elsewhere() -> None:
        log.info("from a thread")

    with logs.of_process(run=7), logs.of_process(step="fetch", item=3):
        log.info("from the worker")
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    log.info("after")
    first, second, third = lines(out)
    assert {"run": 7, "step": "fetch", "item": 3}.items() <= first.items()
    assert {"run": 7, "step": "fetch", "item": 3, "event": "from a thread"}.items() <= second.items()
    assert set(third) == {"time", "level", "logger", "event"}


def test_what_one_request_is_about_is_not_said_of_another(log: logging.Logger, out: io.StringIO) -> None:
    def visit(number: int) -> None:
        with logs.of_context(request=f"r{number}"):
            barrier.wait()
            log.info("%d", number)

    barrier = threading.Barrier(3)
    threads = [threading.Thread(target=visit, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(line["event"], line["request"]) for line in lines(out)} == {("0", "r0"), ("1", "r1"), ("2", "r2")}


def test_what_one_thread_is_about_does_not_stay_when_it_ends_after_another_that_began_later() -> None:
    first, second = logs.of_process(item=1), logs.of_process(item=2)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert logs.about() == {"item": 2}
    second.__exit__(None, None, None)
    assert logs.about() == {}


def test_text_from_outside_begins_no_line_and_colours_nothing(log: logging.Logger, out: io.StringIO) -> None:
    log.info("a page said %s", 'x"\n{"level": "info"}\x1b[31m\u202e\u2028')
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().isascii()
    assert "\x1b" not in out.getvalue()
    plain = logs.AsText("%(message)s").format(logging.makeLogRecord({"msg": "a\x1b[31m\u202eb"}))
    assert plain == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b"


@pytest.mark.logs_errors
def test_an_error_is_told_by_kind_and_place_not_by_its_words(log: logging.Logger, out: io.StringIO) -> None:
    def fails() -> None:
        try:
            dict[str, int]()[NAME]
        except KeyError as fault:
            raise ValueError(NAME) from fault

    try:
        fails()
    except ValueError:
        log.exception("item %d", 3)
    [line] = lines(out)
    assert [error["kind"] for error in line["error"]] == ["ValueError", "KeyError"]
    assert "test_logs.py:" in line["error"][0]["at"][0]
    assert NAME not in out.getvalue()


def test_in_airflows_own_logs_a_line_ends_with_what_it_is_about(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("lastseen.of.airflow")
    with caplog.at_level(logging.INFO, "lastseen.of.airflow"):
        with logs.marked(), logs.of_process(run=7, step="fetch", item=3):
            log.info("%d%% of %s", 50, "it")
        log.info("after")
    assert [record.getMessage() for record in caplog.records] == ["50% of it [run=7 step=fetch item=3]", "after"]


def test_who_gathers_lines_gets_how_each_item_went_and_people_get_what_needs_them() -> None:
    """In a process of its own: logging is set up once in each."""
    say = "import logging; from lastseen import logs; logs.set_up('{}')\n" + "".join(
        f"logging.getLogger('{name}').{level}('{level} of {name}')\n"
        for name in ("lastseen.runner", "storage.objects", "another.library")
        for level in ("info", "warning")
    )
    told = {
        form: subprocess.run(
            [sys.executable, "-c", say.format(form)], capture_output=True, text=True, check=True
        ).stderr
        for form in (logs.JSON, logs.PLAIN)
    }
    warnings = ["warning of lastseen.runner", "warning of storage.objects", "warning of another.library"]
    assert [json.loads(line)["event"] for line in told[logs.JSON].splitlines()] == [
        "info of lastseen.runner",
        warnings[0],
        "info of storage.objects",
        *warnings[1:],
    ]
    assert [line.rpartition(": ")[2] for line in told[logs.PLAIN].splitlines()] == warnings
