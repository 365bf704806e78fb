"""The text of a post or document: names with years of birth, wherever in a line they stand."""

from collections.abc import Iterator
from typing import Final

from lastseen.words import words
from matchers.lists.sheets import LONGEST_CELL, MOST_ROWS, Row, Sheet, Unreadable, cell
from matchers.names.folding import spellings
from matchers.names.given import patronymic
from matchers.names.reading import Text, Word

COLUMNS: Final = ("names", "birth_year", "line")
_MOST_WORDS: Final = 4
"""of one name: a double given name, a patronymic, a surname"""


def read(written: str) -> Sheet:
    """Each name is a row; a line without a name is one, too, with that as its fault.  Raises Unreadable."""
    rows: list[Row] = []
    for number, line in enumerate(written.splitlines(), 1):
        if line.strip():
            rows.extend(_of_line(number, cell(line.strip())))
        if len(rows) > MOST_ROWS:
            raise Unreadable(words("it has more than {most} lines: part it", most=MOST_ROWS))
    if not rows:
        raise Unreadable(words("there is nothing in it"))
    return Sheet("text", COLUMNS, tuple(rows))


def _of_line(number: int, line: str) -> Iterator[Row]:
    if len(line) > LONGEST_CELL:
        why = words("the line has more than {most} characters: part it", most=LONGEST_CELL)
        yield Row(number, ("", "", line[:LONGEST_CELL]), why)
        return
    read_ = Text.read(line)
    found = list(_names(read_))
    for first, last in found:
        born = read_.born(first, last)
        name = read_.text[read_.words[first].start : read_.words[last].end]
        yield Row(number, (" ".join(name.split()), str(born.first) if born and not born.age else "", line))
    if not found:
        yield Row(number, ("", "", line), words("no name was found in this line"))


def _names(text: Text) -> Iterator[tuple[int, int]]:
    """Runs of words with capitals of which one is a given name or a patronymic; first and last place."""
    for first, last in _runs(text.words):
        run = text.words[first : last + 1]
        for start, end in _parted(run):
            part = run[start : end + 1]
            if len(part) >= 2 and any(map(_says_a_name, part)):
                yield first + start, first + end


def _runs(words: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Of words with capitals with nothing but blanks between them."""
    first: int | None = None
    for place, word in enumerate(words):
        if word.capital and (first is None or word.tight):
            first = place if first is None else first
            continue
        if first is not None:
            yield first, place - 1
        first = place if word.capital else None
    if first is not None:
        yield first, len(words) - 1


def _parted(run: tuple[Word, ...]) -> Iterator[tuple[int, int]]:
    """Who stands behind another with blanks alone is not told apart, up to `_MOST_WORDS`; more are cut into threes."""
    if len(run) <= _MOST_WORDS:
        yield 0, len(run) - 1
        return
    place = 0
    while place < len(run):
        end = min(place + 2, len(run) - 1)
        yield place, end
        place = end + 1


def _says_a_name(word: Word) -> bool:
    return word.initial or word.given or _is_patronymic(word.text)


def _is_patronymic(word: str) -> bool:
    return any(patronymic(one.coarse) for one in spellings(word))
