"""What every page works with, and how a page is drawn."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from lastseen.settings import Settings
from review import wording
from review.audit import Audit
from review.doors import TOKEN_FIELD, form_token, visit_of, wants_json
from review.lately import Lately
from review.oidc import Provider
from review.plays import Plays
from review.roles import ADMINISTRATORS, AUDITORS, KEEPERS, OF_CASES, REVIEWERS, STAFF
from storage import sealing
from storage.review_queue import Choices, Forecast
from storage.sealing import Secrets
from storage.stores import Stores

FIGURES_SECONDS = 30
"""for so long the figures of the whole queue may be old"""
DANGERS_SECONDS = 600
"""so often it is looked again what may soon be gone from its source"""

_STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("That cannot be read", "The browser sent something that this page does not understand."),
    401: ("You are signed out", "Sign in again; what you noted stays on the page where it is."),
    403: (
        "Not for this account",
        "Your account has no role that may open this page. An administrator can change that.",
    ),
    404: ("Nothing here", "There is no such page, or what it showed is not open for review any more."),
    405: ("Not like this", "This address cannot be used in this way."),
    409: ("Not any more", "Meanwhile something changed, and this cannot be done as it stands."),
    413: ("Too long", "The form holds more than it should."),
    415: ("Not a form", "This address takes forms only."),
    429: ("Too many tries", "Please wait a little, then try again."),
    500: (
        "Something broke",
        "It is our mistake, not yours. Nothing was lost; please tell the administrator when it was.",
    ),
    503: ("Not at this moment", "A server that holds the pictures does not answer. Nothing was lost; try again soon."),
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One of our own files, read at start."""

    content: bytes
    media_type: str
    version: str


def static_files() -> dict[str, StaticFile]:
    """The files of `static/`, by name."""
    found = {}
    for file in files("review").joinpath("static").iterdir():
        media_type = _STATIC_TYPES.get("." + file.name.rpartition(".")[2])
        if media_type:
            content = file.read_bytes()
            found[file.name] = StaticFile(content, media_type, hashlib.sha256(content).hexdigest()[:10])
    return found


class Desk:
    """The stores, the settings and the drawing of one running application."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self.stores = stores
        self.settings = settings
        self.plays = Plays()
        self.forecast: Lately[Forecast] = Lately(FIGURES_SECONDS)
        self.choices: Lately[Choices] = Lately(FIGURES_SECONDS)
        self.audit = Audit()
        self.dangers: Lately[None] = Lately(DANGERS_SECONDS)
        self.static = static_files()
        self._templates = Environment(
            loader=PackageLoader("review"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._templates.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # by the extension
        for name in ("plain", "when", "clock", "size", "host", "short_source", "version", "people"):
            self._templates.filters[name] = getattr(wording, name)
        self._templates.globals.update(static=self._static_address, TOKEN_FIELD=TOKEN_FIELD)

    @cached_property
    def secrets(self) -> Secrets:
        """Opens second factors.  Raises storage.sealing.NoKey."""
        return sealing.secrets(self.settings)

    @property
    def lifetime(self) -> timedelta:
        """Of a session, at most."""
        return timedelta(hours=self.settings.session_hours)

    @property
    def idle(self) -> timedelta:
        """Of a session without a request, at most."""
        return timedelta(minutes=self.settings.session_idle_minutes)

    @cached_property
    def provider(self) -> Provider | None:
        """The office's OpenID provider, if there is one."""
        return Provider(self.settings) if self.settings.oidc_issuer else None

    @property
    def provider_name(self) -> str:
        """What the OpenID provider is called; empty: there is none."""
        return self.settings.oidc_name if self.settings.oidc_issuer else ""

    def address(self, request: Request) -> str:
        """How browsers reach the pages, without a slash at its end."""
        return self.settings.review_url or str(request.base_url).rstrip("/")

    def draw(self, request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """A page as HTML, with what the frame around every page needs."""
        visit = visit_of(request)
        frame = {
            "user": visit.session.user if visit.session else None,
            "may_review": bool(visit.roles & REVIEWERS),
            "may_keep_register": bool(visit.roles & KEEPERS),
            "may_see_status": bool(visit.roles & STAFF),
            "may_see_sightings": bool(visit.roles & OF_CASES),
            "may_audit": bool(visit.roles & AUDITORS),
            "may_keep_accounts": bool(visit.roles & ADMINISTRATORS),
            "form_token": form_token(visit.cookie),
            "path": request.url.path,
        }
        return HTMLResponse(self._templates.get_template(template).render({**frame, **values}), status)

    def problem(self, request: Request, status: int, title: str = "", why: str = "") -> Response:
        """A page that says what went wrong and what to do, in the usual words of this status or in its own."""
        usual_title, usual_why = _PROBLEMS.get(status, _PROBLEMS[500])
        if wants_json(request):
            return JSONResponse({"error": title or usual_title, "why": why or usual_why}, status)
        return self.draw(request, "problem.html", status, title=title or usual_title, why=why or usual_why)

    def _static_address(self, name: str) -> str:
        return f"/static/{name}?v={self.static[name].version}"


def desk_of(request: Request) -> Desk:
    """The desk of the application that got this request."""
    desk: Desk = request.app.state.desk
    return desk
