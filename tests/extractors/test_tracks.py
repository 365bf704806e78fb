"""Following faces: with an engine of numbers, so that each rule is seen on its own."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from extractors.boxes import overlap
from extractors.faces.protocol import Chips, Engine, Face
from extractors.quality import refusal, sharpness
from extractors.shots import admit
from extractors.sightings import Sighting
from extractors.templates import templates
from extractors.tracks import Tracker
from lastseen.choices import Choices, Gates
from lastseen.records import Box, Pixels, Quality, Track, Vectors

CHOICES = Choices()


class Numbers:
    """An engine whose chips carry their vector: the first two values of each chip, as tenths."""

    name, version, weights, licence = "numbers", 1, (("none", "0" * 64),), "CC0-1.0"
    dimension, published_threshold, smallest, min_score, sure_score = 2, 0.5, 24.0, 0.1, 1.0

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, images: Sequence[Pixels], scale: float = 1.0) -> list[tuple[Face, ...]]:
        return [() for _ in images]

    def align(self, image: Pixels, faces: Sequence[Face]) -> Chips:
        return np.zeros((len(faces), 4, 4, 3), np.uint8)

    def embed(self, chips: Chips) -> Vectors:
        self.batches.append(len(chips))
        return np.asarray(chips[:, 0, 0, :2] / 10, np.float32)

    def norms(self, vectors: Vectors) -> NDArray[np.float32] | None:
        return None

    def distance(self, left: Vectors, right: Vectors) -> Vectors:
        return np.asarray(np.linalg.norm(left[:, None] - right[None], axis=2), np.float32)


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


def sighting(
    at: float, x: float = 100, who: tuple[int, int] = (0, 0), weight: float = 0.5, width: float = 60, gate: str = ""
) -> Sighting:
    """A face at a time and place, of somebody."""
    chip = np.zeros((4, 4, 3), np.uint8)
    chip[0, 0, :2] = who
    face = Face(Box(x, 50, width, width), np.zeros((5, 2), np.float32), 1.0, 0.0)
    return Sighting(Fraction(at).limit_denominator(1000), face, chip, Quality(width, 1.0, 50.0, 0.0), weight, gate)


def follow(engine: Engine, *pictures: Sequence[Sighting] | str) -> list[Track]:
    """All tracks of a run of pictures; a string is a cut."""
    tracker, done = Tracker(engine, CHOICES), []
    done += tracker.cut()
    for seen in pictures:
        if isinstance(seen, str):
            done += tracker.cut()
        elif seen:
            done += tracker.see(seen[0].at, seen, lambda _: b"crop")
    return sorted([*done, *tracker.cut()], key=lambda track: track.ordinal)


def test_a_face_that_stays_is_one_track(numbers: Numbers) -> None:
    (track,) = follow(numbers, [sighting(0)], [sighting(0.5, 110)], [sighting(1, 120)])
    assert (track.start_ms, track.end_ms, len(track.faces), track.gate) == (0, 1000, 3, "")
    assert [shot.crop for shot in track.best_shots] == [b"crop"] * 3
    assert [template.kind for template in track.templates] == ["pooled", "best"]
    assert numbers.batches == [3], "the best shots of a track are embedded in one batch"


def test_two_faces_side_by_side_stay_apart(numbers: Numbers) -> None:
    tracks = follow(numbers, [sighting(0, 0), sighting(0, 90)], [sighting(0.5, 95), sighting(0.5, 5)])
    assert [[face.box.x for face in track.faces] for track in tracks] == [[0, 5], [90, 95]]


def test_no_track_crosses_a_cut(numbers: Numbers) -> None:
    tracks = follow(numbers, [sighting(0)], "cut", [sighting(0.1)])
    assert [track.shot for track in tracks] == [0, 1]


def test_a_gap_of_a_second_is_bridged_and_a_longer_one_is_not(numbers: Numbers) -> None:
    assert len(follow(numbers, [sighting(0)], [sighting(1)])) == 1
    assert len(follow(numbers, [sighting(0)], [sighting(1.04)])) == 2


def test_one_who_moved_far_is_known_by_likeness(numbers: Numbers) -> None:
    assert len(follow(numbers, [sighting(0, 0, (1, 1))], [sighting(0.5, 400, (2, 1))])) == 1
    assert len(follow(numbers, [sighting(0, 0, (1, 1))], [sighting(0.5, 400, (9, 1))])) == 2


def test_likeness_is_not_asked_where_place_tells(numbers: Numbers) -> None:
    follow(numbers, [sighting(0)], [sighting(0.5)], [sighting(1)])
    assert len(numbers.batches) == 1


def test_a_gated_face_is_kept_and_not_searched(numbers: Numbers) -> None:
    small = sighting(0, width=28, gate="face 28 px wide, 32 needed")
    (track,) = follow(numbers, [small])
    assert (track.templates, track.gate) == ((), "face 28 px wide, 32 needed")
    assert len(track.best_shots) == 1
    assert numbers.batches == []


def test_a_tiny_face_is_counted_without_a_picture(numbers: Numbers) -> None:
    (track,) = follow(numbers, [sighting(0, width=20, gate="face 20 px wide, 32 needed")])
    assert track.best_shots == ()
    assert track.gate == "face 20 px wide, 24 needed to keep a picture"
    assert len(track.faces) == 1


def test_one_good_shot_makes_a_track_searchable(numbers: Numbers) -> None:
    (track,) = follow(numbers, [sighting(0, gate="blurred", who=(9, 9))], [sighting(0.5, who=(1, 1))])
    assert track.gate == ""
    assert [template.vector for template in track.templates] == [pytest.approx((0.1, 0.1))] * 2


def test_best_shots_are_few_and_apart() -> None:
    best: list[Sighting] = []
    for n in range(100):
        best = admit(best, sighting(n * 0.2, weight=((n * 37) % 100) / 100), CHOICES)
    times = sorted(shot.at for shot in best)
    assert len(best) == CHOICES.best_shots
    assert all(later - earlier >= CHOICES.apart for earlier, later in pairwise(times))
    assert min(shot.weight for shot in best) > 0.8


def test_a_shot_that_passes_its_gates_beats_any_that_does_not() -> None:
    best = admit([sighting(0, weight=0.9, gate="turned away")], sighting(0.1, weight=0.1), CHOICES)
    assert [shot.weight for shot in best] == [0.1]


def test_a_stranger_among_the_shots_is_left_out_of_the_mean(numbers: Numbers) -> None:
    shots = [sighting(n, who=(10, n)) for n in range(3)] + [sighting(3, who=(90, 90))]
    for shot, vector in zip(shots, numbers.embed(np.stack([shot.chip for shot in shots])), strict=True):
        shot.vector = vector
    pooled, best = templates(shots, numbers, CHOICES)
    assert pooled.vector == pytest.approx((1.0, 0.1))
    assert best.kind == "best"
    assert 0 < pooled.quality <= 1


def test_the_mean_is_weighted_by_quality(numbers: Numbers) -> None:
    shots = [sighting(0, who=(10, 0), weight=0.75), sighting(1, who=(14, 0), weight=0.25)]
    for shot, vector in zip(shots, numbers.embed(np.stack([shot.chip for shot in shots])), strict=True):
        shot.vector = vector
    assert templates(shots, numbers, CHOICES)[0].vector == pytest.approx((1.1, 0.0), abs=1e-4)


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        (Quality(40, 1, 50, 0), ""),
        (Quality(31, 1, 50, 0), "face 31 px wide, 32 needed"),
        (Quality(40, 0.05, 50, 0), "detector score 0.05, 0.10 needed"),
        (Quality(40, 1, 1.7, 0), "sharpness 1.7, 2.2 needed"),
        (Quality(40, 1, 50, 1), "turned away 1.00, at most 0.95 allowed"),
    ],
)
def test_each_gate_names_its_value_and_its_need(numbers: Numbers, quality: Quality, reason: str) -> None:
    assert refusal(CHOICES.gates, quality, numbers) == reason


def test_a_gate_may_ask_for_a_surer_detection(numbers: Numbers) -> None:
    strict = Gates(min_sharpness=0, max_pose=1, min_score_part=0.2)
    assert refusal(strict, Quality(40, 0.15, 50, 0), numbers) == "detector score 0.15, 0.20 needed"
    assert refusal(strict, Quality(40, 0.25, 50, 0), numbers) == ""


def test_overlap() -> None:
    assert overlap(Box(0, 0, 10, 10), Box(0, 0, 10, 10)) == 1
    assert overlap(Box(0, 0, 10, 10), Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 10, 10), Box(20, 20, 10, 10)) == 0
    assert overlap(Box(0, 0, 0, 0), Box(0, 0, 0, 0)) == 0


def test_sharpness_falls_with_blur() -> None:
    rough = np.random.default_rng(1).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    smooth = (rough // 4 + np.roll(rough, 1, 0) // 4 + np.roll(rough, 1, 1) // 4 + 60).astype(np.uint8)
    assert sharpness(rough) > 2 * sharpness(smooth) > 0
    assert sharpness(np.full((32, 32, 3), 7, np.uint8)) == 0
