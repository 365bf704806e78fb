"""A door for programs: a function with models as its arguments and result, and what is said of both."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from inspect import cleandoc
from typing import Annotated, Any, Final, get_type_hints
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from starlette.requests import Request
from starlette.responses import Response

from lastseen.errors import WrongUse
from review import problems
from review.desk import Desk, desk_of
from review.doors import Door, root_of, user_of, visit_of
from review.problems import Refused
from review.roles import Role
from storage.accounts import User

LARGEST: Final = 2**63 - 1
"""of a row id"""
MOST_PARAMETERS: Final = 20
MOST_DIGITS: Final = 20
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def _whole(written: object, info: ValidationInfo) -> object:
    """In an address a number is digits: not ` 1`, `+1`, `1_0` or `1.0`.  In JSON 1.0 is 1, and "1" is none."""
    if info.mode != "json" and isinstance(written, str):
        if not (written.isascii() and written.isdigit() and len(written) < MOST_DIGITS):
            raise ValueError("a number is written in digits")
        return int(written)
    return int(written) if isinstance(written, float) and written.is_integer() else written


def _day(written: object) -> object:
    if not isinstance(written, str):
        return written
    if not _DAY.fullmatch(written):
        raise ValueError("a day is written as YYYY-MM-DD")
    return date.fromisoformat(written)


NO_NUL: Final = r"^[^\x00]*$"
"""a NUL sign is in no text that the database keeps"""
WHOLE = BeforeValidator(_whole)
Id = Annotated[int, Field(ge=1, le=LARGEST), WHOLE]
Day = Annotated[date, BeforeValidator(_day)]
Word = Annotated[str, Field(max_length=200, pattern=NO_NUL)]
Note = Annotated[str, Field(max_length=200, pattern=NO_NUL)]
Reason = Annotated[str, Field(max_length=500, pattern=NO_NUL)]
LongReason = Annotated[str, Field(max_length=2000, pattern=NO_NUL)]


class Given(BaseModel):
    """What a program sends: nothing but these fields, of these types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Told(BaseModel):
    """What a program is told."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True
    )


class Nothing(Given):
    """An act that needs no words: `{}`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    desk: Desk
    user: User
    request: Request

    @property
    def roles(self) -> frozenset[str]:
        """Of a program those that its token has."""
        return frozenset(self.user.roles)

    @property
    def id(self) -> int:
        """The row id in the address."""
        found: int = self.request.path_params["id"]
        return found

    @property
    def token(self) -> UUID:
        """Of the review in the address."""
        found: UUID = self.request.path_params["token"]
        return found

    def word(self, name: str) -> str:
        """Another part of the address."""
        found: str = self.request.path_params[name]
        return found

    def address(self, path: str) -> str:
        """One of our addresses, as the program has to ask for it."""
        return root_of(self.request) + path


class ApiDoor(Door):
    """A door whose function takes a `Call`, perhaps a model, and gives a model or nothing.

    The model is what a GET has behind its question mark, and what a POST has in its body.
    """

    takes_json = True
    for_programs = True

    def __init__(
        self,
        path: str,
        does: Callable[..., BaseModel | None],
        *,
        method: str = "GET",
        roles: frozenset[Role],
        names: str = "",
        status: int = 200,
        refuses: Sequence[int] = (),
    ) -> None:
        """`refuses`: with which statuses, beside those that any door may give."""
        hints: dict[str, Any] = get_type_hints(does, include_extras=True)
        gives = hints.pop("return")
        self.does = does
        self.gives: type[BaseModel] | None = None if gives is type(None) else gives
        self.takes: type[BaseModel] | None = next((hint for name, hint in hints.items() if name != "call"), None)
        self.status = 204 if self.gives is None else status
        self.refuses = tuple(refuses)
        super().__init__(path, self._answer, method=method, roles=roles, picture=True, names=names)

    @property
    def says(self) -> tuple[str, str]:
        """What it does, in a line, and whatever else there is to say."""
        line, _, rest = cleandoc(self.does.__doc__ or "").partition("\n")
        return line.strip().rstrip("."), rest.strip()

    def _answer(self, request: Request) -> Response:
        try:
            made = self._done(request)
        except WrongUse as why:
            return problems.answer(409, why=str(why))
        except Refused as why:
            return problems.answer(why.status, why.title, why.why, why.errors)
        if made is None:
            return Response(status_code=204)
        return Response(made.model_dump_json(), self.status, media_type="application/json")

    def _done(self, request: Request) -> BaseModel | None:
        call = Call(desk_of(request), user_of(request), request)
        try:
            given = self._given(request)
        except ValidationError as fault:
            raise problems.of_fault(fault) from fault
        return self.does(call) if given is None else self.does(call, given)

    def _given(self, request: Request) -> BaseModel | None:
        """Raises pydantic's ValidationError, and Refused."""
        asked = _parameters(request)
        if self.method == "GET" and self.takes:
            return self.takes.model_validate_strings(asked)
        Nothing.model_validate(asked)
        if self.method == "GET":
            return None
        given = (self.takes or Nothing).model_validate_json(visit_of(request).body)
        return given if self.takes else None


def _parameters(request: Request) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            request.url.query,
            keep_blank_values=True,
            strict_parsing=bool(request.url.query),
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError as fault:
        raise Refused(400) from fault
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused(400, "Give each parameter once.")
    return found
