"""Fingerprints: which moments, without bars, and what is said of a file that cannot be seen whole."""

from pathlib import Path

import numpy as np
import pytest

from extractors.fingerprints import SIDE, bars, fingerprint_file, without_bars
from extractors.limits import Limits
from lastseen.records import Fingerprint, Pixels, Rejection
from tests.extractors import films
from tests.matchers import footage

LIMITS = Limits(max_megapixels=64, max_duration_seconds=600, deadline_seconds=60.0, memory_mib=2048)


def taken(path: Path, limits: Limits = LIMITS) -> Fingerprint:
    found = fingerprint_file(path, limits)
    assert isinstance(found, Fingerprint), found
    return found


def moments(found: Fingerprint) -> list[int]:
    return [int(at_ms) for at_ms in np.frombuffer(found.moments, "<u4")]


@pytest.fixture(scope="module")
def scenes() -> footage.Film:
    """Three seconds."""
    return footage.scenes(1, 3.0)


def test_four_pictures_a_second(tmp_path: Path, scenes: footage.Film) -> None:
    found = taken(footage.written(tmp_path / "a.mp4", scenes))
    assert (found.kind, found.width, found.height, found.complete) == ("video", 320, 180, True)
    assert found.duration_ms == pytest.approx(3000, abs=100)
    assert np.all(np.abs(np.diff(moments(found)) - 250) <= 70)
    assert len(moments(found)) == 12
    assert (len(found.hashes), len(found.mirrored), found.light) == (12 * 64, 12 * 64, b"")


def test_black_bars_change_little(tmp_path: Path, scenes: footage.Film) -> None:
    plain = taken(footage.written(tmp_path / "a.mp4", scenes))
    barred = taken(footage.written(tmp_path / "b.mp4", scenes, change=footage.letterboxed))
    apart = np.bitwise_count(np.frombuffer(plain.hashes, "u1") ^ np.frombuffer(barred.hashes, "u1"))
    assert apart.reshape(-1, 2, 32).sum(axis=2).mean() < 40


def test_darkness_that_passes_is_no_bar() -> None:
    light = np.full((SIDE, SIDE), 200, np.uint8)
    dark_above = light.copy()
    dark_above[:80] = 0
    assert bars(dark_above) == (80, 0, 0, 0)
    assert bars(np.zeros((SIDE, SIDE), np.uint8)) is None
    passing = [(at, dark_above if at == 5 else light) for at in range(12)]
    assert all(cut.shape == (SIDE, SIDE) for _, cut in without_bars(passing))
    staying = [(at, dark_above) for at in range(12)]
    assert [cut.shape for _, cut in without_bars(staying)] == [(SIDE - 80, SIDE)] * 12


def test_flat_pictures_have_no_moment(tmp_path: Path, scenes: footage.Film) -> None:
    flat: list[Pixels] = [films.ground(90, (320, 180))] * footage.FPS
    found = taken(footage.written(tmp_path / "a.mp4", [*flat, *scenes]))
    assert min(moments(found)) >= 900
    assert found.duration_ms == pytest.approx(4000, abs=100)


def test_what_is_not_seen_whole_is_not_complete(tmp_path: Path, scenes: footage.Film) -> None:
    path = footage.written(tmp_path / "a.mp4", scenes)
    short = Limits(max_megapixels=64, max_duration_seconds=1, deadline_seconds=60.0, memory_mib=2048)
    found = taken(path, short)
    assert not found.complete
    assert max(moments(found)) <= 1300


def test_a_still_picture_has_one_moment(tmp_path: Path, scenes: footage.Film) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(films.png(scenes[0]))
    found = taken(path)
    assert (found.kind, moments(found), found.duration_ms) == ("image", [0], 0)
    assert len(found.light) == 256


def test_what_is_no_picture_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video at all")
    assert isinstance(fingerprint_file(path, LIMITS), Rejection)
