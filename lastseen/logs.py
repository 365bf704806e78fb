"""How everything logs: ids and counts, about which run, step, item and request; never a name.

What a line is about is known to the process (the run, the step and the item of a worker, which does one thing at a
time, so that its threads say the same) and to the context (the request of one visitor among many).  As JSON a line is
one object in ASCII: nothing that came from outside can begin a line of its own, or colour a terminal.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from traceback import FrameSummary, extract_tb
from types import MappingProxyType
from typing import Final

from lastseen.clock import iso

JSON, PLAIN = "json", "plain"
OURS: Final = ("lastseen", "storage", "pipeline", "review", "dags")
"""what our loggers' names begin with"""
QUIET: Final = ("alembic", "urllib3")
"""libraries that say too much"""
DEEPEST: Final = 10
"""errors that one line tells of"""

_process: list[Mapping[str, object]] = []
"""blocks that are open, the first one first; of several threads one may end before another that was begun later"""
_context: ContextVar[Mapping[str, object]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def of_process(**fields: object) -> Iterator[None]:
    """All lines of this process are about this until the end of the block, whichever thread says them."""
    _process.append(fields)
    try:
        yield
    finally:
        _process.remove(fields)


@contextmanager
def of_context(**fields: object) -> Iterator[None]:
    """The lines of this context (a thread, or one request) are about this until the end of the block."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def about() -> dict[str, object]:
    """What a line that is said here and now is about."""
    said: dict[str, object] = {}
    for one in (*_process, _context.get()):
        said |= one
    return said


class AsJson(logging.Formatter):
    """One object a line: time, level, logger, event, what it is about, and of an error its kinds and places.

    What an error says may hold words from outside, or of a row; its kind and where it was raised do not.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **about(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=str)


class AsText(logging.Formatter):
    """For people: no sign from outside moves the cursor or hides a word."""

    def format(self, record: logging.LogRecord) -> str:
        said = super().format(record)
        return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in said)


def set_up(form: str, handler: logging.Handler | None = None) -> None:
    """Log to standard error in this form, or by another handler.

    People are told what needs them; who gathers lines as JSON gets also how each item went.
    """
    logging.basicConfig(level=logging.WARNING, handlers=[handler or written(form, logging.StreamHandler(sys.stderr))])
    for name in OURS if form == JSON else ():
        logging.getLogger(name).setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # each try; the last one is told by the error


def written(form: str, handler: logging.Handler) -> logging.Handler:
    """The handler, writing lines of this form."""
    handler.setFormatter(AsJson() if form == JSON else AsText("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler


@contextmanager
def marked() -> Iterator[None]:
    """Within the block each line ends with what it is about: for Airflow's own logs, whose form is Airflow's."""
    before = logging.getLogRecordFactory()

    def factory(*args: object, **kwargs: object) -> logging.LogRecord:
        record = before(*args, **kwargs)
        if fields := about():
            told = " ".join(f"{name}={value}" for name, value in fields.items())
            record.msg, record.args = f"{record.getMessage()} [{told}]", None
        return record

    logging.setLogRecordFactory(factory)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


def _error(fault: BaseException) -> list[dict[str, object]]:
    """The error, and what it came of."""
    found: list[dict[str, object]] = []
    following: BaseException | None = fault
    while following is not None and len(found) < DEEPEST:
        found.append({"kind": type(following).__name__, "at": [*map(_place, extract_tb(following.__traceback__))]})
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return found


def _place(frame: FrameSummary) -> str:
    return f"{frame.filename.rpartition('/site-packages/')[2]}:{frame.lineno}"
