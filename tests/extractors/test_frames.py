"""Sampling: which pictures, when, and what is said about those that would not decode."""

from fractions import Fraction
from pathlib import Path

import pytest

from extractors.frames import STANDS_STILL, Clock, Cut, End, Event, Lost, Picture, Same, sample
from extractors.limits import Limits, Unfit
from extractors.media import Video, open_media
from tests.extractors.films import FPS, film, ground, plain_film, transport_stream


def events(path: Path, limits: Limits) -> list[Event]:
    """Everything that sampling says."""
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        return list(sample(media, limits))


def test_two_a_second_and_the_first_of_each_shot(tmp_path: Path, limits: Limits) -> None:
    """Three shots; the second cut falls between two steps of half a second."""
    shades = [60] * 30 + [200] * 22 + [120] * 32
    seen = events(film(tmp_path / "a.mp4", (ground(shade, (160, 90)) for shade in shades)), limits)
    cuts = [event.at for event in seen if isinstance(event, Cut)]
    due = [event.at for event in seen if isinstance(event, Picture | Same)]
    assert cuts == [Fraction(0), Fraction(30, FPS), Fraction(52, FPS)]
    assert [event.at for event in seen if isinstance(event, Picture)] == cuts, "within a shot nothing changes"
    assert due == [Fraction(n, FPS) for n in (0, 12, 24, 30, 42, 52, 64, 76)]
    end = seen[-1]
    assert end == End(84, Fraction(0), Fraction(83, FPS), Fraction(84, FPS))


def test_a_pan_is_no_cut(tmp_path: Path, limits: Limits) -> None:
    """Light slides over the whole picture by 25 levels a frame: much change, but no jump."""
    shades = [40 + abs(160 - (n * 25) % 320) // 2 for n in range(48)]
    seen = events(film(tmp_path / "a.mp4", (ground(shade, (160, 90)) for shade in shades)), limits)
    assert sum(isinstance(event, Cut) for event in seen) == 1


def test_flashes_do_not_flood_the_sampler(tmp_path: Path, limits: Limits) -> None:
    shades = [30 if n // 2 % 2 else 220 for n in range(2 * FPS)]
    seen = events(film(tmp_path / "a.mp4", (ground(shade, (160, 90)) for shade in shades)), limits)
    assert sum(isinstance(event, Picture) for event in seen) <= 2 * (5 + 2)


def test_a_container_that_turns_its_pictures(tmp_path: Path, limits: Limits) -> None:
    path = film(tmp_path / "a.mp4", [ground(60, (160, 90))] * 12)
    content = bytearray(path.read_bytes())
    # the matrix of the track header: 16.16 numbers a b u c d v, then the offset; a quarter turn is 0 1 / -1 0
    matrix = content.index(b"tkhd") + 4 + 40
    assert content[matrix : matrix + 4] == b"\x00\x01\x00\x00"
    quarter = (0, 1 << 16, 0, (-1 << 16) & 0xFFFFFFFF, 0, 0)
    content[matrix : matrix + 24] = b"".join(number.to_bytes(4, "big") for number in quarter)
    path.write_bytes(content)
    pictures = [event for event in events(path, limits) if isinstance(event, Picture)]
    assert pictures[0].pixels.shape == (160, 90, 3)


def test_damage_in_the_middle_is_a_gap_and_the_rest_is_seen(tmp_path: Path, limits: Limits) -> None:
    path = plain_film(tmp_path / "a.mp4", 4, (320, 180))
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle : middle + 600] = b"\xff" * 600
    path.write_bytes(content)
    seen = events(path, limits)
    assert any(isinstance(event, Lost) for event in seen)
    assert isinstance(seen[-1], End)
    assert seen[-1].last >= Fraction(7, 2)


def test_a_clock_that_jumps_back_is_a_cut_and_is_said(tmp_path: Path, limits: Limits) -> None:
    """Two recordings of two seconds in one file, the second with the times of the first."""
    one = transport_stream(tmp_path / "one.ts", 2 * FPS).read_bytes()
    (tmp_path / "a.ts").write_bytes(one + one)
    seen = events(tmp_path / "a.ts", limits)
    assert [event for event in seen if isinstance(event, Lost) and event.clock] == [
        Lost("its clock runs backwards", clock=True)
    ]
    cuts = [event.at for event in seen if isinstance(event, Cut)]
    due = [event.at for event in seen if isinstance(event, Picture | Same)]
    assert len(cuts) == 2
    assert cuts[1] == cuts[0]
    assert len(due) == 8
    assert due[:4] == due[4:]


def test_a_clock_that_stands_still_is_said_once_and_pictures_are_still_taken() -> None:
    clock = Clock()
    faults = [clock.fault(Fraction(1)) for _ in range(4 * STANDS_STILL)]
    assert faults.count("its clock stands still") == 3
    assert clock.fault(Fraction(2)) == ""


def test_jitter_is_no_jump() -> None:
    clock = Clock()
    assert not any(clock.fault(Fraction(at, FPS)) for at in (0, 2, 1, 3, 4, 4, 6, 5, 7))
    assert clock.run(Fraction(7, FPS)) == Fraction(7, FPS)


def test_a_video_that_runs_longer_than_it_says(tmp_path: Path, limits: Limits) -> None:
    """The limit is kept on the way, too, whatever the header promised."""
    path = plain_film(tmp_path / "a.mp4", 3)
    short = Limits(limits.max_megapixels, 1, 60, 4096)
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        with pytest.raises(Unfit, match="LASTSEEN_MAX_DURATION_SECONDS"):
            list(sample(media, short))
