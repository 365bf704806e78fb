"""What the demo says it found, and how it lets people in."""

from dataclasses import replace

from lastseen.roles import Role
from pipeline.demo.show import GUESTS, TRY_IT, to_judge
from pipeline.servers import Guests
from review.__main__ import _arguments
from storage.candidates import NO_KIN, Listed

ONE = Listed(1, "DEMO-001", 0.2, "https://a.example/1", "00", 3.8, "open", None, None, None, hinted=False, kin=NO_KIN)


def test_only_what_is_open_is_for_people_to_judge() -> None:
    assert to_judge([ONE, replace(ONE, state="joined")]) == "2 candidates, 1 of them for people to judge"


def test_there_are_enough_people_for_a_sighting_and_for_a_disagreement() -> None:
    assert sorted(GUESTS.values()) == [Role.ANALYST, Role.ANALYST, Role.SENIOR]
    steps = [line.split()[:2] for line in TRY_IT if line.lstrip()[0].isdigit()]
    assert steps == [[str(number), f"{name}:"] for number, name in enumerate(GUESTS, 1)]


def test_the_pages_understand_whom_they_are_to_let_in() -> None:
    given = _arguments(Guests(("ada", "ben"), 720, browser=True).words())
    assert (given.link, given.link_minutes, given.open) == (["ada", "ben"], 720, True)
    given = _arguments(Guests().words())
    assert (given.link, given.link_minutes, given.open) == (None, 15, False)
