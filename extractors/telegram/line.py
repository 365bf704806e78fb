"""One account's connection to Telegram.  Every call blocks until there is an answer, or raises `faults.Unanswered`.

It only ever asks: nothing here joins, marks as read, lists dialogs or takes updates (a list of allowed requests says
so).  Requests are at least `pause` apart.  A wait that Telegram asks for is slept through if it is short, and the same
request asked again, so that a reading in pages goes on where it was; a longer one is raised.  Each is kept in `waits`
until somebody takes them, since they bind every other worker of the account.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.sessions import StringSession
from telethon.tl.alltlobjects import LAYER
from telethon.tl.functions import InvokeWithoutUpdatesRequest
from telethon.tl.functions.channels import GetFullChannelRequest
from telethon.tl.functions.channels import GetMessagesRequest as GetChannelMessagesRequest
from telethon.tl.functions.contacts import ResolveUsernameRequest
from telethon.tl.functions.messages import GetHistoryRequest

from extractors.telegram.faults import flood_seconds, unanswered, waiting
from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.records import Wait
from lastseen.settings import Settings

Made = TypeVar("Made")

__all__ = ["LAYER", "Access", "Line", "client", "kind_of"]

MAY_ASK: Final = (
    GetFullChannelRequest,
    GetChannelMessagesRequest,
    ResolveUsernameRequest,
    GetHistoryRequest,
)
"""all that a line ever sends, but for bytes of files and what the client needs to connect"""
CONNECT_SECONDS: Final = 10
CONNECT_TRIES: Final = 4
REQUEST_TRIES: Final = 4
"""for internal errors of Telegram, 2 s apart"""
ANSWER_SECONDS: Final = 120
"""silence after which a request counts as lost"""
FILES: Final = "GetFile"
AHEAD_SECONDS: Final = 5.0
"""an answer that waited for longer than that is of the past, and asked for again"""
TEST_DC: Final = 2


def _as_asked(wrapper: Any, reader: Any) -> Any:
    """An answer, read as the request that was wrapped wants it."""
    return wrapper.query.read_result(reader)


# Telethon wraps every request in this one, and lets none of them read its answer itself: not even those that need to.
InvokeWithoutUpdatesRequest.read_result = _as_asked


def _with_its_bytes(reader: Any) -> Any:
    """An answer that has the bytes it was read from as its `as_received`, unpacked but otherwise as they came."""
    begin = reader.tell_position()
    answer = reader.tgread_object()
    answer.as_received = reader.get_bytes()[begin : reader.tell_position()]
    return answer


@dataclass(frozen=True, slots=True)
class Access:
    """How an application of this office presents itself."""

    api_id: int
    api_hash: str = field(repr=False)
    server: tuple[str, int] | None = None
    """of a server of one's own, for tests; None: Telegram's"""

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """Raises WrongUse where something is not set."""
        if settings.telegram_api_id is None or settings.telegram_api_hash is None:
            raise WrongUse(
                "Telegram is not set up: get an id and a hash for this office at my.telegram.org, and set "
                "LASTSEEN_TELEGRAM_API_ID and LASTSEEN_TELEGRAM_API_HASH"
            )
        if settings.telegram_server_pem:
            _trust(settings.telegram_server_pem)
        server = _address(settings.telegram_server) if settings.telegram_server else None
        return cls(settings.telegram_api_id, settings.telegram_api_hash.get_secret_value(), server)


def client(access: Access, session: str = "") -> Any:
    """A client that is not connected yet; without a session, one that has to log in."""
    held = StringSession(session)
    if access.server and not session:
        held.set_dc(TEST_DC, *access.server)
    return TelegramClient(
        held,
        access.api_id,
        access.api_hash,
        timeout=CONNECT_SECONDS,
        connection_retries=CONNECT_TRIES,
        request_retries=REQUEST_TRIES,
        flood_sleep_threshold=0,
        raise_last_call_error=True,
        receive_updates=False,
        device_model="lastseen",
        base_logger=_quiet(),
    )


def kind_of(request: Any) -> str:
    """The name by which waits are kept, e.g. `GetHistory`."""
    return type(request).__name__.removesuffix("Request")


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A request that was sent before anybody has asked for it."""

    request: bytes
    at: float
    """on the monotonic clock"""
    answer: "Future[Any]"


class Line:
    """Connected from its making to `close`."""

    def __init__(self, access: Access, account: int, session: str, patience: float, pause: float) -> None:
        """`account` is the row id that waits are kept under; `patience` and `pause` are seconds.

        Raises faults.Unanswered (AccountLost where the session is of no use any more).
        """
        self.account = account
        self.waits: list[Wait] = []
        self._patience, self._pause, self._next = patience, pause, 0.0
        self._until: dict[str, datetime] = {}
        self._ahead: _Ahead | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"telegram-{account}", daemon=True)
        self._thread.start()
        try:
            self._client = self.do(_connected(access, session))
        except BaseException:
            self._end()
            raise

    @property
    def session(self) -> str:
        """As it is now: Telegram may have moved the account to another data centre."""
        return str(self._client.session.save())

    def know(self, waits: Mapping[str, datetime]) -> None:
        """What other workers of the account were told to wait with."""
        for request, until in waits.items():
            self._until[request] = max(until, self._until.get(request, until))

    def take_waits(self) -> tuple[Wait, ...]:
        """What this line was told to wait with since it was last asked."""
        taken, self.waits = tuple(self.waits), []
        return taken

    def ask(self, request: Any) -> Any:
        """The answer, with its bytes `as_received`.  Raises faults.Unanswered."""
        ahead = self._ahead
        if ahead is None or ahead.request != bytes(request):
            return self.do(self.answer(request))
        self._ahead = None
        is_young = time.monotonic() - ahead.at < AHEAD_SECONDS
        return ahead.answer.result() if is_young else self.do(self.answer(request))

    def ask_ahead(self, request: Any) -> None:
        """Ask already for what will probably be asked next, so that its answer comes while this one is worked on."""
        answer = asyncio.run_coroutine_threadsafe(self.answer(request), self._loop)
        self._ahead = _Ahead(bytes(request), time.monotonic(), answer)

    def do(self, work: Coroutine[Any, Any, Made]) -> Made:
        """Have something done in this line's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def answer(self, request: Any) -> Any:
        """`ask`, in the line's own thread."""
        if not isinstance(request, MAY_ASK):
            raise TypeError(f"a line does not ask for {type(request).__name__}: it only reads")
        kind = kind_of(request)
        request.read_result = _with_its_bytes
        while True:
            await self._rest(kind)
            try:
                return await asyncio.wait_for(self._client(request), ANSWER_SECONDS)
            except Exception as error:
                seconds = flood_seconds(error)
                if seconds is None:
                    raise unanswered(error) from error
                self._met(kind, seconds)

    async def parts(self, location: Any, dc: int, offset: int, size: int) -> AsyncIterator[bytes]:
        """A file's bytes from an offset (a multiple of `size`) on, in the line's own thread; raises as `ask` does."""
        while True:
            await self._rest(FILES)
            try:
                brought = self._client.iter_download(location, offset=offset, request_size=size, dc_id=dc)
                while (part := await asyncio.wait_for(anext(brought, b""), ANSWER_SECONDS)) != b"":
                    offset += len(part)
                    yield bytes(part)
            except Exception as error:
                seconds = flood_seconds(error)
                if seconds is None:
                    raise unanswered(error) from error
                self._met(FILES, seconds)
            else:
                return

    async def _rest(self, kind: str) -> None:
        """Wait for the moment of the next request.  Raises faults.Unanswered where that is too far."""
        left = (self._until[kind] - utcnow()).total_seconds() if kind in self._until else 0.0
        if left > self._patience:
            raise waiting(left)
        now = time.monotonic()
        begin = max(now + left, self._next)
        if kind != FILES:
            self._next = begin + self._pause  # taken now: another request may come while this one waits
        await asyncio.sleep(max(begin - now, 0.0))

    def _met(self, kind: str, seconds: int) -> None:
        until = utcnow() + timedelta(seconds=seconds)
        self.know({kind: until})
        self.waits.append(Wait(self.account, kind, seconds, until))

    def close(self) -> None:
        """Hang up."""
        try:
            self.do(_disconnected(self._client))
        finally:
            self._end()

    def _end(self) -> None:
        self.do(_all_ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _connected(access: Access, session: str) -> Any:
    made = client(access, session)
    try:
        await made.connect()
    except Exception as error:
        await made.disconnect()
        raise unanswered(error) from error
    return made


async def _disconnected(made: Any) -> None:
    await made.disconnect()


async def _all_ended() -> None:
    """Whatever is still under way in this thread: requests that were sent ahead, and what a broken line left."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _quiet() -> logging.Logger:
    """Telethon's own log: warnings only; it names chats and requests."""
    made = logging.getLogger("lastseen.telethon")
    made.setLevel(logging.CRITICAL)
    return made


def _trust(path: Path) -> None:
    try:
        rsa.add_key(path.read_text(), old=False)
    except (OSError, ValueError) as fault:
        raise WrongUse(f"LASTSEEN_TELEGRAM_SERVER_PEM names no public key ({type(fault).__name__})") from fault


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal():
        raise WrongUse("LASTSEEN_TELEGRAM_SERVER must be host:port")
    return host, int(port)
