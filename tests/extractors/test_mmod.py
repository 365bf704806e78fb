"""dlib's CNN detector on ONNX Runtime: what dlib's own runtime says of the same pixels is what it has to say."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from extractors.faces import mmod
from extractors.faces.mmod import Copy, Mmod, lay_out
from extractors.faces.protocol import Detector
from tests.extractors.compare_mmod import Theirs, compare, pictures
from tests.extractors.films import ANNA, BOHDAN, ground, scene

HEADS = {ANNA: (20, 40, 130), BOHDAN: (190, 60, 110)}
SMALL = (320, 200)


@pytest.fixture(scope="module")
def ours(models_dir: Path) -> Mmod:
    """Our detector."""
    return Mmod.load(models_dir, 0)


@pytest.fixture(scope="module")
def theirs() -> Theirs:
    """dlib's."""
    return Theirs()


def test_it_is_a_detector(ours: Mmod) -> None:
    detector: Detector = ours
    assert (detector.name, detector.gives_points) == ("mmod", False)
    assert 0 < detector.min_score < detector.sure_score


@pytest.mark.parametrize("side", [190, 321])
def test_real_pictures_have_dlibs_faces(side: int, ours: Mmod, theirs: Theirs, shared_media: Path) -> None:
    compared = [compare(name, image, theirs, ours) for name, image in pictures(shared_media, [side])]
    assert [one for one in compared if not one.equal] == []
    assert sum(one.ours for one in compared) >= 2, "there was something to find"


@pytest.mark.parametrize("size", [SMALL, (333, 150), (170, 301)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_drawn_heads_have_dlibs_faces(size: tuple[int, int], ours: Mmod, theirs: Theirs) -> None:
    """Sizes whose tiles are laid differently: wide ones turn early, tall ones late."""
    place = (10, 10, min(size) - 20)
    one = compare("drawn", scene({ANNA: place}, size=size), theirs, ours)
    assert one.equal
    assert one.ours == 1


def test_each_picture_is_answered_on_its_own(ours: Mmod) -> None:
    """A tile is laid anew over the last one when the sizes are the same, and made anew when they are not."""
    full, empty, other = scene(HEADS, size=SMALL), ground(size=SMALL), scene(HEADS, size=(400, 200))
    found = ours.detect([full, empty, other, full])
    assert [len(faces) for faces in found] == [2, 0, 2, 2]
    assert found[0][0].box == found[3][0].box
    assert found[0][0].score >= found[0][1].score, "the surest first"
    assert ours.detect([]) == []


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (8, 8), (9, 31), (400, 8)])
def test_pictures_too_small_for_a_face_have_none(size: tuple[int, int], ours: Mmod) -> None:
    assert ours.detect([ground(size=size)]) == [()]


def test_too_large_a_picture_is_looked_at_shrunk(ours: Mmod, monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene({ANNA: (100, 60, 240)}, size=(640, 400))
    (whole,) = ours.detect([image])[0]
    monkeypatch.setattr(mmod, "MOST_PIXELS", 320 * 200)
    (shrunk,) = ours.detect([image])[0]
    assert ours.canvas.layout is not None
    assert ours.canvas.layout.copies[0].width == 320
    for name in ("x", "y", "width", "height"):
        assert abs(getattr(whole.box, name) - getattr(shrunk.box, name)) < 0.2 * whole.box.width


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (97, 55), (20, 2000), (2000, 20)])
def test_copies_lie_apart_on_the_tile(size: tuple[int, int]) -> None:
    layout = lay_out(*size)
    first, *others = layout.copies
    assert (first.left, first.top, first.width, first.height) == (11, 11, *size)
    taken = np.zeros((layout.height, layout.width), np.float32)
    for copy in layout.copies:
        copy.on(taken)[:] += 1
    assert taken.max() == 1
    assert taken[:11].max() == taken[-11:].max() == taken[:, :11].max() == taken[:, -11:].max() == 0
    assert all(copy.height >= mmod.LOWEST for copy in others)


def test_copies_are_bilinear_between_corner_pixels(ours: Mmod) -> None:
    """Against the formula in double precision; OpenCV before 5 rounded positions to 1/32 pixel."""
    image = np.random.default_rng(3).integers(0, 256, (61, 83, 3), np.uint8)
    tile, layout = mmod._Canvas().laid(image, ours.about.mean)
    for channel in range(3):
        plane = tile[0, channel]
        for larger, smaller in zip(layout.copies, layout.copies[1:], strict=False):
            expected = _bilinear(larger.on(plane), smaller)
            assert np.abs(smaller.on(plane) - expected).max() < 0.05
        assert (plane[:11] == np.float32(ours.about.mean[channel])).all(), "gaps are grey, zero to the network"


def test_of_boxes_that_are_one_face_the_surest_stays(ours: Mmod) -> None:
    boxes = np.array([[0, 0, 79, 79], [20, 0, 99, 79], [60, 60, 139, 139], [300, 0, 379, 79]], np.float64)
    assert mmod._apart(boxes, ours.about) == [0, 2, 3]


def _bilinear(values: mmod.Tile, to: Copy) -> mmod.Floats:
    height, width = values.shape
    down, across = np.linspace(0, height - 1, to.height), np.linspace(0, width - 1, to.width)
    rows = np.stack([np.interp(across, np.arange(width), row) for row in values])
    return np.stack([np.interp(down, np.arange(height), column) for column in rows.T], axis=1)


def test_constants_are_those_of_the_network(ours: Mmod) -> None:
    assert (ours.about.step, ours.about.start) == (8, 14)
    assert inspect.signature(Mmod.load).parameters.keys() == {"models", "threads"}
