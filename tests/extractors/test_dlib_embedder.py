"""dlib's embedder on ONNX Runtime, held against dlib's own runtime."""

from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from PIL import Image

from extractors.faces import check, weights
from extractors.faces.dlib_embedder import BATCH, CHIP_SIDE, DlibEmbedder, _square
from extractors.faces.mmod import Mmod
from extractors.faces.protocol import Chips, Detection, Embedder, EngineUnavailable
from lastseen.records import Box, Pixels, Vectors

EQUAL = 1e-5
"""largest difference between one number of a vector and dlib's: sums are added up in another order"""
CHIPS = 100
PHOTOS = ("obama.jpg", "obama2.jpg", "biden.jpg", "lin-manuel-miranda.png", "alex-lacamoire.png")


@pytest.fixture(scope="module")
def ours(models_dir: Path) -> DlibEmbedder:
    """Our embedder."""
    return DlibEmbedder.load(models_dir, 0)


@pytest.fixture(scope="module")
def detector(models_dir: Path) -> Mmod:
    """What finds the faces."""
    return Mmod.load(models_dir, 0)


@pytest.fixture(scope="module")
def theirs() -> "dlib.face_recognition_model_v1":
    """dlib's."""
    return dlib.face_recognition_model_v1(str(weights.verified(weights.EMBEDDER)))


def test_it_is_an_embedder(ours: DlibEmbedder) -> None:
    embedder: Embedder = ours
    assert (embedder.name, embedder.needs_points, embedder.dimension) == ("dlib", False, 128)


def test_real_chips_have_dlibs_vectors(
    ours: DlibEmbedder, theirs: "dlib.face_recognition_model_v1", detector: Mmod, shared_media: Path
) -> None:
    """Photos as they are, and shifted, turned, blurred, darkened."""
    chance = np.random.default_rng(1)
    faces = [_chips(ours, detector, _photo(shared_media, name))[0] for name in PHOTOS]
    chips = np.stack([*faces, *(_worn(faces[n % len(faces)], chance) for n in range(CHIPS - len(faces)))])
    assert np.abs(ours.embed(chips) - _their_vectors(theirs, chips)).max() <= EQUAL


def test_random_chips_have_dlibs_vectors(ours: DlibEmbedder, theirs: "dlib.face_recognition_model_v1") -> None:
    """Noise, and the darkest and the brightest chip that there can be."""
    chips = np.random.default_rng(2).integers(0, 256, (CHIPS, CHIP_SIDE, CHIP_SIDE, 3), np.uint8)
    chips[0], chips[1], chips[2] = 0, 255, check.draw(check.FIRST)
    assert np.abs(ours.embed(chips) - _their_vectors(theirs, chips)).max() <= EQUAL


def test_the_whole_way_is_dlibs(
    ours: DlibEmbedder, theirs: "dlib.face_recognition_model_v1", detector: Mmod, shared_media: Path
) -> None:
    """From a picture and a box: what face_recognition.face_encodings does."""
    predictor = dlib.shape_predictor(str(weights.verified(weights.FIVE_POINTS)))
    image = _photo(shared_media, "two_people.jpg")
    found = detector.detect([image])[0]
    vectors = ours.embed(ours.align(image, [ours.face(image, one) for one in found]))
    assert len(found) == 2
    for one, vector in zip(found, vectors, strict=True):
        box = one.box
        corners = map(int, (box.x, box.y, box.x + box.width - 1, box.y + box.height - 1))
        expected = theirs.compute_face_descriptor(image, predictor(image, dlib.rectangle(*corners)))
        assert np.abs(vector - np.array(expected)).max() <= EQUAL


@pytest.mark.parametrize("count", [1, BATCH - 1, BATCH, 2 * BATCH + 3])
def test_a_batch_of_any_size_gives_what_one_gives(count: int, ours: DlibEmbedder) -> None:
    chips = np.random.default_rng(count).integers(0, 256, (count, CHIP_SIDE, CHIP_SIDE, 3), np.uint8)
    vectors = ours.embed(chips)
    assert vectors.shape == (count, 128)
    assert np.abs(vectors[-1:] - ours.embed(chips[-1:])).max() <= EQUAL


def test_no_chips_have_no_vectors(ours: DlibEmbedder) -> None:
    chips = ours.align(check.draw(check.FIRST), [])
    assert chips.shape == (0, CHIP_SIDE, CHIP_SIDE, 3)
    assert ours.embed(chips).shape == (0, 128)


def test_pictures_that_are_views_of_others_are_the_same_pictures(ours: DlibEmbedder, detector: Mmod) -> None:
    drawn = np.asarray(cv2.resize(check.draw(check.FIRST), (240, 240)), np.uint8)
    backwards = np.ascontiguousarray(drawn[:, :, ::-1])[:, :, ::-1]
    assert np.array_equal(_chips(ours, detector, drawn), _chips(ours, detector, backwards))


def test_a_tall_box_with_points_finds_the_same_face(ours: DlibEmbedder, detector: Mmod, shared_media: Path) -> None:
    """YuNet's boxes: the points lead to nearly the chip that dlib's own detector leads to."""
    yunet = shared_media.parent / "models" / "yunet_n_dynamic.onnx"
    if not yunet.is_file():
        pytest.skip("YuNet is not beside the shared media on this machine")
    for name in PHOTOS:
        image = _photo(shared_media, name)
        own = ours.embed(_chips(ours, detector, image))
        found = _tall(image, yunet)
        other = ours.embed(ours.align(image, [ours.face(image, found)]))
        assert ours.distance(own[:1], other)[0, 0] < 0.1, "a tenth of what lies between strangers is 0.06"


def test_points_that_are_nonsense_leave_a_square_about_the_size_of_the_box() -> None:
    box = Box(100, 100, 80, 100)
    heap, spread = np.full((5, 2), 140, np.float32), np.array([[0, 0], [900, 0], [450, 450], [0, 900], [900, 900]])
    assert _square(Detection(box, 1.0, heap)).width() == 50
    assert _square(Detection(box, 1.0, spread.astype(np.float32))).width() == 150
    plain = _square(Detection(box, 1.0, None))
    assert (plain.left(), plain.top(), plain.width(), plain.height()) == (100, 100, 80, 100)


def test_a_face_at_the_edge_of_its_picture_still_has_a_chip(ours: DlibEmbedder) -> None:
    image = np.full((60, 60, 3), 90, np.uint8)
    face = ours.face(image, Detection(Box(-40, -40, 90, 90), 1.0, None))
    assert ours.align(image, [face]).shape == (1, CHIP_SIDE, CHIP_SIDE, 3)


def test_what_was_not_converted_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="is not converted"):
        DlibEmbedder.load(tmp_path, 1)


def _photo(folder: Path, name: str) -> Pixels:
    return np.asarray(Image.open(folder / name).convert("RGB"))


def _chips(ours: DlibEmbedder, detector: Mmod, image: Pixels) -> Chips:
    found = detector.detect([image])[0]
    return ours.align(image, [ours.face(image, one) for one in found])


def _their_vectors(theirs: "dlib.face_recognition_model_v1", chips: Chips) -> Vectors:
    return np.array(theirs.compute_face_descriptor(list(chips)), np.float32)


def _worn(chip: Pixels, chance: np.random.Generator) -> Pixels:
    turn = np.eye(2, 3) + chance.normal(0, (0.06, 0.06, 8), (2, 3))
    moved = cv2.warpAffine(chip, turn, (CHIP_SIDE, CHIP_SIDE), borderMode=cv2.BORDER_REFLECT)
    blurred = cv2.GaussianBlur(moved, (0, 0), chance.uniform(0.3, 3))
    return np.asarray(blurred * chance.uniform(0.4, 1), np.uint8)


def _tall(image: Pixels, model: Path) -> Detection:
    finder = cv2.FaceDetectorYN.create(str(model), "", (image.shape[1], image.shape[0]))
    first = finder.detect(np.ascontiguousarray(image[:, :, ::-1]))[1][0]
    return Detection(Box(*map(float, first[:4])), float(first[-1]), first[4:14].reshape(5, 2))
