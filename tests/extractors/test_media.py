"""Opening: what is let in, what is refused, and as whose fault."""

import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extractors.limits import Limits, Unfit
from extractors.media import Still, Video, open_media, open_still
from lastseen.outcomes import Fault
from tests.extractors.films import FPS, ground, plain_film, png, sound


def opened(path: Path, limits: Limits) -> str:
    """What kind of thing it is."""
    with open_media(path, limits) as media:
        return type(media).__name__


def refused(path: Path, limits: Limits) -> Unfit:
    """Why it was not opened."""
    with pytest.raises(Unfit) as raised, open_media(path, limits):
        pass
    return raised.value


def test_a_video_states_its_length(tmp_path: Path, limits: Limits) -> None:
    with open_media(plain_film(tmp_path / "a.mp4", 2), limits) as media:
        assert isinstance(media, Video)
        assert media.stated is not None
        assert float(media.stated) == pytest.approx(2, abs=1 / FPS)


def test_a_picture_is_turned_upright(tmp_path: Path, limits: Limits) -> None:
    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turned
    image.save(tmp_path / "a.jpg", exif=exif)
    with open_media(tmp_path / "a.jpg", limits) as media:
        assert isinstance(media, Still)
        assert media.pixels.shape == (40, 20, 3)


def test_transparent_becomes_white(tmp_path: Path, limits: Limits) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert np.all(open_still(tmp_path / "a.png", limits).pixels == 255)


def test_an_empty_file(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "a").touch()
    unfit = refused(tmp_path / "a", limits)
    assert (unfit.fault, unfit.why) == (Fault.DEFECT, "the file is empty (0 bytes)")


@pytest.mark.parametrize("content", [b"<!doctype html><p>gone", b"\x00" * 4096, b"%PDF-1.7\n", bytes(range(256)) * 64])
def test_neither_video_nor_picture(tmp_path: Path, limits: Limits, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    unfit = refused(tmp_path / "a.mp4", limits)
    assert unfit.fault == Fault.DEFECT
    assert "neither a video nor a picture" in unfit.why


def test_a_picture_that_would_need_gigabytes_is_refused_by_its_header(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "bomb.png").write_bytes(png_bomb(30_000, 30_000))
    unfit = refused(tmp_path / "bomb.png", limits)
    assert unfit.fault == Fault.SKIPPED
    assert "30000 x 30000" in unfit.why
    assert "LASTSEEN_MAX_MEGAPIXELS" in unfit.why


def test_a_video_with_too_many_pixels(tmp_path: Path, limits: Limits) -> None:
    small = Limits(0, limits.max_duration_seconds, 60, 4096)
    unfit = refused(plain_film(tmp_path / "a.mp4", 0.5), small)
    assert unfit.fault == Fault.SKIPPED
    assert "LASTSEEN_MAX_MEGAPIXELS" in unfit.why


def test_what_a_header_says_of_the_length_keeps_no_video_out(tmp_path: Path, limits: Limits) -> None:
    """A film of two seconds that says five hours was never looked at."""
    assert opened(plain_film(tmp_path / "a.mp4", 2), replace(limits, max_duration_seconds=1)) == "Video"


def test_sound_only(tmp_path: Path, limits: Limits) -> None:
    unfit = refused(sound(tmp_path / "a.wav"), limits)
    assert (unfit.fault, unfit.why) == (Fault.SKIPPED, "it has sound only, no pictures")


def test_a_damaged_picture(tmp_path: Path, limits: Limits) -> None:
    (tmp_path / "a.png").write_bytes(png(ground())[:200])
    unfit = refused(tmp_path / "a.png", limits)
    assert unfit.fault == Fault.DEFECT
    assert "damaged picture" in unfit.why


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile sibling.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{sibling}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:{sibling}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_file_that_names_its_sibling_opens_nothing(tmp_path: Path, limits: Limits, text: str) -> None:
    """FFmpeg on its own decodes the sibling of the first."""
    sibling = plain_film(tmp_path / "sibling.mp4", 0.5)
    (tmp_path / "evil.mp4").write_text(text.format(sibling=sibling))
    assert opened(sibling, limits) == "Video"
    assert refused(tmp_path / "evil.mp4", limits).fault == Fault.DEFECT


def test_an_animation_is_a_video_but_a_photo_when_asked(tmp_path: Path, limits: Limits) -> None:
    pictures = [Image.new("RGB", (32, 32), (shade, 0, 0)) for shade in (0, 100, 200)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=200)
    assert opened(tmp_path / "a.gif", limits) == "Video"
    assert open_still(tmp_path / "a.gif", limits).pixels.shape == (32, 32, 3)


def png_bomb(width: int, height: int) -> bytes:
    """A small file whose header promises a picture of this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    parts = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
