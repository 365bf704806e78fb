"""Long videos out of a short clip: encoded once, then repeated without encoding again."""

from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

_X264: Final = {"preset": "veryfast", "crf": "23", "g": "60"}
"""about what sites send: a key frame every two seconds"""


def seconds(clip: Path) -> float:
    """How long its pictures last, by their own times."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        first, after = _ends(container, stream)
        return float((after - first) * _base(stream))


def encoded(clip: Path, made: Path, height: int | None = None) -> Path:
    """The clip's pictures as H.264 without sound, `height` pixels high (its own unless given), times unchanged."""
    with av.open(str(clip)) as source, av.open(str(made), "w", format="mp4") as out:
        stream = source.streams.video[0]
        high = height or stream.height
        wide = round(stream.width * high / stream.height / 2) * 2
        target = out.add_stream("libx264", rate=stream.average_rate or 25, options=_X264)
        target.width, target.height, target.pix_fmt, target.time_base = wide, high, "yuv420p", stream.time_base
        for frame in source.decode(stream):
            out.mux(target.encode(frame.reformat(width=wide, height=high, format="yuv420p")))
        out.mux(target.encode(None))
    return made


def looped(film: Path, made: Path, length: float) -> Path:
    """A film over and over until it lasts `length` seconds; its packets are copied."""
    with av.open(str(film)) as source, av.open(str(made), "w", format="mp4") as out:
        stream = source.streams.video[0]
        first, after = _ends(source, stream)
        end = round(length / _base(stream))
        target = out.add_stream_from_template(stream)
        for start in range(0, end, after - first):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.pts is not None and packet.dts is not None and packet.pts - first + start < end:
                    packet.pts, packet.dts = packet.pts - first + start, packet.dts - first + start
                    packet.stream = target
                    out.mux(packet)
    return made


def _ends(container: InputContainer, stream: VideoStream) -> tuple[int, int]:
    """The first picture's time and the end of the last, in ticks, read from the packets."""
    container.seek(0)
    known = [(packet.pts, packet.duration or 0) for packet in container.demux(stream) if packet.pts is not None]
    return min(pts for pts, _ in known), max(pts + ticks for pts, ticks in known)


def _base(stream: VideoStream) -> Fraction:
    """Seconds of a tick."""
    return stream.time_base or Fraction(1, 1000)
