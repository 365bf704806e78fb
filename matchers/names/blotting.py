"""Free text without what it says of one person: for texts that are kept for others after a lawful erasure.

Whole lines go, and not names alone: a line that names somebody tells of them.  Of a text that is about them too much
goes where there is a doubt (`blotted`).  Of any other text goes what names them surely (`struck`); what may mean them,
or a namesake, is for people to look at (`doubtful`).
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from lastseen import blots
from lastseen.records import Called
from matchers.names.folding import seen, spellings
from matchers.names.given import cases, patronymic
from matchers.names.nearness import SHORTEST, off_by_one
from matchers.names.people import parts

ERASED: Final = str(blots.ERASED)
OF_OTHERS: Final = str(blots.OF_OTHERS)
_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ`´ʹ‘-][^\W\d_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_SHORTEST: Final = 3
"""letters of a word that may name somebody by itself"""


class Naming:
    """Finds lines that name somebody, in any case and script."""

    def __init__(self, called: Called) -> None:
        self.called = called

    @cached_property
    def number(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w){re.escape(self.called.number)}(?!\w)")

    @cached_property
    def surnames(self) -> frozenset[str]:
        """All words of a name of which nothing tells which one the surname is."""
        return frozenset(form for name in self.called.names for word in _surnames(name) for form in _forms(word))

    @cached_property
    def given(self) -> frozenset[str]:
        return frozenset(
            form for name in self.called.names for one in parts(name) if one.given for form in _forms(one.given)
        )

    @cached_property
    def near(self) -> frozenset[str]:
        """Surnames that are long enough to be told with a letter wrong."""
        return frozenset(form for form in self.surnames if len(form) >= SHORTEST)

    @cached_property
    def at_home(self) -> frozenset[tuple[frozenset[str], str]]:
        """(forms of the given name, also as people are called at home, the father's name)."""
        return frozenset(
            (one.name.formal | one.name.at_home, one.father.father)
            for name in self.called.names
            for one in parts(name)
            if one.given and one.father
        )

    def in_number(self, line: str) -> bool:
        """The register number stands in the line."""
        return self.number.search(line) is not None

    def in_full(self, line: frozenset[str]) -> bool:
        """The surname and the given name stand among the words of the line."""
        return self.in_words(line) and bool(line & self.given)

    def in_words(self, line: frozenset[str]) -> bool:
        """The surname stands among the words of the line."""
        return bool(line & self.surnames)


def covered(text: str, me: Called, others: Sequence[Called]) -> str:
    """The text without what it says of others: for whoever asks what is held on themselves."""
    for other in others:
        beside = [me, *(one for one in others if one is not other)]
        left = blotted(text, other, beside, OF_OTHERS)
        text = text if left is None else left
    return text


def without_others(text: str, me: Called, others: Sequence[Called]) -> str:
    """The text without the lines that surely name one of others: number, or surname with given name, unlike mine."""
    mine, namings = Naming(me), [Naming(other) for other in others]

    def names(line: str) -> bool:
        words = _folded(line)
        return any(one.in_number(line) or (one.in_full(words) and not mine.in_full(words)) for one in namings)

    return "\n".join(OF_OTHERS if names(line) else line for line in text.splitlines()) if text else text


def blotted(text: str, of: Called, others: Sequence[Called] = (), mark: str = ERASED) -> str | None:
    """The text without the lines that name this person, and what follows each, to the next empty line or other person.

    A line with the surname names this person, unless it says the full name of one of `others`, and not the given name
    of this one.  None: nothing in the text names them.
    """
    naming, beside = Naming(of), [Naming(other) for other in others]
    kept: list[str] = []
    inside = found = False
    for line in text.splitlines():
        words = _folded(line)
        if _names(naming, beside, line, words):
            if not inside:
                kept.append(mark)
            inside = found = True
        elif not line.strip() or any(_names(other, [], line, words) for other in beside):
            inside = False
        if not inside:
            kept.append(line)
    return "\n".join(kept) if found else None


def struck(text: str, of: Called, others: Sequence[str] = (), namesakes: Sequence[Called] = ()) -> str | None:
    """The text without the lines that surely name this person: the number, or the surname with the given name.

    `others`: what else the person is called, such as a nickname; a line with all words of one goes, too.  `namesakes`:
    a line that names one of them in the same way is not surely about this person.  None: no line goes.
    """
    naming, called, beside = Naming(of), [_every(other) for other in others], [Naming(one) for one in namesakes]
    lines = text.splitlines()
    kept = [ERASED if _surely(naming, called, beside, line) else line for line in lines]
    return "\n".join(kept) if kept != lines else None


def doubtful(text: str, of: Called) -> bool:
    """Whether a line may name this person, so that somebody has to look at it.

    The surname alone, the surname with a letter wrong, or the given name (also as at home) with the patronymic.
    """
    naming = Naming(of)
    return any(_perhaps(naming, line) for line in text.splitlines())


def _surely(naming: Naming, called: Sequence[Sequence[frozenset[str]]], beside: Sequence[Naming], line: str) -> bool:
    words = _folded(line)
    if naming.in_number(line):
        return True
    if naming.in_full(words) and not any(other.in_full(words) for other in beside):
        return True
    return any(all(words & forms for forms in every) for every in called if every)


def _every(called: str) -> list[frozenset[str]]:
    """Each word of what somebody is called, in every case and script."""
    return [_forms(word) for word in _WORD.findall(seen(called)) if len(word) >= _SHORTEST]


def _perhaps(naming: Naming, line: str) -> bool:
    words = _folded(line)
    if naming.in_number(line) or naming.in_words(words) or any(off_by_one(word, naming.near) for word in words):
        return True
    fathers = {found.father for word in words if (found := patronymic(word))}
    return any(words & names and father in fathers for names, father in naming.at_home)


def _names(naming: Naming, beside: Sequence[Naming], line: str, words: frozenset[str]) -> bool:
    if naming.in_number(line):
        return True
    if not naming.in_words(words):
        return False
    another = any(other.in_words(words) and words & other.given for other in beside)
    return not another or bool(words & naming.given)


def _surnames(name: str) -> list[str]:
    found = [one.surname for one in parts(name)]
    return found or [word for word in _WORD.findall(seen(name)) if len(word) >= _SHORTEST]


def _forms(word: str) -> frozenset[str]:
    return frozenset(form for spelling in spellings(word) for form in (*cases(spelling), spelling.coarse))


def _folded(line: str) -> frozenset[str]:
    return frozenset(spelling.coarse for word in _words(line) for spelling in spellings(word))


def _words(line: str) -> Iterator[str]:
    """Each word, and each part of one with hyphens."""
    for word in _WORD.findall(seen(line)):
        bare = _POSSESSIVE.sub("", word)
        yield from {bare, *bare.split("-")}
