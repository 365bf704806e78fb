"""How long files last by their packets, and picture and sound in one file: in the genuine sandbox."""

from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from extractors import sandbox
from extractors.sandbox import Sandbox
from lastseen.outcomes import Fault
from lastseen.records import Joined, Measured, Rejection
from lastseen.settings import Settings
from tests.servers.video_site import films


@pytest.fixture
def box(opening: Settings) -> Iterator[Sandbox]:
    """A sandbox."""
    with sandbox.opened(opening) as opened:
        yield opened


def written(folder: Path, content: bytes, name: str = "film") -> Path:
    """As a file."""
    path = folder / name
    path.write_bytes(content)
    return path


def lasts(box: Sandbox, path: Path) -> float:
    """Seconds."""
    found = box.measure(path)
    assert isinstance(found, Measured), found
    return found.milliseconds / 1000


def pieces(files: films.Files, *names: str) -> bytes:
    """End to end."""
    return b"".join(files[name] for name in names)


def test_how_long_a_file_lasts(box: Sandbox, tmp_path: Path) -> None:
    hls, dash = films.hls(4), films.dash(4)
    stream = pieces(hls, *(f"film{number}.ts" for number in range(4)))
    video = pieces(dash, "init-stream0.m4s", *(f"chunk-stream0-{number:05}.m4s" for number in range(1, 5)))
    for content in (films.mp4(4), films.mp4(4, audio=False), films.mp4(4, video=False), stream, video):
        assert lasts(box, written(tmp_path, content)) == pytest.approx(4, abs=0.3), "and a packet of sound"


def test_a_header_is_not_believed(box: Sandbox, tmp_path: Path) -> None:
    """A file whose index stands in front says its full length however much of it is there."""
    whole = tmp_path / "whole.mp4"
    with (
        av.open(str(written(tmp_path, films.mp4(20)))) as source,
        av.open(str(whole), "w", format="mp4", options={"movflags": "+faststart"}) as out,
    ):
        copy = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = copy
                out.mux_one(packet)
    cut = written(tmp_path, whole.read_bytes()[: whole.stat().st_size // 2], "cut.mp4")
    with av.open(str(cut)) as opened:
        assert opened.duration is not None
        assert opened.duration / 1_000_000 == pytest.approx(20, abs=0.2), "what the header says"
    assert 1 < lasts(box, cut) < 15


def test_pieces_that_each_begin_anew_are_added_up(box: Sandbox, tmp_path: Path) -> None:
    """As where advertisements were put between the pieces of a stream."""
    first, second = films.hls(2), films.hls(3, seed=1)
    joined = pieces(first, "film0.ts", "film1.ts") + pieces(second, "film0.ts", "film1.ts", "film2.ts")
    assert lasts(box, written(tmp_path, joined)) == pytest.approx(5, abs=0.5)


def test_what_is_no_film_cannot_be_measured(box: Sandbox, tmp_path: Path) -> None:
    for content in (b"#!/bin/sh\n" * 100, b"", b"ffconcat version 1.0\nfile /etc/passwd\n"):
        found = box.measure(written(tmp_path, content))
        assert isinstance(found, Rejection)
        assert found.fault == Fault.DEFECT


def test_picture_and_sound_in_one_file(box: Sandbox, tmp_path: Path) -> None:
    video, audio = (tmp_path / name for name in ("video", "audio"))
    video.write_bytes(films.mp4(4, audio=False))
    audio.write_bytes(films.mp4(4, video=False))
    made = [box.join(video, audio, tmp_path / f"joined-{number}") for number in range(2)]
    assert all(isinstance(each, Joined) for each in made), made
    assert isinstance(made[0], Joined)
    assert (made[0].container, sorted(made[0].made_with)) == ("mp4", ["av", "libavcodec", "libavformat"])
    assert (tmp_path / "joined-0").read_bytes() == (tmp_path / "joined-1").read_bytes(), "the same again"
    assert _packets(tmp_path / "joined-0", "video") == _packets(video, "video")
    assert _packets(tmp_path / "joined-0", "audio") == _packets(audio, "audio")
    assert lasts(box, tmp_path / "joined-0") == pytest.approx(4, abs=0.2)


def test_what_an_mp4_does_not_hold_goes_into_matroska(box: Sandbox, tmp_path: Path) -> None:
    video = written(tmp_path, films.mp4(2, audio=False), "video")
    audio = tmp_path / "audio"
    with av.open(str(audio), "w", format="wav") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=8000)
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
    made = box.join(video, audio, tmp_path / "joined")
    assert isinstance(made, Joined), made
    assert made.container == "matroska"
    assert (tmp_path / "joined").read_bytes()[:4] == b"\x1aE\xdf\xa3"


def test_two_pictures_are_not_joined(box: Sandbox, tmp_path: Path) -> None:
    video = written(tmp_path, films.mp4(1, audio=False))
    made = box.join(video, video, tmp_path / "joined")
    assert isinstance(made, Rejection)
    assert "no sound" in made.why


def test_a_working_copy_is_not_larger_than_its_parts_may_be(
    opening: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child that writes one is held to that."""
    video, audio = written(tmp_path, films.mp4(4, audio=False), "v"), written(tmp_path, films.mp4(4, video=False), "a")
    monkeypatch.setattr(sandbox, "MIB", 1)
    with sandbox.opened(opening.model_copy(update={"fetch_max_mib": 1000})) as small:
        found = small.join(video, audio, tmp_path / "joined")
    assert isinstance(found, Rejection), "3000 bytes were allowed"


def _packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        streams = container.streams.video if kind == "video" else container.streams.audio
        return [bytes(packet) for packet in container.demux(streams[0]) if packet.size]
