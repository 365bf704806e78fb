"""Files of templates: what is damaged, moved, old or of another key is not believed, and none shows a vector."""

import os
from pathlib import Path

import numpy as np
import pytest

from storage.sealed_blocks import HEAD, NEW, BlockPlace, Blocks, Origin, Templates
from storage.sealing import Sealer

SEAL = Sealer(bytes(32))
PLACE = BlockPlace(Origin.PHOTO, "dlib/1/00", 3)
PRINT = b"p" * 32
HELD = Templates(np.array([5, 7]), np.array([50, 70]), np.array([[1, 2, 3], [4, 5, 6]], np.float32))


@pytest.fixture
def blocks(tmp_path: Path) -> Blocks:
    made = Blocks(tmp_path / "templates")
    made.write(PLACE, PRINT, HELD, SEAL)
    return made


def path_of(blocks: Blocks) -> Path:
    [path] = blocks.root.glob("*/*/*")
    return path


def test_what_was_written_is_read(blocks: Blocks) -> None:
    read = blocks.read(PLACE, PRINT, SEAL)
    assert read is not None
    assert (read.ids.tolist(), read.owners.tolist()) == ([5, 7], [50, 70])
    assert read.vectors.tolist() == HELD.vectors.tolist()
    assert read.vectors.dtype == np.float32
    assert list(blocks.held()) == [(PLACE, PRINT)]


def test_the_file_is_ours_alone_and_shows_no_vector(blocks: Blocks) -> None:
    path = path_of(blocks)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert HELD.vectors[0].tobytes() not in path.read_bytes()


@pytest.mark.parametrize(
    ("place", "print_", "seal"),
    [
        (BlockPlace(Origin.TRACK, PLACE.engine, PLACE.number), PRINT, SEAL),
        (BlockPlace(PLACE.origin, "dlib/1/01", PLACE.number), PRINT, SEAL),
        (BlockPlace(PLACE.origin, PLACE.engine, 4), PRINT, SEAL),
        (PLACE, b"q" * 32, SEAL),
        (PLACE, PRINT, Sealer(b"k" * 32)),
    ],
)
def test_a_file_that_was_copied_elsewhere_is_not_believed(
    blocks: Blocks, place: BlockPlace, print_: bytes, seal: Sealer
) -> None:
    """Also where whoever copied it has put the right print before it."""
    content = path_of(blocks).read_bytes()
    blocks.write(place, print_, HELD, SEAL)
    for path in blocks.root.glob("*/*/*"):
        path.write_bytes(content[: HEAD - 32] + print_ + content[HEAD:])
    assert blocks.read(place, print_, seal) is None


@pytest.mark.parametrize("damage", [0, 20, HEAD, HEAD + 5, HEAD + 40, -1])
def test_a_damaged_file_is_not_believed(blocks: Blocks, damage: int) -> None:
    path = path_of(blocks)
    content = bytearray(path.read_bytes())
    content[damage] ^= 1
    path.write_bytes(content)
    assert blocks.read(PLACE, PRINT, SEAL) is None


@pytest.mark.parametrize("size", [0, 5, HEAD, HEAD + 1, HEAD + 13, 100])
def test_a_file_that_was_cut_off_is_not_believed(blocks: Blocks, size: int) -> None:
    os.truncate(path_of(blocks), size)
    assert blocks.read(PLACE, PRINT, SEAL) is None


def test_what_nobody_goes_on_writing_goes(blocks: Blocks) -> None:
    fresh, old, foreign = (path_of(blocks).with_name(name) for name in (f"{NEW}1", f"{NEW}2", "notes.txt"))
    for path in (fresh, old, foreign):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    assert [place for place, _ in blocks.held()] == [PLACE]
    assert (fresh.exists(), old.exists(), foreign.exists()) == (True, False, True)


def test_a_write_that_fails_leaves_what_was_there(blocks: Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        blocks.write(PLACE, b"q" * 32, HELD, SEAL)
    assert blocks.read(PLACE, PRINT, SEAL) is not None
    assert len(list(path_of(blocks).parent.iterdir())) == 1
