"""What goes into the sandbox and what comes out, as JSON of known types.

Whoever breaks out of a decoder can say anything on the child's standard output, so the answer is validated as if
strangers had written it: unknown fields, wrong types and numbers that are not finite are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter

from extractors.limits import Limits
from lastseen.choices import Choices
from lastseen.records import (
    Analysis,
    Comparison,
    CropsKept,
    Disguised,
    DisguiseWanted,
    Enrolment,
    Fingerprint,
    Joined,
    LinkedStretch,
    Measured,
    Moment,
    MomentWanted,
    Reembedded,
    Rejection,
)

Task = Literal[
    "analyze", "enroll", "disguise", "fingerprint", "compare", "reembed", "moment", "measure", "join", "probe"
]


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """What a child is to try."""

    paths: tuple[str, ...] = ()
    port: int | None = None
    """on 127.0.0.1"""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a child could do: tried, not promised."""

    measures: tuple[str, ...]
    """what holds it, e.g. `Landlock`"""
    readable: tuple[str, ...]
    """those of the paths asked for that it could read"""
    connected: bool
    """it reached the port asked for"""
    outward: bool
    """it has a way to addresses beyond this machine"""
    environment: tuple[str, ...]
    """names of its environment variables"""


@dataclass(frozen=True, slots=True)
class Setup:
    """What holds for every file that one sandbox opens; told once, to the process that forks the children."""

    alone: bool
    """there is no bubblewrap around it: it has to hold itself"""
    workspace: str
    """a private folder, as the sandbox sees it"""
    models: str
    engine: str
    threads: int
    """that the engine and the decoder may use"""
    limits: Limits
    choices: Choices
    most_written: int
    """bytes of the largest file that a child may write which is handed one to write"""


@dataclass(frozen=True, slots=True)
class Request:
    """One task on one file, or several, which come with it as open descriptors."""

    task: Task
    moment: MomentWanted | None = None
    crops: CropsKept | None = None
    links: tuple[LinkedStretch, ...] = ()
    disguise: DisguiseWanted | None = None
    probe: ProbeRequest | None = None


Verdict = (
    Analysis
    | Enrolment
    | Disguised
    | Fingerprint
    | Comparison
    | Reembedded
    | Moment
    | Measured
    | Joined
    | Rejection
    | Probe
)
Kind = TypeVar(
    "Kind", Analysis, Enrolment, Disguised, Fingerprint, Comparison, Reembedded, Moment, Measured, Joined, Probe
)

_STRICT: Final = ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64", allow_inf_nan=False)

# Unions, since pydantic takes a configuration for a plain dataclass only as a member of something else.
_SETUP: Final[TypeAdapter[Setup | None]] = TypeAdapter(Setup | None, config=_STRICT)
_REQUEST: Final[TypeAdapter[Request | None]] = TypeAdapter(Request | None, config=_STRICT)
_VERDICT: Final[TypeAdapter[Verdict]] = TypeAdapter(Verdict, config=_STRICT)
# One for each kind: told to choose among all of them, pydantic takes five times as long to read an analysis.
_ANSWERS: Final[Mapping[type[Verdict], TypeAdapter[Any]]] = {
    Analysis: TypeAdapter(Analysis | Rejection, config=_STRICT),
    Disguised: TypeAdapter(Disguised | Rejection, config=_STRICT),
    Enrolment: TypeAdapter(Enrolment | Rejection, config=_STRICT),
    Reembedded: TypeAdapter(Reembedded | Rejection, config=_STRICT),
    Fingerprint: TypeAdapter(Fingerprint | Rejection, config=_STRICT),
    Moment: TypeAdapter(Moment | Rejection, config=_STRICT),
    Comparison: TypeAdapter(Comparison | Rejection, config=_STRICT),
    Measured: TypeAdapter(Measured | Rejection, config=_STRICT),
    Joined: TypeAdapter(Joined | Rejection, config=_STRICT),
    Probe: TypeAdapter(Probe | Rejection, config=_STRICT),
}


def pack_setup(setup: Setup) -> bytes:
    """JSON."""
    return _SETUP.dump_json(setup)


def unpack_setup(said: bytes) -> Setup:
    """The other way.  Raises ValueError."""
    setup = _SETUP.validate_json(said)
    if setup is None:
        raise ValueError("no setup")
    return setup


def pack_request(request: Request) -> bytes:
    """JSON."""
    return _REQUEST.dump_json(request)


def unpack_request(said: bytes) -> Request:
    """The other way.  Raises ValueError."""
    request = _REQUEST.validate_json(said)
    if request is None:
        raise ValueError("no request")
    return request


def pack_verdict(verdict: Verdict) -> bytes:
    """JSON; bytes as base64."""
    return _VERDICT.dump_json(verdict)


def unpack_verdict(answer: bytes, kind: type[Kind]) -> Kind | Rejection:
    """The other way.  Raises ValueError for anything that is not exactly a verdict of this kind."""
    verdict: Kind | Rejection = _ANSWERS[kind].validate_json(answer)
    return verdict
