"""XLSX: values as they stand there.  Nothing is computed, no macro is looked at.  The one module that imports openpyxl.

Call it only in a process that is bounded (`apart`): what a small file unpacks to is known when it is unpacked.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Set
from datetime import date, datetime, time
from typing import Any, Final

import openpyxl

from lastseen.words import Words, words
from matchers.lists.sheets import (
    LARGEST_UNPACKED,
    LONGEST_CELL,
    MOST_ROWS,
    Row,
    Sheet,
    Unreadable,
    Wanted,
    cell,
    headed,
    to_copy,
    to_save,
)
from matchers.lists.sheets import packed as files_in_it

_MOST_PARTS: Final = 2_000
_TYPES: Final = "[Content_Types].xml"
"""the part that every document of this family has"""
_ONCE: Final = 1 << 20
"""bytes that are looked at at once"""


def read(content: bytes, wanted: Wanted, is_header: Callable[[tuple[str, ...]], bool]) -> Sheet:
    """The sheet of that name, or the first with anything in it.  Raises Unreadable."""
    computed = _look_into(content)
    try:
        return _read(content, wanted, is_header, computed)
    except Unreadable:
        raise
    except Exception as fault:  # noqa: BLE001  openpyxl raises whatever it trips over: KeyError, ValueError, TypeError ...
        why = words(
            "it is damaged ({kind}): open it, and save it again as XLSX or as CSV UTF-8", kind=fault.__class__.__name__
        )
        raise Unreadable(why) from None


def _look_into(content: bytes) -> bool:
    """Unpack it once, to count.  Returns whether cells have formulas.  Raises Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            parts = packed.infolist()
            _refuse_others(packed, {part.filename for part in parts})
            if any(part.flag_bits & 1 for part in parts):
                raise Unreadable(words("it is encrypted: save it without a password"))
            if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
                raise Unreadable(_too_large())
            return _counted(packed, parts)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError) as fault:
        why = words("it is no whole XLSX file ({kind}): save it again", kind=fault.__class__.__name__)
        raise Unreadable(why) from None


def _refuse_others(packed: zipfile.ZipFile, names: Set[str]) -> None:
    """Whatever else comes as a ZIP.  Raises Unreadable."""
    if any(name.startswith("word/") for name in names):
        raise Unreadable(to_copy(words("a Word document")))
    if "xl/workbook.bin" in names:
        raise Unreadable(to_save(words("an XLSB")))
    if "mimetype" in names and "content.xml" in names:
        raise Unreadable(to_save(words("a document of LibreOffice")))
    if _TYPES not in names:
        raise Unreadable(files_in_it())


def _too_large() -> Words:
    return words("unpacked it has more than {most} MiB: save the one sheet as CSV", most=LARGEST_UNPACKED >> 20)


def _counted(packed: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> bool:
    """What a part's entry says of its size is its writer's word; so it is counted."""
    size, computed = 0, False
    for part in parts:
        of_a_sheet, tail = part.filename.startswith("xl/worksheets/"), b""
        with packed.open(part) as file:
            while piece := file.read(_ONCE):
                size += len(piece)
                if size > LARGEST_UNPACKED:
                    raise Unreadable(_too_large())
                computed = computed or (of_a_sheet and (b"<f>" in tail + piece or b"<f " in tail + piece))
                tail = piece[-2:]
    return computed


def _read(content: bytes, wanted: Wanted, is_header: Callable[[tuple[str, ...]], bool], computed: bool) -> Sheet:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    name, rows, taken = _chosen(book, wanted.sheet)
    if computed:
        written = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        rows = _without_value(rows, _cells(written[name]))
    return headed("xlsx", rows, taken, wanted, is_header)


def _chosen(book: Any, name: str) -> tuple[str, list[Row], dict[str, str]]:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    if name and name not in sheets:
        raise Unreadable(words("it has no sheet of that name, but {others}", others=", ".join(sheets)))
    for title in [name] if name else list(sheets):
        rows = list(_cells(sheets[title]))
        if rows or name:
            others = [other for other in sheets if other != title]
            return title, rows, {"sheet": cell(title), **({"other sheets": cell(", ".join(others))} if others else {})}
    raise Unreadable(words("there is nothing in it"))


def _cells(sheet: Any) -> Iterator[Row]:
    """Rows that are not empty.  What a sheet says of its own extent is not believed."""
    sheet.reset_dimensions()
    given = 0
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        if all(value is None for value in values):
            continue
        given += 1
        if given > MOST_ROWS:
            raise Unreadable(words("it has more than {most} rows: part it", most=MOST_ROWS))
        cells = tuple(map(_written, values))
        long = any(len(one) > LONGEST_CELL for one in cells)
        yield Row(number, cells, words("a cell has more than {most} characters", most=LONGEST_CELL) if long else None)


def _written(value: object) -> str:
    """A cell as text: days as ISO, whole numbers without a point."""
    match value:
        case None:
            return ""
        case datetime():
            return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return cell(str(value).strip())


def _without_value(rows: list[Row], written: Iterator[Row]) -> list[Row]:
    """A formula whose value was never saved shows nothing: that row has a fault, and the formula as its cell."""
    formulas = {row.number: row.cells for row in written}
    shown = {row.number: row for row in rows}
    return [_mended(number, shown.get(number), formulas[number]) for number in sorted(formulas)]


def _mended(number: int, row: Row | None, written: tuple[str, ...]) -> Row:
    cells = row.cells if row else ()
    lost = {place for place, one in enumerate(written) if one.startswith("=") and not _at(cells, place)}
    if not lost:
        return row or Row(number, written)
    whole = tuple(written[place] if place in lost else _at(cells, place) for place in range(len(written)))
    return Row(number, whole, words("a formula has no value saved with it: open the file, and save it with its values"))


def _at(cells: tuple[str, ...], place: int) -> str:
    return cells[place] if place < len(cells) else ""
