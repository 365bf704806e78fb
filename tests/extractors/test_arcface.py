"""Embedders that packs describe: how a face is cut out, and how its vectors are compared."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.transform import SimilarityTransform

from extractors.faces import installed
from extractors.faces.arcface import BATCH, ArcFace, similarity, unit
from extractors.faces.packs import ARCFACE_112
from extractors.faces.protocol import Detection, Points
from lastseen.records import Box
from tests.extractors.networks import DIMENSION, add_embedder

TEMPLATE = np.array(ARCFACE_112, np.float32)
QUALITY = "[quality]\nlow = 10.0\nhigh = 30.0\n"
MEAN_SIDE = 112


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> ArcFace:
    """The test's own embedder."""
    return _loaded(tmp_path_factory.mktemp("models"))


@pytest.fixture
def random() -> np.random.Generator:
    """The same numbers each time."""
    return np.random.default_rng(3)


def moved(points: Points, scale: float, turn: float, shift: tuple[float, float]) -> Points:
    """Points scaled, turned and shifted."""
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]) + shift, np.float32)


def applied(how: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Where a 2 x 3 transformation brings points."""
    return np.asarray(points @ how[:, :2].T + how[:, 2], np.float64)


@pytest.mark.parametrize(("scale", "turn"), [(1.0, 0.0), (0.2, 0.4), (6.0, -2.5), (1.5, np.pi)])
def test_any_shift_turn_and_scale_is_undone(scale: float, turn: float) -> None:
    points = moved(TEMPLATE, scale, turn, (300, -40))
    assert np.allclose(applied(similarity(points, TEMPLATE), points), TEMPLATE, atol=1e-3)


def test_it_is_the_transformation_of_least_squares(random: np.random.Generator) -> None:
    for _ in range(50):
        points = moved(TEMPLATE, 2.0, random.uniform(-1, 1), (50, 80)) + random.normal(0, 6, (5, 2)).astype(np.float32)
        theirs = SimilarityTransform.from_estimate(points, TEMPLATE).params[:2]
        assert np.allclose(similarity(points, TEMPLATE), theirs, atol=1e-4)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    mirrored = (TEMPLATE * (-1, 1)).astype(np.float32)
    how = similarity(mirrored, TEMPLATE)
    assert np.linalg.det(how[:, :2]) > 0


def test_five_points_in_one_place_give_a_chip_all_the_same(colours: ArcFace) -> None:
    image = np.full((50, 50, 3), 90, np.uint8)
    face = colours.face(image, Detection(Box(20, 20, 1, 1), 1.0, np.full((5, 2), 20, np.float32)))
    assert colours.align(image, [face]).shape == (1, 112, 112, 3)
    assert face.pose == 1


def test_a_chip_has_the_points_where_the_template_has_them(colours: ArcFace) -> None:
    points = moved(TEMPLATE, 2.0, 0.3, (60, 20))
    image = np.zeros((400, 400, 3), np.uint8)
    for across, down in points:
        image[round(down) - 3 : round(down) + 4, round(across) - 3 : round(across) + 4] = 255
    (chip,) = colours.align(image, [colours.face(image, Detection(Box(0, 0, 9, 9), 1.0, points))])
    for across, down in TEMPLATE:
        assert chip[round(float(down)), round(float(across))].min() > 200
    assert chip[:20].max() == 0


def test_pose_is_how_far_the_nose_is_off(colours: ArcFace) -> None:
    turned = TEMPLATE.copy()
    turned[2, 0] += 10
    image = np.zeros((9, 9, 3), np.uint8)
    frontal = colours.face(image, Detection(Box(0, 0, 9, 9), 1.0, TEMPLATE)).pose
    assert frontal < 0.02 < 0.5 < colours.face(image, Detection(Box(0, 0, 9, 9), 1.0, turned)).pose < 0.6


def test_vectors_are_of_length_one_and_compared_by_their_direction(
    colours: ArcFace, random: np.random.Generator
) -> None:
    vectors = colours.embed(random.integers(0, 255, (BATCH + 2, MEAN_SIDE, MEAN_SIDE, 3)).astype(np.uint8))
    assert vectors.shape == (BATCH + 2, DIMENSION)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    cosine = float(vectors[0] @ vectors[1])
    assert colours.distance(vectors[:1] * 7, vectors[1:2])[0, 0] == pytest.approx((2 - 2 * cosine) ** 0.5, abs=1e-5)
    assert colours.norms(vectors) is None


def test_a_network_that_takes_a_fixed_number_at_once_gives_the_same(
    colours: ArcFace, tmp_path: Path, random: np.random.Generator
) -> None:
    chips = random.integers(0, 255, (5, MEAN_SIDE, MEAN_SIDE, 3)).astype(np.uint8)
    for batch in (1, 3):
        fixed = _loaded(tmp_path / str(batch), batch=batch)
        assert np.allclose(fixed.embed(chips), colours.embed(chips), atol=1e-6)


def test_lengths_say_how_good_a_picture_is_where_the_pack_says_so(tmp_path: Path) -> None:
    judging = _loaded(tmp_path, more=QUALITY)
    flat = np.stack([np.full((MEAN_SIDE, MEAN_SIDE, 3), shade, np.uint8) for shade in (128, 200, 255)])
    lengths = (np.array([128, 200, 255]) - 127.5) / 127.5 * DIMENSION**0.5
    norms = judging.norms(judging.embed(flat))
    assert norms is not None
    assert norms.tolist() == pytest.approx(np.clip((lengths - 10) / 20, 0, 1).tolist(), abs=1e-5)
    assert judging.distance(judging.embed(flat[1:2]), judging.embed(flat[2:]))[0, 0] == pytest.approx(0, abs=1e-3)


def test_a_vector_of_zeros_stays_one() -> None:
    assert unit(np.zeros((1, 4), np.float32)).tolist() == [[0, 0, 0, 0]]


def _loaded(models: Path, more: str = "", batch: int | None = None) -> ArcFace:
    pack = add_embedder(models, more=more, batch=batch)
    held = installed.verified(pack, models)
    return ArcFace.load(pack, held.file, held.path, threads=1)
