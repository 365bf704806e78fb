"""The seconds around a best shot, re-encoded for the people who look at them, every other face hidden.

What analysts see is always a derivative: the bytes that strangers published are opened in the sandbox only.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from extractors.crops import hide, hide_all_but, jpeg
from extractors.frames import JITTER, Lost, TookTooLong, decode, time_of
from extractors.limits import Limits, Unfit
from extractors.media import File, Still, Video, open_media
from extractors.shown import shown, shown_size
from extractors.tracks import milliseconds
from lastseen.outcomes import Fault
from lastseen.records import Box, FaceSeen, Moment, MomentWanted, Pixels, Rejection

AROUND_MS: Final = 2000
"""before and after: enough to see how somebody moves"""
CLIP_SIDE: Final = 960
"""pixels, at most: how somebody moves and stands; what the face is like, the crops show in the picture's own pixels"""
STILL_SIDE: Final = 1280
FASTEST_MS: Final = 30
"""between two pictures of a clip: 30 a second are enough for any eye"""
LINGERS_MS: Final = 500
"""how long another face is hidden before and after it was seen: one step of sampling"""
CLIP_CLOCK: Final = Fraction(1, 1000)
CRF: Final = "23"
"""x264's constant quality: its own default"""
STEPPED: Final = {"g": "6", "bf": "0"}
"""a key frame in every six, so that one frame back is there at once, and times that need no correction"""
SAME_BYTES: Final = {"x264-params": "mbtree=0"}
"""the same pictures give the same file: with its macroblock tree, x264 gave a key frame a byte more or less about once
in a hundred clips, on one thread and from equal pictures; without it never in 2,800, and clips are a fifth larger"""
NO_TRACE: Final = {"movflags": "+faststart", "fflags": "+bitexact"}
"""the index in front; and nothing in the file that says when or with what it was made"""


def cut_moment(file: File, wanted: MomentWanted, limits: Limits, workspace: Path) -> Moment | Rejection:
    """A clip from two seconds before to two after, and a still.  A picture gives a still only.

    `workspace` is a private folder: the clip's index is moved to its front there.  Raises OSError if the file
    cannot be read.
    """
    try:
        with open_media(file, limits) as media:
            if isinstance(media, Still):
                return Moment(b"", _still(media.pixels, wanted), 0, 0)
            return _cut(media, wanted, limits, workspace / "moment.mp4")
    except Unfit as unfit:
        return Rejection(unfit.fault, unfit.why)


def place_at(faces: Sequence[FaceSeen], at_ms: int, lingers_ms: int = LINGERS_MS) -> Box | None:
    """Where a tracked face is at a moment: between two glimpses in proportion, a little beyond its first and last."""
    if not faces or not faces[0].at_ms - lingers_ms <= at_ms <= faces[-1].at_ms + lingers_ms:
        return None
    after = bisect_right([face.at_ms for face in faces], at_ms)
    if after == 0 or after == len(faces):
        return faces[min(after, len(faces) - 1)].box
    left, right = faces[after - 1], faces[after]
    part = (at_ms - left.at_ms) / (right.at_ms - left.at_ms)
    return Box(
        left.box.x + (right.box.x - left.box.x) * part,
        left.box.y + (right.box.y - left.box.y) * part,
        left.box.width + (right.box.width - left.box.width) * part,
        left.box.height + (right.box.height - left.box.height) * part,
    )


def hidden_at(wanted: MomentWanted, at_ms: int, pixels: Pixels, scale: float = 1.0) -> Pixels:
    """The picture with the other faces hidden; boxes are multiplied by `scale` first.

    Hidden faces linger, the wanted one does not: after a cut somebody else may be where it was.
    """
    found = place_at(wanted.faces, at_ms, lingers_ms=0)
    keep = None if found is None else _times(found, scale)
    if wanted.crowd:
        pixels = hide_all_but(pixels, keep)
    places = [place_at(faces, at_ms) for faces in wanted.others]
    return hide(pixels, [_times(place, scale) for place in places if place is not None], keep)


def _still(pixels: Pixels, wanted: MomentWanted) -> bytes:
    return jpeg(hidden_at(wanted, wanted.at_ms, pixels), STILL_SIDE)


def _cut(video: Video, wanted: MomentWanted, limits: Limits, target: Path) -> Moment:
    start, end = wanted.at_ms - AROUND_MS, wanted.at_ms + AROUND_MS
    still, first = b"", None
    frames: list[int] = []
    with av.open(str(target), "w", format="mp4", options=NO_TRACE) as out:
        stream: VideoStream | None = None
        for frame, at_ms in _between(video, start, end, limits):
            if not still and at_ms >= wanted.at_ms:
                still = _still(shown(frame, video.aspect), wanted)
            first = at_ms if first is None else first
            if frames and at_ms - first - frames[-1] < FASTEST_MS:
                continue
            frames.append(at_ms - first)
            stream = _write(out, stream, _shrunk(frame, video.aspect), frames[-1], wanted, at_ms)
        if stream is None or first is None:
            raise Unfit(Fault.DEFECT, f"no picture could be decoded around {wanted.at_ms} ms")
        out.mux(stream.encode(None))
    if not still:
        raise Unfit(Fault.DEFECT, f"the picture at {wanted.at_ms} ms could not be decoded")
    return Moment(target.read_bytes(), still, first, first + frames[-1], tuple(frames))


def _between(video: Video, start_ms: int, end_ms: int, limits: Limits) -> Iterator[tuple[VideoFrame, int]]:
    video.source.seek(Fraction(start_ms, 1000))
    furthest = 0
    try:
        for frame in decode(video, limits):
            if isinstance(frame, Lost):
                continue
            limits.check_size(*shown_size(frame, video.aspect))
            at_ms = milliseconds(time_of(frame))
            if at_ms > end_ms or at_ms < furthest - milliseconds(JITTER):
                return  # what follows a clock that runs backwards is another scene: the faces' places are not of there
            furthest = max(furthest, at_ms)
            if at_ms >= start_ms:
                yield frame, at_ms
    except TookTooLong as late:
        raise Unfit(Fault.DEFECT, str(late)) from late


def _write(
    out: OutputContainer,
    stream: VideoStream | None,
    shrunk: tuple[Pixels, float],
    pts: int,
    wanted: MomentWanted,
    at_ms: int,
) -> VideoStream:
    pixels, scale = shrunk
    if stream is None:
        stream = _stream(out, pixels)
    hidden = hidden_at(wanted, at_ms, pixels, scale)
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(hidden[: stream.height, : stream.width]), format="rgb24")
    picture.pts, picture.time_base = pts, CLIP_CLOCK
    out.mux(stream.encode(picture))
    return stream


def _stream(out: OutputContainer, pixels: Pixels) -> VideoStream:
    height, width = pixels.shape[:2]
    stream = out.add_stream("libx264", rate=30, options={"crf": CRF, "preset": "veryfast", **STEPPED, **SAME_BYTES})
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.codec_context.time_base = stream.time_base = CLIP_CLOCK
    stream.codec_context.thread_count = 1
    return stream


def _shrunk(frame: VideoFrame, aspect: Fraction) -> tuple[Pixels, float]:
    """As shown, at most CLIP_SIDE a side and with even sides as yuv420p needs them; by how much it was shrunk."""
    pixels = shown(frame, aspect)
    height, width = pixels.shape[:2]
    scale = min(1.0, CLIP_SIDE / max(width, height))
    wide, high = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
    return np.asarray(cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA), np.uint8), wide / width


def _times(box: Box, scale: float) -> Box:
    return Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale)
