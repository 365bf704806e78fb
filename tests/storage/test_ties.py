"""Ties of the register: no direction, one kind, no surprises."""

import pytest

from lastseen.errors import WrongUse
from lastseen.records import PersonEntry, TieKind
from storage import register, ties
from storage.database import Engine
from storage.ties import NotTied

KIN, SAME = TieKind


@pytest.fixture
def people(db: Engine) -> dict[str, int]:
    """Register number -> row id."""
    with db.begin() as one:
        return {name: register.keep_person(one, PersonEntry(name, None, ()), 5).person for name in ("A", "B", "C")}


def test_a_tie_has_no_direction_and_is_told_once(db: Engine, people: dict[str, int]) -> None:
    with db.begin() as one:
        (said,) = ties.declare(one, ("B", "A"), KIN, "tester", 5, "brothers")
        assert ties.declare(one, ("A", "B"), KIN, "tester", 5) == []
        assert [(tie.one, tie.other, tie.kind) for tie in ties.listed(one, "B")] == [("A", "B", KIN)]
        assert ties.listed(one, "C") == []
    assert (said.action, said.subject, said.detail, said.reason) == (
        "tied", f"person:{people['A']}", {"other": people["B"], "kind": "kin"}, "brothers",
    )  # fmt: skip


def test_another_kind_has_to_be_untied_first(db: Engine, people: dict[str, int]) -> None:
    with db.begin() as one:
        ties.declare(one, ("A", "B"), KIN, "tester", 5)
        with pytest.raises(NotTied, match="kin already"):
            ties.declare(one, ("B", "A"), SAME, "tester", 5)
        (said,) = ties.untie(one, ("B", "A"), "a mistake", 5)
        assert (said.action, said.detail["kind"], said.reason) == ("untied", "kin", "a mistake")
        assert ties.declare(one, ("B", "A"), SAME, "tester", 5) != []


@pytest.mark.parametrize(("numbers", "why"), [(("A", "A"), "with itself"), (("A", "X"), "no entry X")])
def test_what_cannot_be_tied(db: Engine, people: dict[str, int], numbers: tuple[str, str], why: str) -> None:
    with db.begin() as one, pytest.raises(WrongUse, match=why):
        ties.declare(one, numbers, KIN, "tester", 5)


def test_what_is_not_tied_cannot_be_untied(db: Engine, people: dict[str, int]) -> None:
    with db.begin() as one, pytest.raises(WrongUse, match="have no tie"):
        ties.untie(one, ("A", "B"), "why", 5)
