"""Word forms that were generated stand in a draft between two signs, until somebody has confirmed them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

BEGIN: Final = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}"
END: Final = "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"
UNSURE: Final = "?"
"""behind the first sign: it stands in the nominative, since nobody knows how it declines"""
_MARKED = re.compile(f"{BEGIN}(\\{UNSURE}?)([^{BEGIN}{END}]*){END}")
_SIGNS = re.compile(f"[{BEGIN}{END}]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text."""

    text: str
    marked: bool = False
    unsure: bool = False


def mark(form: str, *, sure: bool) -> str:
    """A generated form as it stands in a draft."""
    return f"{BEGIN}{'' if sure else UNSURE}{form}{END}"


def unsigned(text: str) -> str:
    """Text from outside without the two signs, so that it marks nothing."""
    return _SIGNS.sub("", text)


def pieces(text: str) -> Iterator[Piece]:
    """The text in its stretches."""
    end = 0
    for found in _MARKED.finditer(text):
        if found.start() > end:
            yield Piece(unsigned(text[end : found.start()]))
        yield Piece(found[2], True, bool(found[1]))
        end = found.end()
    if end < len(text):
        yield Piece(unsigned(text[end:]))


def forms(text: str) -> list[Piece]:
    """The marked ones, each once, in their order."""
    return list({piece.text: piece for piece in pieces(text) if piece.marked}.values())


def plain(text: str) -> str:
    """The text without marks: as it goes out."""
    return text_of(pieces(text))


def titled(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row about a letter, its subject without marks: where letters are only named, nobody confirms a word form."""
    return {**row, "subject": plain(row["subject"])}


def text_of(stretches: Iterable[Piece]) -> str:
    """What stands in these, without marks."""
    return "".join(piece.text for piece in stretches)


def confirmed(text: str, right: Iterable[str]) -> str:
    """The text without the marks around these forms."""
    known = set(right)
    return "".join(
        piece.text if not piece.marked or piece.text in known else mark(piece.text, sure=not piece.unsure)
        for piece in pieces(text)
    )
