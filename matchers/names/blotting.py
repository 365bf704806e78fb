"""Free text without what it says of one person: for texts that are kept for others after a lawful erasure.

Whole lines go, and not names alone: a line that names somebody tells of them.  In what is in doubt, too much goes.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

from lastseen.records import Called
from matchers.names.folding import seen, spellings
from matchers.names.given import cases
from matchers.names.people import parts

ERASED: Final = "[erased by a lawful order]"
"""stands where something was"""
OF_OTHERS: Final = "[about somebody else]"
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

    def in_number(self, line: str) -> bool:
        """The register number stands in the line."""
        return self.number.search(line) is not None

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
