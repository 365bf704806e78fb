"""Which case is meant: one candidate or some, one recording, or one entry of the register."""

from dataclasses import dataclass
from typing import Final

from lastseen.errors import WrongUse
from storage import cases, subjects
from storage.cases import Case
from storage.database import Connection
from storage.subjects import Kind

CASES: Final = (Kind.CANDIDATE, Kind.BLOB, Kind.PERSON)
"""what a package may be about"""
HOW_NAMED: Final = {
    Kind.CANDIDATE: "{!r} is no number of a candidate: `lastseen candidates` lists them",
    Kind.BLOB: "a recording is named by its sha256, 64 digits of 0-9 and a-f: blob:<sha256>",
    Kind.PERSON: "a person is named by the register number: person:<number>",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a package is about, as people call it."""

    kind: Kind
    names: tuple[str, ...]
    """sha256, register number, or row ids of candidates, of which a package may be about several"""

    def __str__(self) -> str:
        return f"{self.kind}:{','.join(self.names)}"

    @property
    def candidates(self) -> tuple[int, ...]:
        """Row ids, of a package about candidates."""
        return tuple(map(int, self.names))


def parse(db: Connection, written: str) -> Target:
    """`candidate:12`, `candidate:12,13`, `blob:<sha256>`, `person:<register number>`, or what stands behind the colon,
    where only one of them can be meant.  Raises WrongUse.
    """
    kind, colon, value = written.strip().partition(":")
    if colon and kind == Kind.CANDIDATE:
        return _checked(Kind.CANDIDATE, *dict.fromkeys(name.strip() for name in value.split(",")))
    if colon and kind in CASES:
        return _checked(Kind(kind), value.strip())
    plain = written.strip()
    if subjects.is_name(Kind.BLOB, plain.lower()):
        return Target(Kind.BLOB, (plain.lower(),))
    registered = cases.is_registered(db, plain)
    if not plain.isdecimal():
        return Target(Kind.PERSON, (plain,)) if registered else _unknown(plain)
    if registered:
        raise WrongUse(
            f"{plain} may be a candidate, and is a register number: write candidate:{plain} or person:{plain}"
        )
    return _checked(Kind.CANDIDATE, plain)


def case(db: Connection, target: Target) -> Case:
    """Everything that is held of a case.  Raises WrongUse if there is nothing."""
    match target.kind:
        case Kind.CANDIDATE:
            found = cases.of_candidates(db, target.candidates)
            why = f"there is no candidate {' or '.join(target.names)}: `lastseen candidates` lists them"
        case Kind.BLOB:
            found = cases.of_blob(db, target.names[0])
            why = f"no recording with the sha256 {target.names[0]} is stored: `lastseen candidates --json` names some"
        case Kind.PERSON:
            found = cases.of_person(db, target.names[0])
            why = _no_case(db, target.names[0])
        case _:
            raise ValueError(f"no package is about a {target.kind}: `parse` lets none pass")
    if found is None:
        raise WrongUse(why)
    return found


def subjects_of(target: Target, found: Case) -> tuple[str, ...]:
    """How the custody log names the case; a person by the row, since numbers of registers are the office's own."""
    if target.kind is Kind.PERSON:
        return (f"person:{found.sighted[0].person}",)
    return tuple(f"{target.kind}:{name}" for name in target.names)


def _no_case(db: Connection, number: str) -> str:
    if cases.is_registered(db, number):
        return f"there is no candidate for {number}, so there is nothing to export"
    return f"the register has no entry {number}"


def _checked(kind: Kind, *names: str) -> Target:
    """Raises WrongUse."""
    for name in names:
        if not subjects.is_name(kind, name):
            raise WrongUse(HOW_NAMED[kind].format(name))
    return Target(kind, names)


def _unknown(plain: str) -> Target:
    raise WrongUse(
        f"{plain!r} is no candidate's number, no sha256 and no register number: write candidate:12, blob:<sha256> or"
        " person:<register number>"
    )
