"""What survives of footage, and how often different footage is taken for one.  `python -m tests.matchers.reposts_bench`

Prints three tables: for each way to make a copy, how many copies were found, how much of them was linked, how many
would not have been analysed again; for each kind of different films, how many pairs were linked, and how many would not
have been analysed (which must be none); and of copies into which another small face was put, in how many an analysis
finds it, and how many would not have been analysed (which must be none of these).  The clip and the photos of real
people are measured where they are shared beside the project.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any, Final

import av
import numpy as np

from extractors import faces
from extractors.analysis import analyze_file
from extractors.boxes import overlap
from extractors.comparing import compare_files
from extractors.fingerprints import fingerprint_file
from extractors.limits import Limits
from lastseen.choices import Choices
from lastseen.records import Comparison, Rejection
from matchers import reposts
from matchers.reposts import Stretch
from pipeline.media.fingerprint import Seen, Shared, linked, may_be_copy, seen_in
from storage.reposts import Kept
from tests.conftest import SHARED_MEDIA
from tests.matchers import footage

LIMITS: Final = Limits(max_megapixels=64, max_duration_seconds=3600, deadline_seconds=600.0, memory_mib=2048)
COPIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "encoded again, CRF 18": {"crf": 18},
    "encoded again, CRF 28": {"crf": 28},
    "encoded again, CRF 34": {"crf": 34},
    "encoded again, CRF 40": {"crf": 40},
    "half the size": {"change": footage.scaled(0.5)},
    "twice the size": {"change": footage.scaled(2.0)},
    "cropped by 4 %": {"change": footage.cropped(0.04)},
    "cropped by 10 %": {"change": footage.cropped(0.1)},
    "a logo": {"change": footage.with_logo},
    "a caption burnt in": {"change": footage.with_caption},
    "letterboxed": {"change": footage.letterboxed},
    "mirrored": {"change": footage.mirrored},
    "1.1 times as fast": {"speed": 1.1},
}
CHOICES: Final = Choices()
WIDTHS: Final = (32, 40, 48)
"""pixels of the faces that are put into copies"""
STRENGTHS: Final = (("as it is", 1.0), ("half as strong", 0.5))
LENGTHS: Final = (("all the time", 1e6), ("half a second", 0.5))
FIRST_SECONDS: Final = 6.0
"""of the copies that are cut short: the first 30 s of a film of a minute, at the size of these films"""


@dataclass(frozen=True, slots=True)
class Survived:
    """How the copies of one kind fared."""

    copies: int
    found: int
    worth: int
    """of those: found among all films by their anchors, too"""
    linked: float
    """mean part of the found copies' length"""
    spared: int
    """would not have been analysed again"""


def main() -> None:
    """Measure, and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--films", type=int, default=60, help="different films of scenes; others are a part of that")
    count = asked.parse_args().films
    with tempfile.TemporaryDirectory() as folder:
        taker = Taker(Path(folder))
        made = dict(_films(count))
        seen = {name: taker.kept(film, crf=23) for name, film in made.items()}
        _say(f"{len(seen)} films, {taker.seconds:.1f} s of them took {taker.spent:.1f} s")
        _survival(taker, {name: film for name, film in made.items() if name[1] < 4}, seen)
        _different(taker, seen)
        _hidden(taker, {name: film for name, film in made.items() if name[1] < 2}, seen)
        if SHARED_MEDIA.is_dir():
            film = _real(SHARED_MEDIA / "short_hamilton_clip.mp4")
            _say("\nthe shared clip:")
            _survival(taker, {("real", 0): film}, {("real", 0): taker.kept(film, crf=18)})
        else:
            _say("the shared media are not beside the project on this machine: no real footage was measured")


@dataclass(frozen=True, eq=False, slots=True)
class Taken:
    """A film as it was written, and its fingerprint."""

    path: Path
    seen: Seen


class Taker:
    """Writes films, takes their fingerprints, and lays them over each other."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count, self.seconds, self.spent = folder, 0, 0.0, 0.0
        models = folder / "models"
        models.mkdir()
        faces.prepare("dlib", models)
        self.engine = faces.load("dlib", models, 2)

    def kept(self, film: footage.Film, **how: Any) -> Taken:
        """A film written like that, which stays."""
        self._count += 1
        return self._taken(self._folder / f"{self._count}.mp4", film, **how)

    def copy(self, film: footage.Film, **how: Any) -> Taken:
        """A film written like that, until the next one is."""
        return self._taken(self._folder / "copy.mp4", film, **how)

    def _taken(self, path: Path, film: footage.Film, **how: Any) -> Taken:
        footage.written(path, film, **how)
        began = time.monotonic()
        found = fingerprint_file(path, LIMITS)
        self.spent += time.monotonic() - began
        self.seconds += len(film) / footage.FPS
        if isinstance(found, Rejection):
            raise TypeError(found.why)
        return Taken(path, seen_in(found))

    def spared(self, copy: Taken, other: Taken, stretches: Sequence[Stretch]) -> bool:
        """Whether a copy would not be analysed again."""
        if not may_be_copy(copy.seen.found, Shared(_kept(other.seen), tuple(stretches))):
            return False
        links = [linked(stretch) for stretch in stretches]
        found = compare_files(copy.path, other.path, links, self.engine, LIMITS, CHOICES, 2)
        return isinstance(found, Comparison) and not found.why


Name = tuple[str, int]


def _films(count: int) -> Iterator[tuple[Name, footage.Film]]:
    makers: Mapping[str, Callable[[int], footage.Film]] = {
        "scenes": footage.scenes,
        "studio": footage.studio,
        "opening": footage.opened,
        "notice": footage.template,
    }
    for kind, make in makers.items():
        for number in range(count if kind == "scenes" else max(2, count // 4)):
            yield (kind, number), make(number)


def _real(path: Path) -> footage.Film:
    """At FPS."""
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 30)
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    times = np.arange(0, len(pictures) / rate, 1 / footage.FPS)
    return [np.asarray(pictures[min(int(at * rate), len(pictures) - 1)], np.uint8) for at in times]


def _survival(taker: Taker, films: Mapping[Name, footage.Film], seen: Mapping[Name, Taken]) -> None:
    shelf = _shelf(list(seen.values()))
    _say(f"{'copy':24} {'copies':>7} {'found':>6} {'linked':>7} {'by anchors':>11} {'not analysed again':>19}")
    for what, how in {**COPIES, f"the first {FIRST_SECONDS:g} s": {"first": FIRST_SECONDS}}.items():
        told = _survived(taker, films, seen, how, shelf)
        _say(f"{what:24} {told.copies:7} {told.found:6} {told.linked:7.0%} {told.worth:11} {told.spared:19}")


def _survived(
    taker: Taker,
    films: Mapping[Name, footage.Film],
    seen: Mapping[Name, Taken],
    how: Mapping[str, Any],
    shelf: reposts.Shelf,
) -> Survived:
    places = {name: place for place, name in enumerate(seen)}
    first = round(how.get("first", 1e6) * footage.FPS)
    found, worth, spared, parts = 0, 0, 0, []
    for name, film in films.items():
        copy = taker.copy(film[:first], **{key: value for key, value in how.items() if key != "first"})
        stretches = between(copy.seen, seen[name].seen)
        if stretches:
            found += 1
            worth += places[name] in reposts.worth_comparing(copy.seen.look, copy.seen.mirrored, [shelf])
            spared += taker.spared(copy, seen[name], stretches)
            parts.append(_part(copy.seen, stretches))
    return Survived(len(films), found, worth, float(np.mean(parts)) if parts else 0.0, spared)


def _different(taker: Taker, seen: Mapping[Name, Taken]) -> None:
    pairs, together, spared = Counter[str](), Counter[str](), Counter[str]()
    longest: dict[str, float] = {}
    for one, other in combinations(seen, 2):
        kind = f"{one[0]}, {other[0]}" if one[0] != other[0] else f"{one[0]}, another one"
        pairs[kind] += 1
        stretches = between(seen[one].seen, seen[other].seen)
        if stretches:
            together[kind] += 1
            spared[kind] += taker.spared(seen[one], seen[other], stretches)
            length = max(stretch.one_end_ms - stretch.one_start_ms for stretch in stretches) / 1000
            longest[kind] = max(longest.get(kind, 0.0), length)
    _say(f"\n{'different films':24} {'pairs':>7} {'linked':>7} {'longest':>9} {'not analysed':>13}")
    for kind, number in pairs.items():
        _say(f"{kind:24} {number:7} {together[kind]:7} {longest.get(kind, 0.0):7.1f} s {spared[kind]:13}")


def _hidden(taker: Taker, films: Mapping[Name, footage.Film], taken: Mapping[Name, Taken]) -> None:
    """Another face is put into copies: all the time, or for half a second."""
    others = footage.other_faces(SHARED_MEDIA)
    _say(f"\n{'another face in a copy':44} {'copies':>7} {'one is found':>13} {'not analysed':>13} {'of them':>8}")
    for width, (what, strength), crf, (how_long, seconds) in product(WIDTHS, STRENGTHS, (23, 32), LENGTHS):
        count = there = spared = wrong = 0
        for name, film in films.items():
            random = np.random.default_rng([width, crf, count])
            changed = footage.with_face(film, others[count % len(others)], width, strength, seconds, random)
            copy = taker.copy(changed.film, crf=crf)
            stretches = between(copy.seen, taken[name].seen)
            shown, left = _shown(taker, copy, changed), bool(stretches) and taker.spared(copy, taken[name], stretches)
            count, there, spared, wrong = count + 1, there + shown, spared + left, wrong + (shown and left)
        line = f"{width} px wide, {what}, CRF {crf}, {how_long}"
        _say(f"{line:44} {count:7} {there:13} {spared:13} {wrong:8}")


def _shown(taker: Taker, copy: Taken, changed: footage.Changed) -> bool:
    """Whether an analysis of the copy finds a face where one was put."""
    found = analyze_file(copy.path, taker.engine, LIMITS, CHOICES, 2)
    if isinstance(found, Rejection):
        raise TypeError(found.why)
    seen = (face for track in found.tracks for face in track.faces)
    return any(overlap(face.box, changed.place) > 0.2 and changed.shown(face.at_ms) for face in seen)


def between(one: Seen, other: Seen) -> list[Stretch]:
    """What both show."""
    return reposts.stretches(one.look, one.mirrored, other.look)


def _shelf(taken: Sequence[Taken]) -> reposts.Shelf:
    words = [reposts.anchors(one.seen.look) for one in taken]
    return reposts.Shelf(np.repeat(np.arange(len(taken)), [len(word) for word in words]), np.concatenate(words))


def _part(copy: Seen, stretches: Sequence[Stretch]) -> float:
    together = sum(stretch.one_end_ms - stretch.one_start_ms for stretch in stretches)
    return together / max(1, int(copy.look.at_ms[-1] - copy.look.at_ms[0]))


def _kept(seen: Seen) -> Kept:
    found = seen.found
    size = found.width, found.height
    return Kept(0, 0, "", found.kind, *size, found.complete, found.moments, found.hashes, found.light)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
