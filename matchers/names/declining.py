"""The forms that a name takes in a Ukrainian sentence, for letters: one form a case, or none where it is not sure.

`endings` makes every form that may be meant, to recognise names; here one form is written, and it has to be right.  The
rules are `shevchenko`'s, which this is the one module to import; what is known to go wrong there is left in the
nominative, and says so.  Sex is taken from the patronymic or told by whoever writes: from nothing else.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import shevchenko

from matchers.names.folding import fold, seen
from matchers.names.given import is_nominative, patronymic
from matchers.names.people import Parts, parts


class Case(StrEnum):
    """Of those that letters need."""

    NOMINATIVE = "nominative"
    GENITIVE = "genitive"
    DATIVE = "dative"
    ACCUSATIVE = "accusative"
    INSTRUMENTAL = "instrumental"
    LOCATIVE = "locative"


class Sex(StrEnum):
    """Grammatical gender of a name."""

    MAN = "man"
    WOMAN = "woman"


@dataclass(frozen=True, slots=True)
class Form:
    """A name as it is to stand in a sentence."""

    text: str
    sure: bool
    """False: it stands in the nominative, since its form is not known for certain"""


APOSTROPHE: Final = "\N{RIGHT SINGLE QUOTATION MARK}"
"""in a form whose name has none: Любов’ю"""
_CASES: Final = {
    Case.GENITIVE: "genitive",
    Case.DATIVE: "dative",
    Case.ACCUSATIVE: "accusative",
    Case.INSTRUMENTAL: "ablative",
    Case.LOCATIVE: "locative",
}
"""as the library calls them"""
_SEXES: Final = {Sex.MAN: "masculine", Sex.WOMAN: "feminine"}
_APOSTROPHES: Final = re.compile("['’ʼ`´ʹ‘]")
_UKRAINIAN: Final = re.compile(r"[А-ЩЬЮЯҐЄІЇа-щьюяґєії]+(?:['-][А-ЩЬЮЯҐЄІЇа-щьюяґєії]+)*")
"""a word in the Ukrainian alphabet: ы, э, ё and ъ are in none"""
_UNTOLD: Final = re.compile("[аия]р$|ел$|[аеєиіїоуюя](?:го|ок)$|[дтжшхль]ній$|^третій$", re.IGNORECASE)
"""surnames of men that no rule tells: Бондаря and Гусара, Козла and Павела, Живаго, Синьоока, Заднього"""
_KEEPS_I: Final = re.compile("і[бгґзлптрсд]ь?$", re.IGNORECASE)
"""і in the last syllable, which most such surnames change (Хмеля, Сидора), and some keep (Діда)"""
_KUSHNIR: Final = "кушнір"
"""keeps it, and is too common to be asked about"""
_PERHAPS_NOUN: Final = re.compile("(?:ав|ин)ої$", re.IGNORECASE)
"""genitives of women that were made as of an adjective: Дружини beside Кузьминої, Окуджави beside Ласкавої"""
_TAKEN_FOR_ADJECTIVES: Final = {"голова", "корова"}
"""nouns that look as Іванова does"""
_STRESSED: Final = {"дюма", "золя", "петіпа"}
"""surnames of which no form changes, for their last letter is stressed"""
_HISSING: Final = re.compile("(?<=[жчшщ])ом$")
"""of the mixed group, whose instrumental is in -ем: Кущем"""
_SHORT_EV: Final = re.compile("^[^аеєиіїоуюя]*[еєоі]в$", re.IGNORECASE)
"""of one syllable: Лев and Львів decline otherwise than Ткачів"""


def sex_of(written: str) -> Sex | None:
    """What the patronymic of a name says; None: it has none, or several ways to read it disagree."""
    told = {one.father.of_a_woman for one in parts(written) if one.father is not None}
    return None if len(told) != 1 else Sex.WOMAN if told.pop() else Sex.MAN


def decline(written: str, case: Case, sex: Sex | None) -> Form:
    """A whole name in this case, its words in the order in which they are written."""
    if case is Case.NOMINATIVE:
        return Form(written, True)
    shown = _APOSTROPHES.sub("'", seen(written))
    split = _split(shown)
    if split is None or sex is None:
        return Form(written, False)
    found = {word: _word(word, part, case, sex) for part, word in split.items()}
    if None in found.values():
        return Form(written, False)
    made = " ".join(found[word] or word for word in shown.split())
    sign = _APOSTROPHES.search(written)
    return Form(made.replace("'", sign[0] if sign else APOSTROPHE), True)


def _split(shown: str) -> dict[str, str] | None:
    """Part -> word; None: the name is not wholly made of words whose parts are sure."""
    words, ways = shown.split(), parts(shown)
    if len(ways) != 1 or not all(_UKRAINIAN.fullmatch(word) for word in words):
        return None
    split = _named(ways[0])
    return split if sorted(split.values()) == sorted(words) and len(set(words)) == len(words) else None


def _named(way: Parts) -> dict[str, str]:
    told = {"family_name": way.surname, "given_name": way.given, "patronymic_name": way.patronymic}
    return {part: word for part, word in told.items() if word}


def _word(word: str, part: str, case: Case, sex: Sex) -> str | None:
    """One word of a name; None: it is not sure how it declines."""
    if not _is_sure(word, part, sex):
        return None
    form = _inflected(word, part, case, sex)
    if form is None or part != "family_name":
        return form
    of = _inflected(word, part, Case.GENITIVE, sex) or ""
    if not all(_is_told(half, genitive, sex) for half, genitive in zip(word.split("-"), of.split("-"), strict=True)):
        return None
    return _HISSING.sub("ем", form) if sex is Sex.MAN and case is Case.INSTRUMENTAL else form


def _inflected(word: str, part: str, case: Case, sex: Sex) -> str | None:
    try:
        made = shevchenko.in_case(_CASES[case], {part: word}, gender=_SEXES[sex])
    except shevchenko.InputValidationError:
        return None
    return str(made[part])


def _is_told(half: str, genitive: str, sex: Sex) -> bool:
    """Whether a surname, or one half of it, can decline in this way only."""
    low = half.lower()
    if low in _STRESSED:
        return False
    if sex is Sex.WOMAN:
        return low not in _TAKEN_FOR_ADJECTIVES and not _PERHAPS_NOUN.search(genitive)
    kept = genitive.lower().startswith(low.rstrip("ь"))
    return not (_UNTOLD.search(low) or (_KEEPS_I.search(low) and kept and low != _KUSHNIR))


def _is_sure(word: str, part: str, sex: Sex) -> bool:
    if part == "given_name":
        return is_nominative(fold(word).coarse)
    if part == "patronymic_name":
        father = patronymic(fold(word).coarse)
        return father is not None and father.of_a_woman == (sex is Sex.WOMAN)
    return sex is Sex.WOMAN or not _SHORT_EV.search(word)
