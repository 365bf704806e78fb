"""Pictures and videos made while the tests run, of drawn heads that the real detectors take for faces."""

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import OutputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from extractors.faces import check
from lastseen.records import Pixels

ANNA = check.FIRST
BOHDAN = check.Head((235, 200, 180), (150, 110, 60), eyes=29, width=50, mouth=18, brow=15)
SIZE = (480, 270)
"""width x height"""
FPS = 24

Place = tuple[int, int, int]
"""left, top, side of the square that a head is drawn in"""


def ground(shade: int = 110, size: tuple[int, int] = SIZE) -> Pixels:
    """An empty picture."""
    return np.full((size[1], size[0], 3), (shade - 20, shade, shade + 30), np.uint8)


def scene(heads: Mapping[check.Head, Place], shade: int = 110, size: tuple[int, int] = SIZE) -> Pixels:
    """Heads on a ground."""
    picture = ground(shade, size)
    for head, (left, top, side) in heads.items():
        drawn = np.asarray(Image.fromarray(check.draw(head)).resize((side, side)))
        picture[top : top + side, left : left + side] = drawn
    return picture


def film(path: Path, pictures: Iterable[Pixels], fps: int = FPS) -> Path:
    """Pictures as an H.264 MP4 whose index stands in front."""
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        stream = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = out.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": "12"})
                stream.height, stream.width, stream.pix_fmt = picture.shape[0], picture.shape[1], "yuv420p"
                stream.codec_context.thread_count = 1
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            out.mux(stream.encode(frame))
        if stream is not None:
            out.mux(stream.encode(None))
    return path


def plain_film(path: Path, seconds: float = 2.0, size: tuple[int, int] = (160, 90)) -> Path:
    """Two shots of slowly changing grey, without faces."""
    count = round(seconds * FPS)
    shades = [40 + n % 20 if n < count // 2 else 180 + n % 20 for n in range(count)]
    return film(path, (ground(shade, size) for shade in shades))


def transport_stream(path: Path, pictures: int) -> Path:
    """Pictures that all look alike."""
    with av.open(str(path), "w", format="mpegts") as out:
        stream = out.add_stream("mpeg1video", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        for number in range(pictures):
            frame = VideoFrame.from_ndarray(ground(60, (160, 90)), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def two_streams(path: Path, small: Iterable[Pixels], large: Iterable[Pixels]) -> Path:
    """Two video streams in one MP4, the small one first."""
    with av.open(str(path), "w", format="mp4") as out:
        films = [list(small), list(large)]
        streams = [out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"}) for _ in films]
        for stream, pictures in zip(streams, films, strict=True):
            stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv420p"
            stream.codec_context.thread_count = 1
        for stream, pictures in zip(streams, films, strict=True):
            for number, picture in enumerate(pictures):
                frame = VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def sound(path: Path) -> Path:
    """A tenth of a second of silence, as WAV."""
    with av.open(str(path), "w", format="wav") as out:
        stream = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def png(picture: Pixels) -> bytes:
    """The picture as PNG."""
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


@dataclass(frozen=True)
class Coding:
    """How a film is written; the defaults are those of `film`."""

    name: str = "a.mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=lambda: {"preset": "ultrafast"})
    container: Mapping[str, str] = field(default_factory=dict)
    times: Sequence[int] = ()
    """milliseconds of each picture, if they are not even"""
    aspect: Fraction | None = None
    turned: tuple[int, bool] | None = None
    """degrees counterclockwise, and mirrored"""
    colours: tuple[int, int, int, int] = (2, 2, 2, 0)
    """H.273's numbers of primaries, transfer and matrix, and the range"""
    to_planes: Callable[[Pixels], VideoFrame] | None = None


@contextmanager
def encoding() -> Iterator[None]:
    """Give this thread back its rank at the end: SVT-AV1 makes whoever opens it as root a real-time thread.

    All that is started later inherits it.  Two such processes that wait for each other in the kernel, as those of a
    browser that closes, keep both cores for ever.
    """
    policy, rank = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, rank)


def coded(folder: Path, pictures: Iterable[Pixels], coding: Coding) -> Path:
    """Pictures, all of one size, in a file like that."""
    path = folder / coding.name
    with encoding(), av.open(str(path), "w", options=dict(coding.container)) as out:
        stream = None
        for number, picture in enumerate(pictures):
            stream = stream or _coded_stream(out, coding, picture)
            frame = _planes(picture, coding)
            frame.pts = coding.times[number] if coding.times else number * 1000 // FPS
            frame.time_base = Fraction(1, 1000)
            out.mux(stream.encode(frame))
        if stream is not None:
            out.mux(stream.encode(None))
    return path


def _coded_stream(out: OutputContainer, coding: Coding, picture: Pixels) -> VideoStream:
    stream = cast("VideoStream", out.add_stream(coding.codec, rate=FPS, options=dict(coding.options)))
    stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], coding.pixels
    context = stream.codec_context
    context.thread_count = 1
    if coding.codec.startswith("lib"):  # the others know even times only
        context.time_base = Fraction(1, 1000)
    if coding.aspect is not None:
        context.sample_aspect_ratio = coding.aspect
    if coding.turned is not None:
        stream.set_display_rotation(coding.turned[0], hflip=coding.turned[1])
    context.color_primaries, context.color_trc, context.colorspace, context.color_range = coding.colours
    return stream


def _planes(picture: Pixels, coding: Coding) -> VideoFrame:
    if coding.to_planes is not None:
        return coding.to_planes(picture)
    layout = "rgba" if picture.shape[2] == 4 else "rgb24"
    matrix, spread = coding.colours[2:]
    wanted = {"dst_colorspace": matrix} if matrix != 2 else {}
    frame = VideoFrame.from_ndarray(picture, format=layout)
    return frame.reformat(format=coding.pixels, dst_color_range=spread or None, **wanted)


def in_hdr(picture: Pixels, transfer: str) -> VideoFrame:
    """The picture as a screen of 203 cd/m2 shows it, in 10 bits of PQ or HLG with BT.2020's primaries."""
    light = (picture / 255.0) ** 2.4 @ FROM_BT709.T * 203
    codes = pq(light) if transfer == "pq" else hlg(light)
    frame = VideoFrame.from_ndarray(np.rint(codes * 65535).astype(np.uint16), format="rgb48le")
    return frame.reformat(format="yuv420p10le", dst_colorspace=Colorspace.BT2020, dst_color_range=ColorRange.MPEG)


FROM_BT709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""linear light, to BT.2020's primaries (ITU-R BT.2087)"""


def pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 to codes of 0 .. 1, SMPTE ST 2084."""
    power = (light / 10_000) ** (2610 / 16384)
    codes: NDArray[np.float64] = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    return codes


def hlg(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """cd/m2 on a display of 1000 to codes of 0 .. 1, ARIB STD-B67."""
    scene = (light / 1000) ** (1 / 1.2)
    above = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    codes: NDArray[np.float64] = np.where(scene <= 1 / 12, np.sqrt(3 * scene), above)
    return codes


def cover_only(path: Path) -> Path:
    """A second of silence with a picture for its cover, as music is published."""
    with av.open(str(path), "w") as out:
        sounds = out.add_stream("aac", rate=44100, layout="mono")
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 160, 90, "yuvj420p", Disposition.attached_pic
        frame = VideoFrame.from_ndarray(ground(60, (160, 90)), format="rgb24").reformat(format="yuvj420p")
        frame.pts = 0
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 44100
        for packet in [*cover.encode(frame), *cover.encode(None), *sounds.encode(silence), *sounds.encode(None)]:
            out.mux(packet)
    return path
