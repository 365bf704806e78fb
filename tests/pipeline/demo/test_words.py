"""What the demo says it found."""

from dataclasses import replace

from pipeline.demo.show import to_judge
from storage.candidates import NO_KIN, Listed

ONE = Listed(1, "DEMO-001", 0.2, "https://a.example/1", "00", 3.8, "open", None, None, None, hinted=False, kin=NO_KIN)


def test_only_what_is_open_is_for_people_to_judge() -> None:
    assert to_judge([ONE, replace(ONE, state="joined")]) == "2 candidates, 1 of them for people to judge"
