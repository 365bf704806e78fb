"""`lastseen models`: packs fetched from a server on loopback, with what a script and a person get to see."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

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
    assert "1 descriptions cannot be used" in told["said"]


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
    assert "there is no pack 'nonesuch'" in run("fetch", "nonesuch", status=2)["said"]
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
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "400"}
    return at_a_terminal(typed, command, environ)
