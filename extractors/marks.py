"""A visible mark below derived pictures and clips that leave the office.

Only derivatives of our own making are opened here: what strangers sent is opened in the sandbox.
"""

import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from extractors.crops import JPEG_QUALITY
from extractors.moments import CRF
from lastseen.records import Pixels

Strip = Callable[[int], Pixels]
"""width in pixels -> the mark, as wide as that"""


def marked_picture(content: bytes, strip: Strip) -> bytes:
    """The picture as JPEG with the mark below it; nothing of the picture is covered."""
    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image.convert("RGB"), np.uint8)
    made = io.BytesIO()
    Image.fromarray(_below(pixels, strip(pixels.shape[1]))).save(made, "JPEG", quality=JPEG_QUALITY)
    return made.getvalue()


def marked_clip(source: Path, target: Path, strip: Strip) -> None:
    """The clip, encoded once more with the mark below it."""
    with av.open(str(source)) as clip, av.open(str(target), "w", options={"movflags": "+faststart"}) as out:
        stream: VideoStream | None = None
        for frame in clip.decode(video=0):
            pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            marked = _even(_below(pixels, strip(pixels.shape[1])))
            clock = frame.time_base or Fraction(1, 1000)
            stream = stream or _stream(out, marked, clock)
            picture = VideoFrame.from_ndarray(marked, format="rgb24")
            picture.pts, picture.time_base = frame.pts, clock
            out.mux(stream.encode(picture))
        if stream is not None:
            out.mux(stream.encode(None))


def _stream(out: OutputContainer, pixels: Pixels, clock: Fraction) -> VideoStream:
    stream = out.add_stream("libx264", rate=30, options={"crf": CRF, "preset": "veryfast"})
    stream.height, stream.width = pixels.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = stream.time_base = clock
    stream.codec_context.thread_count = 1
    return stream


def _below(pixels: Pixels, strip: Pixels) -> Pixels:
    return np.concatenate([pixels, strip[:, : pixels.shape[1]]])


def _even(pixels: Pixels) -> Pixels:
    """With even sides, as yuv420p needs them: the last line is told twice."""
    height, width = pixels.shape[:2]
    return np.ascontiguousarray(np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge"))
