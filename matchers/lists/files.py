"""Bytes of a list, told apart by what they are and not by what they are called."""

import re
from typing import Final

from lastseen.words import words
from matchers.lists import delimited, pfif, prose, workbooks
from matchers.lists.mapping import is_header
from matchers.lists.sheets import LARGEST_FILE, Sheet, Unreadable, Wanted, packed, to_copy, to_save

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_BLANK: Final = b"\xef\xbb\xbf\xfe\xff \r\n\t"
_BEGINNING: Final = 4096
"""bytes in which XML says that it is"""
_OF_TEXT: Final = (".txt", ".md")
_STRANGE: Final = {
    b"%PDF": words("a PDF"),
    b"{\\rtf": words("an RTF document"),
    b"\xff\xd8\xff": words("a picture"),
    b"\x89PNG": words("a picture"),
    b"GIF8": words("a picture"),
    b"II*\x00": words("a picture"),
    b"MM\x00*": words("a picture"),
}
_PACKED: Final = (b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ")
_WORD: Final = "WordDocument".encode("utf-16-le")
"""how an old Word document calls a part of it, which an old workbook has not"""
_PAGE: Final = re.compile(rb"(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|table|meta)\b", re.IGNORECASE | re.DOTALL)
_JSON: Final = re.compile(rb'\[?\s*\{\s*"')


def read(content: bytes, wanted: Wanted) -> Sheet:
    """Raises Unreadable.  Call it in a process that is bounded: see `apart`."""
    _refuse_strange(content)
    if content.startswith(_ZIP):
        return workbooks.read(content, wanted, is_header)
    if _is_xml(content):
        return pfif.read(content)
    if wanted.name.lower().endswith(_OF_TEXT):
        encoding, written = delimited.decoded(content, wanted.encoding)
        found = prose.read(written)
        return Sheet(found.kind, found.columns, found.rows, {"encoding": encoding})
    return delimited.read(content, wanted, is_header)


def _refuse_strange(content: bytes) -> None:
    if not content.strip():
        raise Unreadable(words("there is nothing in it"))
    if len(content) > LARGEST_FILE:
        raise Unreadable(words("it has more than {most} MiB: part it", most=LARGEST_FILE >> 20))
    for beginning, what in _STRANGE.items():
        if content.startswith(beginning):
            raise Unreadable(to_copy(what))
    if content.startswith(_PACKED):
        raise Unreadable(packed())
    _refuse_unlike(content)


def _refuse_unlike(content: bytes) -> None:
    """What a spreadsheet or a word processor opens, and this does not."""
    start = content[:_BEGINNING].replace(b"\0", b"").lstrip(_BLANK)
    if _PAGE.match(start):
        raise Unreadable(to_save(words("a web page, whatever its name ends in")))
    if _JSON.match(start):
        raise Unreadable(to_save(words("JSON")))
    if content.startswith(_OLE) and _WORD in content:
        raise Unreadable(to_copy(words("a Word document")))
    if content.startswith(_OLE):
        raise Unreadable(words("it is an old XLS, or has a password: save it as XLSX without one, or as CSV UTF-8"))


def _is_xml(content: bytes) -> bool:
    start = content[:_BEGINNING].replace(b"\0", b"").lstrip(_BLANK)
    return start.startswith((b"<?xml", b"<pfif", b"<!DOCTYPE")) or b"zesty.ca/pfif" in start
