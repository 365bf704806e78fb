"""The forms that a name takes in sentences, in Ukrainian and Russian alike, from its folded nominative.

Rules and no dictionary: surnames are in none.  Both languages and both sexes are made at once, since a register does
not say which it is; a form too many costs a comparison, a form too few a lead.  What is not made are forms that are
other surnames: no possessive of Мороз (Морозов), no plural.
"""

import re
from collections.abc import Iterator
from typing import Final

from matchers.names.folding import squeeze

NOMINATIVE: Final = ""
GENITIVE: Final = "genitive or accusative"
DATIVE: Final = "dative or locative"
INSTRUMENTAL: Final = "instrumental"
VOCATIVE: Final = "vocative"
FEMININE: Final = "feminine form"
OTHER: Final = "another case"

_MASCULINE = {
    "a": GENITIVE, "u": DATIVE, "ovi": DATIVE, "evi": DATIVE, "om": INSTRUMENTAL, "em": INSTRUMENTAL,
    "im": INSTRUMENTAL, "i": OTHER, "e": OTHER,
}  # fmt: skip
_NEUTER = {"a": GENITIVE, "u": DATIVE, "ovi": DATIVE, "om": INSTRUMENTAL, "em": INSTRUMENTAL, "i": OTHER, "e": VOCATIVE}
_FIRST = {
    "i": GENITIVE, "u": GENITIVE, "ou": INSTRUMENTAL, "oi": OTHER, "eu": INSTRUMENTAL, "ei": OTHER, "o": VOCATIVE,
    "e": DATIVE,
}  # fmt: skip
_ADJECTIVE = {
    "ogo": GENITIVE, "ego": GENITIVE, "omu": DATIVE, "emu": DATIVE, "im": INSTRUMENTAL, "om": DATIVE, "em": DATIVE,
    "a": FEMININE, "oi": f"{FEMININE}, {OTHER}", "ei": f"{FEMININE}, {OTHER}", "u": f"{FEMININE}, {GENITIVE}",
    "ou": f"{FEMININE}, {INSTRUMENTAL}", "eu": f"{FEMININE}, {INSTRUMENTAL}", "ih": OTHER,
}  # fmt: skip
_OF_WOMEN = {"a": FEMININE, "oi": f"{FEMININE}, {OTHER}", "u": f"{FEMININE}, {GENITIVE}",
             "ou": f"{FEMININE}, {INSTRUMENTAL}"}  # fmt: skip
_SOFTENED = {"k": "c", "g": "z", "h": "s"}
_FLEETING = re.compile("^(.*)[eo]([cklnrh])$")
_CHANGING = re.compile("^(.*)i([^aeiou])$")
_POSSESSIVE = re.compile("(ov|ev|iv|in)$")
_VOWELS = "aeiou"


def forms(nominative: str) -> dict[str, str]:
    """Form -> case, the nominative itself included; of a word as `folding` writes it, coarse or fine alike."""
    made: dict[str, str] = {nominative: NOMINATIVE}
    for stem, rules in _declensions(nominative):
        for ending, case in rules.items():
            for form in _spelt(stem, ending):
                made.setdefault(form, case)
    return made


def _spelt(stem: str, ending: str) -> Iterator[str]:
    """The г of -ого is `g` where the spelling is fine, and `h` where it is coarse: one of them is never looked for."""
    yield squeeze(stem + ending)
    if "g" in ending:
        yield squeeze(stem + ending.replace("g", "h"))


def _declensions(name: str) -> Iterator[tuple[str, dict[str, str]]]:
    last = name[-1:]
    if last == "a":
        yield from _first(name[:-1])
    elif last == "o":
        yield name[:-1], _NEUTER
    elif last == "i":
        yield from _in_i(name)
    elif last and last not in _VOWELS:
        yield from _in_consonant(name)


def _first(stem: str) -> Iterator[tuple[str, dict[str, str]]]:
    yield stem, _FIRST
    if stem.endswith("tk"):  # Квітка: Квітці, where тц sounds as ц
        yield f"{stem[:-2]}c", {"i": DATIVE}
    elif stem[-1:] in _SOFTENED:
        yield stem[:-1] + _SOFTENED[stem[-1]], {"i": DATIVE}


def _in_i(name: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Adjectives (-ський, -ий, -ой) and what ends in й."""
    stem = name.removesuffix("oi") if name.endswith("oi") else name[:-1]
    if stem[-1:] not in _VOWELS:
        yield stem, _ADJECTIVE
    yield name, _MASCULINE
    if name.endswith("ei"):
        yield name[:-2], _MASCULINE


def _in_consonant(name: str) -> Iterator[tuple[str, dict[str, str]]]:
    yield name, _MASCULINE
    if _POSSESSIVE.search(name):
        yield name, _OF_WOMEN
    if found := _FLEETING.match(name):
        yield found[1] + found[2], _MASCULINE
        if found[2] == "c":  # Заєць, Коломієць: Зайця, Коломійця
            yield f"{found[1]}ic", _MASCULINE
    if found := _CHANGING.match(name):
        for vowel in "oe":
            yield f"{found[1]}{vowel}{found[2]}", {NOMINATIVE: NOMINATIVE, **_MASCULINE}
