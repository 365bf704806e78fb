"""Names in texts: spellings, cases, patronymics, years, and what makes a hint at somebody."""

import time
import unicodedata
from datetime import date

import pytest

from lastseen.records import NamedPerson, NameHint
from matchers.names import given, people
from matchers.names.folding import fold, spellings
from matchers.names.index import Index
from matchers.names.reading import LONGEST_TEXT, Born, Text
from tests.matchers.names_bench import HELD_OUT, TUNED, captions, main, measure

PUBLISHED = date(2024, 6, 1)


# --- spellings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "Щербатюк Shcherbatiuk Shcherbatyuk Ščerbatjuk Ŝerbatûk",  # KMU 55, passport, scholarly, ISO 9
        "Юрій Юрий Yurii Yuriy Iurii Jurij",
        "Яцків Yatskiv Iatskiv Jackiv",
        "Згурський Zghurskyi",
        "Кузьмін Кузьмин Kuzmin Kuz'min Kuzʹmin",
        "Соловйов Соловьёв Solovyov Soloviov",
        "Гайдученко Haiduchenko Gayduchenko Hajdučenko",
        "Ломницький Ломницкий Lomnytskyi Lomnitsky Lomnyc'kyj",
        "Мар'яна Марьяна Mariana Maryana",
        "Заєць Zaiets Zayets",
        "Шевченко ШЕВЧЕНКО Шeвчeнкo",  # the last with Latin look-alikes
    ],
)
def test_one_name_has_one_spelling(written: str) -> None:
    assert len({fold(word).coarse for word in written.split()}) == 1


def test_between_cyrillic_words_consonants_count() -> None:
    assert fold("Кравець").fine != fold("Кравеч").fine
    assert fold("Кравець").coarse == fold("Кравеч").coarse
    assert fold("Kravets").fine is None


def test_yo_is_written_e_as_well() -> None:
    assert {one.coarse for one in spellings("Пётр")} == {"potr", "petr"}


# --- cases -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nominative", "forms"),
    [
        ("Дорошевець", "Дорошевця Дорошевцю Дорошевцем Дорошевцеві"),
        ("Коломієць", "Коломійця Коломійцем"),
        ("Лебединец", "Лебединца Лебединцу Лебединцем Лебединце"),
        ("Вербицька", "Вербицької Вербицькій Вербицьку Вербицькою Вербицкая Вербицкой Вербицкую"),
        ("Ломницький", "Ломницького Ломницькому Ломницьким Ломницкого Ломницька"),
        ("Кривошапка", "Кривошапки Кривошапці Кривошапку Кривошапкою Кривошапко Кривошапкой"),
        ("Квітка", "Квітки Квітці"),
        ("Соловей", "Солов'я Соловью Солов'єм"),
        ("Сокіл", "Сокола Соколу Соколом Сокол"),
        ("Заєць", "Зайця Зайцю Зайцем"),
        ("Морозов", "Морозова Морозову Морозовым Морозове Морозовой"),
        ("Яцків", "Яцківа Яцкова Яцківу Яцківим"),
        ("Шевченко", "Шевченка Шевченку Шевченкові Шевченком"),
        ("Толстой", "Толстого Толстому Толстым Толстая"),
        ("Чернобай", "Чернобая Чернобаю Чернобаєм Чернобаеве"),
        ("Khomenko", "Khomenka Khomenku"),
    ],
)
def test_a_name_is_known_in_every_case(nominative: str, forms: str) -> None:
    known = given.cases(fold(nominative))
    assert {word for word in forms.split() if fold(word).coarse not in known} <= {"Чернобаеве"}


@pytest.mark.parametrize(
    ("nominative", "other"),
    [("Мороз", "Морозов"), ("Мороз", "Морозенко"), ("Жук", "Жуков"), ("Латиш", "Латишев"), ("Цимбал", "Цимбалюк")],
)
def test_another_surname_is_no_case_of_it(nominative: str, other: str) -> None:
    assert fold(other).coarse not in given.cases(fold(nominative))


@pytest.mark.parametrize(
    ("written", "father"),
    [
        ("Ілліч", "Ілля"), ("Ильинична", "Ілля"), ("Іллівна", "Ілля"), ("Николаевич", "Микола"),
        ("Миколайовича", "Микола"), ("Кузьмичу", "Кузьма"), ("Львович", "Лев"), ("Яковлевна", "Яків"),
        ("Анатольевич", "Анатолій"), ("Дмитрівною", "Дмитро"), ("Oleksandrovych", "Олександр"), ("Юр'ївна", "Юрій"),
    ],
)  # fmt: skip
def test_a_patronymic_tells_the_father(written: str, father: str) -> None:
    found = given.patronymic(fold(written).coarse)
    assert found is not None
    assert found.father == father
    assert found.of_a_woman == written.endswith(("на", "ною"))


@pytest.mark.parametrize("surname", ["Бабич", "Кулич", "Гайдученко", "Кузьмін"])
def test_a_surname_is_no_patronymic(surname: str) -> None:
    assert given.patronymic(fold(surname).coarse) is None


@pytest.mark.parametrize(
    ("written", "surname", "name"),
    [
        ("Дорошевець Назар Ілліч", "Дорошевець", "Назар"),
        ("Назар Ілліч Дорошевець", "Дорошевець", "Назар"),
        ("Nazar Doroshevets", "Doroshevets", "Nazar"),
        ("DOROSHEVETS Elmir", "DOROSHEVETS", "Elmir"),
        ("Роман Назар", "Роман", "Назар"),
    ],
)
def test_an_entrys_name_has_parts(written: str, surname: str, name: str) -> None:
    first = people.parts(written)[0]
    assert (first.surname, first.given) == (surname, name)


@pytest.mark.parametrize("written", ["26-001", "", "Назар", "Т. Г."])
def test_what_is_no_name_has_none(written: str) -> None:
    assert people.parts(written) == []


# --- years -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "years"),
    [
        ("Коваль Іван, 1998 р.н.", (1998, 1998)),
        ("Коваль Іван 12.03.1998", (1998, 1998)),
        ("Коваль Иван, 98 г.р.", (1998, 1998)),
        ("Коваль Іван, 03 р.н.", (2003, 2003)),
        ("Ivan Koval, born in 1998", (1998, 1998)),
        ("Коваль Іван (14 березня 1998)", (1998, 1998)),
        ("Коваль Іван, 25 років", (1998, 1999)),
        ("Ivan Koval, 25, medic", (1998, 1999)),
        ("25-річний Іван Коваль", (1998, 1999)),
        ("1998 р.н. Коваль Іван", (1998, 1998)),
        ("Коваль Іван, 2019 р.н.", (2019, 2019)),
        ("Коваль Іван зник 12.03.2022", None),
        ("Коваль Іван служив з 2003 року", None),
        ("Коваль Іван. Сидорчук Петро, 1998", None),
        ("1. Коваль Іван\n2. Хтось, 1998", None),
    ],
)
def test_a_text_says_when_somebody_was_born(said: str, years: tuple[int, int] | None) -> None:
    read = Text.read(said, PUBLISHED)
    places = [at for at, word in enumerate(read.words) if word.text in ("Коваль", "Koval", "Іван", "Иван", "Ivan")]
    born = read.born(places[0], places[-1])
    assert (born and (born.first, born.last)) == years


def test_an_age_says_nothing_without_the_posts_date() -> None:
    read = Text.read("Коваль Іван, 25 років")
    assert read.born(0, 1) is None
    assert Text.read("Коваль Іван, 1998").born(0, 1) == Born(1998, 1998, "1998", age=False)


# --- hints -------------------------------------------------------------------------------------------------


def hints(said: str, *names: str, year: int | None = 1996) -> list[NameHint]:
    register = [NamedPerson(number, (name,), year) for number, name in enumerate(names or ("Дорошевець Назар Ілліч",))]
    return Index(register).hints(said, PUBLISHED)


@pytest.mark.parametrize(
    "said",
    [
        "Назар Дорошевець", "Дорошевець Н.І.", "Н. І. Дорошевець", "Дорошевець, Назар", "Дорошевець, 1996 р.н.",
        "Дорошевець\nНазар\nІлліч", "#ДорошевецьНазар", "Дорошевець Назар «Тихий» Ілліч", "дорошевець назар ілліч",
        "з міста Суми Дорошевець Назар", "на ім'я Назар Дорошевець", "Дорошовець Назар Ілліч", "Nazar DOROSHEVETS",
    ],
)  # fmt: skip
def test_words_name_somebody(said: str) -> None:
    assert [one.person for one in hints(said)] == [0]


@pytest.mark.parametrize(
    "said",
    [
        "Дорошевець", "Назар Ілліч", "Дорошевець Назар, 1969 р.н.", "Дорошевець Остап", "Дорошевець Назар Петрович",
        "Дорошевець П. О.", "вулиця Назара Дорошевця", "Речник Назар Дорошевець", "дорошевець назар",
        "Назар і Дорошевець",
        "Дорошевець, 27 років",
        "Дорошевцюк Назар Ілліч", "Дорошенко Назар Ілліч", "Остап Ілліч Дорошевець", "Дорошевець Назар Остапівна",
    ],
)  # fmt: skip
def test_words_name_somebody_else_or_nobody(said: str) -> None:
    assert hints(said) == []


@pytest.mark.parametrize(
    ("said", "registered", "how"),
    [
        ("Дорошевець Назар Іллівна", "Дорошевець Назар Ілліч", "of a woman"),
        ("Шевченко Валентина Ілліч", "Шевченко Валентина Іллівна", "of a man"),
    ],
)
def test_the_sex_of_a_patronymic_is_told_and_drops_nobody(said: str, registered: str, how: str) -> None:
    (found,) = hints(said, registered)
    assert (found.reasons[2].verdict, found.reasons[2].how) == ("close", how)


@pytest.mark.parametrize(
    "said",
    [
        "Доро\u200bшевець На\u00adзар",  # a zero-width space, a soft hyphen
        "Дороше\u0301вець Наза\u0301р",  # the stress is marked
        "\u202eДорошевець\u202c Назар\ufeff",
        "Ｎａｚａｒ Ｄｏｒｏｓｈｅｖｅｔｓ",
        "Nаzаr Dоrоshеvets",  # Cyrillic look-alikes in a Latin word
        "Дopoшeвeць Haзap",  # and the other way round
    ],
)
def test_hidden_characters_and_look_alikes_hide_nobody(said: str) -> None:
    assert [one.person for one in hints(said)] == [0]


def test_composed_and_decomposed_letters_are_the_same() -> None:
    whole = "Соловйов Андрій Юрійович"
    apart = unicodedata.normalize("NFD", whole)
    assert apart != whole
    assert hints(apart, whole)[0].score == hints(whole, apart)[0].score == 0.8


def test_more_that_agrees_scores_higher_and_the_surest_comes_first() -> None:
    said = "Дорошевець Назар Ілліч, 1996 р.н., і Мороз Іван"
    found = hints(said, "Мороз Іван Петрович", "Дорошевець Назар Ілліч")
    assert [(one.person, one.score) for one in found] == [(1, 1.0), (0, 0.6)]


def test_namesakes_are_counted_and_too_many_make_no_hint() -> None:
    found = hints("Мельник Сергій", *["Мельник Сергій Іванович"] * 20)
    assert {one.namesakes for one in found} == {20}
    assert hints("Мельник Сергій", *["Мельник Сергій Іванович"] * 26) == []
    assert len(hints("Мельник Сергій Іванович", *["Мельник Сергій Іванович"] * 26)) == 26


def test_of_an_entrys_spellings_the_one_in_the_posts_script_is_compared() -> None:
    register = [NamedPerson(0, ("Дорошевець Назар Ілліч", "Nazar Doroshevets"), 1996)]
    for said, registered in (("Назара Дорошевця", "Дорошевець"), ("Nazar Doroshevets", "Doroshevets")):
        for names in (register[0].names, register[0].names[::-1]):
            (found,) = Index([NamedPerson(0, names, 1996)]).hints(said, PUBLISHED)
            assert (found.reasons[0].registered, found.namesakes) == (registered, 1)


def test_half_of_a_double_surname_needs_more_than_a_given_name() -> None:
    name = "Швець-Калиновський Дмитро Олегович"
    assert hints("Дмитро Калиновський", name) == []
    (found,) = hints("Дмитро Калиновський, 1996 р.н.", name)
    assert found.reasons[0].how == "half of a double surname"
    assert len(hints("Швеця-Калиновського Дмитра", name)) == 1


def test_a_name_that_no_list_knows_is_compared_as_it_is_written() -> None:
    assert len(hints("Гусейнова Ельміра бачили", "Гусейнов Ельмір")) == 1
    assert hints("Гусейнов Рафаїл", "Гусейнов Ельмір") == []


def test_hostile_texts_are_read_to_a_limit() -> None:
    assert hints("Д" * 1_000_000) == []
    assert hints("Дорошевець " * 20_000) == []
    assert hints("1996 " * 50_000 + "\x00\u202e#") == []
    assert hints("\ufdfa" * 100_000) == [], "one character is eighteen letters"


def test_a_list_of_a_hundred_thousand_characters_is_read_to_its_end() -> None:
    said = "Цимбалюк Петро Остапович, 1990\n" * 3_000 + "Дорошевець Назар Ілліч, 1996\n"
    assert len(said) < LONGEST_TEXT
    assert [one.score for one in hints(said)] == [1.0]


def test_a_text_of_a_million_names_costs_seconds() -> None:
    began = time.process_time()
    hints("Дорошевець Назар " * 1_000_000)
    assert time.process_time() - began < 10


# --- the captions ------------------------------------------------------------------------------------------


def test_the_captions_are_many_and_half_of_them_name_nobody() -> None:
    every = captions()
    assert len(every) >= 200
    assert sum(not one.expected for one in every) * 2 == len(every)


def test_precision_and_recall_do_not_fall() -> None:
    """What was reached: on the held-out half 0.959 and 0.986 at the first look, and then one fault was mended."""
    found = measure(captions())
    held, tuned = found["half", HELD_OUT], found["half", TUNED]
    assert held.precision >= 0.98
    assert held.recall >= 0.98
    assert (tuned.wrong, tuned.missed) == (1, 0), "somebody's sister: her patronymic says so, and drops nobody"


def test_the_bench_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    assert '"half: held out": {"captions": 134' in capsys.readouterr().out
