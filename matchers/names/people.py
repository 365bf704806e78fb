"""An entry's names, part by part: which word is the surname, the given name, the patronymic."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from matchers.names import given
from matchers.names.folding import seen, spellings
from matchers.names.given import Name, Patronymic

_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ`´ʹ‘-][^\W\d_]+)*")
_LONGEST = 2
"""letters of an initial: Ю, Yu"""


@dataclass(frozen=True, slots=True)
class Parts:
    """One way in which an entry's name is written, part by part."""

    surname: str
    """as written"""
    given: str
    """as written; empty: there is an initial, or nothing"""
    patronymic: str
    """as written; may be empty"""
    name: Name
    father: Patronymic | None


def parts(written: str) -> list[Parts]:
    """The ways to understand a name; none if it has not got at least two words.  The most likely comes first.

    `Прізвище Ім'я По батькові` and `Ім'я По батькові Прізвище` are told apart by the patronymic, by given names that
    are known, and by capitals; where nothing tells, both are taken.
    """
    words = [word for word in _WORD.findall(seen(written)) if len(word) > _LONGEST]
    if len(words) < 2:
        return []
    if len(words) >= 3 and (place := _father(words)) is not None:
        rest = [word for at, word in enumerate(words) if at != place]
        return _ordered(rest, words[place], surname_first=place == len(words) - 1)
    return _ordered(words[:2], "", surname_first=None)


def _father(words: Sequence[str]) -> int | None:
    """Where the patronymic stands: never first."""
    places = [at for at in range(1, min(len(words), 4)) if _as_father(words[at])]
    return places[-1] if places else None


def _ordered(words: Sequence[str], father: str, surname_first: bool | None) -> list[Parts]:
    first, second = words[0], words[1]
    if surname_first is None:
        surname_first = _surname_is_first(first, second)
    if surname_first is None:
        return [_parts(first, second, father), _parts(second, first, father)]
    return [_parts(first, second, father) if surname_first else _parts(second, first, father)]


def _surname_is_first(first: str, second: str) -> bool | None:
    """None: nothing tells."""
    signs = [(is_given(word), not word.isupper()) for word in (first, second)]
    if signs[0] == signs[1]:
        return None
    return signs[0] < signs[1]


def _parts(surname: str, name: str, father: str) -> Parts:
    return Parts(surname, name, father, given.name(name), _as_father(father) if father else None)


def _as_father(word: str) -> Patronymic | None:
    return next(filter(None, (given.patronymic(one.coarse) for one in spellings(word))), None)


def is_given(word: str) -> bool:
    """The word, in the nominative, is a given name that is known."""
    return any(given.is_nominative(one.coarse) for one in spellings(word))
