"""What every page works with, and how a page is drawn."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from lastseen.settings import Settings
from lastseen.words import noted
from review import language, mounted, problems, vocabulary, wording
from review.accounts.oidc import Provider
from review.doors import (
    FORM_COOKIE,
    TOKEN_FIELD,
    form_token,
    of_api,
    page_of,
    path_of,
    root_of,
    set_cookie,
    visit_of,
    wants_json,
)
from review.house.audit import Audit
from review.language import gettext as _
from review.lately import Lately
from review.plays import Plays
from review.roles import (
    ADMINISTRATORS,
    AUDITORS,
    CASE_OFFICERS,
    KEEPERS,
    OF_CASES,
    OF_VIDEOS,
    OFFICERS,
    REVIEWERS,
    SENIORS,
    STAFF,
    home,
)
from storage import office_keys
from storage.review_queue import Forecast
from storage.sealing import Secrets
from storage.status import Unaccounted
from storage.stores import Stores

FIGURES_SECONDS = 30
"""for so long the figures of the whole queue may be old"""
METRICS_SECONDS = 10
"""for so long what monitoring reads may be old: several that scrape cost no more than one"""
UNACCOUNTED_SECONDS = 60
"""for so long the number of people unaccounted for may be old; the page says of when it is"""
DANGERS_SECONDS = 600
"""so often it is looked again what may soon be gone from its source"""

_STATIC_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: (noted("That cannot be read"), noted("The browser sent something that this page does not understand.")),
    401: (noted("You are signed out"), noted("Sign in again; what you noted stays on the page where it is.")),
    403: (
        noted("Not for this account"),
        noted("Your account has no role that may open this page. An administrator can change that."),
    ),
    404: (noted("Nothing here"), noted("There is no such page, or what it showed is not open for review any more.")),
    405: (noted("Not like this"), noted("This address cannot be used in this way.")),
    409: (noted("Not any more"), noted("Meanwhile something changed, and this cannot be done as it stands.")),
    413: (noted("Too long"), noted("The form holds more than it should.")),
    415: (noted("Not a form"), noted("This address takes forms only.")),
    429: (noted("Too many tries"), noted("Please wait a little, then try again.")),
    500: (
        noted("Something broke"),
        noted("It is our mistake, not yours. Nothing was lost; please tell the administrator when it was."),
    ),
    503: (
        noted("Not at this moment"),
        noted("A server that holds the pictures does not answer. Nothing was lost; try again soon."),
    ),
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
        self.audit = Audit()
        self.metrics: Lately[bytes] = Lately(METRICS_SECONDS)
        self.unaccounted: Lately[Unaccounted] = Lately(UNACCOUNTED_SECONDS)
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
        self._templates.install_gettext_callables(  # type: ignore[attr-defined]  # by the extension
            language.gettext, language.ngettext, newstyle=True, pgettext=language.pgettext, npgettext=language.npgettext
        )
        for name in wording.__all__:
            self._templates.filters[name] = getattr(wording, name)
        self._templates.filters.update(number=language.number, said=language.said, day=language.day)
        self._templates.filters.update(word=vocabulary.word)
        self._templates.globals.update(static=self._static_address, TOKEN_FIELD=TOKEN_FIELD)

    @cached_property
    def secrets(self) -> Secrets:
        """Opens second factors.  Raises storage.sealing.NoKey."""
        with self.stores.db.begin() as db:
            return office_keys.secrets(db, self.settings)

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
        return self.settings.review_url or f"{request.url.scheme}://{request.url.netloc}{root_of(request)}"

    def draw(self, request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
        """A page as HTML, with what the frame around every page needs."""
        visit, spoken = visit_of(request), language.spoken()
        cookie = visit.cookie or secrets.token_urlsafe(32)
        frame = {
            "user": visit.session.user if visit.session else None,
            "home": home(visit.roles) if visit.session else "/",
            "may_review": bool(visit.roles & REVIEWERS),
            "may_see_team": bool(visit.roles & SENIORS),
            "may_keep_register": bool(visit.roles & KEEPERS),
            "may_keep_lists": bool(visit.roles & OFFICERS),
            "may_see_status": bool(visit.roles & STAFF),
            "may_follow_cases": bool(visit.roles & OFFICERS),
            "may_see_videos": bool(visit.roles & OF_VIDEOS),
            "may_see_sightings": bool(visit.roles & OF_CASES),
            "may_write_letters": bool(visit.roles & OFFICERS),
            "may_state": bool(visit.roles & (OFFICERS | KEEPERS)),
            "may_see_tips": bool(visit.roles & CASE_OFFICERS),
            "may_hand_out": bool(visit.roles & OFFICERS),
            "may_audit": bool(visit.roles & AUDITORS),
            "may_keep_accounts": bool(visit.roles & ADMINISTRATORS),
            "form_token": form_token(cookie),
            "path": path_of(request),
            "spoken": spoken,
            "other_languages": [one for one in language.languages().values() if one is not spoken],
            "form_was_on": "" if request.method == "GET" else page_of(request),
        }
        page = self._templates.get_template(template).render({**frame, **values})
        answer = HTMLResponse(mounted.page(page, root_of(request)), status)
        if not visit.cookie:  # the switch of languages is a form, and forms hang on a cookie
            set_cookie(request, answer, FORM_COOKIE, cookie)
        return answer

    def problem(self, request: Request, status: int, title: str = "", why: str = "") -> Response:
        """A page that says what went wrong and what to do, in the usual words of this status or in its own."""
        if of_api(request):
            return problems.answer(status, title, why)
        usual_title, usual_why = (_(said) for said in _PROBLEMS.get(status, _PROBLEMS[500]))
        if wants_json(request):
            return JSONResponse({"error": title or usual_title, "why": why or usual_why}, status)
        return self.draw(request, "problem.html", status, title=title or usual_title, why=why or usual_why)

    def _static_address(self, name: str) -> str:
        return f"/static/{name}?v={self.static[name].version}"


def desk_of(request: Request) -> Desk:
    """The desk of the application that got this request."""
    desk: Desk = request.app.state.desk
    return desk
