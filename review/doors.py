"""Routes that say who may pass, and the guard who reads what they say.

The guard stands before the router and knows nothing of pages.  A route that is not a `Door`, or a door that names no
roles, lets nobody in.  A form is read here, once and within bounds, so that no page can forget to check its token.
"""

import hmac
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review import language
from review.language import gettext as _
from review.limits import RequestLimit
from review.roles import NOBODY, Role
from storage.accounts import Session, User

SESSION_COOKIE = "lastseen_session"
FORM_COOKIE = "lastseen_form"
SECURE_PREFIX = "__Host-"
"""before a cookie's name over HTTPS: browsers then take it from this host alone, and send it there only"""
MOUNTED_PREFIX = "__Secure-"
"""the same for pages that are mounted under a path: browsers take no cookie of a path by the other name"""
TOKEN_FIELD = "token"  # noqa: S105 - the name of a form field
TOKEN_HEADER = "x-lastseen-token"  # noqa: S105 - the name of a header
"""with which a script in a browser says what a form says by its field"""
API = "/api/"
"""how the addresses for programs begin"""
LONGEST_FORM = 64 * 1024
"""bytes; a note on each feature fits in, in Cyrillic and percent-encoded"""
MOST_DROPPED = 1 << 30
"""bytes of a file that is too large are read and thrown away, so that whoever sends it is told"""
_LONGEST_KEY = 64
"""characters of a cookie by which requests are counted"""
_ROW = "row"
_FILE_TYPE = "multipart/form-data"
_FORM_TYPE = "application/x-www-form-urlencoded"
_BODY_TYPE = "application/json"
_MOST_FIELDS = 60
_READING = frozenset({"GET", "HEAD", "OPTIONS"})

Endpoint = Callable[[Request], Response]


class _RowId(Convertor[int]):
    """A number in an address that may be the id of a row: all of 18 digits fit the database's numbers."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor(_ROW, _RowId())


class Door(Route):
    """A route with the list of those who may pass.

    HEAD is not answered: pages record that they were looked at.  What `{...:int}` in its address names is the id of a
    row, and no longer number leads here; nor does an address with a NUL sign, which is in nothing that the database
    keeps.
    """

    def __init__(
        self,
        path: str,
        endpoint: Endpoint,
        *,
        method: str = "GET",
        roles: frozenset[Role] = NOBODY,
        anyone: bool = False,
        picture: bool = False,
        names: str = "",
        halfway: bool = False,
        idle: bool = False,
        largest_file: int = 0,
    ) -> None:
        """`anyone`: also without signing in.  `picture`: a signed-out browser gets 403 here, not the sign-in page.

        `names`: what kind of thing the address names, such as `candidate`; the test of all doors asks for one's own,
        another person's, a sealed one and one that is not there (tests/review/things.py).  `halfway`: also for those
        who have still to give, or to set up, their second factor.  `idle`: a page asks here by itself, so it is no sign
        that anybody is there.  `largest_file`: bytes of the one file that its form may carry; 0: it carries none.
        """
        super().__init__(path, endpoint, methods=[method])
        rows = path.replace(":int}", f":{_ROW}}}")
        self.path_regex, self.path_format, self.param_convertors = compile_path(rows)
        self.methods = {method}
        self.method = method
        self.roles = roles
        self.anyone = anyone
        self.picture = picture
        self.names = names
        self.halfway = halfway
        self.idle = idle
        self.largest_file = largest_file

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request leads here, for the guard and the router alike."""
        return (Match.NONE, {}) if "\0" in scope["path"] else super().matches(scope)

    @property
    def for_programs(self) -> bool:
        """Whether a program's token opens it, too: pictures, which are read only, and what the API consists of."""
        return self.picture

    @property
    def takes_json(self) -> bool:
        """Whether what is posted is JSON, and no form."""
        return False


@dataclass(frozen=True, slots=True)
class Visit:
    """Who stands at the door, and what they brought."""

    session: Session | None
    cookie: str
    """the session's token, or of a signed-out browser the one that its forms hang on; empty: it has none yet

    Of a program it names the token, and is none: what is counted by it is counted for each program.
    """
    form: dict[str, str]
    """the fields that were posted; their token has been checked"""
    file: tuple[str, bytes] = ("", b"")
    """the name and the bytes of a file that came with the form, unread"""
    body: bytes = b""
    """what a program posted, unread; empty: nothing, or a form"""
    half: Session | None = None
    """who has still to give or to set up a second factor: signed in nowhere but at the doors for that"""

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.session.user.roles) if self.session else frozenset()


class FindSession(Protocol):
    """Who a cookie is; `counts`: and they are there at this moment."""

    def __call__(self, token: str, counts: bool, /) -> Session | None: ...


class Refusal(Protocol):
    """Draws the page that says why not."""

    def __call__(self, request: Request, status: int, title: str = "", why: str = "") -> Response: ...


def visit_of(request: Request) -> Visit:
    """The visit that the guard let in."""
    visit: Visit = request.state.visit
    return visit


def session_of(request: Request) -> Session:
    """The session that the door has let in.  Raises HTTPException behind a door for anyone."""
    session = visit_of(request).session
    if session is None:
        raise HTTPException(404)
    return session


def user_of(request: Request) -> User:
    """Who is signed in.  Raises HTTPException behind a door for anyone."""
    return session_of(request).user


def number_in(request: Request, name: str) -> int | None:
    """A number in the address; None: it is not there.  Raises HTTPException if it is no number."""
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise HTTPException(400)
    return int(given)


def page_of(request: Request) -> str:
    """The page that somebody looks at: the one that is asked for, or whose form was sent; from where we are mounted."""
    reads = request.method in _READING
    try:
        at = urlsplit(str(request.url) if reads else request.headers.get("referer", ""))
    except ValueError:
        return "/"  # what a browser calls the page before may be no address at all
    if not reads and at.netloc != request.url.netloc:
        return "/"
    return at.path.removeprefix(root_of(request)) + (f"?{at.query}" if at.query else "")


def path_of(request: Request) -> str:
    """The address without where the pages are mounted, if they are."""
    path: str = request.scope["path"]
    return path.removeprefix(root_of(request))


def root_of(request: Request) -> str:
    """Under which path the pages are mounted, without a slash at its end; empty: under none."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def of_api(request: Request) -> bool:
    """Whether an address for programs was asked for."""
    return path_of(request).startswith(API)


def wants_json(request: Request) -> bool:
    """Whether a script asks, and not somebody who looks at a page."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def cookie_name(request: Request, name: str) -> str:
    """What a cookie of ours is called at this address."""
    prefix = MOUNTED_PREFIX if root_of(request) else SECURE_PREFIX
    return (prefix if request.url.scheme == "https" else "") + name


def set_cookie(
    request: Request, answer: Response, name: str, value: str, seconds: int | None = None, *, lax: bool = False
) -> None:
    """A cookie of ours: out of reach of scripts and, unless `lax`, of links from other sites."""
    https = request.url.scheme == "https"
    same_site = "lax" if lax else "strict"
    answer.set_cookie(
        cookie_name(request, name),
        value,
        max_age=seconds,
        path=root_of(request) or "/",
        httponly=True,
        samesite=same_site,  # type: ignore[arg-type]  # mypy sees a str
        secure=https,
    )


def form_token(cookie: str) -> str:
    """What a form must carry to be accepted with this cookie.  Nobody without the cookie can work it out."""
    return hmac.digest(cookie.encode(), b"lastseen form", "sha256").hex()


class Guard:
    """ASGI middleware: lets a request through to its route if the route's declaration says so."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Sequence[BaseRoute],
        find_session: FindSession,
        find_token: Callable[[str], Session | None],
        refuse: Refusal,
        limit: RequestLimit,
    ) -> None:
        self.app = app
        self.routes = routes
        self.find_session = find_session
        self.find_token = find_token
        self.refuse = refuse
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            refusal = await self._admit(request)
        except ClientDisconnect:
            return  # whoever left before the form was whole has sent nothing, and reads no answer
        await (refusal or self.app)(scope, receive, send)

    async def _admit(self, request: Request) -> Response | None:
        route = self._route(request.scope)
        request.state.visit = Visit(None, _any_cookie(request), {})
        language.speak(_language(request))
        who = self._who(request)
        if wait := self.limit.take(who):
            return self._later(request, wait)
        request.state.visit = visit = await run_in_threadpool(self._visit, request, route)
        language.speak(_language(request, visit))
        # A cookie that is nobody's is made up as easily as the next: its requests are its address's, too.
        signed_in = visit.session or visit.half
        if not signed_in and who != _host(request) and (wait := self.limit.take(_host(request))):
            return self._later(request, wait)
        if route is None:
            return None  # no such page: the router says so
        refusal = self._refusal(request, route, visit)
        if refusal or request.method in _READING:
            return refusal
        if isinstance(route, Door) and route.takes_json:
            return await self._read_json(request, visit)
        return await self._read_form(request, visit, route.largest_file if isinstance(route, Door) else 0)

    def _route(self, scope: Scope) -> BaseRoute | None:
        return next((route for route in self.routes if route.matches(scope)[0] is Match.FULL), None)

    def _who(self, request: Request) -> str:
        """Whose requests are counted together: a browser's that has a cookie, or else an address's."""
        cookie = request.cookies.get(cookie_name(request, SESSION_COOKIE))
        return (cookie or request.headers.get("authorization") or _host(request))[:_LONGEST_KEY]

    def _later(self, request: Request, wait: int) -> Response:
        answer = self.refuse(request, 429, _("Too fast"), _("This browser asks for more than people can look at."))
        answer.headers["Retry-After"] = str(wait)
        return answer

    def _visit(self, request: Request, route: BaseRoute | None) -> Visit:
        token = _bearer(request) if isinstance(route, Door) and route.for_programs else ""
        if token:  # and never both: who sends a token is who the token says
            session = self.find_token(token)
            return Visit(session, f"program {session.token}" if session else "", {})
        return self._of_browser(request, counts=not (isinstance(route, Door) and route.idle))

    def _of_browser(self, request: Request, *, counts: bool) -> Visit:
        token = request.cookies.get(cookie_name(request, SESSION_COOKIE), "")
        session = self.find_session(token, counts) if token else None
        cookie = token if session else request.cookies.get(cookie_name(request, FORM_COOKIE), "")
        return Visit(None, cookie, {}, half=session) if session and session.awaits else Visit(session, cookie, {})

    def _refusal(self, request: Request, route: BaseRoute, visit: Visit) -> Response | None:
        if not isinstance(route, Door) or not (route.anyone or route.roles):
            return self.refuse(request, 403)
        if route.anyone or visit.roles & route.roles or (route.halfway and visit.half):
            return None
        if visit.session is None and of_api(request):
            return self.refuse(request, 401)
        if visit.session is None and wants_json(request):
            return JSONResponse({"error": "signed_out", "sign_in": "/sign-in"}, 401)
        if visit.session is None and request.method in _READING and not route.picture:
            return RedirectResponse(_sign_in_and_back(request), 303)
        return self.refuse(request, 403)

    async def _read_json(self, request: Request, visit: Visit) -> Response | None:
        """A browser adds its cookie to whatever another site has it send; it adds no header of ours, and no token."""
        expected = form_token(visit.cookie)
        given = request.headers.get(TOKEN_HEADER, "")
        of_browser = visit.session is not None and visit.session.token is None
        if of_browser and not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            why = f"With a browser's session, the header {TOKEN_HEADER} carries the `form_token` of /session."
            return self.refuse(request, 403, "No token of this session", why)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _BODY_TYPE:
            return self.refuse(request, 415, "Not JSON", f"Send JSON, with the header Content-Type: {_BODY_TYPE}.")
        body = await _read(request, LONGEST_FORM)
        if body is None:
            return self.refuse(request, 413, "Too long", f"Send {LONGEST_FORM // 1024} KiB at most.")
        request.state.visit = replace(visit, body=body)
        return None

    async def _read_form(self, request: Request, visit: Visit, largest_file: int) -> Response | None:
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return self.refuse(request, 403, _("Not from here"), _("This form was sent from another site."))
        kind = request.headers.get("content-type", "")
        with_file = bool(largest_file) and kind.startswith(_FILE_TYPE)
        if not (with_file or kind.startswith(_FORM_TYPE)):
            return self.refuse(request, 415)
        body = await _read(request, LONGEST_FORM + largest_file if with_file else LONGEST_FORM)
        if body is None and with_file:
            await _drop(request)
            why = _("This file is larger than its page takes. Nothing of it was kept.")
            return self.refuse(request, 413, _("Too large"), why)
        if body is None:
            return self.refuse(request, 413)
        form, file = await _parts(request.headers, body) if with_file else (_fields(body), ("", b""))
        if form is None:
            return self.refuse(request, 415 if with_file else 400)
        expected = form_token(visit.cookie)
        if not visit.cookie or not hmac.compare_digest(form.pop(TOKEN_FIELD, "").encode(), expected.encode()):
            why = _("This form has expired. Load its page again, then repeat what you did.")
            return self.refuse(request, 403, _("Please try again"), why)
        request.state.visit = replace(visit, form=form, file=file)
        return None


class SecurityHeaders:
    """ASGI middleware, outermost: every answer carries these, errors too."""

    POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors "
    ALONE = (("Content-Security-Policy", POLICY + "'none'"), ("X-Frame-Options", "DENY"))
    MOUNTED = (("Content-Security-Policy", POLICY + "'self'"), ("X-Frame-Options", "SAMEORIGIN"))
    """whoever mounts the pages may show them within a page of their own, from the same host"""
    ALWAYS = (
        ("X-Content-Type-Options", "nosniff"),
        # not no-referrer: with it, browsers would send our own forms from the origin "null"
        ("Referrer-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Robots-Tag", "noindex, nofollow"),
    )
    HTTPS = ("Strict-Transport-Security", "max-age=31536000")
    UNLESS_SAID = ("Cache-Control", "no-store")

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._missing(scope, Headers(raw=message["headers"]))]
            await send(message)

        await self.app(scope, receive, sealed)

    def _missing(self, scope: Scope, headers: Headers) -> list[tuple[bytes, bytes]]:
        framed = self.MOUNTED if scope.get("root_path") else self.ALONE
        wanted = [*framed, *self.ALWAYS, self.UNLESS_SAID, *([self.HTTPS] if scope.get("scheme") == "https" else [])]
        return [(name.lower().encode(), value.encode()) for name, value in wanted if name not in headers]


def _host(request: Request) -> str:
    """The address that a request comes from, as far as the server knows."""
    return request.client.host if request.client else ""


def _bearer(request: Request) -> str:
    """The token of a program (RFC 6750); empty: there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _sign_in_and_back(request: Request) -> str:
    path = page_of(request)
    return "/sign-in" if path == "/" else "/sign-in?" + urlencode({"next": path})


def _any_cookie(request: Request) -> str:
    """What forms hang on in this browser, before it is known whose it is."""
    kept = (request.cookies.get(cookie_name(request, name)) for name in (SESSION_COOKIE, FORM_COOKIE))
    return next(filter(None, kept), "")


def _language(request: Request, visit: Visit | None = None) -> language.Language:
    """What whoever asks reads; who it is has still to be found out at first."""
    session = (visit.session or visit.half) if visit else None
    cookie = request.cookies.get(cookie_name(request, language.COOKIE), "")
    preferred = session.user.preferences.language if session else ""
    return language.chosen(preferred, cookie, request.headers.get("accept-language", ""))


def _fields(body: bytes) -> dict[str, str] | None:
    """The fields of a form, of two with one name the last; None: no browser sends this, and no text can be kept of it.

    Text that is no UTF-8 is not mended: what somebody wrote would not be what is kept.
    """
    try:
        found = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict"))
    except ValueError:
        return None
    return None if any("\0" in part for field in found.items() for part in field) else found


async def _read(request: Request, limit: int) -> bytes | None:
    """The body, or None if it is longer than `limit` bytes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            return None
    return b"".join(chunks)


async def _drop(request: Request) -> None:
    """Read on and keep nothing: a browser that is cut off while it sends shows no answer."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_DROPPED:
            return


async def _parts(headers: Headers, body: bytes) -> tuple[dict[str, str] | None, tuple[str, bytes]]:
    """The fields of a form with a file, and the file; of two with one name the last."""

    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        read = await MultiPartParser(
            headers, whole(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=len(body)
        ).parse()
        form = {name: part for name, part in read.multi_items() if isinstance(part, str)}
        files = [part for _, part in read.multi_items() if isinstance(part, UploadFile)]
        file = (files[0].filename or "", await files[0].read()) if files else ("", b"")
        await read.close()
    except (MultiPartException, ValueError, KeyError):
        return None, ("", b"")
    nul = any("\0" in part for field in form.items() for part in field) or "\0" in file[0]
    return (None if nul else form), file
