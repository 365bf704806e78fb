"""The server itself: a thread with an event loop, its connections, its accounts and its faults."""

import asyncio
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

from telethon import TelegramClient
from telethon.crypto import AuthKey
from telethon.sessions import StringSession
from telethon.tl.functions import PingDelayDisconnectRequest, PingRequest
from telethon.tl.types import MsgsAck, Pong

from tests.servers.telegram.answers import Account, Answers, Client, Refused
from tests.servers.telegram.faults import Call, Drop, Fault, Refuse, Scripted, Transport, Wait
from tests.servers.telegram.key_exchange import PLAIN, Exchange, own_key
from tests.servers.telegram.wire import NO_SUCH_KEY, Asked, Broken, Line, error, key_id, result
from tests.servers.telegram.world import HOME, World

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
    _clients: dict[bytes, Client] = field(default_factory=dict)
    """by the ids of their keys"""
    _scripted: list[Scripted] = field(default_factory=list)
    _revoked: set[bytes] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _stop: asyncio.Event = field(init=False)
    _started: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def __enter__(self) -> Self:
        TelegramClient._config = None  # Telethon keeps what the first server has said for all clients of a process
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

    def account(self, name: str, phone: str = "", code: str = "", password: str = "") -> Account:
        """Make an account known; with a phone it can log in."""
        return self.accounts.setdefault(name, Account(FIRST_ACCOUNT + len(self.accounts), name, phone, code, password))

    def session(self, name: str) -> StringSession:
        """A session of this account, which is made if there is none: no login is needed."""
        client = Client(os.urandom(KEY_BYTES), self.account(name))
        self._clients[key_id(client.key)] = client
        session = self.fresh_session()
        session.auth_key = AuthKey(client.key)
        return session

    def fresh_session(self) -> StringSession:
        """One that has no key yet: the client will ask for one, and has to log in."""
        own_key()  # which the client must know before
        session = StringSession()
        session.set_dc(HOME, HOST, self.port)
        return session

    def revoke(self, name: str) -> None:
        """End all sessions of an account."""
        self._revoked |= {client.key for client in self._clients.values() if client.name == name}

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
        line, exchange = Line(reader, writer), Exchange()
        try:
            while (content := await line.frame()) is not None:
                await self._taken(line, content, exchange)
        except (Broken, Cut, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _taken(self, line: Line, content: bytes, exchange: Exchange) -> None:
        if content[:8] == PLAIN:
            line.send_frame(exchange.answer(content))
            if exchange.key:
                self._clients.setdefault(key_id(exchange.key), Client(exchange.key))
            return
        client = self._clients.get(content[:8])
        if client is None:
            line.send_transport_error(NO_SUCH_KEY)
            raise Cut
        for asked in line.asked(content, client.key):
            await self._answer(line, asked, client)
        await line.writer.drain()

    async def _answer(self, line: Line, asked: Asked, client: Client) -> None:
        match asked.request:
            case MsgsAck():
                return
            case PingRequest() | PingDelayDisconnectRequest():
                line.send(bytes(Pong(asked.message, asked.request.ping_id)), client.key)
                return
        kind = type(asked.request).__name__.removesuffix("Request")
        self.requests.append((client.name, kind))
        struck = next((one.fault for one in self._scripted if one.strikes(kind)), None)
        await self._before(struck, line)
        line.send(self._result(struck, kind, asked, client), client.key)
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

    def _result(self, struck: Fault | None, kind: str, asked: Asked, client: Client) -> bytes:
        """Always an answer, whatever happens: a client that gets none waits for ever."""
        if isinstance(struck, Refuse):
            return error(asked.message, struck.code, struck.message)
        if client.key in self._revoked:
            return error(asked.message, 401, "SESSION_REVOKED")
        try:
            made: Any = Answers(self.world, self.port, self.accounts).to(kind, asked.request, client)
            return result(asked.message, made)
        except Refused as refused:
            return error(asked.message, refused.code, refused.message)
        except Exception as fault:  # noqa: BLE001  the test that meets it sees what it was
            return error(asked.message, 500, f"{type(fault).__name__}: {fault}"[:200])
