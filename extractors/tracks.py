"""Follow faces through a shot, keep the best pictures of each, and make its templates.

Memory is bounded by the faces that are on the screen at once: a track keeps at most eight chips until its shot
ends.  Only those are embedded, in one batch, since embedding is the dear part.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

import numpy as np

from extractors.faces.protocol import Engine, Face
from lastseen.records import BestShot, Box, FaceSeen, Pixels, Quality, Template, Track, Vectors

SAME_PLACE: Final = 0.2
"""overlap (intersection over union) of one face on two pictures half a second apart"""
CONTINUES: Final = 1.2
"""times the engine's threshold: within a shot and a second, a likeness too weak for a search is enough"""
LONGEST_GAP: Final = Fraction(1)
"""seconds that a face may be unseen (turned away, behind a hand) and go on"""
BEST_SHOTS: Final = 8
APART: Final = Fraction(1, 2)
"""seconds: neighbouring pictures show the same blur and the same look, and add nothing to a template"""

MIN_KEPT_WIDTH: Final = 24
"""pixels: below it a crop shows nothing that a person could compare; such a face is counted, no more"""

# Where a term of the quality reaches its best.
FULL_WIDTH: Final = 100.0
"""pixels: the face's width in a 150 px chip"""
HALF_SHARPNESS: Final = 40.0
"""variance of the Laplacian at which a shot counts half"""
POSE_COST: Final = 0.7
"""what a profile loses"""


@dataclass(frozen=True, slots=True)
class Gates:
    """What a picture of a face must have; each refusal names its value and the need."""

    min_width: float
    min_sharpness: float
    max_pose: float
    score_part: float = 0.0
    """of the score at which the engine is sure; its own least score holds anyway"""

    def least_score(self, engine: Engine) -> float:
        """Below it a detection of this engine is not taken for a face worth having."""
        return max(engine.min_score, engine.sure_score * self.score_part)

    def refusal(self, quality: Quality, engine: Engine) -> str:
        """Why this picture is not good enough, or nothing."""
        least = self.least_score(engine)
        if quality.width < self.min_width:
            return f"face {quality.width:.0f} px wide, {self.min_width:.0f} needed"
        if quality.score < least:
            return f"detector score {quality.score:.2f}, {least:.2f} needed"
        if quality.sharpness < self.min_sharpness:
            return f"sharpness {quality.sharpness:.1f}, {self.min_sharpness:.1f} needed"
        if quality.pose > self.max_pose:
            return f"turned away {quality.pose:.2f}, at most {self.max_pose:.2f} allowed"
        return ""


# A poor probe against a good reference only misses, poor against poor matches falsely: so the gate for searching is
# wide, and the one for the register (extractors.analysis) is narrow.  Sharpness: five portraits blurred step by step
# lay 0.33-0.37 from themselves at 2.5-4.4, but 0.49-0.65 at 1.1-1.6, where blurred strangers fall below 0.5.
SEARCHED: Final = Gates(min_width=32, min_sharpness=2.2, max_pose=0.95)


@dataclass(eq=False, slots=True)
class Sighting:
    """One face on one sampled picture, with what is needed to embed it."""

    at: Fraction
    face: Face
    chip: Pixels
    quality: Quality
    weight: float
    """0 .. 1: what it counts for in a template"""
    gate: str
    crop: bytes = b""
    vector: Vectors | None = None


@dataclass(eq=False, slots=True)
class OpenTrack:
    """A face that may still be on the screen."""

    ordinal: int
    shot: int
    faces: list[FaceSeen]
    last: Sighting
    best: list[Sighting] = field(default_factory=list)


def sightings(at: Fraction, pixels: Pixels, faces: Sequence[Face], engine: Engine) -> list[Sighting]:
    """The faces of one picture, aligned, measured and held against the gates."""
    chips = engine.align(pixels, faces)
    seen = []
    for face, chip in zip(faces, chips, strict=True):
        quality = measured(face, chip)
        gate = SEARCHED.refusal(quality, engine)
        seen.append(Sighting(at, face, chip, quality, weight(quality, engine), gate))
    return seen


def measured(face: Face, chip: Pixels) -> Quality:
    """What the gates look at."""
    return Quality(float(face.box.width), float(face.score), sharpness(chip), float(face.pose))


def sharpness(chip: Pixels) -> float:
    """Variance of the Laplacian of the grey chip (Pech-Pacheco et al. 2000), comparable since chips are of one size."""
    grey = chip @ np.array([0.299, 0.587, 0.114])
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    return float(laplacian.var())


def weight(quality: Quality, engine: Engine) -> float:
    """One number of 0 .. 1 for choosing shots and weighing them."""
    wide = min(1.0, quality.width / FULL_WIDTH)
    sharp = quality.sharpness / (quality.sharpness + HALF_SHARPNESS)
    sure = min(1.0, max(0.1, quality.score / engine.sure_score))
    return wide * sharp * sure * (1 - POSE_COST * quality.pose)


class Tracker:
    """Sightings in, picture by picture; finished tracks out.

    `crop` is called for a sighting when it becomes a best shot, while its picture is still at hand.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shot = -1
        self.started = 0
        self.open: list[OpenTrack] = []

    def cut(self) -> list[Track]:
        """A new shot begins: everything on the screen ends.  Call it before the first picture, too."""
        done = [self._finish(track) for track in self.open]
        self.open = []
        self.shot += 1
        return done

    def see(self, at: Fraction, seen: Sequence[Sighting], crop: Callable[[Sighting], bytes]) -> list[Track]:
        """Take one picture's faces in.  Returns the tracks that have ended."""
        done = self._expire(at)
        left = self._by_place(seen, crop)
        for sighting in self._by_likeness(left, crop):
            track = OpenTrack(self.started, self.shot, [], sighting)
            self.started += 1
            self.open.append(track)
            self._extend(track, sighting, crop)
        return done

    def _expire(self, at: Fraction) -> list[Track]:
        over = [track for track in self.open if at - track.last.at > LONGEST_GAP]
        self.open = [track for track in self.open if track not in over]
        return [self._finish(track) for track in over]

    def _by_place(self, seen: Sequence[Sighting], crop: Callable[[Sighting], bytes]) -> list[Sighting]:
        """Join each face to the track it overlaps most; returns the others."""
        pairs = sorted(
            ((overlap(track.last.face.box, one.face.box), track, one) for track in self.open for one in seen),
            key=lambda pair: -pair[0],
        )
        return self._join([pair for pair in pairs if pair[0] >= SAME_PLACE], seen, crop)

    def _by_likeness(self, left: Sequence[Sighting], crop: Callable[[Sighting], bytes]) -> list[Sighting]:
        """Where faces and tracks remain, the face moved far: compare their vectors; returns the others."""
        searched = [one for one in left if not one.gate]
        waiting = [track for track in self.open if not track.last.gate and track.last.at < left[0].at] if left else []
        if not waiting or not searched:
            return list(left)
        self._embed([track.last for track in waiting] + searched)
        distances = self.engine.distance(_vectors([track.last for track in waiting]), _vectors(searched))
        pairs = sorted(
            (
                (float(distances[row, column]), track, one)
                for row, track in enumerate(waiting)
                for column, one in enumerate(searched)
            ),
            key=lambda pair: pair[0],
        )
        near = [pair for pair in pairs if pair[0] <= self.engine.published_threshold * CONTINUES]
        return self._join(near, left, crop)

    def _join(
        self,
        pairs: Iterable[tuple[float, OpenTrack, Sighting]],
        seen: Sequence[Sighting],
        crop: Callable[[Sighting], bytes],
    ) -> list[Sighting]:
        taken: set[int] = set()
        for _, track, one in pairs:
            if id(one) not in taken and track.last.at < one.at:
                self._extend(track, one, crop)
                taken.add(id(one))
        return [one for one in seen if id(one) not in taken]

    def _extend(self, track: OpenTrack, one: Sighting, crop: Callable[[Sighting], bytes]) -> None:
        track.faces.append(FaceSeen(milliseconds(one.at), one.face.box, float(one.face.score)))
        track.last = one
        if one.quality.width >= MIN_KEPT_WIDTH:
            track.best = admit(track.best, one)
            if one in track.best:
                one.crop = crop(one)

    def _embed(self, shots: Sequence[Sighting]) -> None:
        """Give each of them its vector, in one batch, unless it has one."""
        bare = [shot for shot in shots if shot.vector is None]
        if bare:
            for shot, vector in zip(bare, self.engine.embed(np.stack([one.chip for one in bare])), strict=True):
                shot.vector = vector

    def _finish(self, track: OpenTrack) -> Track:
        passed = [shot for shot in track.best if not shot.gate]
        self._embed(passed)
        best = sorted(track.best, key=lambda shot: shot.at)
        return Track(
            ordinal=track.ordinal,
            shot=track.shot,
            start_ms=track.faces[0].at_ms,
            end_ms=track.faces[-1].at_ms,
            faces=tuple(track.faces),
            best_shots=tuple(
                BestShot(number, milliseconds(shot.at), shot.face.box, shot.quality, shot.crop, _worth(shot))
                for number, shot in enumerate(best)
            ),
            templates=templates(passed, self.engine),
            gate="" if passed else _refusal(track),
        )


def admit(best: list[Sighting], one: Sighting) -> list[Sighting]:
    """The best shots with this one considered: apart in time, those that pass the gates first, then by weight."""
    close = [other for other in best if abs(other.at - one.at) < APART]
    if any(_rank(other) >= _rank(one) for other in close):
        return best
    rest = [other for other in best if other not in close]
    return sorted([*rest, one], key=_rank, reverse=True)[:BEST_SHOTS]


def templates(shots: Sequence[Sighting], engine: Engine) -> tuple[Template, ...]:
    """`pooled` and `best`, or nothing if no shot passed its gates.

    Pooled: the mean of the vectors, weighted by quality, without those that lie further from the medoid than two
    pictures of one person should.  It is not brought back to unit length: dlib's vectors never had it, and the
    middle of a person's pictures is the point from which their distances are smallest.
    """
    if not shots:
        return ()
    best = max(shots, key=_rank)
    vectors, weights = _vectors(shots), np.array([shot.weight for shot in shots]) + 1e-6
    distances = engine.distance(vectors, vectors)
    medoid = int((distances @ weights).argmin()) if len(shots) > 2 else shots.index(best)
    agree = distances[medoid] <= engine.published_threshold
    pooled = np.average(vectors[agree], axis=0, weights=weights[agree])
    return (
        Template("pooled", _plain(pooled), float(np.average(weights[agree], weights=weights[agree]))),
        Template("best", _plain(_vectors([best])[0]), float(best.weight)),
    )


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 .. 1."""
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    common = max(width, 0.0) * max(height, 0.0)
    union = one.width * one.height + other.width * other.height - common
    return common / union if union > 0 else 0.0


def milliseconds(at: Fraction) -> int:
    """Whole milliseconds, never later than the moment itself."""
    return int(at * 1000 // 1)


def with_best_only(track: Track) -> Track:
    """The same track with the crop of its best shot only."""
    if not track.best_shots:
        return track
    best = max(track.best_shots, key=lambda shot: shot.quality.sharpness * shot.quality.width)
    return replace(track, best_shots=(replace(best, ordinal=0),))


def _refusal(track: OpenTrack) -> str:
    if track.best:
        return max(track.best, key=_rank).gate
    return f"face {track.last.quality.width:.0f} px wide, {MIN_KEPT_WIDTH} needed to keep a picture"


def _worth(shot: Sighting) -> float:
    return 0.0 if shot.gate else float(shot.weight)


def _rank(shot: Sighting) -> tuple[bool, float]:
    return (not shot.gate, shot.weight)


def _vectors(shots: Sequence[Sighting]) -> Vectors:
    return np.stack([shot.vector for shot in shots if shot.vector is not None])


def _plain(vector: Vectors) -> tuple[float, ...]:
    return tuple(float(value) for value in vector.astype(np.float32))
