"""Which case is meant: one candidate, one recording, or one entry of the register."""

import re
from dataclasses import dataclass
from enum import StrEnum

from lastseen.errors import WrongUse
from storage import cases
from storage.cases import Case
from storage.database import Connection

SHA256 = re.compile(r"[0-9a-f]{64}")
MOST_DIGITS = 18
"""of a candidate's number"""


class Kind(StrEnum):
    """What a case is about."""

    CANDIDATE = "candidate"
    BLOB = "blob"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Target:
    """One case by its name."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def parse(db: Connection, written: str) -> Target:
    """`candidate:12`, `blob:<sha256>`, `person:<register number>`, or what stands behind the colon, where only one of
    them can be meant.  Raises WrongUse.
    """
    kind, colon, value = written.strip().partition(":")
    if colon and kind in tuple(Kind):
        return _checked(Target(Kind(kind), value.strip()))
    plain = written.strip()
    if SHA256.fullmatch(plain.lower()):
        return Target(Kind.BLOB, plain.lower())
    registered = cases.is_registered(db, plain)
    if not plain.isdecimal():
        return Target(Kind.PERSON, plain) if registered else _unknown(plain)
    if registered:
        raise WrongUse(
            f"{plain} may be a candidate, and is a register number: write candidate:{plain} or person:{plain}"
        )
    return _checked(Target(Kind.CANDIDATE, plain))


def case(db: Connection, target: Target) -> Case:
    """Everything that is held of a case.  Raises WrongUse if there is nothing."""
    match target.kind:
        case Kind.CANDIDATE:
            found = cases.of_candidate(db, int(target.value))
            why = f"there is no candidate {target.value}: `lastseen candidates` lists them"
        case Kind.BLOB:
            found = cases.of_blob(db, target.value)
            why = f"no recording with the sha256 {target.value} is stored: `lastseen candidates --json` names some"
        case Kind.PERSON:
            found = cases.of_person(db, target.value)
            why = _no_case(db, target.value)
    if found is None:
        raise WrongUse(why)
    return found


def subject(target: Target, found: Case) -> str:
    """How the custody log names the case; a person by the row, since numbers of registers are the office's own."""
    return f"person:{found.sighted[0].person}" if target.kind is Kind.PERSON else str(target)


def _no_case(db: Connection, number: str) -> str:
    if cases.is_registered(db, number):
        return f"there is no candidate for {number}, so there is nothing to export"
    return f"the register has no entry {number}"


def _checked(target: Target) -> Target:
    if target.kind is Kind.CANDIDATE and not (target.value.isdecimal() and len(target.value) <= MOST_DIGITS):
        raise WrongUse(f"{target.value!r} is no number of a candidate: `lastseen candidates` lists them")
    if target.kind is Kind.BLOB and not SHA256.fullmatch(target.value):
        raise WrongUse("a recording is named by its sha256, 64 digits of 0-9 and a-f: blob:<sha256>")
    if not target.value:
        raise WrongUse("a person is named by the register number: person:<number>")
    return target


def _unknown(plain: str) -> Target:
    raise WrongUse(
        f"{plain!r} is no candidate's number, no sha256 and no register number: write candidate:12, blob:<sha256> or"
        " person:<register number>"
    )
