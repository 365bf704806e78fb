"""Every kind of file that people send: its picture is the drawn one, or the outcome says why there is none."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image

from extractors.frames import Cut, End, Picture, Remark, Same, sample
from extractors.limits import Limits, Unfit
from extractors.media import Still, Video, open_media
from lastseen.outcomes import Fault
from lastseen.records import Pixels
from tests.extractors.films import ANNA, BOHDAN, FPS, Coding, coded, cover_only, film, ground, in_hdr, scene

ALIKE = 6.0
"""mean levels by which lossy coding may change the drawn picture"""


def drawn() -> Pixels:
    """Two heads; no turn or mirror of it looks like it."""
    return scene({ANNA: (20, 20, 120), BOHDAN: (260, 100, 150)})


def sticker() -> Pixels:
    """A head cut out; what is transparent would be black."""
    layered = np.zeros((256, 256, 4), np.uint8)
    layered[40:200, 60:220, :3] = scene({ANNA: (0, 0, 160)})[:160, :160]
    layered[40:200, 60:220, 3] = 255
    layered[40:60, 60:80, 3] = 0  # else writers of WebP leave the transparency out, and the rest is nobody's
    return layered


def on_paper(layered: Pixels) -> Pixels:
    """What `sticker` looks like on white."""
    return np.where(layered[..., 3:] == 255, layered[..., :3], 255).astype(np.uint8)


def apart(one: Pixels, other: Pixels) -> float:
    """Mean difference in levels; pictures of other sizes are worlds apart."""
    return float(np.abs(one.astype(float) - other).mean()) if one.shape == other.shape else 999.0


def looked_at(path: Path, limits: Limits) -> tuple[Pixels, list[str]]:
    """The first picture and every remark."""
    with open_media(path, limits) as media:
        if isinstance(media, Still):
            return media.pixels, [media.note] if media.note else []
        events = list(sample(media, limits))
    assert isinstance(events[-1], End)
    pictures = [event.pixels for event in events if isinstance(event, Picture)]
    return pictures[0], [event.text for event in events if isinstance(event, Remark)]


PRESSED = "its high dynamic range was pressed into that of a screen"
VPX = {"deadline": "realtime", "cpu-used": "8"}
FILMS = {
    "H.264": Coding(),
    "H.264 in Matroska": Coding("a.mkv"),
    "H.264, full range": Coding(pixels="yuvj420p", colours=(1, 1, 1, 2)),
    "H.264, colours named BT.601": Coding(colours=(6, 6, 6, 1)),
    "H.264, colours named BT.709": Coding(colours=(1, 1, 1, 1)),
    "H.264, 4:4:4": Coding(pixels="yuv444p"),
    "H.264, 10 bit": Coding(pixels="yuv420p10le"),
    "HEVC, 10 bit": Coding(
        codec="libx265", pixels="yuv420p10le", options={"preset": "ultrafast", "x265-params": "log-level=none"}
    ),
    "VP8": Coding("a.webm", "libvpx", options=VPX | {"crf": "10", "b": "2M"}),
    "VP9": Coding("a.webm", "libvpx-vp9", options=VPX),
    "AV1": Coding("a.mp4", "libsvtav1", options={"preset": "12"}),
    "MPEG-4": Coding("a.avi", "mpeg4", options={"q:v": "2", "b": "4M"}),
    "MPEG-2": Coding("a.ts", "mpeg2video", options={"b": "4M"}),
    "Motion JPEG": Coding("a.avi", "mjpeg", pixels="yuvj420p", options={"b": "40M"}, colours=(2, 2, 2, 2)),
    "Windows Media": Coding("a.wmv", "wmv2", options={"b": "4M"}),
    "Flash": Coding("a.flv", "flv", options={"b": "4M"}),
}


@pytest.mark.parametrize("name", FILMS)
def test_a_film_is_seen_as_it_was_drawn(tmp_path: Path, limits: Limits, name: str) -> None:
    pixels, remarks = looked_at(coded(tmp_path, [drawn()] * 6, FILMS[name]), limits)
    assert apart(pixels, drawn()) < ALIKE
    assert remarks == []


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_high_dynamic_range_looks_like_the_film_for_a_screen(tmp_path: Path, limits: Limits, transfer: str) -> None:
    coding = Coding(
        codec="libx265",
        pixels="yuv420p10le",
        options={"preset": "ultrafast", "x265-params": "log-level=none"},
        colours=(9, 16 if transfer == "pq" else 18, 9, 1),
        to_planes=lambda picture: in_hdr(picture, transfer),
    )
    pixels, remarks = looked_at(coded(tmp_path, [drawn()] * 6, coding), limits)
    assert apart(pixels, drawn()) < ALIKE
    assert remarks == [PRESSED]


def test_high_definition_without_named_colours_is_taken_for_bt709(tmp_path: Path, limits: Limits) -> None:
    """As most of them are written."""

    def planes(pixels: Pixels) -> VideoFrame:
        frame = VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.colorspace = 2
        return frame

    large = scene({ANNA: (100, 100, 400)}, size=(1280, 720))
    assert apart(looked_at(coded(tmp_path, [large] * 2, Coding(to_planes=planes)), limits)[0], large) < 2.0


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_a_video_sticker_stands_on_white(tmp_path: Path, limits: Limits, codec: str) -> None:
    coding = Coding("a.webm", codec, "yuva420p", VPX | {"auto-alt-ref": "0", "b": "2M"})
    pixels, _ = looked_at(coded(tmp_path, [sticker()] * 6, coding), limits)
    assert apart(pixels, on_paper(sticker())) < ALIKE


def test_what_only_its_transparency_hides_is_a_change(tmp_path: Path, limits: Limits) -> None:
    """The colours of a sticker stay, and after a second they become visible."""
    hidden = sticker()
    hidden[..., 3] = 0
    coding = Coding("a.webm", "libvpx-vp9", "yuva420p", VPX | {"auto-alt-ref": "0"})
    with open_media(coded(tmp_path, [hidden] * FPS + [sticker()] * FPS, coding), limits) as media:
        assert isinstance(media, Video)
        pictures = [event for event in sample(media, limits) if isinstance(event, Picture)]
    assert [float(picture.at) for picture in pictures] == pytest.approx([0, 1], abs=0.05)
    assert apart(pictures[1].pixels, on_paper(sticker())) < ALIKE


TURNS: dict[tuple[int, bool], Callable[[Pixels], NDArray[Any]]] = {
    (0, False): lambda stored: stored,
    (90, False): lambda stored: np.rot90(stored, 1),
    (180, False): lambda stored: np.rot90(stored, 2),
    (270, False): lambda stored: np.rot90(stored, 3),
    (0, True): lambda stored: stored[:, ::-1],
    (180, True): lambda stored: stored[::-1],
    (90, True): lambda stored: np.rot90(stored, 1)[:, ::-1],
    (270, True): lambda stored: np.rot90(stored, 3)[:, ::-1],
}
"""how FFmpeg defines them: turned first, then mirrored"""


@pytest.mark.parametrize("turn", TURNS)
def test_a_container_that_turns_and_mirrors(tmp_path: Path, limits: Limits, turn: tuple[int, bool]) -> None:
    pixels, _ = looked_at(coded(tmp_path, [drawn()] * 2, Coding(turned=turn)), limits)
    assert apart(pixels, np.ascontiguousarray(TURNS[turn](drawn()))) < ALIKE


@pytest.mark.parametrize(
    ("aspect", "size"),
    [(Fraction(16, 11), (698, 270)), (Fraction(1, 2), (480, 540)), (Fraction(100, 1), (480, 270))],
)
def test_pixels_that_are_not_square(tmp_path: Path, limits: Limits, aspect: Fraction, size: tuple[int, int]) -> None:
    """Faces are not squeezed; what no camera writes is not believed, and said."""
    pixels, remarks = looked_at(coded(tmp_path, [drawn()] * 2, Coding(aspect=aspect)), limits)
    assert apart(pixels, np.asarray(Image.fromarray(drawn()).resize(size, Image.Resampling.BILINEAR))) < ALIKE
    assert [text[:36] for text in remarks] == (["it claims pixels 100 times as wide a"] if aspect == 100 else [])


def test_pixels_stretched_beyond_the_limit(tmp_path: Path, limits: Limits) -> None:
    path = coded(tmp_path, [ground(60, (2000, 1500))], Coding(aspect=Fraction(4)))
    with pytest.raises(Unfit, match="LASTSEEN_MAX_MEGAPIXELS"), open_media(path, limits):
        pass


def test_uneven_times_are_kept(tmp_path: Path, limits: Limits) -> None:
    """A stream from a phone: pictures come when they come."""
    times = (0, 40, 700, 733, 1500, 1510, 1900)
    shades = [60, 60, 100, 100, 140, 140, 180]
    path = coded(tmp_path, [ground(shade) for shade in shades], Coding("a.mkv", times=times))
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        events = list(sample(media, limits))
    assert [event.at for event in events if isinstance(event, Picture)] == [
        Fraction(ms, 1000) for ms in (0, 700, 1500, 1900)
    ]


def test_no_stated_length(tmp_path: Path, limits: Limits) -> None:
    """As a recording of a live stream: the file was never finished."""
    coding = Coding("a.mkv", container={"live": "1"})
    with open_media(coded(tmp_path, [drawn()] * FPS, coding), limits) as media:
        assert isinstance(media, Video)
        assert media.stated is None
        end = list(sample(media, limits))[-1]
    assert isinstance(end, End)
    assert end.decoded == FPS


def test_interlaced_pictures_are_said(tmp_path: Path, limits: Limits) -> None:
    coding = Coding("a.ts", "mpeg2video", options={"b": "4M", "flags": "+ilme+ildct"})
    pixels, remarks = looked_at(coded(tmp_path, [drawn()] * 6, coding), limits)
    assert apart(pixels, drawn()) < ALIKE
    assert remarks == ["its pictures are interlaced: what moves is combed"]


@pytest.mark.parametrize("size", [(481, 271), (17, 11), (2, 2)])
def test_odd_and_tiny_sizes(tmp_path: Path, limits: Limits, size: tuple[int, int]) -> None:
    pixels, _ = looked_at(coded(tmp_path, [ground(90, size)] * 3, Coding(pixels="yuv444p")), limits)
    assert apart(pixels, ground(90, size)) < ALIKE


def test_pictures_that_change_their_size(tmp_path: Path, limits: Limits) -> None:
    parts = [ground(60, (160, 90)), drawn()]
    coding = Coding("a.ts", "mpeg2video", options={"b": "4M"})
    joined = b"".join(coded(tmp_path, [part] * FPS, coding).read_bytes() for part in parts)
    (tmp_path / "joined.ts").write_bytes(joined)
    with open_media(tmp_path / "joined.ts", limits) as media:
        assert isinstance(media, Video)
        events = list(sample(media, limits))
    assert {event.pixels.shape for event in events if isinstance(event, Picture)} == {(90, 160, 3), (270, 480, 3)}
    assert Remark("its pictures change their size") in events


def animated(path: Path, pictures: Sequence[Pixels], durations: Sequence[int]) -> Path:
    """As Pillow writes it."""
    first, *rest = (Image.fromarray(picture) for picture in pictures)
    first.save(path, save_all=True, append_images=rest, duration=list(durations), lossless=True)
    return path


@pytest.mark.parametrize("suffix", ["webp", "png", "avif", "gif"])
def test_an_animation_is_looked_at_like_a_video(tmp_path: Path, limits: Limits, suffix: str) -> None:
    """Each picture at its own time, transparency on white."""
    still, last = sticker(), np.full((256, 256, 4), (20, 40, 60, 255), np.uint8)
    path = animated(tmp_path / f"a.{suffix}", [still, last, still], [700, 400, 300])
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        events = list(sample(media, limits))
    pictures = [event for event in events if isinstance(event, Picture)]
    assert [float(picture.at) for picture in pictures] == pytest.approx([0, 0.7, 1.1], abs=0.011)
    assert apart(pictures[0].pixels, on_paper(still)) < ALIKE
    assert apart(pictures[1].pixels, last[..., :3]) < ALIKE
    assert sum(isinstance(event, Cut) for event in events) == 3
    end = events[-1]
    assert isinstance(end, End)
    assert float(end.until) == pytest.approx(1.4, abs=0.011)


def test_pictures_shown_for_no_time_are_shown_for_a_tenth_of_a_second(tmp_path: Path, limits: Limits) -> None:
    path = animated(tmp_path / "a.webp", [ground(shade) for shade in (40, 120, 200)], [0, 0, 0])
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        end = list(sample(media, limits))[-1]
    assert isinstance(end, End)
    assert (end.decoded, end.until) == (3, Fraction(3, 10))


def test_a_damaged_animation_is_seen_as_far_as_it_goes(tmp_path: Path, limits: Limits) -> None:
    path = animated(tmp_path / "a.png", [drawn(), ground(40), scene({BOHDAN: (9, 9, 200)})], [500, 500, 500])
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"fdAT") + 200])
    with open_media(path, limits) as media:
        assert isinstance(media, Video)
        events = list(sample(media, limits))
    assert apart(next(event.pixels for event in events if isinstance(event, Picture)), drawn()) < ALIKE
    assert any("picture 3 of 3" in getattr(event, "why", "") for event in events)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif", "a.tiff"])
def test_a_damaged_still_is_a_defect(tmp_path: Path, limits: Limits, name: str) -> None:
    """Pillow's decoders raise many things; none of them may be taken for a fault of ours."""
    Image.fromarray(drawn()).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    harm = content[:200] if name != "a.avif" else content[:-2000] + bytes(2000)
    (tmp_path / name).write_bytes(harm)
    with pytest.raises(Unfit, match=r"damaged picture|neither") as raised, open_media(tmp_path / name, limits):
        pass
    assert raised.value.fault == Fault.DEFECT


ORIENTATIONS: dict[int, Callable[[Pixels], NDArray[Any]]] = {
    1: lambda shown: shown,
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: np.rot90(shown, 2),
    4: lambda shown: shown[::-1],
    5: lambda shown: np.rot90(shown[:, ::-1], 1),
    6: lambda shown: np.rot90(shown, 1),
    7: lambda shown: np.rot90(shown[:, ::-1], 3),
    8: lambda shown: np.rot90(shown, 3),
}
"""how a camera stores what it says is to be shown like that"""


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path, limits: Limits, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(ORIENTATIONS[orientation](drawn()))
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert apart(looked_at(tmp_path / "a.jpg", limits)[0], drawn()) < ALIKE


def grey() -> NDArray[np.uint8]:
    """The drawn picture without its colours."""
    return np.asarray(Image.fromarray(drawn()).convert("L"))


STILLS: dict[str, tuple[str, Callable[[], Image.Image]]] = {
    "grey": ("a.png", lambda: Image.fromarray(grey())),
    "palette": ("a.png", lambda: Image.fromarray(drawn()).quantize(256)),
    "CMYK": ("a.jpg", lambda: Image.fromarray(drawn()).convert("CMYK")),
    "16 bits of grey": ("a.png", lambda: Image.fromarray(grey().astype(np.uint16) * 257)),
    "16 bits of grey, TIFF": ("a.tiff", lambda: Image.fromarray(grey().astype(np.uint16) * 257)),
    "32 bits of grey": ("b.tiff", lambda: Image.fromarray(grey().astype(np.int32) * 65_537)),
    "floating point": ("c.tiff", lambda: Image.fromarray(grey().astype(np.float32) / 255)),
    "WebP": ("a.webp", lambda: Image.fromarray(drawn())),
    "AVIF": ("a.avif", lambda: Image.fromarray(drawn())),
    "BMP": ("a.bmp", lambda: Image.fromarray(drawn())),
    "GIF of one picture": ("a.gif", lambda: Image.fromarray(drawn()).quantize(256)),
}


@pytest.mark.parametrize("kind", STILLS)
def test_a_still_picture_of_any_kind(tmp_path: Path, limits: Limits, kind: str) -> None:
    name, make = STILLS[kind]
    make().save(tmp_path / name)
    seen = looked_at(tmp_path / name, limits)[0]
    as_grey = np.asarray(Image.fromarray(seen).convert("L"))
    spread = (grey().astype(float) - grey().min()) * 255 / (grey().max() - int(grey().min()))
    wanted = spread if name in ("b.tiff", "c.tiff") else grey()
    assert seen.shape == drawn().shape
    assert float(np.abs(as_grey.astype(float) - wanted).mean()) < ALIKE


def test_pixels_that_mean_no_colours_are_skipped(tmp_path: Path, limits: Limits) -> None:
    Image.new("LAB", (40, 30)).save(tmp_path / "a.tiff")
    with pytest.raises(Unfit, match="LAB") as raised, open_media(tmp_path / "a.tiff", limits):
        pass
    assert raised.value.fault == Fault.SKIPPED


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"\x00\x00\x00\x18ftypheic" + bytes(64), "HEIF"), (b"\x1f\x8b\x08\x00" + bytes(64), "gzip")],
)
def test_what_is_known_and_not_read_is_named(tmp_path: Path, limits: Limits, content: bytes, why: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(Unfit, match=why) as raised, open_media(tmp_path / "a", limits):
        pass
    assert raised.value.fault == Fault.SKIPPED


def test_music_with_a_cover(tmp_path: Path, limits: Limits) -> None:
    path = cover_only(tmp_path / "a.mp4")
    with pytest.raises(Unfit, match="sound only"), open_media(path, limits):
        pass


def test_a_film_of_one_picture(tmp_path: Path, limits: Limits) -> None:
    with open_media(film(tmp_path / "a.mp4", [drawn()]), limits) as media:
        assert isinstance(media, Video)
        events = list(sample(media, limits))
    assert [type(event) for event in events] == [Cut, Picture, End]
    assert not any(isinstance(event, Same) for event in events)
