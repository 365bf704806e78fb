"""What is kept for others after an erasure names the erased person no more."""

import pytest

from lastseen.records import Called
from matchers.names.blotting import ERASED, OF_OTHERS, blotted, doubtful, struck, without_others

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


@pytest.mark.parametrize(
    "line",
    [
        "Андрія Шевчука бачили вчора",
        "Andriy Shevchuk was seen",
        "шевчуком андрієм",
        "HC-7 again",
        "прізвисько Кузнець",
        "про Кузнеця нічого",
        "the one they call Kuznets",
    ],
)
def test_of_a_text_about_others_only_a_line_that_surely_names_them_goes(line: str) -> None:
    assert struck(f"before\n{line}\nafter", SHEVCHUK, ["Кузнець"]) == f"before\n{ERASED}\nafter"


@pytest.mark.parametrize("line", ["Шевчука бачили вчора", "Андрій Коваленко", "HC-70", "a smith"])
def test_a_text_about_others_stays_where_it_may_be_a_namesake(line: str) -> None:
    assert struck(line, SHEVCHUK, ["Кузнець"]) is None


def test_of_a_text_about_me_the_lines_that_name_others_go_and_mine_stay() -> None:
    said = "Шевчук Андрій, HC-7\nразом з Оленою Коваленко\nКоваленко, самого прізвища замало\nsee HC-70"
    left = without_others(said, SHEVCHUK, [KOVAL, Called("HC-9", ("Шевчук Андрій Іванович",))])
    assert left.splitlines() == [
        "Шевчук Андрій, HC-7", OF_OTHERS, "Коваленко, самого прізвища замало", OF_OTHERS,
    ]  # fmt: skip


def test_a_namesake_of_the_register_keeps_the_lines_that_may_be_about_either() -> None:
    namesake = Called("HC-9", ("Шевчук Андрій Іванович",))
    assert struck("Шевчук Андрій", SHEVCHUK, (), [namesake]) is None
    assert struck("Шевчук Андрій, HC-7", SHEVCHUK, (), [namesake]) == ERASED
    assert doubtful("Шевчук Андрій", SHEVCHUK)


@pytest.mark.parametrize(
    "line",
    [
        "Шевчука бачили вчора",
        "Shevchuk again",
        "Шевчюк була тут",
        "Андрій Петрович дзвонив",
        "Андрійко, син Петра: Андрійка Петровича",
        "про Андрія Петровича",
    ],
)
def test_what_may_name_them_is_for_people_to_look_at(line: str) -> None:
    assert doubtful(f"a\n{line}", SHEVCHUK)


@pytest.mark.parametrize("line", ["Андрій Іванович", "Коваленко", "Шевченко Тарас", ERASED, ""])
def test_what_names_others_is_not(line: str) -> None:
    assert not doubtful(line, SHEVCHUK)
