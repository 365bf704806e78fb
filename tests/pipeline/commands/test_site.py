"""`lastseen site` and `lastseen source` for video sites; cookies and proxies reach the site and nothing else."""

import base64
import http.client
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from lastseen.errors import Failure, WrongUse
from lastseen.settings import Settings, settings
from pipeline import cli
from storage.stores import Stores
from tests.office import Office
from tests.servers.video_site import Answer, Page, VideoSite, redirect

COOKIE = "c00kie-value"
JAR = (
    f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t{{end}}\tSID\t{COOKIE}\n"
    ".other.example\tTRUE\t/\tTRUE\t0\tX\ty\n"
)
FAR, PAST = 4102444800, 1000000000
HEAD = "register_number,names,birth_year,status,photos\n"
PASSWORD = "pr0xy-password"
HTML = {"Content-Type": "text/html"}


@dataclass(slots=True)
class Desk:
    """Somebody at an office who gives commands, in this process: there are many."""

    office: Office
    environ: pytest.MonkeyPatch

    def run(self, *arguments: str, said: str = "", status: int = 0) -> str:
        """`lastseen ARGUMENTS` with something on its standard input; all that it answered."""
        for name, value in self.office.environ().items():
            self.environ.setenv(name, value)
        settings.cache_clear()
        done = CliRunner().invoke(cli.app, arguments, input=said)
        settings.cache_clear()
        if done.exception is not None and not isinstance(done.exception, Failure | WrongUse | SystemExit):
            raise done.exception
        ended = 2 if isinstance(done.exception, WrongUse) else done.exit_code
        answer = f"{done.output}{done.exception or ''}"
        assert ended == status, answer
        return answer

    def ask(self, *arguments: str) -> dict[str, Any]:
        """`lastseen ARGUMENTS --json`."""
        answer: dict[str, Any] = json.loads(self.run(*arguments, "--json").splitlines()[-1])
        return answer

    def add(self, address: str, *more: str, status: int = 0) -> str:
        """Put a source on the list."""
        return self.run("source", "add", "video_site", address, "--reason", "a test", *more, status=status)


@pytest.fixture
def office(settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An empty office."""
    return Desk(Office(settings, stores), monkeypatch)


@pytest.fixture
def pages(site: VideoSite) -> VideoSite:
    """A site with one page, whose file lies with another host."""
    site.add(Page("one", b"no video", title="one"))
    elsewhere = site.url("/media/one.mp4", host="localhost")
    site.answer(
        "/watch/one", Answer(body=f"<title>one</title><video src='{elsewhere}'></video>".encode(), headers=HTML)
    )
    return site


class Proxy(ThreadingHTTPServer):
    """A little HTTP proxy on loopback that notes what it is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.asked: list[tuple[str, str]] = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)


class _Passing(BaseHTTPRequestHandler):
    server: Proxy

    def do_GET(self) -> None:
        """Ask for it, and pass the answer on."""
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
        host, _, path = self.path.removeprefix("http://").partition("/")
        there = http.client.HTTPConnection(host, timeout=5)
        there.request(self.command, f"/{path}", headers={"Range": self.headers.get("Range", "bytes=0-")})
        answer = there.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        there.close()

    def do_HEAD(self) -> None:
        """The same without a body."""
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


SOCKS_NAME = 3
"""kind of an address that is a name"""


class _Socks(socketserver.StreamRequestHandler):
    """SOCKS 5 (RFC 1928), as far as a reader of pages needs it; it finds out itself where a name leads."""

    def handle(self) -> None:
        """One connection, passed on."""
        _, methods = self.rfile.read(2)
        self.rfile.read(methods)
        self.wfile.write(b"\x05\x00")
        kind = self.rfile.read(4)[3]
        named = kind == SOCKS_NAME
        host = self.rfile.read(self.rfile.read(1)[0]).decode() if named else socket.inet_ntoa(self.rfile.read(4))
        port = int.from_bytes(self.rfile.read(2), "big")
        self.server.asked.append(host)  # type: ignore[attr-defined]  # of the class below
        with socket.create_connection(("127.0.0.1", port), timeout=5) as there:
            self.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
            answers = threading.Thread(target=_pass_on, args=(there, self.connection), daemon=True)
            answers.start()
            _pass_on(self.connection, there)
            answers.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while said := one.recv(1 << 16):
            other.sendall(said)
        other.shutdown(socket.SHUT_WR)


class Socks(socketserver.ThreadingTCPServer):
    """It listens on loopback, and notes the names that it is asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Socks)
        self.asked: list[str] = []


@pytest.fixture
def socks() -> Iterator[Socks]:
    """It listens."""
    with Socks() as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """It listens."""
    with Proxy() as made:
        made.thread.start()
        yield made
        made.shutdown()


def everything_kept(office: Desk) -> bytes:
    """All that the database and the evidence hold, and what was logged."""
    with office.office.stores.db.begin() as db:
        tables = db.execute(text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"))
        rows = [
            repr(tuple(row)).encode()
            for name in tables.scalars().all()
            for row in db.execute(text(f"SELECT * FROM {name}")).all()  # noqa: S608  our own tables
        ]
    objects = [office.office.stores.objects.read("evidence", key) for key in office.office.objects()["evidence"]]
    return b"\n".join([*rows, *objects])


def test_cookies_reach_the_site_and_nothing_else(office: Desk, pages: VideoSite) -> None:
    said = office.run("site", "cookies", "anna", "--site", "127.0.0.1", said=JAR.format(end=FAR))
    assert "1 cookies for 127.0.0.1 kept as anna; 1 of other sites left out" in said
    office.add(pages.url("/watch/one"), "--account", "anna")
    said += office.run("collect") + office.run("fetch")
    sent = {(asked.headers["Host"].partition(":")[0], asked.headers.get("Cookie")) for asked in pages.asked}
    assert sent == {("127.0.0.1", f"SID={COOKIE}"), ("localhost", None)}
    told = office.ask("site", "accounts")
    assert told["accounts"] == [
        {
            "name": "anna",
            "cookies": ["SID"],
            "expired": 0,
            "next_end": "2100-01-01T00:00:00.000000Z",
            "proxy": "",
            "sources": [1],
        }
    ]
    assert COOKIE not in said + str(told)
    assert COOKIE.encode() not in everything_kept(office)
    with office.office.stores.db.begin() as db:
        read = "SELECT DISTINCT detail->>'account' FROM custody_events WHERE action IN ('collected', 'stored')"
        account = "SELECT id::text FROM site_accounts"
        assert db.execute(text(read)).all() == db.execute(text(account)).all(), "the log says as whom it was read"
    assert "source 1 is reached as anna" in office.run("site", "forget", "anna", status=2)
    office.run("site", "use", "1", "nobody")
    office.run("site", "forget", "anna")
    pages.asked.clear()
    office.run("collect")
    assert [asked.headers.get("Cookie") for asked in pages.asked] == [None] * len(pages.asked) != []


def test_cookies_that_have_expired_are_told(office: Desk, pages: VideoSite, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text(JAR.format(end=PAST))
    assert "1 of them have expired" in office.run("site", "cookies", "anna", str(file), "--site", "127.0.0.1")
    office.add(pages.url("/watch/one"), "--account", "anna")
    office.run("collect")
    (alert,) = alerts(office)
    assert (alert["what"], "`lastseen site cookies anna`" in alert["said"]) == ("cookies expired", True)
    file.write_text(JAR.format(end=FAR))
    office.run("site", "cookies", "anna", str(file), "--site", "127.0.0.1")
    assert alerts(office) == []


def alerts(office: Desk) -> list[dict[str, str]]:
    found: list[dict[str, str]] = office.ask("status")["alerts"]
    return found


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "no cookie in it is for site.example: it has 0 of other sites"),
        ("site.example\tTRUE\t/\tFALSE\t0\tname secret\n", "line 1 is no cookie"),
        (JAR.format(end=0), "it has 2 of other sites"),
        ("x" * (1 << 21), "larger than any cookies file"),
    ],
)
def test_what_is_no_cookies_file(office: Desk, said: str, why: str) -> None:
    told = office.run("site", "cookies", "anna", "--site", "site.example", status=2, said=said)
    assert why in told
    assert "secret" not in told


def test_a_site_is_read_through_a_proxy_and_past_it_nothing(office: Desk, pages: VideoSite, proxy: Proxy) -> None:
    address = f"http://user:{PASSWORD}@127.0.0.1:{proxy.server_address[1]}"
    said = office.run("site", "proxy", "line", said=f"{address}\n")
    office.add(pages.url("/watch/one"), "--account", "line")
    said += office.run("collect") + office.run("fetch")
    assert {path for path, _ in proxy.asked} == {pages.url("/watch/one"), pages.url("/media/one.mp4", host="localhost")}
    assert {who for _, who in proxy.asked} == {f"Basic {base64.b64encode(f'user:{PASSWORD}'.encode()).decode()}"}
    assert len(pages.asked) == len(proxy.asked)
    assert office.ask("status")["media_items"] == {"stored": 1}
    assert PASSWORD not in said + str(office.ask("site", "accounts"))
    assert PASSWORD.encode() not in everything_kept(office)


def test_a_site_is_read_through_socks_which_finds_its_name(office: Desk, pages: VideoSite, socks: Socks) -> None:
    office.run("site", "proxy", "line", said=f"socks5h://127.0.0.1:{socks.server_address[1]}")
    office.add(pages.url("/watch/one", host="nowhere.invalid"), "--account", "line")
    office.run("collect")
    office.run("fetch")
    assert "nowhere.invalid" in socks.asked, "nobody here was asked where that is"
    assert len(socks.asked) == len(pages.asked) > 1, "and nothing went past it"


def test_a_proxy_is_not_asked_for_what_is_private(office: Desk, pages: VideoSite, proxy: Proxy) -> None:
    """Neither by the source's address, nor by a redirect."""
    narrow = (ip_network("127.0.0.1/32"),)
    own = office.office.settings
    office.add(pages.url("/watch/one"))
    office.run("site", "proxy", "line", said=f"http://127.0.0.1:{proxy.server_address[1]}")
    office.run("site", "use", "1", "line")
    pages.answer("/watch/one", redirect("http://10.0.0.1/x.mp4"))
    office.office = replace(office.office, settings=own.model_copy(update={"allow_private_addresses": narrow}))
    assert "not allowed" in office.run("collect")
    assert {path for path, _ in proxy.asked} == {pages.url("/watch/one")}
    proxy.asked.clear()
    office.office = replace(office.office, settings=own.model_copy(update={"allow_private_addresses": ()}))
    assert "not allowed" in office.run("collect")
    assert proxy.asked == [], "the page itself is private, too: that the proxy is, is nothing to the page"


@pytest.mark.parametrize(
    "said", ["", "ftp://host:1", "http://host", "socks5://host:1", "https://h:1", "http://h:99999", "http://h:1/path"]
)
def test_what_is_no_proxy(office: Desk, said: str) -> None:
    assert "write http://HOST:PORT or socks5h://HOST:PORT" in office.run("site", "proxy", "line", status=2, said=said)


def test_a_closed_site_is_shown_everywhere_and_opened_by_hand(office: Desk, pages: VideoSite) -> None:
    office.add(pages.url("/watch/one"))
    pages.answer("/watch/one", Answer(429))
    office.run("collect")
    host = f"127.0.0.1:{pages.port}"
    assert host in office.run("source", "list")
    (closed,) = office.ask("site", "list")["sites"]
    assert (closed["site"], closed["outcome"], closed["refusals"]) == (host, "WAIT", 1)
    assert office.ask("status")["closed_sites"] == [closed]
    told = office.ask("source", "show", "1")
    assert (told["posts"], told["closed_until"]) == (0, closed["closed_until"])
    office.run("collect")
    assert pages.count("/watch/one") == 1
    assert "was never asked" in office.run("site", "open", "nobody.example", status=2)
    office.run("site", "open", host)
    assert office.ask("status")["alerts"] == []
    pages.answer("/watch/one")
    office.run("collect")
    told = office.ask("source", "show", "1")
    assert (told["posts"], told["whole_posts"], told["not_fetched"]) == (
        1,
        1,
        [{"files": 1, "state": "open", "outcome": None, "why": ""}],
    )


def test_a_search_must_not_name_anybody_in_the_register(office: Desk, tmp_path: Path) -> None:
    register = tmp_path / "register.csv"
    register.write_text(f"{HEAD}MP-2024-17,Іван Петрович Петренко|Ivan Petrenko,,,\nMP-2,Мрія,,,\n")
    office.run("register", "import", str(register))
    for address in (
        "ytsearch50:PETRENKO, Ivan Sviatohirsk",
        "ytsearch5:петренко іван",
        "ytsearch5:found mp-2024-17",
        "ytsearch5:мрія",
        "https://www.youtube.com/results?search_query=ivan+petrenko",
        "https://www.youtube.com/hashtag/find_petrenko_ivan",
        "https://www.youtube.com/hashtag/findivanpetrenko",
    ):
        said = office.add(address, status=2)
        assert "holds a name or number of the register" in said, address
    kept = office.ask("status")
    assert "petrenko" not in str(kept).lower()
    office.add("ytsearch50:Святогірськ 2024")
    office.add("https://www.youtube.com/@petrenko")
    for address, why in (
        ("ytsearch:words", "say how many results are wanted: ytsearch50:WORDS"),
        ("foosearch5:two words", "LASTSEEN_ALLOWED_EXTRACTORS"),
        ("scsearch5:words", "LASTSEEN_ALLOWED_EXTRACTORS"),
    ):
        said = office.add(address, status=2)
        assert why in said, said


def test_somebody_who_is_registered_later_is_not_searched_for_either(office: Desk, tmp_path: Path) -> None:
    office.add("ytsearch5:Petrenko Ivan")
    register = tmp_path / "register.csv"
    register.write_text(f"{HEAD}MP-1,Ivan Petrenko,,,\n")
    office.run("register", "import", str(register))
    assert "SKIPPED" in office.run("collect")
    with office.office.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM sites")).scalar_one() == 0, "nobody was asked"
