"""The server itself: a thread with an event loop, its connections, its accounts and its faults."""

import asyncio
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from telethon.crypto import AuthKey
from telethon.sessions import StringSession
from telethon.tl.functions import PingDelayDisconnectRequest, PingRequest
from telethon.tl.types import MsgsAck, Pong

from tests.servers.telegram.answers import HOME, Account, Answers, Refused
from tests.servers.telegram.faults import Call, Drop, Fault, Refuse, Scripted, Transport, Wait
from tests.servers.telegram.wire import NO_SUCH_KEY, Asked, Broken, Line, error, key_id, result
from tests.servers.telegram.world import World

HOST: Final = "127.0.0.1"
KEY_BYTES: Final = 256
FIRST_ACCOUNT: Final = 5001
PATIENCE: Final = 10.0
"""seconds for the thread to start and to end"""


class Cut(Exception):
    """The connection is to be cut now."""


@dataclass(slots=True)
class TelegramServer:
    """Serves a world as long as its block lasts, on a free port unless told one."""

    world: World = field(default_factory=World)
    port: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)
    """account and kind of each, e.g. `("anna", "GetHistory")`"""
    accounts: dict[str, Account] = field(default_factory=dict)
    _scripted: list[Scripted] = field(default_factory=list)
    _revoked: set[str] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _stop: asyncio.Event = field(init=False)
    _started: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="telegram", daemon=True)
        self._thread.start()
        if not self._started.wait(PATIENCE):
            raise TimeoutError("the Telegram server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(PATIENCE)

    def session(self, name: str) -> StringSession:
        """A session of this account, which is made if there is none: no login is needed."""
        if name not in self.accounts:
            self.accounts[name] = Account(FIRST_ACCOUNT + len(self.accounts), name, os.urandom(KEY_BYTES))
        session = StringSession()
        session.set_dc(HOME, HOST, self.port)
        session.auth_key = AuthKey(self.accounts[name].key)
        return session

    def revoke(self, name: str) -> None:
        """End all sessions of an account."""
        self._revoked.add(name)

    def script(self, kind: str, fault: Fault, *, after: int = 0, times: int = 1) -> None:
        """Have a fault meet the next `times` requests of this kind, once `after` of them went well."""
        self._scripted.append(Scripted(kind, fault, after, times))

    def asked(self, kind: str) -> int:
        """How many requests of this kind came."""
        return sum(one == kind for _, one in self.requests)

    def cut(self) -> None:
        """Cut all connections."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        listening = await asyncio.start_server(self._connected, HOST, self.port)
        self.port = listening.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        listening.close()
        self._cut()
        connected = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in connected:
            task.cancel()
        await asyncio.gather(*connected, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        line = Line(reader, writer)
        try:
            while (content := await line.frame()) is not None:
                await self._taken(line, content)
        except (Broken, Cut, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _taken(self, line: Line, content: bytes) -> None:
        account = next((one for one in self.accounts.values() if key_id(one.key) == content[:8]), None)
        if account is None:
            line.send_transport_error(NO_SUCH_KEY)
            raise Cut
        for asked in line.asked(content, account.key):
            await self._answer(line, asked, account)
        await line.writer.drain()

    async def _answer(self, line: Line, asked: Asked, account: Account) -> None:
        match asked.request:
            case MsgsAck():
                return
            case PingRequest() | PingDelayDisconnectRequest():
                line.send(bytes(Pong(asked.message, asked.request.ping_id)), account.key)
                return
        kind = type(asked.request).__name__.removesuffix("Request")
        self.requests.append((account.name, kind))
        struck = next((one.fault for one in self._scripted if one.strikes(kind)), None)
        await self._before(struck, line)
        line.send(self._result(struck, kind, asked, account), account.key)
        if isinstance(struck, Drop):
            await line.writer.drain()
            raise Cut

    async def _before(self, struck: Fault | None, line: Line) -> None:
        match struck:
            case Drop(answered=False):
                raise Cut
            case Transport(code):
                line.send_transport_error(code)
                raise Cut
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Call(happens):
                happens()

    def _result(self, struck: Fault | None, kind: str, asked: Asked, account: Account) -> bytes:
        """Always an answer, whatever happens: a client that gets none waits for ever."""
        if isinstance(struck, Refuse):
            return error(asked.message, struck.code, struck.message)
        if account.name in self._revoked:
            return error(asked.message, 401, "SESSION_REVOKED")
        try:
            made: Any = Answers(self.world, self.port).to(kind, asked.request, account)
            return result(asked.message, made)
        except Refused as refused:
            return error(asked.message, refused.code, refused.message)
        except Exception as fault:  # noqa: BLE001  the test that meets it sees what it was
            return error(asked.message, 500, f"{type(fault).__name__}: {fault}"[:200])
