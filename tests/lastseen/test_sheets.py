"""Tables for people who open them in a spreadsheet, wherever that parts a line into cells."""

import csv
import io

import pytest

from lastseen.sheets import FORMULA, MARK, sheet

SUM = "=1+1"
HOSTILE = (
    *(SUM, "+1", "-1", "@a", "\t=1", "\uff1d1", " =1", f"title;{SUM}", f"title; {SUM}", f"title\n{SUM}", f'"a"\t{SUM}'),
    *(f'quoted "so;{SUM}', f"a;b;{SUM};{SUM}", f";{SUM}", f"a\r\n{SUM}", "x;\uff0b1", '";=1'),
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("cell", HOSTILE)
def test_no_cell_is_calculated_whatever_parts_the_line(cell: str, delimiter: str) -> None:
    """In Ukrainian a spreadsheet parts at semicolons: quotes that begin behind a comma are in the middle of a cell."""
    made = sheet(["number", "text"], [["26-1", cell], [cell, "26-1"]]).removeprefix(MARK)
    read = csv.reader(io.StringIO(made, newline=""), delimiter=delimiter)
    assert [one for row in read for one in row if one.lstrip(" ").startswith(FORMULA)] == []


def test_what_is_no_formula_stays_as_it_is() -> None:
    lines = [["26-1", "Ada; seen at 2:35, 1-2 people", "a = b; c", "line\nline", ""]]
    made = sheet(["number", "text", "more", "lines", "none"], lines).removeprefix(MARK)
    assert list(csv.reader(io.StringIO(made, newline="")))[1:] == lines
