"""What went wrong, as programs are told it: problem details by RFC 9457, with what to do about it."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

MEDIA_TYPE: Final = "application/problem+json"
MOST_ERRORS: Final = 20
"""faults of one request that are told"""

_USUAL: Final[Mapping[int, tuple[str, str]]] = {
    400: ("That cannot be read", "Send well-formed JSON, and each parameter once; docs/api.md has examples."),
    401: ("Not signed in", "Send a token (Authorization: Bearer ...) or a browser's session; both end some time."),
    403: ("Not for this account", "The account, or the token, has none of the roles that may do this (x-roles)."),
    404: ("Nothing here", "There is no such thing, or it is not yours to see: begin again with the list it came from."),
    405: ("Not like this", "Use a method that the header Allow names."),
    409: ("Not any more", "Read it again: something changed meanwhile, and this cannot be done as it stands."),
    413: ("Too long", "Send less."),
    415: ("Not JSON", "Send JSON, with the header Content-Type: application/json."),
    422: ("Not as it should be", "Correct what `errors` names, and send it again."),
    429: ("Too fast", "Wait as many seconds as the header Retry-After says."),
    500: ("Something broke", "It is our mistake. Nothing was lost; tell the administrator when it was."),
    503: ("Not at this moment", "A server behind this one does not answer. Nothing was lost; try again soon."),
}


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: str
    """which field, by its path"""
    what: str


class Problem(BaseModel):
    """Why something was not done, and what to do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field("about:blank", description="a URI that names the kind of problem")
    title: str = Field(description="what kind of problem it is, in a few words")
    status: int = Field(description="the HTTP status", ge=400, le=599)
    detail: str = Field(description="what to do about it")
    errors: tuple[Wrong, ...] = Field((), description="what is wrong with the request, where that can be said")


class Refused(Exception):
    """What cannot be done as it was asked for; the message is for whoever asked."""

    def __init__(self, status: int, why: str = "", title: str = "", errors: Sequence[Wrong] = ()) -> None:
        super().__init__(why)
        self.status, self.why, self.title, self.errors = status, why, title, tuple(errors)


def answer(status: int, title: str = "", why: str = "", errors: Sequence[Wrong] = ()) -> Response:
    """A problem, in the usual words of its status or in its own."""
    usual_title, usual_why = _USUAL.get(status, (HTTPStatus(status).phrase, "Look into docs/api.md."))
    said = Problem(title=title or usual_title, status=status, detail=why or usual_why, errors=tuple(errors))
    headers = {"WWW-Authenticate": 'Bearer realm="lastseen"'} if status == 401 else {}
    return Response(said.model_dump_json(), status, headers, MEDIA_TYPE)


def title_of(status: int) -> str:
    """What a status is called."""
    return _USUAL[status][0]


def of_fault(fault: ValidationError) -> Refused:
    """What a request says that its model does not allow; what was sent is not repeated."""
    found = fault.errors(include_url=False, include_context=False, include_input=False)
    errors = [Wrong(where=".".join(map(str, one["loc"])), what=one["msg"]) for one in found[:MOST_ERRORS]]
    unreadable = any(one["type"] == "json_invalid" for one in found)
    return Refused(400 if unreadable else 422, errors=errors)
