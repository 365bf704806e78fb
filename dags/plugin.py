"""The review pages within Airflow's: an entry in its navigation, and the pages under a path of its address.

Whoever is signed in to Airflow is nobody here: the pages ask for an account of theirs, and keep a session of their own.
Nothing of ours is imported when Airflow starts, so that no fault of ours can keep it from starting; the pages are
opened when somebody first asks for them, and what is wrong then is said there and in the log.

Only where `LASTSEEN_REVIEW_IN_AIRFLOW` is 1, as `lastseen up` sets it: elsewhere Airflow's API server has no access to
the office's database, and should have none.
"""

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import ExitStack
from typing import Any

from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)

PREFIX = "/lastseen"
SWITCH = "LASTSEEN_REVIEW_IN_AIRFLOW"
_NOT_NOW = b"The review pages cannot be opened here at this moment; the log of Airflow's API server says why.\n"
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"10"), (b"cache-control", b"no-store")]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Message, Receive, Send], Awaitable[None]]


class Review:
    """The pages as an ASGI application, opened with the first request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._app: Asgi | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        app = self._app or await asyncio.to_thread(self._opened)
        if app is not None:
            await app(scope, receive, send)
        elif scope["type"] == "http":
            await send({"type": "http.response.start", "status": 503, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": _NOT_NOW})

    def _opened(self) -> Asgi | None:
        with self._lock:
            if self._app is None:
                self._app = _open()
            return self._app


def _open() -> Asgi | None:
    """None: it cannot be done; the log says why."""
    try:
        from lastseen.errors import Failure, WrongUse
        from lastseen.settings import settings
        from review.app import create_app
        from storage.database import DatabaseError
        from storage.stores import open_stores
    except ImportError:
        log.exception("the review pages are not shown in Airflow: lastseen is not installed whole; install it again")
        return None
    leaving = ExitStack()
    try:
        ours = settings()
        stores = leaving.enter_context(open_stores(ours))
    except (Failure, WrongUse, DatabaseError, ValueError, OSError) as fault:
        log.error("the review pages cannot be opened in Airflow: %s", fault)  # noqa: TRY400  the words say what to do
        return None
    atexit.register(leaving.close)
    return create_app(stores, ours)


_SHOWN = os.environ.get(SWITCH) == "1"
_APP: dict[str, Any] = {"app": Review(), "url_prefix": PREFIX, "name": "lastseen review"}
_ENTRY = {"name": "Missing persons", "href": f"{PREFIX}/", "destination": "nav", "url_route": "lastseen"}


class LastseenPlugin(AirflowPlugin):
    """What Airflow is told of the pages."""

    name = "lastseen"
    fastapi_apps = [_APP] if _SHOWN else []
    external_views = [_ENTRY] if _SHOWN else []
