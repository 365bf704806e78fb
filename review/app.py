"""The application: the table of doors, and everything put together."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match

from lastseen.settings import Settings
from review import media
from review.accounts import account, entrance, provider, second_factor, users
from review.api.table import api_doors
from review.away import WhenAway
from review.cases import candidates, exchange, groups, hints, people, sightings, videos
from review.cases.people import STATERS
from review.desk import Desk, desk_of
from review.doors import Door, Guard, SecurityHeaders, Visit
from review.house import calibration, installation, log, monitoring, periods, register, reports
from review.letters import book, drafting, letters
from review.limits import RequestLimit
from review.lists import importing as list_importing
from review.lists import pages as list_pages
from review.mounted import Mounted
from review.naming import Named
from review.reviewing import figures, pictures, queue, reviews
from review.roles import (
    ADMINISTRATORS,
    ANY_ROLE,
    AUDITORS,
    CASE_OFFICERS,
    KEEPERS,
    OF_CASES,
    OF_VIDEOS,
    OFFICERS,
    REVIEWERS,
    SENIORS,
    STAFF,
)
from review.tips import form, officers
from storage import accounts
from storage.objects import ObjectMissing, StoreUnavailable
from storage.stores import Stores

NONE = Match.NONE


def doors() -> list[BaseRoute]:
    """Every page, and every address for programs, and who may open it."""
    return [
        *api_doors(),
        Door("/", queue.page, roles=REVIEWERS),
        Door("/reviews", queue.take, method="POST", roles=REVIEWERS),
        Door("/pause", queue.paused, roles=REVIEWERS),
        Door("/pause", queue.pause, method="POST", roles=REVIEWERS),
        Door("/pause/end", queue.go_on, method="POST", roles=REVIEWERS),
        Door("/limits/lift", queue.lift, method="POST", roles=SENIORS),
        Door("/candidates/{id:int}", candidates.candidate, roles=REVIEWERS, names="record"),
        Door("/candidates/{id:int}/shot/{n:int}.jpg", candidates.shot, roles=OF_CASES, picture=True, names="seen"),
        Door("/candidates/{id:int}/photo/{n:int}.jpg", candidates.photo, roles=OF_CASES, picture=True, names="seen"),
        Door("/candidates/{id:int}/still.jpg", candidates.still, roles=OF_CASES, picture=True, names="seen"),
        Door("/candidates/{id:int}/clip.mp4", candidates.clip, roles=OF_CASES, picture=True, names="seen"),
        Door("/sightings", sightings.listed, roles=OF_CASES),
        Door("/sightings/{id:int}", sightings.sighting, roles=OF_CASES, names="sighting"),
        Door("/sightings/{id:int}/facts", sightings.letter, roles=SENIORS, names="sighting"),
        Door("/sightings/{id:int}/hand-over", sightings.hand_over, method="POST", roles=SENIORS, names="sighting"),
        Door("/sightings/{id:int}/package", sightings.ask_package, method="POST", roles=SENIORS, names="sighting"),
        Door("/packages/{id:int}.zip", sightings.fetch_package, roles=SENIORS, picture=True, names="package"),
        Door("/people", people.listed, roles=STATERS),
        Door("/people/{number:path}", people.person, roles=OF_CASES, names="person"),
        Door("/people/{number:path}/statements", people.state, method="POST", roles=STATERS, names="person"),
        Door("/people/{number:path}/file", exchange.whole_file, method="POST", roles=OFFICERS, names="person"),
        Door("/exchange", exchange.page, roles=OFFICERS),
        Door("/exchange", exchange.export, method="POST", roles=OFFICERS),
        Door("/statements/{id:int}/withdraw", people.withdraw, method="POST", roles=STATERS, names="statement"),
        Door("/tip", form.page, anyone=True),
        Door("/tip", form.send, method="POST", anyone=True),
        Door("/tip/state", form.state_form, anyone=True),
        Door("/tip/state", form.state, method="POST", anyone=True),
        Door("/tips", officers.listed, roles=CASE_OFFICERS),
        Door("/tips/{id:int}", officers.tip, roles=CASE_OFFICERS, names="tip"),
        Door("/tips/{id:int}/contact", officers.contact, method="POST", roles=CASE_OFFICERS, names="tip"),
        Door("/tips/{id:int}/take-up", officers.take_up, method="POST", roles=CASE_OFFICERS, names="tip"),
        Door("/tips/{id:int}/about", officers.about, method="POST", roles=CASE_OFFICERS, names="tip"),
        Door("/tips/{id:int}/move", officers.move, method="POST", roles=CASE_OFFICERS, names="tip"),
        Door("/tips/{id:int}/note", officers.note, method="POST", roles=CASE_OFFICERS, names="tip"),
        Door("/letters", letters.listed, roles=OFFICERS),
        Door("/letters", drafting.keep, method="POST", roles=OFFICERS),
        Door("/letters/new", drafting.new, roles=OFFICERS),
        Door("/letters/{id:int}", letters.page, roles=OFFICERS, names="letter"),
        Door("/letters/{id:int}/confirm", letters.confirm, method="POST", roles=OFFICERS, names="letter"),
        Door("/letters/{id:int}/make", letters.make, method="POST", roles=OFFICERS, names="letter"),
        Door("/letters/{id:int}/move", letters.move, method="POST", roles=OFFICERS, names="letter"),
        Door("/letters/{id:int}/edit", drafting.edit, roles=OFFICERS, names="letter"),
        Door("/letters/{id:int}/edit", drafting.revise, method="POST", roles=OFFICERS, names="letter"),
        Door("/letter-files/{id:int}/{format}", letters.fetch, roles=OFFICERS, picture=True, names="letter_file"),
        Door("/letters/recipients", book.recipients, roles=OFFICERS),
        Door("/letters/recipients", book.add, method="POST", roles=OFFICERS),
        Door("/letters/recipients/{id:int}/retire", book.retire, method="POST", roles=OFFICERS, names="recipient"),
        Door("/letters/templates", book.all_templates, roles=OFFICERS),
        Door("/letters/templates/{kind}/{language}", book.template, roles=OFFICERS, names="letter_template"),
        Door(
            "/letters/templates/{kind}/{language}",
            book.keep_template,
            method="POST",
            roles=OFFICERS,
            names="letter_template",
        ),
        Door("/log", log.page, roles=AUDITORS),
        Door("/log/verify", log.verify, method="POST", roles=AUDITORS),
        Door("/log.{ending}", log.download, roles=AUDITORS, picture=True, names="log_file"),
        Door("/reviews/{token:uuid}", reviews.page, roles=REVIEWERS, names="review"),
        Door("/reviews/{token:uuid}/description", reviews.describe, method="POST", roles=REVIEWERS, names="review"),
        Door("/reviews/{token:uuid}/answer", reviews.answer, method="POST", roles=REVIEWERS, names="review"),
        Door("/reviews/{token:uuid}/draft", reviews.draft, method="POST", roles=REVIEWERS, names="review"),
        Door("/reviews/{token:uuid}/return", reviews.give_back, method="POST", roles=REVIEWERS, names="review"),
        Door("/reviews/{token:uuid}/warn", reviews.warn, method="POST", roles=REVIEWERS, names="review"),
        Door("/reviews/{token:uuid}/undo", reviews.undo, method="POST", roles=REVIEWERS, names="answered"),
        Door("/reviews/{token:uuid}/again", reviews.again, method="POST", roles=REVIEWERS, names="answered"),
        Door("/reviews/{token:uuid}/ahead", reviews.ahead, roles=REVIEWERS, picture=True, names="review"),
        Door("/reviews/{token:uuid}/shot/{n:int}.jpg", pictures.shot, roles=REVIEWERS, picture=True, names="review"),
        Door("/reviews/{token:uuid}/photo/{n:int}.jpg", pictures.photo, roles=REVIEWERS, picture=True, names="review"),
        Door("/reviews/{token:uuid}/still.jpg", pictures.still, roles=REVIEWERS, picture=True, names="review"),
        Door("/reviews/{token:uuid}/clip.mp4", pictures.clip, roles=REVIEWERS, picture=True, names="review"),
        Door("/judgements", reviews.lately, roles=REVIEWERS),
        Door("/me", figures.me, roles=REVIEWERS),
        Door("/me.json", figures.me_json, roles=REVIEWERS),
        Door("/team", figures.team, roles=SENIORS),
        Door("/team.json", figures.team_json, roles=SENIORS),
        Door("/hints", hints.hints, roles=REVIEWERS),
        Door("/media/crop/{id:int}", media.crop, roles=OF_VIDEOS, picture=True, names="shot"),
        Door("/register", register.keeping, roles=KEEPERS),
        Door("/register/findings/{id:int}/explain", register.explain, method="POST", roles=KEEPERS, names="finding"),
        Door("/media/photo/{id:int}", media.photo, roles=KEEPERS, picture=True, names="finding_photo"),
        Door("/media/face/{id:int}", media.face, roles=OF_VIDEOS, picture=True, names="shot"),
        Door("/unaccounted", videos.unaccounted, roles=OF_VIDEOS),
        Door("/videos/{blob}/roll-call", videos.roll_call_, roles=OF_VIDEOS, names="blob"),
        Door("/videos/{blob}/roll-call.{ending}", videos.download, roles=OF_VIDEOS, names="blob"),
        Door("/groups", groups.listed, roles=OFFICERS),
        Door("/groups", groups.opened, method="POST", roles=OFFICERS),
        Door("/groups/{id:int}", groups.case, roles=OFFICERS, names="group"),
        Door("/groups/{id:int}.csv", groups.download, roles=OFFICERS, picture=True, names="group"),
        Door("/groups/{id:int}/files", groups.decide, method="POST", roles=OFFICERS, names="group"),
        Door("/groups/{id:int}/notes", groups.note, method="POST", roles=OFFICERS, names="group"),
        Door("/cast-links/{id:int}/withdraw", videos.part, method="POST", roles=REVIEWERS, names="cast_link"),
        Door("/lists", list_pages.listed, roles=OFFICERS),
        Door("/lists/new", list_importing.page, roles=OFFICERS),
        Door(
            "/lists/new",
            list_importing.take,
            method="POST",
            roles=OFFICERS,
            largest_file=list_importing.LARGEST_FORM,
        ),
        Door("/lists/{id:int}", list_pages.one, roles=OFFICERS, names="list"),
        Door("/lists/{id:int}/next", list_pages.next_, roles=OFFICERS, names="list"),
        Door("/lists/{id:int}/decide", list_pages.decide_several, method="POST", roles=OFFICERS, names="list"),
        Door("/lists/{id:int}/match", list_pages.match, method="POST", roles=OFFICERS, names="list"),
        Door("/lists/{id:int}/undo", list_pages.undo, method="POST", roles=OFFICERS, names="list"),
        Door("/lists/lines/{id:int}", list_pages.line, roles=OFFICERS, names="list_line"),
        Door("/lists/lines/{id:int}/decide", list_pages.decide, method="POST", roles=OFFICERS, names="list_line"),
        Door("/status", installation.status, roles=STAFF),
        Door("/metrics", monitoring.metrics, roles=STAFF, picture=True),
        Door("/reports", reports.listed, roles=STAFF),
        Door("/reports/{day}.{ending}", reports.download, roles=STAFF, picture=True, names="report_file"),
        Door("/reports/{day}", reports.page, roles=STAFF, names="report"),
        Door("/reports/periods/{id:int}/page", periods.page, roles=STAFF, names="year_report"),
        Door("/reports/periods/{id:int}/file.{ending}", periods.download, roles=STAFF, picture=True, names="year_file"),
        Door("/reports/periods/{id:int}/records/{figure}", periods.records, roles=STAFF, names="year_records"),
        Door("/calibration", calibration.page, roles=STAFF),
        Door("/calibration/{id:int}/plot.svg", calibration.plot, roles=STAFF, picture=True, names="calibration"),
        Door("/users", users.users, roles=ADMINISTRATORS),
        Door("/users", users.add, method="POST", roles=ADMINISTRATORS),
        Door("/users/{id:int}/roles", users.roles, method="POST", roles=ADMINISTRATORS, names="user"),
        Door("/users/{id:int}/disable", users.disable, method="POST", roles=ADMINISTRATORS, names="user"),
        Door("/users/{id:int}/enable", users.enable, method="POST", roles=ADMINISTRATORS, names="user"),
        Door("/users/{id:int}/unlock", users.unlock, method="POST", roles=ADMINISTRATORS, names="user"),
        Door("/users/{id:int}/link", users.link, method="POST", roles=ADMINISTRATORS, names="user"),
        Door(
            "/users/{id:int}/reset-second-factor",
            users.reset_second_factor,
            method="POST",
            roles=ADMINISTRATORS,
            names="user",
        ),
        Door("/account", account.account, roles=ANY_ROLE),
        Door("/account/password", account.set_password, method="POST", roles=ANY_ROLE),
        Door("/account/preferences", account.set_preferences, method="POST", roles=ANY_ROLE),
        Door("/account/browsers/end", account.end_browsers, method="POST", roles=ANY_ROLE),
        Door("/account/browsers/{id:int}/end", account.end_browser, method="POST", roles=ANY_ROLE, names="session"),
        Door("/account/second-factor", second_factor.page, roles=ANY_ROLE, halfway=True),
        Door("/account/second-factor", second_factor.confirm, method="POST", roles=ANY_ROLE, halfway=True),
        Door("/account/second-factor.svg", second_factor.picture, roles=ANY_ROLE, halfway=True, picture=True),
        Door("/account/second-factor/remove", second_factor.remove, method="POST", roles=ANY_ROLE),
        Door("/account/recovery-codes", second_factor.renew_codes, method="POST", roles=ANY_ROLE),
        Door("/sign-out", entrance.sign_out, method="POST", roles=ANY_ROLE),
        Door("/sign-in", entrance.sign_in_page, anyone=True),
        Door("/sign-in", entrance.sign_in, method="POST", anyone=True),
        Door("/sign-in/second-factor", second_factor.code_page, anyone=True),
        Door("/sign-in/second-factor", second_factor.give_code, method="POST", anyone=True),
        Door("/sign-in/provider", provider.go, anyone=True),
        Door("/sign-in/provider/back", provider.back, anyone=True),
        Door("/sign-in/provider/out", provider.leave, anyone=True),
        Door("/sign-in/provider/link", provider.link, roles=ANY_ROLE),
        Door("/language", installation.set_language, method="POST", anyone=True),
        Door("/session", entrance.session_state, anyone=True, idle=True),
        Door("/enter/{token}", entrance.enter_page, anyone=True, names="link"),
        Door("/enter/{token}", entrance.enter, method="POST", anyone=True, names="link"),
        Door("/static/{name}", installation.static, anyone=True, names="static"),
    ]


def create_app(stores: Stores, settings: Settings, routes: list[BaseRoute] | None = None) -> SecurityHeaders:
    """The review pages over these stores, as an ASGI application."""
    desk, routes = Desk(stores, settings), doors() if routes is None else routes

    def find_session(token: str, counts: bool) -> accounts.Session | None:
        with stores.db.begin() as db:
            return accounts.find_session(db, token, desk.idle, counts=counts)

    def find_token(token: str) -> accounts.Session | None:
        with stores.db.begin() as db:
            return accounts.find_token(db, token)

    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(WhenAway, refuse=desk.problem),
            Middleware(
                Guard,
                routes=routes,
                find_session=find_session,
                find_token=find_token,
                refuse=desk.problem,
                limit=RequestLimit(settings.requests_a_minute),
            ),
        ],
        exception_handlers={
            HTTPException: _http_problem,
            ObjectMissing: _missing,
            StoreUnavailable: _unavailable,
            Exception: _bug,
        },
    )
    app.router.redirect_slashes = False
    app.state.desk = desk
    return SecurityHeaders(Named(Mounted(app)))


def _http_problem(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    answer = desk_of(request).problem(request, status)
    if status == 405:
        answer.headers["Allow"] = ", ".join(_methods_here(request))
    return answer


def _methods_here(request: Request) -> list[str]:
    """What the address that was asked for answers to."""
    routes: list[BaseRoute] = request.app.routes
    return sorted({one.method for one in routes if isinstance(one, Door) and one.matches(request.scope)[0] is not NONE})


def _missing(request: Request, fault: Exception) -> Response:
    """A derived object that a row names and the store has not: it can be made again from the evidence."""
    return desk_of(request).problem(request, 404)


def _unavailable(request: Request, fault: Exception) -> Response:
    return desk_of(request).problem(request, 503)


def _bug(request: Request, fault: Exception) -> Response:
    """The fault itself goes to the server's log, never to the page."""
    if not hasattr(request.state, "visit"):
        request.state.visit = Visit(None, "", {})
    return desk_of(request).problem(request, 500)
