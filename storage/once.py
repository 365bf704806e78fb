"""Private files that stay whole: made once and never changed (keys and passwords that everything later depends on), or
replaced as a whole."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """The bytes of a file that only we can read, made now if it is not there.

    It is complete from the moment it has its name, also after a power cut.  Of several makers at the same moment one
    wins, and all get its bytes.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        with _written(path, make()) as fresh:
            _name(fresh, path)
    return path.read_bytes()


def replaced(path: Path, content: bytes) -> None:
    """Give a file other bytes: from one moment to the next, and on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _written(path, content) as fresh:
        fresh.replace(path)
    _settle(path.parent)


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` with these bytes, which goes unless it was given another name."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    finally:
        fresh.unlink(missing_ok=True)


def _name(fresh: Path, path: Path) -> None:
    try:
        path.hardlink_to(fresh)
    except FileExistsError:
        return
    _settle(path.parent)


def _settle(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
