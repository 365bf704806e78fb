"""The bytes of a file on Telegram, going on where an earlier try has ended."""

import base64
from os import SEEK_END
from pathlib import Path
from typing import Any, Final

from telethon.tl import types

from extractors.telegram.faults import Unanswered
from extractors.telegram.line import Line
from lastseen.outcomes import Fault, NotDone
from lastseen.records import FileSeen

PART: Final = 512 * 1024
"""bytes a request: the most that Telethon asks for"""


def download(line: Line, file: FileSeen, path: Path) -> None:
    """Have all bytes of a file in `path`; what is there already is the beginning of it.

    One id is one and the same bytes for ever, so they may come from several tries, accounts and days.  Raises
    faults.Unanswered: with STALE when its locator is of no use any more.
    """
    line.do(_download(line, file, path))
    size = path.stat().st_size
    if size < file.size:
        raise Unanswered(NotDone(Fault.TRANSIENT, f"the file ended after {size} of {file.size} bytes"))
    if size > file.size:
        path.unlink()
        raise Unanswered(NotDone(Fault.DEFECT, f"the file has more bytes than the {file.size} that were stated"))


async def _download(line: Line, file: FileSeen, path: Path) -> None:
    with path.open("ab") as out:
        out.truncate(out.tell() // PART * PART)
        async for part in line.parts(_location(file), int(file.locator["dc"]), out.seek(0, SEEK_END), PART):
            out.write(part)


def _location(file: FileSeen) -> Any:
    """What a request for its bytes names."""
    said = file.locator
    kind = types.InputPhotoFileLocation if said["kind"] == "photo" else types.InputDocumentFileLocation
    return kind(
        id=int(said["id"]),
        access_hash=int(said["access_hash"]),
        file_reference=base64.b64decode(str(said["reference"])),
        thumb_size=str(said["size"]),
    )
