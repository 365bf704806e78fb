"""A file to hand out, in whichever format."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from lastseen.exchange import ftm, pfif, tables
from lastseen.exchange.records import ENDINGS, Format, HandedPerson, Handing

_WRITERS: Final[Mapping[Format, Callable[[Handing, Sequence[HandedPerson]], bytes]]] = {
    Format.CSV: tables.write,
    Format.PFIF: pfif.write,
    Format.FTM: ftm.write,
}


def write(format_: Format, handing: Handing, people: Sequence[HandedPerson]) -> bytes:
    """The file."""
    return _WRITERS[format_](handing, people)


def file_name(format_: Format, handing: Handing) -> str:
    """It names nobody."""
    return f"lastseen-{format_}-{handing.id}.{ENDINGS[format_][0]}"
