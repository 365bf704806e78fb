"""Sampling: which pictures, when, and what is said about those that would not decode."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from av.video.frame import VideoFrame

from extractors.faces import check
from extractors.frames import STANDS_STILL, Clock, Cut, End, Event, Lost, Pace, Picture, Same, sample
from extractors.limits import Limits
from extractors.media import Video, open_media
from lastseen.choices import Choices
from lastseen.records import Pixels
from tests.extractors.films import (
    ANNA,
    FPS,
    Coding,
    Place,
    coded,
    film,
    ground,
    plain_film,
    scene,
    transport_stream,
)


def events(path: Path, limits: Limits, choices: Choices | None = None, threads: int = 1) -> list[Event]:
    """Everything that sampling says."""
    with open_media(path, limits, threads) as media:
        assert isinstance(media, Video)
        return list(sample(media, limits, choices))


def pictures(seen: Iterable[Event]) -> list[Fraction]:
    """When they were taken."""
    return [event.at for event in seen if isinstance(event, Picture)]


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


def test_a_video_longer_than_the_limit_is_looked_at_as_far_as_that(tmp_path: Path, limits: Limits) -> None:
    """Whatever its header promised, and nothing that was seen is thrown away."""
    seen = events(plain_film(tmp_path / "a.mp4", 3), replace(limits, max_duration_seconds=1))
    due = [event.at for event in seen if isinstance(event, Picture | Same)]
    assert due == [0, Fraction(1, 2), 1]
    assert isinstance(seen[-1], End)
    assert seen[-1].broke_off == "only the first 1 s of a video are looked at (LASTSEEN_MAX_DURATION_SECONDS)"
    assert not any(isinstance(event, Lost) for event in seen)


def test_pictures_that_grow_over_the_limit_end_the_look_and_not_what_was_seen(tmp_path: Path, limits: Limits) -> None:
    small, large = (
        coded(tmp_path, [ground(60, size)] * FPS, Coding(f"{size[0]}.ts")) for size in ((160, 90), (1280, 800))
    )
    (tmp_path / "a.ts").write_bytes(small.read_bytes() + large.read_bytes())
    with open_media(tmp_path / "a.ts", limits) as media:
        assert isinstance(media, Video)
        seen = list(sample(media, replace(limits, max_megapixels=1)))
    assert len(pictures(seen)) == 1
    assert isinstance(seen[-1], End)
    assert seen[-1].decoded == FPS
    assert "LASTSEEN_MAX_MEGAPIXELS" in seen[-1].broke_off


LARGE: Final = (1280, 720)
SIDE: Final = 32
"""pixels of a head: the smallest that is searched"""


def slow_film(path: Path, seconds: int, picture: Callable[[int], Pixels]) -> Path:
    """Four pictures a second, as the sampler sees them, without the ones between."""
    return film(path, (picture(number) for number in range(seconds * 4)), fps=4)


def test_a_small_head_that_comes_into_a_large_still_scene_is_seen(tmp_path: Path, limits: Limits) -> None:
    """It comes after 2 s, steps aside after 4 and is gone after 6: each is seen within half a second."""
    heads: list[dict[check.Head, Place]] = [{}, {ANNA: (640, 300, SIDE)}, {ANNA: (652, 300, SIDE)}, {}]
    seen = events(slow_film(tmp_path / "a.mp4", 8, lambda n: scene(heads[n // 8], size=LARGE)), limits)
    assert pictures(seen) == [0, 2, 4, 6]
    assert sum(isinstance(event, Same) for event in seen) == 12
    assert sum(isinstance(event, Cut) for event in seen) == 1


def test_a_small_head_that_hardly_moves_is_looked_at_before_it_has_gone_far(tmp_path: Path, limits: Limits) -> None:
    """Two pixels a second: changes add up against the picture that was last looked at."""
    path = slow_film(tmp_path / "a.mp4", 8, lambda n: scene({ANNA: (640 + n // 2, 300, SIDE)}, size=LARGE))
    seen = pictures(events(path, limits))
    assert max(later - earlier for earlier, later in pairwise(seen)) <= 1


def test_a_slow_fade_adds_up(tmp_path: Path, limits: Limits) -> None:
    """A head appears over six seconds, by less between two samples than would be seen."""
    empty, there = (scene(heads, size=LARGE).astype(float) for heads in ({}, {ANNA: (640, 300, SIDE)}))

    def faded(number: int) -> Pixels:
        return np.asarray(np.rint(empty + (there - empty) * min(number / 24, 1)), np.uint8)

    seen = pictures(events(film(tmp_path / "a.mp4", map(faded, range(28)), fps=4), limits))
    assert seen[0] == 0
    assert seen[1] <= Fraction(3, 2), "at a quarter of its contrast"
    assert seen[-1] >= 5, "and when it is all there"


def test_a_slide_that_stands_for_half_a_minute_is_is_looked_at_three_times(tmp_path: Path, limits: Limits) -> None:
    """And is said to stand there at every step between."""
    still = scene({ANNA: (60, 60, 120)})
    seen = events(slow_film(tmp_path / "a.mp4", 31, lambda _: still), limits)
    assert pictures(seen) == [0, Fraction(21, 2), 21]
    assert sum(isinstance(event, Same) for event in seen) == 62 - 3


def test_grain_is_no_change(tmp_path: Path, limits: Limits) -> None:
    chance = np.random.default_rng(7)

    def grainy(_: int) -> Pixels:
        return np.clip(still + chance.normal(0, 6, still.shape), 0, 255).astype(np.uint8)

    still = scene({ANNA: (60, 60, 120)}).astype(float)
    assert pictures(events(slow_film(tmp_path / "a.mp4", 4, grainy), limits)) == [0]


def test_more_pictures_while_they_are_asked_for(tmp_path: Path, limits: Limits) -> None:
    """From the picture at 1 s until 2 s; those between say so."""
    path = film(tmp_path / "a.mp4", (scene({ANNA: (40 + 4 * n, 60, 120)}) for n in range(3 * FPS)))
    pace, taken = Pace(), []
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        for event in sample(media, limits, Choices(closer_every=0.125), pace):
            if isinstance(event, Picture):
                taken.append((float(event.at), event.between))
                pace.closer_until = Fraction(2) if event.at == 1 else pace.closer_until
    between = [(1 + n / 8, n % 4 != 0) for n in range(9)]
    assert taken == [(0, False), (0.5, False), *between, (2.5, False)]


def test_pictures_come_at_the_cadence_that_is_chosen(tmp_path: Path, limits: Limits) -> None:
    path = film(tmp_path / "a.mp4", (ground(40 + 3 * n) for n in range(2 * FPS)))
    seen = events(path, limits, Choices(every=0.2))
    assert pictures(seen) == [Fraction(n, FPS) for n in (0, 5, 10, 15, 20, 24, 29, 34, 39, 44)]


def test_decoding_that_takes_too_long_ends_with_what_there_was(tmp_path: Path, limits: Limits) -> None:
    """It is a loss, and the last word says so; time that the consumer takes does not count."""
    path = plain_film(tmp_path / "a.mp4", 2)
    hurried = replace(limits, max_decode_seconds=0.0)
    with open_media(path, hurried) as media:
        assert isinstance(media, Video)
        assert [type(event) for event in sample(media, hurried)] == [Lost]
    patient = replace(limits, max_decode_seconds=0.3)
    with open_media(path, patient) as media:
        assert isinstance(media, Video)
        for event in sample(media, patient):
            time.sleep(0.1)
            end = event
    assert isinstance(end, End)
    assert (end.decoded, end.broke_off) == (2 * FPS, "")


def test_what_was_seen_before_time_ran_out_is_closed_by_an_end(tmp_path: Path, limits: Limits) -> None:
    class Endless:
        """A file that goes on and on."""

        def packets(self) -> Iterator[Sequence[VideoFrame | str]]:
            for number in count():
                frame = VideoFrame.from_ndarray(ground(60, (160, 90)), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 1_000_000)
                yield [frame]

        def seek(self, at: Fraction) -> None:
            raise NotImplementedError

    seen = list(sample(Video(Endless(), None), replace(limits, max_decode_seconds=0.05)))
    end = seen[-1]
    assert isinstance(end, End)
    assert "LASTSEEN_MAX_DECODE_SECONDS" in end.broke_off
    assert seen[-2] == Lost(end.broke_off)


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_container_that_sends_its_reader_astray_and_a_disk_that_fails(
    limits: Limits, number: int, raised: bool
) -> None:
    """Mutated Windows Media films asked for places before their beginning: that is their fault, unlike a bad disk."""

    class Failing:
        """A film whose file cannot be read on."""

        def packets(self) -> Iterator[Sequence[VideoFrame | str]]:
            raise OSError(number, os.strerror(number))

        def seek(self, at: Fraction) -> None:
            raise NotImplementedError

    reading = sample(Video(Failing(), None), limits)
    if raised:
        with pytest.raises(OSError, match=os.strerror(number)):
            list(reading)
    else:
        assert [type(event) for event in reading] == [Lost]


@pytest.mark.parametrize("harm", [b"", b"\xff" * 600])
def test_as_many_threads_see_the_same(tmp_path: Path, limits: Limits, harm: bytes) -> None:
    """Also of a damaged film: the same file gives the same analysis on every machine."""
    path = film(tmp_path / "a.mp4", (scene({ANNA: (40 + 3 * n, 60, 120)}) for n in range(3 * FPS)))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + len(harm)] = harm
    path.write_bytes(content)
    one, two = (events(path, limits, threads=threads) for threads in (1, 2))
    assert [type(event) for event in one] == [type(event) for event in two]
    assert one[-1] == two[-1]
    for left, right in zip(one, two, strict=True):
        if isinstance(left, Picture) and isinstance(right, Picture):
            assert left.at == right.at
            assert np.array_equal(left.pixels, right.pixels)


PEAK: Final = """
import resource, sys
from pathlib import Path
from extractors.frames import sample
from extractors.limits import Limits
from extractors.media import open_media
with open_media(Path(sys.argv[1]), Limits(8, 600, 60, 4096)) as video:
    for event in sample(video, Limits(8, 600, 60, 4096)):
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    """Two minutes against ten seconds, every picture another: kept ones would be 90 MiB."""

    def peak(seconds: int) -> int:
        path = film(tmp_path / f"{seconds}.mp4", (ground(40 + n * 7 % 160) for n in range(seconds * 4)), fps=4)
        ran = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, check=True)
        return int(ran.stdout)

    assert peak(120) - peak(10) < 16 * 1024


def test_the_real_clip_s_cuts(shared_media: Path) -> None:
    """Where its makers put them; the pictures of its four shots differ from each other."""
    seen = events(shared_media / "short_hamilton_clip.mp4", Limits(64, 3600, 900, 4096))
    assert [float(event.at) for event in seen if isinstance(event, Cut)] == pytest.approx(
        [0.85, 1.52, 3.59, 7.89], abs=0.02
    )
    assert len(pictures(seen)) == 21


def test_who_comes_in_on_a_picture_between_is_seen_on_the_next_usual_one(tmp_path: Path, limits: Limits) -> None:
    """Pictures between are looked at in places only, so they are not what others are held against."""
    empty, with_head = ground(110), scene({ANNA: (60, 60, 120)})
    path = film(tmp_path / "a.mp4", [empty] * 6 + [with_head] * 30)
    pace = Pace()
    usual = []
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        for event in sample(media, limits, Choices(), pace):
            pace.closer_until = Fraction(2)
            if isinstance(event, Picture) and not event.between:
                usual.append(event.at)
    assert usual == [Fraction(0), Fraction(1, 2)]


def test_a_picture_that_is_wanted_is_given_though_nothing_moved(tmp_path: Path, limits: Limits) -> None:
    pace = Pace(look_from=Fraction(1))
    with open_media(film(tmp_path / "a.mp4", [ground()] * 2 * FPS), limits) as media:
        assert isinstance(media, Video)
        given = pictures(sample(media, limits, Choices(), pace))
    assert given == [Fraction(0), Fraction(1), Fraction(3, 2)]
