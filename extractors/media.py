"""Open one file of unknown making as a still picture or a video, or say why not.  Sandboxed child only.

Containers, protocols, picture formats and codecs are allow-listed.  FFmpeg is given an open file and no protocol
at all, so nothing that the file names can be opened (an `ffconcat` text saved as .mp4 would decode its sibling).
What is known from the header is held against the limits before anything is decoded.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Final, cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from PIL import Image, ImageOps, UnidentifiedImageError

from extractors.limits import Limits, Unfit
from lastseen.outcomes import Fault
from lastseen.records import Pixels

CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg,gif,mp3,wav,flac"
_CODECS: Final = (
    "h264 hevc av1 vp8 vp9 mpeg4 mpeg1video mpeg2video h263 flv1 "
    "msmpeg4v2 msmpeg4v3 wmv1 wmv2 wmv3 vc1 theora mjpeg gif"
)
CODECS: Final = frozenset(_CODECS.split())
PICTURE_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

MAX_STREAMS: Final = 32
"""of one container; films with many languages stay below, files made to exhaust memory do not"""
NO_PROTOCOL: Final = "none"


File = Path | IO[bytes]
"""a file to open, or one that is open already (the sandboxed child is handed those) and can be sought in"""


@dataclass(frozen=True, eq=False, slots=True)
class Still:
    """A still picture, decoded and turned upright."""

    pixels: Pixels
    note: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Video:
    """A video whose largest stream of moving pictures may be decoded."""

    container: InputContainer
    stream: VideoStream
    stated: Fraction | None
    """seconds that the file says it lasts"""
    others: int = 0
    """further streams of moving pictures, which nobody looks at"""


@contextmanager
def open_media(file: File, limits: Limits) -> Iterator[Still | Video]:
    """Open a picture or a video within the limits.  Raises Unfit; OSError if the file itself cannot be read."""
    with ExitStack() as stack:
        opened = stack.enter_context(_opened(file))
        yield _still(opened, limits) or _video(opened, limits, stack)


def open_still(file: File, limits: Limits) -> Still:
    """Open a still picture; the first picture of an animation.  Raises Unfit and OSError."""
    with _opened(file) as opened:
        still = _still(opened, limits, animations=True)
    if still is None:
        raise Unfit(Fault.DEFECT, f"not a picture in a known format ({', '.join(PICTURE_FORMATS)})")
    return still


@contextmanager
def _opened(file: File) -> Iterator[IO[bytes]]:
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        if opened.seek(0, os.SEEK_END) == 0:
            raise Unfit(Fault.DEFECT, "the file is empty (0 bytes)")
        opened.seek(0)
        yield opened


def _still(opened: IO[bytes], limits: Limits, *, animations: bool = False) -> Still | None:
    """The picture, or None if this is not one (or is an animation that FFmpeg reads)."""
    Image.MAX_IMAGE_PIXELS = None  # the header's size is checked below, before decoding, with a better message
    try:
        with Image.open(opened, formats=PICTURE_FORMATS) as image:
            limits.check_size(*image.size)
            frames = getattr(image, "n_frames", 1)
            if image.format == "GIF" and frames > 1 and not animations:
                return None
            note = f"the first of {frames} pictures of an animation" if frames > 1 and image.format != "MPO" else ""
            return Still(_upright(image), note)
    except UnidentifiedImageError:
        return None
    except (OSError, SyntaxError, ValueError, EOFError) as fault:  # what Pillow's decoders raise on damage
        raise Unfit(Fault.DEFECT, f"a damaged picture: {fault}") from fault
    finally:
        opened.seek(0)


def _upright(image: Image.Image) -> Pixels:
    """Decoded, turned as its EXIF says, on white where it is transparent."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        layered = turned.convert("RGBA")
        ground = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        turned = Image.alpha_composite(ground, layered)
    if turned.mode.startswith("I;16") or turned.mode in ("I", "F"):
        raise Unfit(Fault.SKIPPED, f"a picture with {turned.mode} pixels: only 8 bits a channel are read")
    return np.asarray(turned.convert("RGB"), np.uint8)


def _video(opened: IO[bytes], limits: Limits, stack: ExitStack) -> Video:
    options = {
        "format_whitelist": CONTAINERS,
        "protocol_whitelist": NO_PROTOCOL,
        "max_streams": str(MAX_STREAMS),
    }
    try:
        container = av.open(opened, mode="r", options=options, metadata_errors="ignore")
    except av.error.FFmpegError as fault:
        raise Unfit(Fault.DEFECT, f"neither a video nor a picture in a known format ({fault.strerror})") from fault
    stack.callback(container.close)
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        if container.streams.audio:
            raise Unfit(Fault.SKIPPED, "it has sound only, no pictures")
        raise Unfit(Fault.DEFECT, "it has no video stream")
    stream = max(streams, key=lambda one: _worth(container, one))
    _check_stream(stream, limits)
    stated = _stated(container, stream)
    if stated is not None:
        limits.check_duration(stated)
    return Video(container, stream, stated, len(streams) - 1)


def _worth(container: InputContainer, stream: VideoStream) -> tuple[bool, Fraction]:
    """What can be decoded goes first, then what shows most: pixels times seconds."""
    context = cast("VideoCodecContext | None", stream.codec_context)
    if context is None:
        return False, Fraction(0)
    seconds = _stated(container, stream) or Fraction(1)
    return context.codec.canonical_name in CODECS, context.width * context.height * seconds


def _check_stream(stream: VideoStream, limits: Limits) -> None:
    context = cast("VideoCodecContext | None", stream.codec_context)  # the stubs do not know of unknown codecs
    if context is None:
        raise Unfit(Fault.DEFECT, "its pictures are in no known codec")
    codec = context.codec.canonical_name
    if codec not in CODECS:
        raise Unfit(Fault.SKIPPED, f"video codec {codec!r} is not on the allow-list")
    limits.check_size(context.width, context.height)
    context.options = {"max_pixels": str(limits.max_megapixels * 1_000_000)}
    # One thread: decoding takes a tenth of the time of an analysis, and as many children run as there are cores.
    context.thread_count = 1


def _stated(container: InputContainer, stream: VideoStream) -> Fraction | None:
    if stream.duration is not None and stream.time_base is not None:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration, 1_000_000) if container.duration else None
