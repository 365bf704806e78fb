"""Pictures and videos made while the tests run, of drawn heads that the real detectors take for faces."""

import io
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
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
