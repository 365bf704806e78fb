"""CSV for people who open it in a spreadsheet: text of strangers must not run there as a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

MARK: Final = "\ufeff"
"""without it, some spreadsheets take UTF-8 for something else"""
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""what a cell may begin with that is calculated (OWASP, CSV injection), in wide forms too"""
_WITHIN = re.compile(r"(?<=[;\t\r\n])( *)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")
"""where a cell goes on for a spreadsheet that parts at semicolons, as it does where a comma writes decimals (in
Ukrainian, for one): quotes in the middle of what it takes for a cell hold nothing together, line ends neither"""


def guarded(cell: object) -> str:
    """A cell as text; what would be a formula stands behind an apostrophe, wherever a spreadsheet may part the cell."""
    said = _WITHIN.sub(r"\1'", "" if cell is None else str(cell))
    return f"'{said}" if said.lstrip(" ").startswith(FORMULA) else said


def sheet(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A CSV with a head line (RFC 4180), to be written as UTF-8 without changing its line ends."""
    return MARK + rows([columns]) + rows(lines)


def rows(lines: Iterable[Sequence[object]]) -> str:
    """Further lines of one."""
    made = io.StringIO()
    csv.writer(made, lineterminator="\r\n").writerows([guarded(cell) for cell in line] for line in lines)
    return made.getvalue()
