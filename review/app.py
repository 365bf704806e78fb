"""The application: the table of doors, and everything put together."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from lastseen.settings import Settings
from review import calibration, candidates, entrance, hints, house, media, register, videos
from review.desk import Desk, desk_of
from review.doors import Door, Guard, SecurityHeaders, Visit
from review.roles import ANY_ROLE, KEEPERS, REVIEWERS, STAFF
from storage import accounts
from storage.objects import ObjectMissing, StoreUnavailable
from storage.stores import Stores


def doors() -> list[BaseRoute]:
    """Every page and who may open it."""
    return [
        Door("/", candidates.queue, roles=REVIEWERS),
        Door("/candidates/{id:int}", candidates.candidate, roles=REVIEWERS, names="candidate"),
        Door("/hints", hints.hints, roles=REVIEWERS),
        Door("/media/crop/{id:int}", media.crop, roles=REVIEWERS, picture=True, names="shot"),
        Door("/media/reference/{id:int}", media.reference, roles=REVIEWERS, picture=True, names="photo"),
        Door("/media/still/{id:int}", media.still, roles=REVIEWERS, picture=True, names="candidate"),
        Door("/media/clip/{id:int}", media.clip, roles=REVIEWERS, picture=True, names="candidate"),
        Door("/register", register.keeping, roles=KEEPERS),
        Door("/register/findings/{id:int}/explain", register.explain, method="POST", roles=KEEPERS, names="finding"),
        Door("/media/photo/{id:int}", media.photo, roles=KEEPERS, picture=True, names="finding_photo"),
        Door("/media/face/{id:int}", media.face, roles=REVIEWERS, picture=True, names="shot"),
        Door("/unaccounted", videos.unaccounted, roles=REVIEWERS),
        Door("/videos/{blob}/roll-call", videos.roll_call_, roles=REVIEWERS, names="blob"),
        Door("/videos/{blob}/roll-call.{ending}", videos.download, roles=REVIEWERS, names="blob"),
        Door("/cast-links/{id:int}/withdraw", videos.part, method="POST", roles=REVIEWERS, names="cast_link"),
        Door("/status", house.status, roles=STAFF),
        Door("/calibration", calibration.page, roles=STAFF),
        Door("/calibration/{id:int}/plot.svg", calibration.plot, roles=STAFF, picture=True, names="calibration"),
        Door("/account", entrance.account, roles=ANY_ROLE),
        Door("/account/password", entrance.set_password, method="POST", roles=ANY_ROLE),
        Door("/sign-out", entrance.sign_out, method="POST", roles=ANY_ROLE),
        Door("/sign-in", entrance.sign_in_page, anyone=True),
        Door("/sign-in", entrance.sign_in, method="POST", anyone=True),
        Door("/enter/{token}", entrance.enter, anyone=True, names="link"),
        Door("/static/{name}", house.static, anyone=True, names="static"),
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
