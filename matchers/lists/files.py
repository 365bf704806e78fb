"""Bytes of a list, told apart by what they are and not by what they are called."""

from typing import Final

from lastseen.words import words
from matchers.lists import delimited, pfif, prose, workbooks
from matchers.lists.mapping import is_header
from matchers.lists.sheets import LARGEST_FILE, Sheet, Unreadable, Wanted

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_BEGINNING: Final = 4096
"""bytes in which XML says that it is"""
_OF_TEXT: Final = (".txt", ".md")
_STRANGE: Final = {b"%PDF": words("a PDF"), b"{\\rtf": words("an RTF document")}


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
            raise Unreadable(
                words("it is {what}: copy its text into a file that ends in .txt, or its table into a CSV", what=what)
            )
    if content.startswith(_OLE):
        raise Unreadable(words("it is an old XLS, or has a password: save it as XLSX without one, or as CSV UTF-8"))


def _is_xml(content: bytes) -> bool:
    start = content[:_BEGINNING].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xfe\xff \r\n\t")
    return start.startswith((b"<?xml", b"<pfif", b"<!DOCTYPE")) or b"zesty.ca/pfif" in start
