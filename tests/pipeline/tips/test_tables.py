"""Tables of tips, as offices keep them and as they should not be."""

import pytest

from lastseen.errors import WrongUse
from pipeline.tips import tables

HEAD = "link,moment,whom,how,contact,language\n"
ROW = "https://t.me/news/7,2:35,my brother,,+380 00,uk\n"


def test_what_a_table_holds() -> None:
    found = tables.read((HEAD + ROW + ",,,,,\n" + ROW).encode())
    assert [row for row, _ in found.rows] == [2, 4]
    given = found.rows[0][1]
    assert (given.address, given.at_seconds, given.whom, given.contact, given.language) == (
        "https://t.me/news/7", 155, "my brother", "+380 00", "uk",
    )  # fmt: skip
    assert (found.faults, found.unread) == ((), ())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_a_mark_at_the_beginning_and_quotes(delimiter: str) -> None:
    head, row = (line.replace(",", delimiter) for line in (HEAD, 'https://t.me/a_bc/1,,"two\nlines",,me,\n'))
    found = tables.read(b"\xef\xbb\xbf" + (head.upper() + row).encode())
    assert found.rows[0][1].whom == "two\nlines"


def test_faults_by_row() -> None:
    link = "https://t.me/news/7"
    rows = (",,my brother,,me,", f"{link},soon,he,,me,", f"{link},,he,,me,uk,more", f"{link},,he,,me,call", ROW.strip())
    found = tables.read((HEAD + "\n".join(rows)).encode())
    assert [fault.row for fault in found.faults] == [2, 3, 4, 5]
    assert [why for fault in found.faults for why in ("link", "2:35", "cells", "language") if why in fault.why] == [
        "link", "2:35", "cells", "language",
    ]  # fmt: skip
    assert [row for row, _ in found.rows] == [6]


def test_links_that_cannot_be_read_are_taken_and_told() -> None:
    found = tables.read((HEAD + "https://t.me/c/1/2,,he,,me,\nfile:///etc/passwd,,he,,me,\n").encode())
    assert len(found.rows) == 2
    assert [fault.row for fault in found.unread] == [2, 3]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"link,whom\n", "contact"),
        (b"link,whom,contact,sex\n", "'sex'"),
        ("link,whom,contact\nx,Ї,me\n".encode("cp1251"), "UTF-8"),
        ("link,whom,contact\n".encode("utf-16"), "UTF-8"),
        (b"link,whom,contact\na\0b,he,me\n", "CSV"),
        (b'link,whom,contact\nx,"he,me\n', "cannot be read"),
        (b"a" * (tables.LONGEST + 1), "larger"),
        (b"PK\x03\x04" + b"\xff" * 30, "UTF-8"),
    ],
)
def test_what_is_no_table_says_what_to_do(content: bytes, says: str) -> None:
    with pytest.raises(WrongUse, match=says):
        tables.read(content)
