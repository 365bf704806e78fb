"""The table of doors for programs."""

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from review.api import cases, exchange, house, letters, openapi, people, reviewing
from review.api.door import ApiDoor
from review.cases.people import STATERS
from review.doors import Door, root_of
from review.roles import ADMINISTRATORS, ANY_ROLE, AUDITORS, OF_CASES, OFFICERS, REVIEWERS, SENIORS, STAFF

V1 = "/api/v1"
_REVIEW, _USER = f"{V1}/reviews/{{token:uuid}}", f"{V1}/users/{{id:int}}"


def api_doors() -> list[BaseRoute]:
    """Every address for programs, and who may use it."""
    return [Door("/api/openapi.json", document, anyone=True), *_doors()]


def _doors() -> list[ApiDoor]:
    return [*_reviewing(), *_cases(), *_house()]


def document(request: Request) -> Response:
    """What all of these take and give, by OpenAPI 3.1; made of their declarations."""
    return JSONResponse(openapi.document(_doors(), root_of(request)))


def _reviewing() -> list[ApiDoor]:
    own = partial(ApiDoor, roles=REVIEWERS, names="review")
    act = partial(own, method="POST")
    done = partial(act, names="answered")
    return [
        ApiDoor(f"{V1}/me", reviewing.me, roles=ANY_ROLE),
        ApiDoor(f"{V1}/queue", reviewing.queue, roles=REVIEWERS),
        ApiDoor(f"{V1}/reviews", reviewing.take, method="POST", roles=REVIEWERS),
        own(_REVIEW, reviewing.review),
        act(f"{_REVIEW}/description", reviewing.describe, refuses=[409]),
        act(f"{_REVIEW}/answer", reviewing.answer, refuses=[409]),
        act(f"{_REVIEW}/return", reviewing.give_back),
        act(f"{_REVIEW}/warn", reviewing.warn),
        done(f"{_REVIEW}/undo", reviewing.undo, refuses=[409]),
        done(f"{_REVIEW}/again", reviewing.again),
        ApiDoor(f"{V1}/judgements", reviewing.lately, roles=REVIEWERS),
        ApiDoor(f"{V1}/pause", reviewing.pause, method="POST", roles=REVIEWERS),
        ApiDoor(f"{V1}/pause/end", reviewing.go_on, method="POST", roles=REVIEWERS),
    ]


def _cases() -> list[ApiDoor]:
    stated = partial(ApiDoor, method="POST", roles=STATERS, refuses=[409])
    return [
        ApiDoor(f"{V1}/candidates/{{id:int}}", cases.candidate, roles=REVIEWERS, names="record"),
        ApiDoor(f"{V1}/sightings", cases.sightings, roles=OF_CASES),
        ApiDoor(f"{V1}/sightings/{{id:int}}", cases.sighting, roles=OF_CASES, names="sighting"),
        ApiDoor(
            f"{V1}/sightings/{{id:int}}/hand-overs",
            cases.hand_over,
            method="POST",
            roles=SENIORS,
            names="sighting",
            status=201,
            refuses=[409],
        ),
        ApiDoor(f"{V1}/people", people.listed, roles=STATERS, refuses=[409]),
        ApiDoor(f"{V1}/people/{{number:path}}", people.person, roles=OF_CASES, names="person"),
        stated(f"{V1}/people/{{number:path}}/statements", people.state, names="person", status=201),
        stated(f"{V1}/statements/{{id:int}}/withdraw", people.withdraw, names="statement"),
        ApiDoor(f"{V1}/letters", letters.listed, roles=OFFICERS),
        ApiDoor(f"{V1}/letters/{{id:int}}", letters.letter, roles=OFFICERS, names="letter"),
        ApiDoor(
            f"{V1}/letters/{{id:int}}/events",
            letters.note,
            method="POST",
            roles=OFFICERS,
            names="letter",
            status=201,
            refuses=[409],
        ),
        ApiDoor(f"{V1}/exchange", exchange.hand_out, method="POST", roles=OFFICERS, refuses=[409]),
        ApiDoor(f"{V1}/videos/{{blob}}/roll-call", cases.roll_call_, roles=REVIEWERS, names="blob"),
        ApiDoor(f"{V1}/unaccounted", cases.unaccounted, roles=REVIEWERS),
        ApiDoor(f"{V1}/hints", cases.hints, roles=REVIEWERS),
    ]


def _house() -> list[ApiDoor]:
    one = partial(ApiDoor, method="POST", roles=ADMINISTRATORS, names="user", refuses=[409])
    return [
        ApiDoor(f"{V1}/status", house.status, roles=STAFF),
        ApiDoor(f"{V1}/calibrations", house.calibration, roles=STAFF),
        ApiDoor(f"{V1}/log", house.log, roles=AUDITORS),
        ApiDoor(f"{V1}/users", house.users, roles=ADMINISTRATORS),
        ApiDoor(f"{V1}/users", house.add_user, method="POST", roles=ADMINISTRATORS, status=201, refuses=[409]),
        one(f"{_USER}/roles", house.roles),
        one(f"{_USER}/disable", house.disable),
        one(f"{_USER}/enable", house.enable),
        one(f"{_USER}/unlock", house.unlock),
        one(f"{_USER}/link", house.link),
        one(f"{_USER}/reset-second-factor", house.reset_second_factor),
    ]
