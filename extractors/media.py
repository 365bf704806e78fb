"""Open one file of unknown making as a still picture or a video, or say why not.  Sandboxed child only.

Containers, protocols, picture formats and codecs are allow-listed.  FFmpeg is given an open file and no protocol
at all, so nothing that the file names can be opened (an `ffconcat` text saved as .mp4 would decode its sibling).
A picture's size is held against the limit before anything is decoded; how long a film says it lasts is no reason to
leave it, since a header alone could hide it: `extractors.frames` leaves off where the limit is.
"""

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Final, Protocol, cast

import av
from av.codec.context import CodecContext, ThreadType
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image, UnidentifiedImageError

from extractors.animations import ANIMATED, Animation
from extractors.limits import Limits, Unfit
from extractors.shown import SQUARE, squared_size
from extractors.stills import DAMAGE, upright
from lastseen.outcomes import Fault
from lastseen.records import Pixels

CONTAINERS: Final = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg,gif,mp3,wav,flac"
_CODECS: Final = (
    "h264 hevc av1 vp8 vp9 mpeg4 mpeg1video mpeg2video h263 flv1 "
    "msmpeg4v2 msmpeg4v3 wmv1 wmv2 wmv3 vc1 theora mjpeg gif"
)
CODECS: Final = frozenset(_CODECS.split())
PICTURE_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
WITH_ALPHA: Final = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""decoders that read the second picture in which WebM keeps transparency; FFmpeg's own ones drop it"""

MAX_STREAMS: Final = 32
"""of one container; films with many languages stay below, files made to exhaust memory do not"""
NO_PROTOCOL: Final = "none"
MOST_UNEQUAL: Final = 4
"""times as wide as high, or the reverse, that a pixel can be: anamorphic film has 2, a header may say anything"""

# What people send that is a picture, but none that is read here: named, so that nobody takes it for a damaged video.
HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
GZIP: Final = b"\x1f\x8b"

Decoder = Callable[["Packet[VideoStream]"], Sequence[VideoFrame]]
File = Path | IO[bytes]
"""where it is, or itself: opened by whoever may, and left open"""


@dataclass(frozen=True, eq=False, slots=True)
class Still:
    """A still picture, decoded and turned upright."""

    pixels: Pixels
    note: str = ""


class Source(Protocol):
    """Where a video's frames come from."""

    def packets(self) -> Iterator[Sequence[VideoFrame | str]]:
        """What each piece of the file decodes to: frames, or why there are none.

        Raises av.error.FFmpegError and IndexError where the container itself breaks off.
        """

    def seek(self, at: Fraction) -> None:
        """Go on from a moment, in seconds, or from a point before it."""


@dataclass(frozen=True, eq=False, slots=True)
class Film:
    """The largest stream of moving pictures of a container; implements `Source`."""

    container: InputContainer
    stream: VideoStream
    decode: Decoder

    def packets(self) -> Iterator[Sequence[VideoFrame | str]]:
        """See `Source`."""
        for packet in self.container.demux(self.stream):
            yield self._decoded(packet)

    def seek(self, at: Fraction) -> None:
        """See `Source`: to the key frame before it."""
        base = self.stream.time_base
        if base is not None and at > 0:
            self.container.seek(int(at / base), stream=self.stream, backward=True)

    def _decoded(self, packet: "Packet[VideoStream]") -> Sequence[VideoFrame | str]:
        try:
            return self.decode(packet)
        except av.error.FFmpegError as fault:
            return [fault.strerror or "a packet that would not decode"]


@dataclass(frozen=True, eq=False, slots=True)
class Video:
    """Moving pictures that may be decoded."""

    source: Source
    stated: Fraction | None
    """seconds that the file says it lasts"""
    others: int = 0
    """further streams of moving pictures, which nobody looks at"""
    aspect: Fraction = SQUARE
    """width of a pixel by its height"""
    remarks: tuple[str, ...] = ()


@contextmanager
def open_media(file: File, limits: Limits, threads: int = 1) -> Iterator[Still | Video]:
    """Open a picture or a video within the limits.  Raises Unfit; OSError if the file itself cannot be read.

    `threads`: of the decoder, 0 for all cores.  Two decode 1280 x 720 in 0.7 ms a frame instead of 1.2, 640 x 360 in
    0.20 instead of 0.28.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(_opened(file))
        yield _picture(opened, limits, stack) or _video(opened, limits, threads, stack)


def open_still(file: File, limits: Limits) -> Still:
    """Open a still picture; the first picture of an animation.  Raises Unfit and OSError."""
    with ExitStack() as stack:
        opened = stack.enter_context(_opened(file))
        image = _image(opened, limits, stack)
        if image is None:
            _refuse_known(opened)
            raise Unfit(Fault.DEFECT, f"not a picture in a known format ({', '.join(PICTURE_FORMATS)})")
        return _still(image)


@contextmanager
def _opened(file: File) -> Iterator[IO[bytes]]:
    with file.open("rb") if isinstance(file, Path) else nullcontext(file) as opened:
        if opened.seek(0, os.SEEK_END) == 0:
            raise Unfit(Fault.DEFECT, "the file is empty (0 bytes)")
        opened.seek(0)
        yield opened


def _picture(opened: IO[bytes], limits: Limits, stack: ExitStack) -> Still | Video | None:
    """What Pillow reads; None if it does not, or FFmpeg reads it better."""
    image = _image(opened, limits, stack)
    if image is None:
        return None
    with _damage_is_unfit():
        animated = bool(getattr(image, "is_animated", False))
    if animated and image.format == "GIF":
        opened.seek(0)
        return None
    return Video(Animation(image), None) if animated and image.format in ANIMATED else _still(image)


def _image(opened: IO[bytes], limits: Limits, stack: ExitStack) -> Image.Image | None:
    """Opened, not yet decoded; None and the file rewound if it is no picture."""
    Image.MAX_IMAGE_PIXELS = None  # the header's size is checked below, before decoding, with a better message
    try:
        with _damage_is_unfit():
            image = stack.enter_context(Image.open(opened, formats=PICTURE_FORMATS))
    except UnidentifiedImageError:
        opened.seek(0)
        return None
    limits.check_size(*image.size)
    return image


def _still(image: Image.Image) -> Still:
    with _damage_is_unfit():
        frames = getattr(image, "n_frames", 1)
        note = f"the first of {frames} pictures in one file" if frames > 1 and image.format != "MPO" else ""
        return Still(upright(image), note)


@contextmanager
def _damage_is_unfit() -> Iterator[None]:
    try:
        yield
    except UnidentifiedImageError:
        raise
    except DAMAGE as fault:
        raise Unfit(Fault.DEFECT, f"a damaged picture: {fault}") from fault


def _refuse_known(opened: IO[bytes]) -> None:
    """Raises Unfit for what is well known and not read."""
    start = opened.read(12)
    opened.seek(0)
    if start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS:
        raise Unfit(Fault.SKIPPED, "a HEIF picture (.heic): this format is not read")
    if start.startswith(GZIP):
        raise Unfit(Fault.SKIPPED, "compressed with gzip, as drawn stickers (.tgs) are: not opened")


def open_container(opened: IO[bytes], stack: ExitStack) -> InputContainer:
    """What FFmpeg makes of a file, within what is allow-listed.  Raises Unfit; OSError if it cannot be read."""
    options = {
        "format_whitelist": CONTAINERS,
        "protocol_whitelist": NO_PROTOCOL,
        "max_streams": str(MAX_STREAMS),
    }
    try:
        container = av.open(opened, mode="r", options=options, metadata_errors="ignore")
    except (av.error.FFmpegError, OSError) as fault:
        if not (isinstance(fault, av.error.FFmpegError) or points_outside(fault)):
            raise
        raise Unfit(Fault.DEFECT, f"neither a video nor a picture in a known format ({fault.strerror})") from fault
    stack.callback(container.close)
    return container


def pictures(container: InputContainer) -> list[VideoStream]:
    """Its streams of moving pictures, without covers."""
    return [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]


def _video(opened: IO[bytes], limits: Limits, threads: int, stack: ExitStack) -> Video:
    _refuse_known(opened)
    container = open_container(opened, stack)
    streams = pictures(container)
    if not streams:
        if container.streams.audio:
            raise Unfit(Fault.SKIPPED, "it has sound only, no pictures")
        raise Unfit(Fault.DEFECT, "it has no video stream")
    stream = max(streams, key=lambda one: _worth(container, one))
    context = _checked(stream)
    stated = _stated(container, stream)
    aspect, remarks = _aspect(stream)
    limits.check_size(*squared_size(context.width, context.height, aspect))
    film = Film(container, stream, _decoder(stream, context, limits, threads))
    return Video(film, stated, len(streams) - 1, aspect, remarks)


def points_outside(fault: OSError) -> bool:
    """Whether a container sent its reader to a place before the file's beginning, so that it is at fault itself."""
    return fault.errno == errno.EINVAL


def _worth(container: InputContainer, stream: VideoStream) -> tuple[bool, Fraction]:
    """What can be decoded goes first, then what shows most: pixels times seconds."""
    context = cast("VideoCodecContext | None", stream.codec_context)
    if context is None:
        return False, Fraction(0)
    seconds = _stated(container, stream) or Fraction(1)
    return context.codec.canonical_name in CODECS, context.width * context.height * seconds


def _checked(stream: VideoStream) -> VideoCodecContext:
    context = cast("VideoCodecContext | None", stream.codec_context)  # the stubs do not know of unknown codecs
    if context is None:
        raise Unfit(Fault.DEFECT, "its pictures are in no known codec")
    codec = context.codec.canonical_name
    if codec not in CODECS:
        raise Unfit(Fault.SKIPPED, f"video codec {codec!r} is not on the allow-list")
    return context


def _decoder(stream: VideoStream, context: VideoCodecContext, limits: Limits, threads: int) -> Decoder:
    """The stream's own decoder, or the one that knows of its transparency; held to the limits."""
    own = WITH_ALPHA.get(context.codec.canonical_name) if stream.metadata.get("alpha_mode") == "1" else None
    if own is not None:
        other = cast("VideoCodecContext", CodecContext.create(own, "r"))
        other.extradata = context.extradata
        context = other
    context.options = {"max_pixels": str(limits.max_megapixels * 1_000_000)}
    context.thread_count, context.thread_type = threads, ThreadType.AUTO
    if own is None:
        return lambda packet: cast("Sequence[VideoFrame]", packet.decode())
    return lambda packet: context.decode(packet if packet.size else None)


def _aspect(stream: VideoStream) -> tuple[Fraction, tuple[str, ...]]:
    """The shape of a pixel, and what is to be said of it."""
    stated = Fraction(stream.sample_aspect_ratio or 0)
    if stated in (0, 1):
        return SQUARE, ()
    if not Fraction(1, MOST_UNEQUAL) <= stated <= MOST_UNEQUAL:
        return SQUARE, (f"it claims pixels {float(stated):.4g} times as wide as high: taken for square ones",)
    return stated, ()


def _stated(container: InputContainer, stream: VideoStream) -> Fraction | None:
    if stream.duration is not None and stream.time_base is not None:
        return Fraction(stream.duration * stream.time_base)
    return Fraction(container.duration, 1_000_000) if container.duration else None
