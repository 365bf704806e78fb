"""Files of an export that somebody hands in: they are taken from its folder only, and never grow beyond a limit."""

import hashlib
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Final

from lastseen.errors import WrongUse
from lastseen.outcomes import Fault

CHUNK: Final = 1 << 20


class Unfit(WrongUse):
    """A file cannot be taken; the message says why."""

    def __init__(self, fault: Fault, why: str) -> None:
        super().__init__(why)
        self.fault = fault


def take(folder: Path, name: str, copy: Path, largest: int) -> tuple[str, int]:
    """Copy a file from below a folder, so that nobody changes it any more.  Returns sha256 and size.

    No part of `name` may be a link, or lead out of the folder.  Raises Unfit.
    """
    digest, size = hashlib.sha256(), 0
    with os.fdopen(_opened(folder, PurePosixPath(name)), "rb") as file, copy.open("wb") as made:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if size > largest:
                raise Unfit(Fault.SKIPPED, f"it is larger than {largest} bytes")
            made.write(chunk)
    return digest.hexdigest(), size


def _opened(folder: Path, name: PurePosixPath) -> int:
    """A descriptor; whoever has it closes it.  Raises Unfit."""
    if not name.parts or name.is_absolute() or ".." in name.parts:
        raise Unfit(Fault.DEFECT, "it would lie outside the export's folder")
    at = -1
    try:
        at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        for part in name.parts[:-1]:
            within = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = within
        return _regular(os.open(name.parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at))
    except (OSError, ValueError) as fault:  # ValueError: a name that no file system has
        raise Unfit(Fault.DEFECT, f"it cannot be read: {getattr(fault, 'strerror', fault)}") from fault
    finally:
        if at >= 0:
            os.close(at)


def _regular(file: int) -> int:
    """Raises Unfit, and closes it, if it is a folder, a pipe or the like."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Unfit(Fault.DEFECT, "it is no file")
    return file
