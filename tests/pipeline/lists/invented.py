"""Invented people, and a list of them as tired people type it: typos, doubles, three alphabets, any order.

The same seed makes the same people and the same list.
"""

import csv
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_ROOTS: Final = """
    Бондар Ковал Мельн Шевч Ткач Гончар Кравч Олійн Лис Полі Савч Руд Мороз Марч Пет Клим Павл Іван Вас
    Юрч Кост Степ Гриц Мак Рома Левч Дан Наз Тара Зінч Тимош Федор Яковл Сидор Кузьм Денис Панас Гавр
    Оста Пили Лукаш Радч Дуб Верб Калин Горо Берез Снігур Журав Голуб Воро Сокол Орл Соловй Зай Вовч
    Медв Борсук Щерб Гарма Жадан
"""
ROOTS: Final = _ROOTS.split()
SUFFIXES: Final = ["енко", "ук", "чук", "ський", "ець", "ович", "ишин", "як", "ало", "юк", "івський", "енюк"]
MEN: Final = (
    ("Олександр", "Александр"), ("Сергій", "Сергей"), ("Андрій", "Андрей"), ("Микола", "Николай"), ("Іван", "Иван"),
    ("Петро", "Петр"), ("Олексій", "Алексей"), ("Дмитро", "Дмитрий"), ("Василь", "Василий"), ("Юрій", "Юрий"),
    ("Віктор", "Виктор"), ("Володимир", "Владимир"), ("Тарас", "Тарас"), ("Богдан", "Богдан"), ("Назар", "Назар"),
    ("Роман", "Роман"), ("Максим", "Максим"), ("Ігор", "Игорь"), ("Олег", "Олег"), ("Павло", "Павел"),
)  # fmt: skip
WOMEN: Final = (
    ("Олена", "Елена"), ("Наталія", "Наталья"), ("Ірина", "Ирина"), ("Тетяна", "Татьяна"), ("Світлана", "Светлана"),
    ("Ганна", "Анна"), ("Марія", "Мария"), ("Ольга", "Ольга"), ("Оксана", "Оксана"), ("Катерина", "Екатерина"),
)  # fmt: skip
FATHERS: Final = (
    ("Олександрович", "Александрович"), ("Сергійович", "Сергеевич"), ("Андрійович", "Андреевич"),
    ("Миколайович", "Николаевич"), ("Іванович", "Иванович"), ("Петрович", "Петрович"), ("Олексійович", "Алексеевич"),
    ("Дмитрович", "Дмитриевич"), ("Васильович", "Васильевич"), ("Юрійович", "Юрьевич"), ("Вікторович", "Викторович"),
    ("Володимирович", "Владимирович"), ("Богданович", "Богданович"), ("Романович", "Романович"),
)  # fmt: skip
SAID: Final = ("загинув", "полон", "повернуто", "ДНК")
_LATIN: Final = str.maketrans({
    "а": "a", "б": "b", "в": "v", "г": "h", "ґ": "g", "д": "d", "е": "e", "є": "ie", "ж": "zh", "з": "z", "и": "y",
    "і": "i", "ї": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s",
    "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ь": "", "ю": "iu",
    "я": "ia", "'": "",
})  # fmt: skip
_RUSSIAN: Final = str.maketrans({"і": "и", "І": "И", "ї": "и", "є": "е", "и": "ы"})
_LETTERS: Final = "абвгдежзиклмнопрстуфхцчш"


@dataclass(frozen=True, slots=True)
class Invented:
    """Somebody, in Ukrainian and in Russian."""

    surname: str
    given: tuple[str, str]
    father: tuple[str, str]
    year: int

    @property
    def whole(self) -> str:
        """As a register writes it."""
        return f"{self.surname} {self.given[0]} {self.father[0]}"


@dataclass(frozen=True, slots=True)
class Typed:
    """One row of the list."""

    cells: tuple[str, str, str]
    who: int | None
    """place in the register; None: nobody there"""
    broken: bool = False
    """it names nobody"""


def people(count: int, seed: int = 1) -> list[Invented]:
    """So many, no two of whom share surname, given name and patronymic."""
    chance = random.Random(seed)
    made: dict[str, Invented] = {}
    while len(made) < count:
        one = _somebody(chance)
        made.setdefault(one.whole, one)
    return list(made.values())


def typed(register: list[Invented], count: int, seed: int = 2, known: float = 0.7) -> list[Typed]:
    """A list: `known` of its lines are of the register, 3 % stand there twice, 2 % are nobody's name."""
    chance, names = random.Random(seed), {one.whole for one in register}
    rows: list[Typed] = []
    while len(rows) < count:
        fate = chance.random()
        if fate < 0.02:
            rows.append(Typed((chance.choice(["", "—", "разом 12"]), "", "загинув"), None, broken=True))
        elif fate < 0.05 and rows:
            rows.append(chance.choice(rows))
        elif chance.random() < known:
            place = chance.randrange(len(register))
            rows.append(Typed(_written(register[place], chance), place))
        else:
            stranger = _somebody(chance)
            if stranger.whole not in names:
                rows.append(Typed(_written(stranger, chance), None))
    return rows


def as_csv(rows: list[Typed], encoding: str = "cp1251", delimiter: str = ";") -> bytes:
    """The list as a file: Latin and Cyrillic in one, with a title above its header."""
    written = io.StringIO()
    out = csv.writer(written, delimiter=delimiter)
    out.writerow(["Список, надано стороною", "", ""])
    out.writerow(["ПІБ", "Рік народження", "Статус"])
    out.writerows(row.cells for row in rows)
    return written.getvalue().encode(encoding)


def _somebody(chance: random.Random) -> Invented:
    of_a_woman = chance.random() < 0.1
    given, father = chance.choice(WOMEN if of_a_woman else MEN), chance.choice(FATHERS)
    surname = chance.choice(ROOTS) + chance.choice(SUFFIXES)
    if of_a_woman:
        father = (father[0].removesuffix("ович") + "івна", father[1].removesuffix("ич") + "на")
        surname = surname.removesuffix("ий") + "а" if surname.endswith("ий") else surname
    return Invented(surname, given, father, chance.randint(1955, 2006))


def _written(one: Invented, chance: random.Random) -> tuple[str, str, str]:
    alphabet = chance.choice([_ukrainian, _in_russian, _in_latin])
    surname, given, father = (_slipped(part, chance, odds) for part, odds in zip(
        (one.surname, *_own(one, alphabet)), (0.25, 0.1, 0.1), strict=True))  # fmt: skip
    surname, given, father = map(alphabet, (surname, given, father))
    if chance.random() < 0.2:
        surname = surname.upper()
    order = chance.random()
    if order < 0.1:
        name = f"{surname} {given[0]}.{father[0]}."
    elif order < 0.3:
        name = f"{given} {father} {surname}"
    else:
        name = f"{surname} {given} {father}" if order < 0.9 else f"{surname} {given}"
    return name, _year(one.year, chance), chance.choice(SAID)


def _own(one: Invented, alphabet: Callable[[str], str]) -> tuple[str, str]:
    language = alphabet is _in_russian
    return one.given[language], one.father[language]


def _ukrainian(word: str) -> str:
    return word


def _in_russian(word: str) -> str:
    return word.translate(_RUSSIAN) if any(letter in "іїєІ" for letter in word) else word


def _in_latin(word: str) -> str:
    return word.lower().translate(_LATIN).capitalize()


def _slipped(word: str, chance: random.Random, odds: float) -> str:
    """The word, or with one letter left out, doubled, swapped or another; never the first."""
    if chance.random() >= odds or len(word) < 5:
        return word
    place = chance.randrange(1, len(word) - 1)
    before, letter, after = word[:place], word[place], word[place + 1 :]
    match chance.randrange(4):
        case 0:
            return before + after
        case 1:
            return before + letter * 2 + after
        case 2:
            return before + after[0] + letter + after[1:]
        case _:
            return before + chance.choice(_LETTERS) + after


def _year(year: int, chance: random.Random) -> str:
    fate = chance.random()
    if fate < 0.1:
        return ""
    if fate < 0.2:
        return str(year + chance.choice((-1, 1)))
    return f"{year} р.н." if fate < 0.3 else str(year)


def truths(rows: list[Typed]) -> Iterator[tuple[int, int]]:
    """(line of the file, place in the register); the title and the header are lines 1 and 2."""
    return ((number, row.who) for number, row in enumerate(rows, 3) if row.who is not None)
