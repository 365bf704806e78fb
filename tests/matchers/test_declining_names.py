"""Ukrainian names in the cases that letters need: what is written is right, and what is not sure says so."""

from pathlib import Path

import pytest

from matchers.names.declining import Case, Form, Sex, decline, sex_of

CASES = (Case.GENITIVE, Case.DATIVE, Case.ACCUSATIVE, Case.INSTRUMENTAL)
TABLE = [
    line.split("\t")
    for line in Path(__file__).with_name("declined.tsv").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
"""sex, nominative, and the forms in the order of CASES; a/b: both are right"""
UNSURE = {"Бондар", "Гончар", "Лев"}
"""surnames that no rule tells: Бондаря, but Гончара"""


def test_the_table_has_what_it_claims() -> None:
    assert sum(len(form.split()) for _, _, *forms in TABLE for form in forms) >= 450
    assert {row[0] for row in TABLE} == {"m", "f"}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[1])
def test_each_form_is_right_or_stays_in_the_nominative(row: list[str]) -> None:
    sex, nominative, *forms = row
    assert sex_of(nominative) == (Sex.MAN if sex == "m" else Sex.WOMAN)
    for case, right in zip(CASES, forms, strict=True):
        made = decline(nominative, case, sex_of(nominative))
        if nominative.split()[0] in UNSURE:
            assert made == Form(nominative, False)
            continue
        assert made.sure
        for word, either in zip(made.text.split(), right.split(), strict=True):
            assert word in either.split("/"), (case, made.text)


@pytest.mark.parametrize(
    ("written", "sex"),
    [
        ("Тарас Шевченко", None),
        ("John Smith", Sex.MAN),
        ("Гайовый Петр Иванович", Sex.MAN),
        ("Іваненко І. П.", Sex.MAN),
        ("Ткачук", Sex.MAN),
        ("Рустам Ахметов", Sex.MAN),
        ("Шевченко Тарас Григорович", Sex.WOMAN),
        ("Іван Іван", Sex.MAN),
        ("", Sex.MAN),
        ("Коваленко <b>Олег</b>", Sex.MAN),
    ],
)
def test_what_is_not_sure_stays_as_it_is(written: str, sex: Sex | None) -> None:
    assert decline(written, Case.GENITIVE, sex) == Form(written, False)


@pytest.mark.parametrize(
    ("surname", "sex"),
    [
        *((name, Sex.MAN) for name in (
            "Хміль", "Сидір", "Кисіль", "Товстоніг", "Медвідь", "Козел", "Осел", "Гюго", "Живаго", "Дюма", "Синьоок",
            "Задній", "Третій", "Богатир", "Бондар-Коваль", "Коваль-Бондар",
        )),
        *((name, Sex.WOMAN) for name in ("Окуджава", "Держава", "Голова", "Корова", "Дружина", "Дюма")),
    ],
)  # fmt: skip
def test_a_surname_that_no_rule_tells_stays_in_the_nominative_in_every_case(surname: str, sex: Sex) -> None:
    name = f"{surname} {'Іван Іванович' if sex is Sex.MAN else 'Ірина Іванівна'}"
    assert {decline(name, case, sex) for case in CASES} == {Form(name, False)}


def test_sex_comes_from_the_patronymic_or_from_whoever_is_asked() -> None:
    assert sex_of("Оксана Шевченко") is None and sex_of("Шевченко О. П.") is None
    assert decline("Оксана Шевченко", Case.GENITIVE, Sex.WOMAN) == Form("Оксани Шевченко", True)
    assert decline("Тарас Шевченко", Case.DATIVE, Sex.MAN) == Form("Тарасу Шевченку", True)


def test_the_sign_of_the_apostrophe_is_the_one_that_was_written() -> None:
    assert decline("В’ячеслав Чорновіл", Case.GENITIVE, Sex.MAN).text == "В’ячеслава Чорновола"
    assert decline("Чорновіл В'ячеслав", Case.GENITIVE, Sex.MAN).text == "Чорновола В'ячеслава"
    assert decline("Любов Коваль", Case.INSTRUMENTAL, Sex.WOMAN).text == "Любов’ю Коваль"


def test_the_nominative_is_what_the_register_says() -> None:
    assert decline("anything <at> all", Case.NOMINATIVE, None) == Form("anything <at> all", True)
