"""Detectors that packs describe: their outputs read as the publishers of the networks read them."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from PIL import Image

from extractors.faces import installed, packs, yunet
from extractors.faces.gridded import Gridded, any_size, blob, fitted, surest
from extractors.faces.grids import Found
from extractors.faces.packs import DetectorPack, Input, Picture
from lastseen.records import Pixels
from tests.extractors.networks import BOX, POINTS, WEAKER, add_detector

ANY = Picture(colour="RGB", mean=(0.0, 0.0, 0.0), scale=1.0)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Gridded:
    """The test's own SCRFD-type detector."""
    return _loaded(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def shared(with_yunet: Path) -> Gridded:
    """YuNet."""
    pack = packs.named("yunet", with_yunet)
    assert isinstance(pack, DetectorPack)
    held = installed.verified(pack, with_yunet)
    return Gridded.load(pack, held.file, held.path, threads=2)


def dark(*bright: tuple[int, int, int], size: tuple[int, int] = (160, 96)) -> Pixels:
    """Black, with bright squares (left, top, side)."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, side in bright:
        picture[top : top + side, left : left + side] = 255
    return picture


# --- YuNet -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two_people.jpg", "obama.jpg", "lin-manuel-miranda.png"])
@pytest.mark.parametrize("scale", [0.1, 0.37, 1.0])
def test_yunet_finds_what_opencv_finds_with_it(shared: Gridded, shared_media: Path, name: str, scale: float) -> None:
    image = np.asarray(Image.open(shared_media / name).convert("RGB"))
    image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    ours, theirs = shared.detect([image])[0], _by_opencv(image, shared, shared_media)
    assert len(ours) == len(theirs) > 0
    for one, row in zip(ours, theirs, strict=True):
        assert one.points is not None
        box = (one.box.x, one.box.y, one.box.width, one.box.height)
        assert np.allclose([*box, *one.points.ravel(), one.score], row, atol=1e-3)


def test_a_network_that_names_one_size_takes_any(shared: Gridded, with_yunet: Path, tmp_path: Path) -> None:
    """As the OpenCV Zoo's file does."""
    held = installed.verified(shared.pack, with_yunet)
    model = onnx.load(held.path)
    for axis, count in ((0, 1), (2, 640), (3, 640)):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value = count
    fixed = tmp_path / "fixed.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model), fixed)
    freed = Gridded.load(shared.pack, held.file, fixed, threads=1)
    picture = np.full((90, 130, 3), 120, np.uint8)
    assert len(freed.detect([picture])) == 1
    assert onnx.load_from_string(any_size(fixed)).graph.input[0].type.tensor_type.shape.dim[2].dim_param == "height"


def test_a_yunet_score_is_the_mean_of_two() -> None:
    outputs = {
        f"{kind}_{stride}": np.zeros((1, (64 // stride) * (32 // stride), count), np.float32)
        for stride in (8, 16, 32)
        for kind, count in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
    }
    outputs["cls_8"][0, 9], outputs["obj_8"][0, 9] = 0.64, 1.7  # column 1 of row 1; what lies beyond 1 counts as 1
    outputs["bbox_8"][0, 9] = 0.5, 0.25, np.log(2), np.log(3)
    outputs["kps_8"][0, 9, 4:6] = 0.5, 1.0
    found = yunet.read(outputs, 64, 32, reported=0.5)
    assert found.scores.tolist() == pytest.approx([0.8])
    assert found.boxes.tolist() == [pytest.approx([12 - 8, 10 - 12, 16, 24])]
    assert found.points[0, 2].tolist() == [12, 16]


# --- SCRFD -------------------------------------------------------------------------------------------------


def test_scrfd_boxes_and_points_count_from_their_cell(small: Gridded) -> None:
    (face,) = small.detect([dark((120, 40, 8))])[0]
    left, top, right, bottom = BOX
    assert (face.box.x, face.box.y) == ((15 - left) * 8, (5 - top) * 8)
    assert (face.box.width, face.box.height) == ((left + right) * 8, (top + bottom) * 8)
    assert face.points is not None
    assert np.allclose(face.points, (np.array(POINTS) + np.array([15, 5])) * 8)
    assert face.score == pytest.approx(1.0)


def test_the_weaker_answer_of_a_cell_gives_way(small: Gridded) -> None:
    assert small.pack.reported_score < WEAKER, "it would have been reported"
    assert len(small.detect([dark((120, 40, 8))])[0]) == 1


def test_the_surest_comes_first(small: Gridded) -> None:
    picture = dark((16, 16, 8), (120, 40, 8))
    picture[16:24, 16:24] = 200
    found = small.detect([picture])[0]
    assert [round(one.score, 2) for one in found] == [1.0, round(200 / 255, 2)]


def test_a_picture_of_any_size_is_filled_up_and_not_shrunk(small: Gridded) -> None:
    for size in ((160, 96), (161, 97), (130, 50)):
        (face,) = small.detect([dark((120, 40, 8), size=size)])[0]
        assert (face.box.x, face.box.y) == (116, 32)


def test_a_network_of_one_size_gets_larger_pictures_shrunk(tmp_path: Path) -> None:
    fixed = _loaded(tmp_path, size=(160, 96))
    (face,) = fixed.detect([dark((240, 80, 16), size=(320, 192))])[0]
    assert (face.box.x, face.box.y, face.box.width) == (232, 64, 32)
    (small,) = fixed.detect([dark((56, 40, 8), size=(64, 64))])[0]
    assert (small.box.x, small.box.width) == (52, 16), "smaller ones are filled up"


# --- what goes in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("colour", "expected"), [("RGB", [(10 - 1) * 2, (20 - 2) * 2, (30 - 3) * 2]), ("BGR", [58, 36, 14])]
)
def test_means_are_taken_in_the_order_of_the_channels(colour: str, expected: list[float]) -> None:
    wanted = Input.model_validate({"colour": colour, "mean": (1.0, 2.0, 3.0), "scale": 2.0})
    made = blob([np.full((4, 6, 3), (10, 20, 30), np.uint8)] * 2, wanted)
    assert made.shape == (2, 3, 4, 6)
    assert made[1, :, 0, 0].tolist() == expected


def test_what_fills_up_is_black_and_stands_right_and_below() -> None:
    canvas, times = fitted(np.full((40, 50, 3), 9, np.uint8), ANY)
    assert canvas.shape == (64, 64, 3)
    assert times == 1
    assert canvas[:40, :50].min() == 9
    assert canvas[40:].max() == canvas[:, 50:].max() == 0


def test_of_overlapping_detections_the_surest_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [40, 0, 10, 10], [0, 0, 30, 30]], np.float32)
    found = Found(boxes, np.array([0.6, 0.9, 0.7, 0.8], np.float32), np.zeros((4, 5, 2), np.float32))
    assert surest(found, 0.3) == [1, 3, 2]
    assert surest(Found(boxes[:0], np.array([], np.float32), np.zeros((0, 5, 2), np.float32)), 0.3) == []


def _loaded(models: Path, size: tuple[int, int] | None = None) -> Gridded:
    pack = add_detector(models, size=size)
    held = installed.verified(pack, models)
    return Gridded.load(pack, held.file, held.path, threads=1)


def _by_opencv(image: Pixels, ours: Gridded, shared_media: Path) -> list[list[float]]:
    path = shared_media.with_name("models") / ours.file.name
    height, width = image.shape[:2]
    pack = ours.pack
    theirs = cv2.FaceDetectorYN.create(str(path), "", (width, height), pack.reported_score, pack.overlap, 5000)
    found = theirs.detect(np.ascontiguousarray(image[:, :, ::-1]))[1]
    return sorted(np.asarray(found).tolist(), key=lambda row: -row[14])
