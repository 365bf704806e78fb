"""CSV of any delimiter and any of the encodings that offices here write, found out unless it is said."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from lastseen.words import Words, words
from matchers.lists.sheets import LONGEST_CELL, MOST_ROWS, Row, Sheet, Unreadable, Wanted, cell, headed

DELIMITERS: Final = ",;\t|"
_LOOKED_AT: Final = 64 << 10
"""bytes, or characters, by which encoding and delimiter are told"""
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_HIGH: Final = (b"\x00", b"\x04")
"""the second byte of Latin and Cyrillic letters in UTF-16"""
_CYRILLIC: Final = ("cp1251", "koi8-u", "cp866", "iso8859-5", "mac-cyrillic")
_LATIN: Final = ("cp1252", "cp1250")
_COMMON: Final = frozenset("оаиіентрсвлкдмпу")
"""the letters that make up two thirds of Ukrainian and Russian words"""
_NO_LETTERS: Final = tuple(chr(code) for code in range(32) if chr(code) not in "\t\n\v\f\r\x1a")
_NO_TEXT: Final = 12
"""of so many characters one that stands in no text: of any bytes it is one of nine, of texts hardly one of thousands"""
_WORD = re.compile(r"[^\W\d_]{2,}")


def read(content: bytes, wanted: Wanted, is_header: Callable[[tuple[str, ...]], bool]) -> Sheet:
    """Raises Unreadable."""
    encoding, written = decoded(content, wanted.encoding)
    delimiter = wanted.delimiter or _delimiter(written[:_LOOKED_AT])
    if len(delimiter) != 1:
        raise Unreadable(words("a delimiter is one character"))
    taken = {"encoding": encoding, "delimiter": {"\t": "tab"}.get(delimiter, delimiter)}
    rows = list(_rows(written, delimiter))
    found = headed("csv", rows, taken, wanted, is_header)
    named = len(found.columns)
    while wanted.header and named and found.columns[named - 1] == str(named):
        named -= 1
    return Sheet(found.kind, found.columns, tuple(_checked(row, named) for row in found.rows), taken)


def decoded(content: bytes, encoding: str = "") -> tuple[str, str]:
    """The encoding, said or found out, and the text.  Raises Unreadable."""
    chosen = encoding or _encoding(content)
    try:
        return chosen, _text(content.decode(chosen))
    except LookupError:
        why = words("there is no encoding {encoding}: utf-8 and cp1251 are the usual ones", encoding=chosen)
        raise Unreadable(why) from None
    except UnicodeError:
        if not encoding:
            raise Unreadable(_no_text()) from None
        raise Unreadable(words("it is not {encoding}: save it as CSV UTF-8", encoding=chosen)) from None


def _text(written: str) -> str:
    """The same, if it is that.  An encoding of one byte a letter reads any bytes whatever.  Raises Unreadable."""
    part = written[:_LOOKED_AT]
    if sum(map(part.count, _NO_LETTERS)) * _NO_TEXT > len(part):
        raise Unreadable(_no_text())
    return written


def _no_text() -> Words:
    return words(
        "it is neither a spreadsheet nor text, whatever its name ends in, or was damaged on its way: get it once more,"
        " or open it in the program that wrote it, and save its table as XLSX or as CSV UTF-8"
    )


def _encoding(content: bytes) -> str:
    """By its mark; else UTF-8 if it is that; else the one whose letters look most like words."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    part = content[:_LOOKED_AT]
    if sum(map(part[1::2].count, _HIGH)) > len(part[1::2]) * 4 // 5:
        return "utf-16-le"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    return max((*_CYRILLIC, *_LATIN), key=lambda name: _likeness(part, name))


def _likeness(part: bytes, encoding: str) -> float:
    """How much it looks like words: common letters of Cyrillic; a capital inside of a word is the wrong table.

    Latin letters with marks are few in a text that is Latin; where they are many it is Cyrillic in the wrong table.
    """
    text = part.decode(encoding, "replace")
    score = 0.0
    for word in _WORD.findall(text):
        strange = [letter for letter in word if ord(letter) > 0x7F]
        if not strange:
            continue
        common = sum(letter in _COMMON for letter in word.lower())
        mixed = len(strange) < len(word) and any(letter > "\u0400" for letter in strange)
        bent = any(before.islower() and after.isupper() for before, after in pairwise(word))
        latin = strange[0] < "\u0400"
        score += -2.0 if mixed or bent else (1.0 if latin and len(strange) * 3 <= len(word) else common / len(word))
    return score - 3.0 * text.count("\ufffd") - sum(text.count(sign) for sign in "¤¦°±¶·")


def _delimiter(part: str) -> str:
    """The one that parts most lines into the same number of cells, more than one."""
    lines = [line for line in part.splitlines()[:50] if line.strip()]

    def steadiness(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in lines]
        most = max(set(counts), key=lambda count: (count > 0, counts.count(count)), default=0)
        return (counts.count(most) if most else 0, most)

    return max(DELIMITERS, key=steadiness) if lines else ","


def _rows(written: str, delimiter: str) -> Iterator[Row]:
    """Rows by the line on which they begin.  A broken quotation makes one faulty row, and the next line goes on."""
    csv.field_size_limit(max(csv.field_size_limit(), len(written) + 1))
    rows = csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, skipinitialspace=True)
    line = 1
    try:
        for cells in rows:
            if line > MOST_ROWS:
                raise Unreadable(words("it has more than {most} rows: part it", most=MOST_ROWS))
            yield Row(line, tuple(cell(one.strip()) for one in cells))
            line = rows.line_num + 1
    except csv.Error as fault:
        raise Unreadable(words("it is no CSV from line {line} on: {why}", line=str(line), why=str(fault))) from None


def _checked(row: Row, named: int) -> Row:
    """`named`: how many columns the header has; what stands behind them may have slipped there."""
    if any(len(one) > LONGEST_CELL for one in row.cells):
        why = words(
            "a cell has more than {most} characters: perhaps a quotation mark is open in a row before",
            most=LONGEST_CELL,
        )
        return Row(row.number, row.cells, why)
    if any(row.cells[named:]):
        why = words(
            "it has {cells} cells, the header {named}: put cells with a delimiter into quotation marks",
            cells=len(row.cells),
            named=named,
        )
        return Row(row.number, row.cells, why)
    return row
