"""One contract for every engine, the registry over them, and the check that each of them passes."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from extractors import faces
from extractors.faces import Engine, EngineUnavailable, check, installed, packs, weights
from extractors.faces.engine import Joined
from extractors.faces.packs import EmbedderPack, Known
from extractors.faces.protocol import Chips, Detection, Embedder
from lastseen.records import Box, Pixels, Vectors
from tests.extractors.films import ANNA, ground, scene
from tests.extractors.networks import add_detector, add_embedder, describe

SMALL = (320, 180)
HEADED = ("dlib", "yunet+dlib")
NOWHERE = Path("/nonexistent")


@dataclass(frozen=True, slots=True)
class Case:
    """An engine, and a picture with one thing on it that it takes for a face."""

    engine: Engine
    models: Path
    picture: Pixels
    middle: tuple[float, float]
    within: float


@pytest.fixture(scope="module")
def office_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with two packs of an office's own."""
    folder = tmp_path_factory.mktemp("office")
    add_detector(folder), add_embedder(folder)
    return folder


@pytest.fixture(scope="module", params=["dlib", "yunet+dlib", "bright+colours"])
def case(request: pytest.FixtureRequest) -> Case:
    """Each kind of engine in turn."""
    if request.param == "bright+colours":
        models: Path = request.getfixturevalue("office_models")
        return Case(faces.load(request.param, models, 1), models, spotted(), (124, 92), 0.01)
    models = request.getfixturevalue("models_dir" if request.param == "dlib" else "with_yunet")
    head = scene({ANNA: (60, 30, 120)}, size=SMALL)
    return Case(faces.load(request.param, models, 2), models, head, (120, 95), 25)


@pytest.fixture(scope="module", params=HEADED)
def headed(request: pytest.FixtureRequest) -> Engine:
    """Each engine that knows heads."""
    models = request.getfixturevalue("models_dir" if request.param == "dlib" else "with_yunet")
    return faces.load(request.param, models, 2)


def spotted() -> Pixels:
    """Black, with one bright cell of the finest grid."""
    picture = np.zeros((SMALL[1], SMALL[0], 3), np.uint8)
    picture[88:96, 120:128] = 255
    return picture


# --- the contract ------------------------------------------------------------------------------------------


def test_an_engine_says_what_it_is(case: Case) -> None:
    engine = case.engine
    assert engine.name in faces.names(case.models)
    assert engine.licence
    assert 0 < engine.published_threshold < 1.2
    assert engine.published_threshold == faces.published_threshold(engine.name, case.models)
    assert all(len(sha256) == 64 for _, sha256 in engine.weights)
    assert faces.engine_id(engine.name, case.models).startswith(f"{engine.name}/{engine.version}/")
    assert 0 < engine.min_score <= engine.sure_score
    assert 4 < engine.smallest <= 80


def test_an_engine_is_loaded_once(case: Case) -> None:
    threads = 1 if case.engine.name == "bright+colours" else 2
    assert faces.load(case.engine.name, case.models, threads) is case.engine


def test_detect_answers_each_image_on_its_own(case: Case) -> None:
    nothing = np.zeros((150, 200, 3), np.uint8)
    one, none = case.engine.detect([case.picture, nothing])
    assert none == ()
    (face,) = one
    middle = (face.box.x + face.box.width / 2, face.box.y + face.box.height / 2)
    assert middle == pytest.approx(case.middle, abs=case.within)
    assert face.landmarks.shape == (5, 2)
    assert face.landmarks.dtype == np.float32
    assert face.eyes.shape == (2, 2)
    assert face.score >= case.engine.min_score
    assert face.pose < 0.2, "it is seen from the front"


def test_chips_and_vectors_have_their_shapes(case: Case) -> None:
    found = case.engine.detect([case.picture])[0]
    chips = case.engine.align(case.picture, [*found, *found])
    vectors = case.engine.embed(chips)
    assert chips.shape[0] == 2
    assert chips.shape[1] == chips.shape[2]
    assert chips.dtype == np.uint8
    assert vectors.shape == (2, case.engine.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(case.engine.embed(chips[:1]), vectors[1:], atol=1e-5), "a batch gives what one gives"


def test_nothing_gives_nothing(case: Case) -> None:
    assert case.engine.detect([]) == []
    chips = case.engine.align(ground(), [])
    assert chips.shape[0] == 0
    assert case.engine.embed(chips).shape == (0, case.engine.dimension)


def test_distance_is_zero_to_itself_and_the_same_both_ways(case: Case) -> None:
    vectors = np.random.default_rng(1).normal(size=(3, case.engine.dimension)).astype(np.float32)
    distances = case.engine.distance(vectors, vectors[:2])
    assert distances.shape == (3, 2)
    assert np.allclose(np.diag(distances), 0, atol=1e-6)
    assert np.allclose(distances[:2], distances[:2].T)


def test_a_picture_smaller_than_any_cell_is_no_fault(case: Case) -> None:
    assert case.engine.detect([np.full((1, 3, 3), 200, np.uint8)])[0] in ((), case.engine.detect([ground()])[0])


def test_a_closer_look_answers_in_pixels_of_the_picture_as_it_was_given(headed: Engine) -> None:
    picture = scene({ANNA: (100, 60, 100)}, size=SMALL)
    (plain,) = headed.detect([picture])[0]
    (closer,) = headed.detect([picture], 2.0)[0]
    for one, other in (
        (plain.box.x, closer.box.x),
        (plain.box.y, closer.box.y),
        (plain.box.width, closer.box.width),
    ):
        assert abs(one - other) < 25
    assert np.abs(plain.landmarks - closer.landmarks).max() < 15


# --- the registry ------------------------------------------------------------------------------------------


def test_importing_the_registry_loads_nothing_heavy() -> None:
    heavy = {"cv2", "dlib", "httpx", "numpy.testing", "onnx", "onnxruntime"}
    program = f"import sys; import extractors.faces; sys.exit(', '.join(sorted({heavy!r} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_the_engines_are_what_can_be_joined(office_models: Path) -> None:
    assert set(faces.names(NOWHERE)) == {"dlib", "yunet+dlib", "yunet+sface"}
    assert set(faces.names(office_models)) - set(faces.names(NOWHERE)) == {
        *("bright+dlib", "bright+sface", "bright+colours"),
        "yunet+colours",
    }


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonesuch", r"there is no engine 'nonesuch': there are dlib, yunet\+dlib, .*`lastseen models list`"),
        ("yunet", r"yunet finds faces only: name an embedder with it, e\.g\. yunet\+dlib"),
        ("sface", r"sface needs a detector that gives five points before it, e\.g\. yunet\+sface"),
        ("sface+yunet", "there is no engine"),
        ("yunet+dlib", "yunet is not in .*: `lastseen models fetch yunet` brings it, .*--from FILE"),
        ("", "there is no engine"),
        ("../yunet+dlib", "there is no engine"),
    ],
)
def test_an_engine_that_is_not_there(name: str, said: str) -> None:
    for ask in (faces.engine_id, faces.prepare, lambda name, models: faces.load(name, models, 1)):
        with pytest.raises(EngineUnavailable, match=said):
            ask(name, NOWHERE)


def test_a_joined_engine_needs_points_where_its_embedder_does(office_models: Path, models_dir: Path) -> None:
    pointless = cast("Joined", faces.load("dlib", models_dir, 2)).detector
    needing = cast("Joined", faces.load("bright+colours", office_models, 1)).embedder
    with pytest.raises(EngineUnavailable, match="colours aligns by eyes, nose and mouth, which mmod does not find"):
        Joined("mmod+colours", pointless, needing)


def test_the_id_names_the_weights_and_whatever_else_decides_over_numbers(tmp_path: Path) -> None:
    add_detector(tmp_path)
    pack = add_embedder(tmp_path)
    before = faces.engine_id("bright+colours", tmp_path)
    assert before == faces.engine_id("bright+colours", tmp_path)
    assert before.startswith("bright+colours/102/")
    description = tmp_path / "packs" / "colours.toml"
    text = description.read_text()
    description.write_text(text.replace("mean = [127.5", "mean = [100.0"))
    assert faces.engine_id("bright+colours", tmp_path) != before
    description.write_text(text.replace("Compares colours.", "Compares the colours."))
    assert faces.engine_id("bright+colours", tmp_path) == before
    description.write_text(text.replace(pack.files[0].sha256, "0" * 64))
    assert faces.engine_id("bright+colours", tmp_path) != before


def test_there_is_no_id_of_damaged_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r"dlib/101/[0-9a-f]{8}", faces.engine_id("dlib", NOWHERE))
    _package(tmp_path, monkeypatch, b"other weights")
    with pytest.raises(EngineUnavailable, match="is damaged or another version"):
        faces.engine_id("dlib", NOWHERE)


def test_a_damaged_file_is_refused_before_it_is_run(tmp_path: Path) -> None:
    add_detector(tmp_path)
    pack = add_embedder(tmp_path)
    path = tmp_path / "packs" / pack.files[0].name
    path.write_bytes(path.read_bytes()[:-1])
    for ask in (faces.prepare, lambda name, models: faces.load(name, models, 1)):
        with pytest.raises(EngineUnavailable, match=r"colours\.onnx is damaged or another version .*models fetch"):
            ask("bright+colours", tmp_path)


def test_a_licence_that_must_be_accepted_is(tmp_path: Path) -> None:
    from extractors.faces import fetching

    add_detector(tmp_path)
    pack = add_embedder(tmp_path)
    description = tmp_path / "packs" / "colours.toml"
    description.write_text(description.read_text().replace("free = true", "free = false").replace('""', '"Ask."'))
    with pytest.raises(EngineUnavailable, match="the licence of colours has not been accepted: `lastseen models"):
        faces.prepare("bright+colours", tmp_path)
    pack = cast("EmbedderPack", packs.named("colours", tmp_path))
    fetching.keep_record(pack, pack.files[0], tmp_path, "here", accepted=True)
    faces.prepare("bright+colours", tmp_path)
    description.write_text(description.read_text().replace('"Ask."', '"Ask twice."'))
    with pytest.raises(EngineUnavailable, match="has not been accepted"):
        faces.prepare("bright+colours", tmp_path)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("dimension = 192", "dimension = 191", "gives vectors of 192 numbers: write that as `dimension`"),
        ("dimension = 192", "dimension = 192\nside = 64\ntemplate = [[1,1],[2,1],[1.5,2],[1,3],[2,3]]", "colours.toml"),
    ],
)
def test_a_description_that_does_not_fit_its_file(tmp_path: Path, was: str, now: str, said: str) -> None:
    add_detector(tmp_path), add_embedder(tmp_path)
    description = tmp_path / "packs" / "colours.toml"
    assert was in description.read_text()
    description.write_text(description.read_text().replace(was, now))
    with pytest.raises(EngineUnavailable, match=said):
        faces.load("bright+colours", tmp_path, 1)


def test_outputs_that_are_not_there(tmp_path: Path) -> None:
    add_detector(tmp_path), add_embedder(tmp_path)
    description = tmp_path / "packs" / "bright.toml"
    description.write_text(description.read_text().replace('"box_16"', '"bbox_16"'))
    with pytest.raises(EngineUnavailable, match=r"bright\.onnx does not do what bright\.toml says .*bbox_16"):
        faces.load("bright+colours", tmp_path, 1)


def test_what_is_no_network(tmp_path: Path) -> None:
    from tests.extractors.networks import EMBEDDER, file_table

    add_detector(tmp_path)
    (tmp_path / "packs" / "colours.onnx").write_bytes(b"<html>not found</html>")
    describe(tmp_path, "colours", EMBEDDER.format(name="colours"), file_table(tmp_path / "packs" / "colours.onnx"))
    with pytest.raises(EngineUnavailable, match=r"colours\.onnx does not do what colours\.toml says"):
        faces.load("bright+colours", tmp_path, 1)


# --- dlib's files ------------------------------------------------------------------------------------------


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package")
    with pytest.raises(EngineUnavailable, match=r"dlib_face_recognition_resnet_model_v1\.dat.*no-such-package"):
        weights.verified(weights.EMBEDDER)


def test_damaged_weights_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _package(tmp_path, monkeypatch, b"damaged")
    with pytest.raises(EngineUnavailable, match="is damaged or another version"):
        weights.verified(weights.EMBEDDER)


# --- the check ---------------------------------------------------------------------------------------------


def test_the_check_tells_what_it_saw(case: Case) -> None:
    seen = check.check(case.engine, faces.embedder_pack(case.engine.name, case.models))
    assert seen.likeness < seen.other
    assert seen.known == ("dlib" in case.engine.name), "no figures of the test's own embedder are known"


def test_the_costs_are_measured(office_models: Path) -> None:
    costs = check.costs(faces.load("bright+colours", office_models, 1))
    assert all(0 < each < 1000 for each in (costs.detect, costs.align, costs.embed, costs.embed_batch))


@pytest.mark.parametrize(
    ("wrongly", "said"),
    [
        (lambda vectors: vectors * np.float32(np.nan), "gives no vectors"),
        (lambda vectors: vectors[:, :-1], "gives no vectors"),
        (lambda vectors: np.ones_like(vectors), "a likeness lies 0.000 away, another head 0.000"),
        (lambda vectors: vectors + np.float32(len(vectors)), "in a batch another vector than alone"),
        (lambda vectors: vectors[::-1] if len(vectors) > 1 else vectors, "in a batch another vector than alone"),
    ],
)
def test_an_embedder_that_does_not_do_its_work_fails(office_models: Path, wrongly: Any, said: str) -> None:
    sound = cast("Joined", faces.load("bright+colours", office_models, 1))
    worn = Joined(sound.name, sound.detector, cast("Embedder", _Worn(sound.embedder, wrongly)))
    with pytest.raises(EngineUnavailable, match=f"failed its check: .*{said}"):
        check.check(worn, faces.embedder_pack(sound.name, office_models))


def test_a_dlib_that_gives_other_numbers_fails(models_dir: Path) -> None:
    sound = cast("Joined", faces.load("dlib", models_dir, 2))
    worn = Joined("dlib", sound.detector, cast("Embedder", _Worn(sound.embedder, lambda vectors: vectors + 0.01)))
    with pytest.raises(EngineUnavailable, match=r"not 0\.120 and 0\.352 as when it was released"):
        check.check(worn, None)


def test_figures_of_a_release_are_held_against(office_models: Path) -> None:
    engine = faces.load("bright+colours", office_models, 1)
    pack = cast("EmbedderPack", packs.named("colours", office_models))
    seen = check.check(engine, pack)
    same = pack.model_copy(update={"check": Known(likeness=seen.likeness, other=seen.other)})
    assert check.check(engine, same).known
    other = pack.model_copy(update={"check": Known(likeness=seen.likeness, other=seen.other + 0.02)})
    with pytest.raises(EngineUnavailable, match="as when it was released"):
        check.check(engine, other)


def test_a_detector_without_points_cannot_feed_an_embedder_that_needs_them(office_models: Path) -> None:
    embedder = cast("Joined", faces.load("bright+colours", office_models, 1)).embedder
    with pytest.raises(ValueError, match="colours needs a detector that gives points"):
        embedder.face(ground(), Detection(Box(0, 0, 9, 9), 1.0, None))


def test_the_place_of_a_pack_comes_before_its_description(tmp_path: Path) -> None:
    """What `models fetch` installed is used, also when another copy lies beside the description."""
    pack = add_embedder(tmp_path)
    beside = tmp_path / "packs" / pack.files[0].name
    own = installed.place(pack, pack.files[0], tmp_path)
    own.parent.mkdir()
    own.write_bytes(beside.read_bytes())
    held = installed.found(pack, tmp_path)
    assert held is not None and held.path == own


class _Worn:
    """An embedder whose runtime computes something else."""

    def __init__(self, sound: Embedder, wrongly: Any) -> None:
        self._sound, self._wrongly = sound, wrongly

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sound, name)

    def embed(self, chips: Chips) -> Vectors:
        return np.asarray(self._wrongly(self._sound.embed(chips)), np.float32)


def _package(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    models = folder / "worn_models" / "models"
    models.mkdir(parents=True)
    (folder / "worn_models" / "__init__.py").touch()
    for file in (weights.EMBEDDER, weights.FIVE_POINTS, weights.CNN_DETECTOR):
        (models / file.name).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(weights, "PACKAGE", "worn_models")
