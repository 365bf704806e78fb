"""One contract for every engine, and what only the reference must do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extractors import faces
from extractors.faces import ENGINES, Engine, EngineUnavailable, check, weights
from extractors.faces.protocol import Chips
from lastseen.records import Vectors
from tests.extractors.films import ANNA, ground, scene

SIDE = 120
SMALL = (320, 180)


@pytest.fixture(scope="module", params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine in turn."""
    return faces.load(request.param)


def test_an_engine_says_what_it_is(engine: Engine) -> None:
    assert engine.name in ENGINES
    assert engine.licence
    assert 0 < engine.published_threshold < 0.6, "0.6 gives one false match in 300"
    assert engine.published_threshold == faces.published_threshold(engine.name)
    assert {name for name, _ in engine.weights} == {file.name for file in ENGINES[engine.name].weights}


def test_detect_answers_each_image_on_its_own(engine: Engine) -> None:
    image = scene({ANNA: (60, 30, SIDE)}, size=SMALL)
    one, none = engine.detect([image, ground(size=(200, 150))])
    assert none == ()
    (face,) = one
    middle = (face.box.x + face.box.width / 2, face.box.y + face.box.height / 2)
    assert abs(middle[0] - 120) < 25
    assert abs(middle[1] - 95) < 25
    assert face.landmarks.shape == (5, 2)
    assert face.landmarks.dtype == np.float32
    assert face.score >= engine.min_score
    assert face.pose < 0.2, "it was drawn from the front"


def test_chips_and_vectors_have_their_shapes(engine: Engine) -> None:
    image = scene({ANNA: (60, 30, SIDE)}, size=SMALL)
    found = engine.detect([image])[0]
    chips = engine.align(image, [*found, *found])
    vectors = engine.embed(chips)
    assert chips.shape[0] == 2
    assert chips.shape[1] == chips.shape[2]
    assert chips.dtype == np.uint8
    assert vectors.shape == (2, engine.dimension)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors[0], vectors[1]), "a batch gives what one gives"


def test_nothing_gives_nothing(engine: Engine) -> None:
    chips = engine.align(ground(), [])
    assert chips.shape[0] == 0
    assert engine.embed(chips).shape == (0, engine.dimension)


def test_distance_is_zero_to_itself_and_the_same_both_ways(engine: Engine) -> None:
    vectors = np.random.default_rng(1).normal(size=(3, engine.dimension)).astype(np.float32)
    distances = engine.distance(vectors, vectors[:2])
    assert distances.shape == (3, 2)
    assert np.allclose(np.diag(distances), 0, atol=1e-6)
    assert np.allclose(distances[:2], distances[:2].T)


def test_an_engine_that_gives_other_numbers_fails_its_check(engine: Engine) -> None:
    check.check(engine)
    with pytest.raises(EngineUnavailable, match="failed its check"):
        check.check(_Worn(engine))


def test_the_id_is_stable_and_names_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = faces.engine_id("dlib-hog")
    assert before == faces.engine_id("dlib-hog")
    assert before.startswith("dlib-hog/1/")
    assert len(before.rsplit("/", 1)[1]) == 8
    assert before.rsplit("/", 1)[1] != faces.engine_id("dlib-cnn").rsplit("/", 1)[1]
    _package(tmp_path, monkeypatch, b"other weights")
    assert faces.engine_id("dlib-hog") != before


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    with pytest.raises(EngineUnavailable, match=r"dlib_face_recognition_resnet_model_v1\.dat.*no-such-package"):
        weights.verified(weights.EMBEDDER)


def test_damaged_weights_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, monkeypatch, b"damaged")
    with pytest.raises(EngineUnavailable, match="is damaged or another version"):
        weights.verified(weights.EMBEDDER)


def test_an_engine_that_does_not_exist() -> None:
    with pytest.raises(EngineUnavailable, match="dlib-hog, dlib-cnn"):
        faces.load("nonesuch")


def test_vectors_are_those_of_the_face_recognition_package(hog: Engine, shared_media: Path) -> None:
    """What the package computes: 5-point landmarks, then the embedder's own alignment."""
    dlib = pytest.importorskip("dlib")
    predictor = dlib.shape_predictor(str(weights.verified(weights.FIVE_POINTS)))
    embedder = dlib.face_recognition_model_v1(str(weights.verified(weights.EMBEDDER)))
    for name in ("obama.jpg", "biden.jpg"):
        image = np.asarray(Image.open(shared_media / name).convert("RGB"))
        found = hog.detect([image])[0]
        box = found[0].box
        rectangle = dlib.rectangle(int(box.x), int(box.y), int(box.x + box.width) - 1, int(box.y + box.height) - 1)
        theirs = np.array(embedder.compute_face_descriptor(image, predictor(image, rectangle)))
        ours = hog.embed(hog.align(image, found[:1]))[0]
        assert np.abs(ours - theirs).max() < 1e-6


class _Worn:
    """An engine whose runtime computes something else."""

    def __init__(self, engine: Engine) -> None:
        self.name, self.dimension, self.distance = engine.name, engine.dimension, engine.distance
        self.version, self.weights, self.licence = engine.version, engine.weights, engine.licence
        self.published_threshold, self.detect, self.align = engine.published_threshold, engine.detect, engine.align
        self.min_score, self.sure_score = engine.min_score, engine.sure_score
        self._engine = engine

    def embed(self, chips: Chips) -> Vectors:
        return self._engine.embed(chips) + np.float32(0.01)


def _package(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    models = folder / "worn_models" / "models"
    models.mkdir(parents=True)
    (folder / "worn_models" / "__init__.py").touch()
    for file in (weights.EMBEDDER, weights.FIVE_POINTS, weights.CNN_DETECTOR):
        (models / file.name).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(weights, "PACKAGE", "worn_models")
