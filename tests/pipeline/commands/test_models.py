"""`lastseen models`: packs fetched from a server on loopback, with what a script and a person get to see."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest

from extractors.faces import EngineUnavailable, installed, packs
from lastseen.settings import settings
from pipeline import cli
from tests.extractors.networks import DETECTOR, EMBEDDER, add_detector, describe, embedder, file_table
from tests.servers.video_site import Answer, Page, VideoSite
from tests.terminal import at_a_terminal

TERMS = "For the search for missing people only."
Run = Callable[..., dict[str, Any]]


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An office's folder of models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LASTSEEN_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("LASTSEEN_THREADS", "1")
    settings.cache_clear()
    yield tmp_path / "models"
    settings.cache_clear()


@pytest.fixture
def run(models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`lastseen models ... --json` in this process: what it answered, and as `said` what it told people."""

    def call(*arguments: str, status: int = 0) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["lastseen", "models", *arguments, "--json"])
        try:
            ended = cli._run()
        except SystemExit as left:
            ended = int(left.code or 0)
        out, said = capsys.readouterr()
        assert ended == status, said
        assert out.count("\n") == (1 if out else 0), "one object, and nothing else"
        return {**(json.loads(out) if out else {}), "said": said}

    return call


def publish(site: VideoSite, models: Path, text: str = "") -> Path:
    """A pack of an office's own whose file is on the server; with a text its licence must be accepted."""
    made = embedder(models.parent / "colours.onnx")
    page = site.add(Page("colours", made.read_bytes(), suffix="onnx"))
    files = file_table(made, [site.url("/elsewhere.onnx"), site.url(page.media_path)], text)
    return describe(models, "colours", EMBEDDER.format(name="colours"), files)


def test_list_tells_of_each_pack_and_engine(run: Run, models: Path) -> None:
    add_detector(models)
    told = run("list")
    state = {pack["name"]: pack["state"] for pack in told["packs"]}
    assert state == {"sface": "missing", "yunet": "missing", "bright": "installed"}
    usable = {engine["name"]: engine["usable"] for engine in told["engines"]}
    assert usable == {
        "dlib": True,
        "yunet+dlib": False,
        "yunet+sface": False,
        "bright+dlib": True,
        "bright+sface": False,
    }
    said = {engine["name"]: engine["said"] for engine in told["engines"]}
    assert "lastseen models fetch yunet" in said["yunet+dlib"]
    assert all(engine["id"] or not engine["usable"] for engine in told["engines"])


def test_list_tells_what_is_wrong_with_a_description_and_of_all_the_others(run: Run, models: Path) -> None:
    add_detector(models)
    describe(models, "broken", DETECTOR.format(name="broken", size=""), "")
    told = run("list", status=1)
    assert {"sface", "yunet", "bright"} == {pack["name"] for pack in told["packs"]}
    assert "broken.toml: files: field required: write [[files]]" in told["wrong"][0]
    assert "1 of what is described or set cannot be used" in told["said"]


def test_list_says_that_the_engine_which_is_set_does_not_exist(
    run: Run, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASTSEEN_ENGINE", "yunet+nonesuch")
    settings.cache_clear()
    assert run("list", status=1)["wrong"] == [
        "LASTSEEN_ENGINE is 'yunet+nonesuch', and there is no engine of that name"
    ]
    assert "there is no pack or engine 'yunet+nonesuch'" in run("check", status=2)["said"]


@pytest.mark.parametrize("kind", ["folder", "bytes", "link"])
def test_a_record_that_cannot_be_read_is_none(run: Run, models: Path, site: VideoSite, kind: str) -> None:
    publish(site, models, TERMS)
    run("fetch", "colours", "--accept-licence")
    record = models / "colours" / "installed.json"
    record.unlink()
    if kind == "folder":
        record.mkdir()
    elif kind == "bytes":
        record.write_bytes(bytes(range(256)))
    else:
        record.symlink_to(record)
    state = {pack["name"]: pack["state"] for pack in run("list")["packs"]}
    assert state["colours"] == "licence not accepted"


def test_of_several_files_the_one_that_was_installed_last_is_used(run: Run, models: Path, tmp_path: Path) -> None:
    given = [embedder(tmp_path / f"{name}.onnx", constant=name == "other") for name in ("colours", "other")]
    describe(models, "colours", EMBEDDER.format(name="colours"), "".join(map(file_table, given)))
    for made in (*given, given[0]):
        (brought,) = run("fetch", "colours", "--from", str(made))["packs"]
        assert Path(brought["file"]).name == made.name
        assert installed_file(models) == made.name


def installed_file(models: Path) -> str:
    """Name of the file that an engine would be made of."""
    pack = packs.named("colours", models)
    assert pack is not None
    return installed.verified(pack, models).path.name


def test_a_model_that_keeps_weights_beside_it_is_refused(run: Run, models: Path, tmp_path: Path) -> None:
    """Only the file itself was hashed: whoever can write beside it could swap the weights."""
    whole = embedder(tmp_path / "whole.onnx")
    parted = tmp_path / "colours.onnx"
    onnx.save(onnx.load(whole), parted, save_as_external_data=True, location="beside.bin", size_threshold=0)
    describe(models, "colours", EMBEDDER.format(name="colours"), file_table(parted))
    said = run("fetch", "colours", "--from", str(parted), status=1)["said"]
    assert "colours.onnx keeps weights in other files" in said.replace("\n", " ")
    shutil.copy(parted, models / "packs"), shutil.copy(tmp_path / "beside.bin", models / "packs")
    pack = packs.named("colours", models)
    assert pack is not None
    with pytest.raises(EngineUnavailable, match="keeps weights in other files"):
        installed.verified(pack, models)


def test_a_tensor_may_be_called_location(tmp_path: Path) -> None:
    network = onnx.load(embedder(tmp_path / "a.onnx"))
    network.graph.output[0].name = network.graph.node[-1].output[0] = "location"
    onnx.save(network, tmp_path / "b.onnx")
    assert installed.incomplete(tmp_path / "b.onnx") == ""


def test_fetch_brings_a_pack_once(run: Run, models: Path, site: VideoSite) -> None:
    publish(site, models)
    (brought,) = run("fetch", "colours")["packs"]
    assert (brought["state"], brought["fetched"]) == ("installed", True)
    assert Path(brought["file"]) == models / "colours" / "colours.onnx"
    kept = json.loads((models / "colours" / "installed.json").read_text())
    assert kept["source"] == site.url("/media/colours.onnx"), "the first address had nothing"
    assert (kept["licence"], kept["accepted"]) == ("CC0-1.0", None)
    assert kept["by"] and kept["at"].endswith("Z")
    assert sorted(path.name for path in (models / "colours").iterdir()) == ["colours.onnx", "installed.json"]
    before = len(site.asked)
    assert run("fetch", "colours")["packs"][0]["fetched"] is False
    assert len(site.asked) == before


def test_fetch_replaces_a_damaged_file_and_says_why_it_could_not(run: Run, models: Path, site: VideoSite) -> None:
    publish(site, models)
    run("fetch", "colours")
    installed = models / "colours" / "colours.onnx"
    good = installed.read_bytes()
    installed.write_bytes(good[:-1])
    assert {pack["name"]: pack["state"] for pack in run("list")["packs"]}["colours"] == "damaged"
    site.answer("/media/colours.onnx", Answer(404))
    said = run("fetch", "colours", status=1)["said"]
    assert "/elsewhere.onnx is not there (status 404)" in said
    assert "/media/colours.onnx is not there (status 404)" in said
    site.answer("/media/colours.onnx")
    run("fetch", "colours")
    assert installed.read_bytes() == good


def test_a_licence_is_accepted_before_anything_is_asked_of_the_network(run: Run, models: Path, site: VideoSite) -> None:
    publish(site, models, TERMS)
    said = run("fetch", "colours", status=2)["said"]
    assert TERMS in said and "--accept-licence" in said and "https://example.org/licence" in said
    assert site.asked == []
    assert not (models / "colours").exists()
    (brought,) = run("fetch", "colours", "--accept-licence")["packs"]
    assert brought["accepted_by"] == json.loads((models / "colours" / "installed.json").read_text())["by"]
    assert not brought["free"]


def test_a_person_is_asked_in_a_terminal(models: Path, site: VideoSite) -> None:
    publish(site, models, TERMS)
    refused, said = _in_a_terminal("n\n", "fetch", "colours")
    assert refused == 1
    assert TERMS in said and "was not accepted: nothing was fetched" in said
    accepted, _ = _in_a_terminal("y\n", "fetch", "colours")
    assert accepted == 0
    assert json.loads((models / "colours" / "installed.json").read_text())["accepted"] == TERMS


def test_a_file_that_one_has_is_installed_without_a_network(run: Run, models: Path, tmp_path: Path) -> None:
    made = embedder(tmp_path / "given" / "any-name.onnx")
    files = file_table(made).replace("any-name.onnx", "colours.onnx")
    describe(models, "colours", EMBEDDER.format(name="colours"), files)
    assert "says of no file where it is: give it with --from FILE" in run("fetch", "colours", status=1)["said"]
    (brought,) = run("fetch", "colours", "--from", str(made))["packs"]
    assert brought["state"] == "installed"
    assert (models / "colours" / "colours.onnx").read_bytes() == made.read_bytes()
    other = embedder(tmp_path / "given" / "other.onnx", constant=True)
    assert "is none of the files of colours: colours.onnx" in run("fetch", "colours", "--from", str(other), status=1)[
        "said"
    ].replace("\n", " ")
    assert (models / "colours" / "colours.onnx").read_bytes() == made.read_bytes()


def test_what_is_wrong_use(run: Run, models: Path) -> None:
    for name in ("nonesuch", "mmod", "dlib+yunet", "yunet+yunet", "dlib+dlib", "yunet+nonesuch", ""):
        for command in ("fetch", "check"):
            assert f"there is no pack or engine {name!r}" in run(command, name, status=2)["said"]
    assert "--from gives one file" in run("fetch", "yunet+sface", "--from", "x.onnx", status=2)["said"]
    assert "sface needs a detector before it: `lastseen models fetch yunet`" in run("check", "sface", status=2)["said"]


def test_check_measures_an_engine(run: Run, models: Path, site: VideoSite) -> None:
    add_detector(models), publish(site, models)
    run("fetch", "bright+colours")
    told = run("check", "colours")
    assert told["ok"] is True
    assert told["engine"].startswith("bright+colours/102/")
    assert told["likeness"] < told["other"]
    assert (told["known"], told["finds_drawn_heads"]) == (False, True)
    assert all(told[f"{what}_ms"] > 0 for what in ("detect", "align", "embed", "embed_batch"))


def test_check_of_what_is_not_there_says_how_to_get_it(run: Run, models: Path) -> None:
    assert "lastseen models fetch yunet" in run("check", "yunet", status=1)["said"]


def _in_a_terminal(typed: str, *arguments: str) -> tuple[int, str]:
    """`lastseen models ...` in front of a person who types: its exit status and what it said."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "models", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "COLUMNS": "400"}
    return at_a_terminal(typed, command, environ)
