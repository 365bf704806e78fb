"""What is kept for others after an erasure names the erased person no more."""

import pytest

from lastseen.records import Called
from matchers.names.blotting import ERASED, blotted

SHEVCHUK = Called("HC-7", ("Шевчук Андрій Петрович", "Andrii Shevchuk"))
BROTHER = Called("HC-8", ("Шевчук Богдан Петрович",))
KOVAL = Called("HC-70", ("Коваленко Олена Іванівна",))

LETTER = """Dear colleagues,

Шевчук Андрій Петрович, register number HC-7, born 1990
  Possible sighting 3
  Published at: https://videos.example/watch/1

Коваленко Олена Іванівна, register number HC-70, born 1985
  Possible sighting 4

The office"""


@pytest.mark.parametrize(
    "line",
    [
        "Шевчука Андрія бачили вчора",
        "написати про Шевчуку",
        "SHEVCHUK was counted twice",
        "Shevchuk’s mother wrote",
        "see HC-7",
        "HC-7, the one on the left",
        "з Шевчуком Андрієм",
    ],
)
def test_a_line_that_names_them_goes_in_any_case_and_script(line: str) -> None:
    assert blotted(f"before\n{line}\n\nafter", SHEVCHUK) == f"before\n{ERASED}\n\nafter"


@pytest.mark.parametrize("line", ["HC-70 is open", "HC-71", "Андрій was asked", "seven people", "Шевченко Тарас", ""])
def test_a_line_that_names_somebody_else_stays(line: str) -> None:
    assert blotted(line, SHEVCHUK) is None


def test_of_a_letter_about_several_their_part_goes_and_the_others_stay() -> None:
    left = blotted(LETTER, SHEVCHUK, [KOVAL])
    assert left is not None
    assert "watch/1" not in left
    assert "sighting 3" not in left
    assert left.count(ERASED) == 1
    assert "Коваленко Олена Іванівна, register number HC-70, born 1985\n  Possible sighting 4" in left


def test_without_an_empty_line_between_them_the_next_person_begins_anew() -> None:
    left = blotted("Шевчук Андрій\n  there\nКоваленко Олена\n  here", SHEVCHUK, [KOVAL])
    assert left == f"{ERASED}\nКоваленко Олена\n  here"


def test_a_brother_of_the_letter_is_not_taken_for_them() -> None:
    left = blotted("Шевчук Богдан\n  here\n\nШевчук Андрій\n  there\n\nабо Шевчук?", SHEVCHUK, [BROTHER])
    assert left == f"Шевчук Богдан\n  here\n\n{ERASED}\n\n{ERASED}"


def test_a_line_that_names_both_goes() -> None:
    assert blotted("Шевчуки: Шевчук Андрій, Шевчук Богдан", SHEVCHUK, [BROTHER]) == ERASED


def test_a_name_of_one_word_is_found_by_it() -> None:
    assert blotted("said Bohdanko\n", Called("1", ("Bohdanko",))) == ERASED
