"""Packets without their pictures: how long a file lasts, and a picture and a sound put into one file.  Sandboxed only.

Nothing is decoded and nothing is encoded, so it is fast, and what is joined is bit for bit what was in the two files.
"""

import heapq
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, Final

import av
from av.container import InputContainer
from av.packet import Packet

from extractors.limits import Unfit
from extractors.media import open_container, pictures
from lastseen.outcomes import Fault
from lastseen.records import Joined, Measured, Rejection

JUMP: Final = Fraction(10)
"""seconds between two packets of a stream from which on its clock may have been set anew"""
IN_MP4: Final = frozenset({"h264", "hevc", "av1", "mpeg4", "vp9", "aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"})
"""codecs that players expect in an MP4; whatever has another goes into Matroska, which holds all"""
LIBRARIES: Final = ("libavformat", "libavcodec")


def measure(file: IO[bytes]) -> Measured | Rejection:
    """How long a file lasts, by its packets.  Raises OSError."""
    try:
        with ExitStack() as stack:
            container = open_container(file, stack)
            clocks: dict[int, Clock] = {}
            for packet in _packets(container):
                clocks.setdefault(packet.stream_index, Clock()).see(packet)
            return Measured(round(max((clock.seconds for clock in clocks.values()), default=Fraction(0)) * 1000))
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)


@dataclass(slots=True)
class Clock:
    """What the packets of one stream say of time."""

    first: Fraction | None = None
    last: Fraction = Fraction(0)
    """end of the latest packet"""
    before: Fraction | None = None
    """when the packet before this one was decoded"""
    ran: Fraction = Fraction(0)
    """sum of the steps from packet to packet, without those that are no steps of a clock that runs on"""
    step: Fraction = Fraction(0)
    """how long the last packet is shown"""

    def see(self, packet: "Packet[Any]") -> None:
        """One more packet."""
        base, shown, decoded = packet.time_base, packet.pts, packet.dts
        if shown is None:
            return
        at, self.step = shown * base, (packet.duration or 0) * base
        self.first = at if self.first is None else min(self.first, at)
        self.last = max(self.last, at + self.step)
        now = at if decoded is None else decoded * base
        if self.before is not None:
            moved = now - self.before
            self.ran += moved if 0 <= moved <= JUMP else self.step
        self.before = now

    @property
    def seconds(self) -> Fraction:
        """The longer of two measures: joined pieces may each begin anew, and a slide may be shown for minutes."""
        return Fraction(0) if self.first is None else max(self.last - self.first, self.ran + self.step)


def join(video: IO[bytes], audio: IO[bytes], target: IO[bytes]) -> Joined | Rejection:
    """Copy the pictures of one file and the sound of the other into a third.  Raises OSError."""
    try:
        with ExitStack() as stack:
            sources = open_container(video, stack), open_container(audio, stack)
            return _joined(sources, target)
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)
    except av.error.FFmpegError as fault:
        return Rejection(Fault.DEFECT, f"picture and sound do not go into one file: {fault.strerror}")


def _joined(sources: tuple[InputContainer, InputContainer], target: IO[bytes]) -> Joined:
    seen, heard = next(iter(pictures(sources[0])), None), next(iter(sources[1].streams.audio), None)
    if seen is None or heard is None:
        raise Unfit(Fault.DEFECT, "one of the two has no pictures, or the other no sound")
    codecs = {stream.codec_context.codec.canonical_name for stream in (seen, heard)}
    container = "mp4" if codecs <= IN_MP4 else "matroska"
    # bitexact: no dates and no random numbers, so that the same two files give the same third
    with av.open(target, "w", format=container, options={"fflags": "+bitexact"}) as out:
        copies = {0: out.add_stream_from_template(seen), 1: out.add_stream_from_template(heard)}
        for _, _, place, packet in heapq.merge(_timed(sources[0], seen, 0), _timed(sources[1], heard, 1)):
            packet.stream = copies[place]
            out.mux_one(packet)
    return Joined(container, _versions())


def _timed(
    container: InputContainer, stream: Any, place: int
) -> Iterator[tuple[Fraction, tuple[int, int], int, "Packet[Any]"]]:
    """The packets of one stream, each with its moment, so that two streams can be merged."""
    latest = Fraction(0)
    for number, packet in enumerate(_packets(container, stream)):
        if packet.dts is not None and packet.time_base is not None:
            latest = packet.dts * packet.time_base
        yield latest, (place, number), place, packet


def _packets(container: InputContainer, *streams: Any) -> Iterator["Packet[Any]"]:
    """Those that hold something; a file that breaks off has no more."""
    try:
        yield from (packet for packet in container.demux(*streams) if packet.size)
    except (av.error.FFmpegError, IndexError):
        return


def _versions() -> Mapping[str, str]:
    return {"av": av.__version__} | {name: ".".join(map(str, av.library_versions[name])) for name in LIBRARIES}
