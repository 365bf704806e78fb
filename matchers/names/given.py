"""Given names that are one name in several languages and in the family, and patronymics."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from matchers.names.endings import forms
from matchers.names.folding import Folded, coarse, spellings
from matchers.names.given_names import MEN, WOMEN

_PATRONYMIC_OF_MEN = re.compile("^(.{2,}?)(ov|ev|iv|v)?ic(?:a|u|em|om|i|e|evi|ovi)?$")
_PATRONYMIC_OF_WOMEN = re.compile("^(.{2,}?)(ov|ev|iv|inic|ic|v)n(?:a|i|u|ou|oi|o|e)$")
_WEAK = (None, "v", "ic")
"""endings of patronymics that many surnames end in, too"""
_VOWELS = "aeiou"
_FATHER_SPELT = {"lv": "lev", "akovl": "ak", "akivl": "ak", "akov": "ak", "akiv": "ak"}
"""Львович of Лев; Яковлевич and Яківна of Яків"""


@dataclass(frozen=True, slots=True)
class Name:
    """One given name, however it is written."""

    label: str
    formal: frozenset[str]
    """coarse, in every case"""
    at_home: frozenset[str]
    """what people are called by it at home: coarse, in every case"""
    nominatives: frozenset[str]
    fathers: frozenset[str] = frozenset()
    """stems of patronymics made of it"""

    @property
    def initials(self) -> frozenset[str]:
        """The letters that it may begin with, in any spelling."""
        return frozenset(one[:1] for one in self.nominatives)


@dataclass(frozen=True, slots=True)
class Patronymic:
    """A father's name in a name."""

    father: str
    """the label of a name that is known; else the stem as written"""
    of_a_woman: bool
    """the word itself is -івна or -овна"""
    initials: frozenset[str]


def name(written: str) -> Name:
    """The given name that an entry states, in the nominative; one of its own if it is not known."""
    known = (_nominatives().get(spelling.coarse) for spelling in spellings(written))
    return next(filter(None, known), None) or _unknown(written)


def is_given(folded: str) -> bool:
    """Some given name is written so, in some case."""
    return folded in _forms()


def is_nominative(folded: str) -> bool:
    """Some given name is written so in the nominative, formally."""
    return folded in _nominatives()


@lru_cache(maxsize=50_000)
def patronymic(folded: str) -> Patronymic | None:
    """What a word (coarse) says of somebody's father, in any case; None: it is no patronymic."""
    for pattern, of_a_woman in ((_PATRONYMIC_OF_WOMEN, True), (_PATRONYMIC_OF_MEN, False)):
        if found := pattern.match(folded):
            stem = _stem(found[1])
            known = _fathers().get(stem)
            if known is None and found[2] in _WEAK:
                return None  # Бабич and Кулич are surnames; Ілліч and Лукич are not
            return Patronymic(known.label, of_a_woman, known.initials) if known else _other(stem, of_a_woman)
    return None


def _other(stem: str, of_a_woman: bool) -> Patronymic:
    return Patronymic(stem, of_a_woman, frozenset(stem[:1]))


def _stem(written: str) -> str:
    stem = written.rstrip(_VOWELS) or written
    return _FATHER_SPELT.get(stem, stem)


@lru_cache(maxsize=10_000)
def _unknown(written: str) -> Name:
    return Name(written, _cases([written]), frozenset(), _folded([written]))


@cache
def _read(line: str, of_men: bool) -> Name:
    formal, _, at_home = line.partition("|")
    written = formal.split()
    folded = _folded(written)
    fathers = frozenset(map(_stem, folded)) if of_men else frozenset()
    return Name(written[0], _cases(written), _cases(at_home.split()), folded, fathers)


@cache
def _every() -> tuple[Name, ...]:
    """Men's names first: a word that is both stands for the man's."""
    return tuple(_read(line, of_men) for lines, of_men in ((MEN, True), (WOMEN, False)) for line in _lines(lines))


def _lines(text: str) -> list[str]:
    return text.strip().splitlines()


def _folded(written: Iterable[str]) -> frozenset[str]:
    return frozenset(spelling.coarse for one in written for spelling in spellings(one))


def _cases(written: Iterable[str]) -> frozenset[str]:
    return frozenset(form for one in written for spelling in spellings(one) for form in cases(spelling))


def cases(nominative: Folded) -> dict[str, str]:
    """Coarse form -> case, of a name in the nominative."""
    made: dict[str, str] = {}
    for form, case in forms(nominative.fine if nominative.fine is not None else nominative.coarse).items():
        made.setdefault(coarse(form), case)
    return made


@cache
def _nominatives() -> dict[str, Name]:
    return {folded: one for one in reversed(_every()) for folded in one.nominatives}


@cache
def _forms() -> frozenset[str]:
    return frozenset(form for one in _every() for form in one.formal | one.at_home)


@cache
def _fathers() -> dict[str, Name]:
    return {stem: one for one in reversed(_every()) for stem in one.fathers}
