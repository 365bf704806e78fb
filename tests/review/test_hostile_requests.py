"""Requests that no browser sends, at every door: each gets an answer, and none finds a fault of ours.

They are written to the socket as they are, since clients tidy up what they send.  What is tried follows from the table
of doors, from the templates' forms and from what the pages read of an address, so that whatever is new is tried, too.
"""

import random
import re
import socket
import sys
from collections.abc import Iterator, Mapping
from inspect import getsource
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

import httpx
import pytest

import review
from lastseen.judging import Feature
from lastseen.settings import Settings
from review.app import doors
from review.doors import LONGEST_FORM, SESSION_COOKIE, TOKEN_FIELD, TOKEN_HEADER, Door, form_token
from review.roles import Role
from storage import accounts
from storage.accounts import User
from storage.stores import Stores
from tests.review.conftest import DEADLINE, Site, serving
from tests.review.seeding import CLIP, Story, seed
from tests.review.test_doors import SIGNS_OUT, filled, somewhere
from tests.review.things import KINDS, Relation, sighting

FORM: Final = "application/x-www-form-urlencoded"
DIGITS: Final = "9" * 5000
"""more than Python makes a number of without being asked"""
NUMBERS: Final = ("0", "-1", "1.0", "9" * 18, "9" * 19, str(2**63), DIGITS, "%00", "..%2f", "%D9%A3")
WORDS: Final = ("%00", "a%00", "%ff", "%ed%a0%80", "%2f", "..", "%2e%2e%2f", "%E2%80%AE", "a%0d%0ab", DIGITS)
METHODS: Final = ("HEAD", "OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "DELETE", "BREW")
VALUES: Final = ("", "%00", "%ff", "%ed%a0%80", "-1", "1e9", "%C2%B2", str(2**63), "9" * 300, "%E2%80%AE", "a%0d%0ab")
"""of a field; percent-encoded"""
NO_TEXT: Final = {"%00", "%ff", "%ed%a0%80"}
"""what no text is, so that nothing could be kept of it"""
BODIES: Final = (
    *(b"", b"null", b"[]", b"{", b"\xff", b'{"a": "\xff"}', b'{"reason": "\\ud800"}', b'{"reason": "\\u0000"}'),
    *(b"[" * 30_000, b'{"a":' * 10_000, b'{"answer": NaN}', b'{"answer": ' + b"9" * 5000 + b"}", b'{"a": 1, "a": 2}'),
)
HEADERS: Final = (
    *("Host: [::1", "Host: a b", "Host: ", "Host: x\xff", "Host: a:99999999", "Referer: http://[x", "Referer: \xff"),
    *("Accept-Language: " + "a;q=nan," * 50, "Accept-Language: uk;q=1e999", "Accept: \xff", "User-Agent: \xff"),
    *("User-Agent: a\0b", f"Cookie: {SESSION_COOKIE}=\xff", "Cookie: lastseen_language=\xff; lastseen_provider=\xff"),
    *("X-Forwarded-For: \xff", "X-Forwarded-For: " + "1," * 1000, "X-Forwarded-Proto: gopher", "Sec-Fetch-Site: \xff"),
    *("Authorization: Bearer \xff", "Authorization: Bearer " + "x" * 9000, f"{TOKEN_HEADER}: \xff", "Upgrade: h2c"),
    *("Content-Length: -1", "Content-Length: 1, 2", "Expect: 100-continue", "Range: bytes=0-0,5-6"),
)
RANGES: Final = (
    *("bytes=0-0,2-3,1-", "bytes=" + ",".join(["0-"] * 1000), "bytes=-0", "bytes=-99999999999", "bytes=5-1"),
    *(f"bytes=0-{DIGITS}", f"bytes={DIGITS}-", "bytes=99999-", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=\xb2-", "="),
)
PAGES: Final = ("/", "/account", "/session", "/sign-in", "/sign-in/provider/back", "/nothing", "/api/v1/me")
FORMS: Final = ("/account/preferences", "/language", "/account/password")
ASKED_FOR: Final = re.compile(r"""(?:query_params|given|form)(?:\.get\(|\[)\s*"(\w+)"|number_in\(request, "(\w+)"\)""")
FIELD: Final = re.compile(r'name="([\w.]+)"')


class Stranger:
    """Somebody with every role who writes whatever they like into a connection."""

    def __init__(self, site: Site) -> None:
        self.site, self.url = site, httpx.URL(site.url)
        with site.stores.db.begin() as db:
            self.user = accounts.add_user(db, "all", None, list(Role))
            self.other = accounts.add_user(db, "other", None, list(Role))
        self.token = self._signed_in(self.user)
        self.wrong: list[str] = []

    def _signed_in(self, user: User) -> str:
        with self.site.stores.db.begin() as db:
            return accounts.start_session(db, user)

    def path(self, door: Door, relation: Relation = Relation.OWN) -> str:
        """An address behind which there is something of one's own."""
        if not door.names:
            return door.path
        values = KINDS[door.names].values(self.site.stores, relation, self.user, self.other) or {}
        return filled(door.path, {name: quote(str(value)) for name, value in values.items()})

    def asks(self, method: str, path: str, *headers: str, body: bytes | None = None) -> int:
        """One request.  Returns the status; what is no answer, or a fault of ours, is noted."""
        if path.startswith(SIGNS_OUT):
            self.token = self._signed_in(self.user)
        sent = [
            f"{method} {path} HTTP/1.1",
            *(() if any(one.startswith("Host:") for one in headers) else (f"Host: {self.url.netloc.decode()}",)),
            *(() if any(one.startswith("Cookie:") for one in headers) else (f"Cookie: {SESSION_COOKIE}={self.token}",)),
            "Connection: close",
            *headers,
            *(() if body is None else (f"Content-Length: {len(body)}",)),
        ]
        status = self.writes("\r\n".join([*sent, "", ""]).encode("latin-1") + (body or b""))
        if not 100 <= status < 500:
            self.wrong.append(f"{status}: {method} {path[:100]} {[one[:60] for one in headers]} {(body or b'')[:80]!r}")
        return status

    def sends(self, door: Door, path: str, fields: Mapping[str, str] | str = "") -> int:
        """What this door takes: a form with its token, or JSON with its header."""
        if door.method == "GET":
            return self.asks("GET", path)
        if path.startswith(SIGNS_OUT):
            self.token = self._signed_in(self.user)
        if door.takes_json:
            return self.asks("POST", path, *self.as_json(), body=b"{}")
        said = fields if isinstance(fields, str) else urlencode(fields)
        return self.asks("POST", path, f"Content-Type: {FORM}", body=self.form(said))

    def form(self, said: str = "") -> bytes:
        return f"{TOKEN_FIELD}={form_token(self.token)}&{said}".encode()

    def as_json(self) -> tuple[str, str]:
        return "Content-Type: application/json", f"{TOKEN_HEADER}: {form_token(self.token)}"

    def writes(self, request: bytes) -> int:
        """The status of the answer; 0: there is none within the deadline."""
        answer = b""
        with socket.create_connection((self.url.host, self.url.port or 0), DEADLINE) as connection:
            try:
                connection.sendall(request)
                while b"\r\n" not in answer and (piece := connection.recv(65536)):
                    answer += piece
            except OSError:  # refused before it was whole
                pass
        status = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        return int(status[1]) if status else 0


@pytest.fixture
def stranger(stores: Stores, ours: Settings) -> Iterator[Stranger]:
    with serving(stores, ours.model_copy(update={"requests_a_minute": 0})) as site:
        yield Stranger(site)


def every() -> Iterator[Door]:
    for door in doors():
        assert isinstance(door, Door)
        yield door


def read_of(door: Door) -> set[str]:
    """What the module behind a door reads of an address or a form."""
    source = getsource(sys.modules[door.endpoint.__module__])
    filters = {"source", "since", "until", "region", "actor"} if "_filters(" in source else set()
    return filters | {first or second for first, second in ASKED_FOR.findall(source)}


def fields() -> list[str]:
    """The names of all fields of all forms, and whatever else a page reads."""
    pages = Path(review.__file__).parent.glob("templates/**/*.html")
    written = {name for page in pages for name in FIELD.findall(page.read_text())} - {TOKEN_FIELD, "viewport"}
    made = {f"{kind}.{Feature.EARS}" for kind in ("visible", "feature", "note", "explained")}
    return sorted(written.union(made, *(read_of(door) for door in every())))


def test_whatever_stands_in_an_address_is_answered(stranger: Stranger) -> None:
    for door in every():
        for kind, name in ((kind, name) for name, kind in re.findall(r"{(\w+)(?::(\w+))?}", door.path)):
            for value in NUMBERS if kind == "int" else WORDS:
                whole = door.path.replace(f"{{{name}:{kind}}}" if kind else f"{{{name}}}", value)
                rest = re.sub(r"{\w+:uuid}", "00000000-0000-4000-8000-000000000000", whole)
                status = stranger.sends(door, re.sub(r"{[^}]+}", "1", rest), {"reason": "x", "role.analyst": "on"})
                if value == "%00" and status not in {403, 404, 405}:
                    stranger.wrong.append(f"{door.path}: a NUL sign leads somewhere ({status})")
    assert stranger.wrong == []


def test_other_methods_do_nothing_and_are_not_even_a_look(stranger: Stranger) -> None:
    before = stranger.site.log()
    for path in {somewhere(door) for door in every()}:
        for method in METHODS:
            status = stranger.asks(method, path)
            assert status in {400, 404, 405, 501}, f"{method} {path}: {status}"
    assert stranger.wrong == []
    assert stranger.site.log() == before


def test_whatever_stands_behind_the_question_mark_is_answered(stranger: Stranger) -> None:
    for door in every():
        if door.method != "GET":
            continue
        once = door.anyone or door.names == "review"
        path = "" if once else stranger.path(door)
        for name in sorted(read_of(door)):
            for value in VALUES:
                stranger.asks("GET", f"{path or somewhere(door)}?{name}={value}")
    assert stranger.wrong == []


def test_whatever_stands_in_a_form_is_answered_and_what_is_no_text_is_refused(stranger: Stranger) -> None:
    """Each field alone where its page reads it, with a few values by chance, and all of them at once with each."""
    names = fields()
    assert {"password", "reason", "receiver", "language", "visible.ears"} <= set(names)
    usual = {"name": "other", "reason": "x", "receiver": "x", "recipient": "x", "role.analyst": "on", "answer": "0"}
    for door in every():
        if door.method != "POST" or door.takes_json:
            continue
        path = stranger.path(door)
        for value in sorted(NO_TEXT):  # refused before anything of the door's is touched
            status = stranger.sends(door, path, "&".join(f"{name}={value}" for name in names))
            if status != 400:
                stranger.wrong.append(f"{path} takes {value} for a text: {status}")
        values = sorted(set(VALUES) - NO_TEXT)
        for value in values:
            path = stranger.path(door)
            stranger.sends(door, path, "&".join(f"{name}={value}" for name in names))
        for name in sorted(read_of(door)):
            path = stranger.path(door)
            said = urlencode({key: text for key, text in usual.items() if key != name})
            for value in random.sample(values, 2):
                stranger.sends(door, path, f"{said}&{name}={value}")
    assert stranger.wrong == []


def test_bodies_of_every_kind_are_answered(stranger: Stranger) -> None:
    for door in every():
        if door.method != "POST":
            continue
        path = stranger.path(door)
        if door.takes_json:
            for body in BODIES:
                stranger.asks("POST", path, *stranger.as_json(), body=body)
        many = "&".join(f"f{number}=" for number in range(8000))
        for said in (
            many,
            "&" * 10_000,
            "reason=a&reason=b&reason=c",
            "reason",
            "=",
            "reason=x%",
            f"reason={'x' * 60_000}",
        ):
            stranger.sends(door, path, said)
        for kind in ("multipart/form-data; boundary=x", "text/plain", "", "\xff", f"{FORM}; charset=utf-7"):
            stranger.asks("POST", path, f"Content-Type: {kind}", body=stranger.form("reason=x"))
        kind = "application/json" if door.takes_json else FORM
        assert stranger.asks("POST", path, f"Content-Type: {kind}", body=b"x" * (LONGEST_FORM + 1)) in {403, 413}
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(stranger.form()), stranger.form())
        endless = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        for pieces in (chunked, endless * 2, b"zz\r\n"):
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nCookie: {SESSION_COOKIE}={stranger.token}\r\nConnection: close"
            sent = f"{head}\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + pieces
            assert 200 <= stranger.writes(sent) < 500, (path, pieces[:20])
    assert stranger.wrong == []


def test_headers_of_every_kind_are_answered(stranger: Stranger) -> None:
    for header in HEADERS:
        for path in PAGES:
            stranger.asks("GET", path, header)
        for path in FORMS:
            body = None if header.startswith("Content-Length") else stranger.form("language=uk")
            stranger.asks("POST", path, f"Content-Type: {FORM}", header, body=body)
    assert stranger.wrong == []


def test_a_clip_goes_out_once_at_most_whatever_ranges_are_asked_for(stranger: Stranger) -> None:
    address = f"/candidates/{sighting(stranger.site.stores)['id']}/clip.mp4"
    browser = stranger.site.as_user(stranger.user)
    for asked in RANGES:
        answer = browser.get(address, headers={b"Range": asked.encode("latin-1")})
        assert answer.status_code in {200, 206, 416}, asked
        assert len(answer.content) <= len(CLIP), asked


def test_forms_that_never_end_hold_up_nobody(stranger: Stranger) -> None:
    seed(stranger.site.stores, Story())
    head = f"POST /reviews HTTP/1.1\r\nHost: x\r\nCookie: {SESSION_COOKIE}={stranger.token}\r\nContent-Type: {FORM}"
    address = (stranger.url.host, stranger.url.port or 0)
    waiting = [socket.create_connection(address, DEADLINE) for _ in range(100)]
    try:
        for one in waiting:
            one.sendall(f"{head}\r\nContent-Length: 1000\r\n\r\ntoken=".encode())
        assert stranger.site.as_user(stranger.user).get("/").status_code == 200
    finally:
        for one in waiting:
            one.close()
