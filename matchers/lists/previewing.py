"""What a file would become if it were imported: counts, the first lines as understood, and each fault with its row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from lastseen.errors import WrongUse
from lastseen.words import words
from matchers.lists import lines, mapping
from matchers.lists.lines import Line
from matchers.lists.mapping import Columns
from matchers.lists.sheets import Sheet

FIRST: Final = 10
"""lines that a preview shows"""


@dataclass(frozen=True, slots=True)
class Preview:
    """A file, understood and not yet written down."""

    sheet: Sheet
    mapping: Columns
    lines: tuple[Line, ...]

    @property
    def first(self) -> Sequence[Line]:
        """The first that were understood."""
        return [line for line in self.lines if line.compared][:FIRST]

    @property
    def faulty(self) -> Sequence[Line]:
        """Those of which something was not understood."""
        return [line for line in self.lines if line.fault]

    @property
    def doubles(self) -> Sequence[tuple[Line, ...]]:
        """Lines that name the same person in the same way."""
        return lines.doubles(self.lines)

    @property
    def by_says(self) -> Mapping[str, int]:
        """What is said -> lines that can be held against the register."""
        return dict(sorted(Counter(line.says for line in self.lines if line.compared).items()))

    def counts(self) -> dict[str, int]:
        """Without names."""
        return {
            "lines": len(self.lines),
            "understood": sum(line.compared for line in self.lines),
            "faulty": len(self.faulty),
            "left_out": sum(not line.compared for line in self.lines),
            "doubles": sum(len(group) for group in self.doubles),
        }

    def rows(self) -> list[dict[str, Any]]:
        """For `storage.lists.keep`."""
        return [_row(line) for line in self.lines]


def of(
    sheet: Sheet,
    today: date,
    saved: Mapping[str, Any] | None = None,
    columns: Sequence[str] = (),
    values: Sequence[str] = (),
    says: str = "",
    dates: Sequence[str] = (),
) -> Preview:
    """Understand a sheet by a saved mapping, or by its own header, and by what was said by hand.  Raises WrongUse."""
    base = Columns.of_json(saved) if saved else mapping.guessed(sheet)
    chosen = mapping.changed(base, columns, values, says, dates)
    if not sheet.rows:
        raise WrongUse(words("Below its header the file has no rows."))
    return Preview(sheet, chosen, tuple(lines.read(sheet, chosen, today)))


def _row(line: Line) -> dict[str, Any]:
    return {
        "row": line.row,
        "part": line.part,
        "names": list(line.names),
        "birth_year": line.birth_year,
        "born": line.born and line.born.isoformat(),
        "says": line.says,
        "since": line.since and line.since.isoformat(),
        "note": line.note,
        "raw": line.raw,
        "fault": str(line.fault or ""),
        "fault_words": line.fault and line.fault.as_json(),
        "key": line.key,
    }
