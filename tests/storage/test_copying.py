"""What COPY is given comes out as it went in."""

import pytest
from sqlalchemy import Engine, text

from storage.copying import copy_in, fields

HOSTILE = (
    "plain",
    "",
    r"\N",
    r"\.",
    "\\",
    "a\\tb\tc",
    "one\ntwo\r\nthree",
    "\\\n",
    "ends with \\",
    "їжак \N{PILE OF POO}",
    "\x01\x0b\x7f\u2028",
)


def _there_and_back(engine: Engine, rows: list[tuple[str | None, str | None]]) -> list[tuple[str | None, str | None]]:
    with engine.begin() as db:
        db.execute(text("CREATE TEMP TABLE copied (one text, other text) ON COMMIT DROP"))
        copy_in(db, "COPY copied (one, other) FROM STDIN", (fields(*row) for row in rows))
        return [(row.one, row.other) for row in db.execute(text("SELECT one, other FROM copied"))]


def test_whatever_a_stranger_wrote_comes_back(db: Engine) -> None:
    rows: list[tuple[str | None, str | None]] = [(one, other) for one in HOSTILE for other in (*HOSTILE, None)]
    assert _there_and_back(db, rows) == rows


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_any_number_of_rows(db: Engine, count: int) -> None:
    rows: list[tuple[str | None, str | None]] = [(str(number), "x" * 100) for number in range(count)]
    assert _there_and_back(db, rows) == rows
