"""Which case is meant: one candidate, one recording, or one entry of the register."""

from typing import Final

from lastseen.errors import WrongUse
from storage import cases, subjects
from storage.cases import Case
from storage.database import Connection
from storage.subjects import Kind, Subject

CASES: Final = (Kind.CANDIDATE, Kind.BLOB, Kind.PERSON)
"""what a package may be about"""
HOW_NAMED: Final = {
    Kind.CANDIDATE: "{!r} is no number of a candidate: `lastseen candidates` lists them",
    Kind.BLOB: "a recording is named by its sha256, 64 digits of 0-9 and a-f: blob:<sha256>",
    Kind.PERSON: "a person is named by the register number: person:<number>",
}


def parse(db: Connection, written: str) -> Subject:
    """`candidate:12`, `blob:<sha256>`, `person:<register number>`, or what stands behind the colon, where only one of
    them can be meant.  Raises WrongUse.
    """
    kind, colon, value = written.strip().partition(":")
    if colon and kind in CASES:
        return _checked(Kind(kind), value.strip())
    plain = written.strip()
    if subjects.is_name(Kind.BLOB, plain.lower()):
        return Subject(Kind.BLOB, plain.lower())
    registered = cases.is_registered(db, plain)
    if not plain.isdecimal():
        return Subject(Kind.PERSON, plain) if registered else _unknown(plain)
    if registered:
        raise WrongUse(
            f"{plain} may be a candidate, and is a register number: write candidate:{plain} or person:{plain}"
        )
    return _checked(Kind.CANDIDATE, plain)


def case(db: Connection, target: Subject) -> Case:
    """Everything that is held of a case.  Raises WrongUse if there is nothing."""
    match target.kind:
        case Kind.CANDIDATE:
            found = cases.of_candidate(db, int(target.name))
            why = f"there is no candidate {target.name}: `lastseen candidates` lists them"
        case Kind.BLOB:
            found = cases.of_blob(db, target.name)
            why = f"no recording with the sha256 {target.name} is stored: `lastseen candidates --json` names some"
        case Kind.PERSON:
            found = cases.of_person(db, target.name)
            why = _no_case(db, target.name)
        case _:
            raise ValueError(f"no package is about a {target.kind}: `parse` lets none pass")
    if found is None:
        raise WrongUse(why)
    return found


def subject(target: Subject, found: Case) -> str:
    """How the custody log names the case; a person by the row, since numbers of registers are the office's own."""
    return f"person:{found.sighted[0].person}" if target.kind is Kind.PERSON else str(target)


def _no_case(db: Connection, number: str) -> str:
    if cases.is_registered(db, number):
        return f"there is no candidate for {number}, so there is nothing to export"
    return f"the register has no entry {number}"


def _checked(kind: Kind, name: str) -> Subject:
    """Raises WrongUse."""
    if not subjects.is_name(kind, name):
        raise WrongUse(HOW_NAMED[kind].format(name))
    return Subject(kind, name)


def _unknown(plain: str) -> Subject:
    raise WrongUse(
        f"{plain!r} is no candidate's number, no sha256 and no register number: write candidate:12, blob:<sha256> or"
        " person:<register number>"
    )
