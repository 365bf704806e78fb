"""Descriptions of packs: what the shipped ones say, an office's own, and every mistake named."""

import re
from pathlib import Path

import pytest

from extractors.faces import packs
from extractors.faces.packs import DetectorPack, EmbedderPack, PackWrong
from tests.extractors.networks import add_detector, add_embedder

NOWHERE = Path("/nonexistent")
DOCUMENT = Path(__file__).parents[2] / "docs" / "models.md"
SFACE = (packs.SHIPPED / "sface.toml").read_text()
YUNET = (packs.SHIPPED / "yunet.toml").read_text()


def test_the_shipped_descriptions_can_be_read() -> None:
    found = list(packs.every(NOWHERE))
    assert [pack.name for pack in found if not isinstance(pack, PackWrong)] == ["sface", "yunet"]


def test_every_shipped_file_is_free_and_says_where_it_is_or_how_it_came() -> None:
    for pack in packs.every(NOWHERE):
        assert not isinstance(pack, PackWrong)
        assert pack.files[0].urls
        assert all(file.licence.free for file in pack.files)


def test_a_cosine_is_published_as_the_distance_of_unit_vectors() -> None:
    sface = packs.named("sface", NOWHERE)
    assert isinstance(sface, EmbedderPack)
    assert sface.published_threshold == pytest.approx(1.128, abs=1e-3), "as OpenCV's own table has it"


def test_an_office_adds_its_own(tmp_path: Path) -> None:
    add_detector(tmp_path), add_embedder(tmp_path)
    assert isinstance(packs.named("bright", tmp_path), DetectorPack)
    assert isinstance(packs.named("colours", tmp_path), EmbedderPack)
    assert packs.named("bright", NOWHERE) is None


@pytest.mark.parametrize("name", ["yunet", "dlib", "converted"])
def test_an_office_cannot_shadow_what_comes_with_the_program(tmp_path: Path, name: str) -> None:
    path = tmp_path / "packs" / f"{name}.toml"
    path.parent.mkdir()
    path.write_text(YUNET.replace('name = "yunet"', f'name = "{name}"', 1))
    wrong = [pack for pack in packs.every(tmp_path) if isinstance(pack, PackWrong)]
    assert [str(one) for one in wrong] == [
        f"{path}: {name} is the name of something that comes with the program: choose another"
    ]


def test_a_wrong_description_does_not_hide_the_others(tmp_path: Path) -> None:
    add_detector(tmp_path)
    (tmp_path / "packs" / "broken.toml").write_text("kind = ")
    found = {str(pack) if isinstance(pack, PackWrong) else pack.name for pack in packs.every(tmp_path)}
    assert {"bright", "yunet"} < found
    assert packs.named("bright", tmp_path) is not None


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('kind = "embedder"', "", 'kind: it must say what the pack is: write "detector" or "embedder"'),
        ('kind = "embedder"', 'kind = "both"', 'kind: it must say what the pack is: write "detector" or "embedder"'),
        ('name = "sface"', 'name = "S Face"', "name: string should match.*a-z, 0-9 and single hyphens"),
        ('name = "sface"', 'name = "other"', "name: it says 'other': write 'sface', or rename the file"),
        ("dimension = 128", 'dimension = "128"', "dimension: .*integer: write how many numbers its vectors have"),
        ("dimension = 128", "", "dimension: field required: write how many numbers its vectors have"),
        ("dimension = 128", "dimension = 128\nmood = 1", "mood: extra inputs are not permitted"),
        ("threshold = 0.363", "threshold = 1.363", "`threshold` of distance cosine lies between -1 and 1"),
        ('colour = "RGB"', 'colour = "GRB"', 'input.colour: .*write the order of the channels, "RGB" or "BGR"'),
        ("mean = [0.0, 0.0, 0.0]", "mean = [0.0]", r"input.mean.*: write what is taken from each channel"),
        ("[input]", "[inputs]", r"input: field required: write a table \[input\]"),
        ('sha256 = "0b', 'sha256 = "0B', "files.0.sha256: .*64 lower-case hex digits"),
        ("size = 38696353", "size = 0", "files.0.size: .*write its size in bytes"),
        ('"https://media', '"http://media', "files.0.urls: http://media.* is not https://"),
        ("free = true", "free = false", "files.0.licence: a licence that must be accepted needs `text`"),
        ("[[files]]", "[[file]]", r"files: .*: write \[\[files\]\]"),
        ("dimension = 128", "dimension = 128\nside = 96", "`template` is needed with a `side` other than 112"),
        ("[input]", "[quality]\nlow = 9.0\nhigh = 3.0\n[input]", "quality: `low` must be less than `high`"),
    ],
)
def test_each_mistake_in_an_embedder_is_named(tmp_path: Path, was: str, now: str, said: str) -> None:
    _refused(tmp_path / "sface.toml", SFACE, was, now, said)


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('reads = "yunet"', 'reads = "scrfd"', "`outputs` describes what scrfd says, and is needed for it"),
        ('reads = "yunet"', 'reads = "yolo"', "reads: .*write how its outputs are read"),
        ("min_score = 0.7", "min_score = 0.4", "must not fall in this order"),
        ("overlap = 0.3", "overlap = nan", "overlap: .*write intersection over union"),
        ("yunet_n_dynamic.onnx", "face_detection_yunet_2023mar.onnx", "two `files` have one name"),
        ("yunet_n_dynamic.onnx", "../x.onnx", "files.1.name: .*write a file name that ends in .onnx"),
    ],
)
def test_each_mistake_in_a_detector_is_named(tmp_path: Path, was: str, now: str, said: str) -> None:
    _refused(tmp_path / "yunet.toml", YUNET, was, now, said)


def test_what_decides_over_numbers_changes_the_digest(tmp_path: Path) -> None:
    before = packs.digest(_read(tmp_path, SFACE))
    assert packs.digest(_read(tmp_path, SFACE.replace("threshold = 0.363", "threshold = 0.4"))) == before
    assert packs.digest(_read(tmp_path, SFACE.replace("scale = 1.0", "scale = 0.5"))) != before
    assert packs.digest(_read(tmp_path, SFACE.replace('"RGB"', '"BGR"'))) != before


def _read(folder: Path, text: str) -> packs.Pack:
    path = folder / "sface.toml"
    path.write_text(text)
    return packs.read(path)


def _refused(path: Path, text: str, was: str, now: str, said: str) -> None:
    assert was in text
    path.write_text(text.replace(was, now, 1))
    with pytest.raises(PackWrong, match=re.escape(str(path)) + ": .*" + said):
        packs.read(path)


def test_the_documents_examples_can_be_used(tmp_path: Path) -> None:
    text = DOCUMENT.read_text()
    examples = re.findall(r"```toml\n# \S+/packs/(\S+)\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 2
    for name, example in examples:
        (tmp_path / name).write_text(example)
        packs.read(tmp_path / name)


def test_the_document_tells_of_every_field() -> None:
    text = DOCUMENT.read_text()
    models = (DetectorPack, EmbedderPack, packs.File, packs.Licence, packs.Picture, packs.Outputs, packs.Quality)
    fields = {field for model in models for field in model.model_fields}
    said = r"^(# )?{0} = |`{0}`|^\[+(files\.)?{0}\]"
    assert [field for field in fields if not re.search(said.format(field), text, re.MULTILINE)] == []
