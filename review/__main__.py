"""Serve the review pages: `python -m review [--port N] [--link USER ...]`."""

import argparse
import logging
import os
import resource
import signal
import socket
import sys
import webbrowser
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from lastseen import logs
from lastseen.errors import Failure
from lastseen.settings import Settings
from lastseen.settings import settings as settings_of_process
from review.app import create_app
from review.roles import FIRST_ACCOUNT
from storage import accounts, keeping_accounts
from storage.stores import Stores, open_stores


class PortTaken(Failure):
    """Somebody else listens where the pages should."""


FIRST_NAME = "admin"
FIRST_START = "first start"
"""who made that account, in the custody log"""
KEEP_ALIVE = 75
"""seconds for which a connection stays open without a request: who looks at two faces for a while has it still"""
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read from the settings, not bound here
_MINUTES = int(accounts.LINK_LIFETIME.total_seconds() // 60)
"""for so long a link works unless it is said otherwise"""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM.  Returns the exit status."""
    given = _arguments(argv)
    settings = settings_of_process()
    if given.log:
        _log_to(given.log, settings.log_format)
    else:
        logs.set_up(settings.log_format)
    port = settings.review_port if given.port is None else given.port
    # uvicorn repeats the signal that ended it; as an exception it lets the stores close.
    signal.signal(signal.SIGTERM, _leave)
    try:
        with open_stores(settings) as stores, _listen(settings.review_host, port) as listener:
            return _serve(stores, settings, listener, given)
    except KeyboardInterrupt:
        return 0
    except Failure as fault:
        _say(f"lastseen review: {fault}")
        return 1


def server(app: ASGIApp, trusted: str = "127.0.0.1") -> uvicorn.Server:
    """The server of an application, without a log of requests: their addresses hold one-time tokens.

    `trusted`: proxies whose word about a browser is believed.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        forwarded_allow_ips=trusted,
        timeout_keep_alive=KEEP_ALIVE,
    )
    return uvicorn.Server(config)


def _serve(stores: Stores, settings: Settings, listener: socket.socket, given: argparse.Namespace) -> int:
    address = _address(listener)
    _say(f"lastseen review: {address}/")
    try:
        links = _invite(stores, settings.review_url or address, given)
    except LookupError as unknown:
        _say(str(unknown))
        return 2
    if given.open and links and _has_display():
        webbrowser.open(links[0])
    _have_room_for_browsers()
    server(create_app(stores, settings), settings.trusted_proxies).run(sockets=[listener])
    return 0


def _log_to(path: Path, form: str) -> None:
    """What goes wrong is kept there; whoever sits at the terminal sees where the pages are, and links."""
    logs.set_up(form, handler=logs.written(form, logging.FileHandler(path)))


def _have_room_for_browsers() -> None:
    """A browser opens up to six connections and keeps them: as many as the system lets this process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _has_display() -> bool:
    """Whether somebody sits in front of this machine: a browser in a terminal would take the link and the screen."""
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def _invite(stores: Stores, address: str, given: argparse.Namespace) -> list[str]:
    """Make the first account if there is none, and print one-time links.  Raises LookupError for an unknown user.

    A link is a key: the one that nobody asked for by name goes to a terminal only, not into a file of logs.
    """
    with stores.db.begin() as db:
        first = accounts.count_users(db) == 0
        if first:
            keeping_accounts.add(db, FIRST_START, FIRST_NAME, None, FIRST_ACCOUNT)
    if not given.link and first and not sys.stderr.isatty():
        _say(f"There is a new account {FIRST_NAME!r}. `lastseen user link {FIRST_NAME}` makes a link to sign in.")
        return []
    names = given.link or [FIRST_NAME] * first
    lifetime = timedelta(minutes=given.link_minutes)
    with stores.db.begin() as db:
        links = [f"{address}/enter/{accounts.make_link(db, name, lifetime)}" for name in names]
    for name, link in zip(names, links, strict=True):
        _say(f"Sign in as {name}, once, within {_spelt(given.link_minutes)}: {link}")
    return links


def _spelt(minutes: int) -> str:
    return f"{minutes // 60} hours" if minutes >= 120 and minutes % 60 == 0 else f"{minutes} minutes"


def _listen(host: str, port: int) -> socket.socket:
    """Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as fault:
        raise PortTaken(
            f"nothing can listen on {host}:{port} ({fault.strerror}): the pages may be served already"
            " (`lastseen user link NAME` makes a link for them), or choose another --port"
        ) from fault


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m review", description="Serve the review pages.")
    parser.add_argument("--port", type=int, help="instead of the one in the settings; 0: any free port")
    parser.add_argument(
        "--link", metavar="USER", action="append", help="print a one-time link that signs this user in; may be repeated"
    )
    parser.add_argument("--link-minutes", metavar="N", type=int, default=_MINUTES, help="for so long the links work")
    parser.add_argument(
        "--open", action="store_true", help="open the first link in a browser, where there is a display"
    )
    parser.add_argument("--log", metavar="FILE", type=Path, help="keep what goes wrong there, at its end")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
