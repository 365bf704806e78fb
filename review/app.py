"""The application: the table of doors, and everything put together."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from lastseen.settings import Settings
from review import calibration, candidates, entrance, hints, house, media, queue, register, videos
from review.desk import Desk, desk_of
from review.doors import Door, Guard, SecurityHeaders, Visit
from review.roles import ANY_ROLE, KEEPERS, REVIEWERS, SENIORS, STAFF
from storage import accounts
from storage.objects import ObjectMissing, StoreUnavailable
from storage.stores import Stores


def doors() -> list[BaseRoute]:
    """Every page and who may open it."""
    return [
        Door("/", queue.page, roles=REVIEWERS),
        Door("/reviews", queue.take, method="POST", roles=REVIEWERS),
        Door("/pause", queue.paused, roles=REVIEWERS),
        Door("/pause", queue.pause, method="POST", roles=REVIEWERS),
        Door("/pause/end", queue.go_on, method="POST", roles=REVIEWERS),
        Door("/limits/lift", queue.lift, method="POST", roles=SENIORS),
        Door("/candidates/{id:int}", candidates.candidate, roles=REVIEWERS),
        Door("/hints", hints.hints, roles=REVIEWERS),
        Door("/media/crop/{id:int}", media.crop, roles=REVIEWERS, picture=True),
        Door("/media/reference/{id:int}", media.reference, roles=REVIEWERS, picture=True),
        Door("/media/still/{id:int}", media.still, roles=REVIEWERS, picture=True),
        Door("/media/clip/{id:int}", media.clip, roles=REVIEWERS, picture=True),
        Door("/register", register.keeping, roles=KEEPERS),
        Door("/register/findings/{id:int}/explain", register.explain, method="POST", roles=KEEPERS),
        Door("/media/photo/{id:int}", media.photo, roles=KEEPERS, picture=True),
        Door("/media/face/{id:int}", media.face, roles=REVIEWERS, picture=True),
        Door("/unaccounted", videos.unaccounted, roles=REVIEWERS),
        Door("/videos/{blob}/roll-call", videos.roll_call_, roles=REVIEWERS),
        Door("/videos/{blob}/roll-call.{ending}", videos.download, roles=REVIEWERS),
        Door("/cast-links/{id:int}/withdraw", videos.part, method="POST", roles=REVIEWERS),
        Door("/status", house.status, roles=STAFF),
        Door("/calibration", calibration.page, roles=STAFF),
        Door("/calibration/{id:int}/plot.svg", calibration.plot, roles=STAFF, picture=True),
        Door("/account", entrance.account, roles=ANY_ROLE),
        Door("/account/password", entrance.set_password, method="POST", roles=ANY_ROLE),
        Door("/sign-out", entrance.sign_out, method="POST", roles=ANY_ROLE),
        Door("/sign-in", entrance.sign_in_page, anyone=True),
        Door("/sign-in", entrance.sign_in, method="POST", anyone=True),
        Door("/enter/{token}", entrance.enter, anyone=True),
        Door("/static/{name}", house.static, anyone=True),
    ]


def create_app(stores: Stores, settings: Settings, routes: list[BaseRoute] | None = None) -> SecurityHeaders:
    """The review pages over these stores, as an ASGI application."""
    desk, routes = Desk(stores, settings), doors() if routes is None else routes

    def find_session(token: str) -> accounts.Session | None:
        with stores.db.begin() as db:
            return accounts.find_session(db, token)

    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, routes=routes, find_session=find_session, refuse=desk.problem)],
        exception_handlers={
            HTTPException: _http_problem,
            ObjectMissing: _missing,
            StoreUnavailable: _unavailable,
            Exception: _bug,
        },
    )
    app.router.redirect_slashes = False
    app.state.desk = desk
    return SecurityHeaders(app)


def _http_problem(request: Request, fault: Exception) -> Response:
    status = fault.status_code if isinstance(fault, HTTPException) else 500
    return desk_of(request).problem(request, status)


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
