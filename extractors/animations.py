"""Animated pictures that Pillow reads (WebP, APNG, AVIF), as a run of frames like a video's; one is held at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from av.video.frame import VideoFrame
from PIL import Image

from extractors.stills import DAMAGE, upright

ANIMATED: Final = ("WEBP", "PNG", "AVIF")
"""GIF is read by FFmpeg, which knows its odd timings"""
CLOCK: Final = Fraction(1, 1000)
UNHURRIED_MS: Final = 100
"""what browsers make of pictures that want to be shown for less than HURRIED_MS"""
HURRIED_MS: Final = 11


@dataclass(frozen=True, eq=False, slots=True)
class Animation:
    """An opened animation; implements `media.Source`."""

    image: Image.Image

    def packets(self) -> Iterator[Sequence[VideoFrame | str]]:
        """Every picture with the time it is shown from, on the ground that stills are shown on."""
        at, count = 0, getattr(self.image, "n_frames", 1)
        for number in range(count):
            try:
                frame, shown_ms = self._frame(number)
            except DAMAGE as fault:
                yield [f"picture {number + 1} of {count}: {fault}"]
                return
            frame.pts, frame.time_base, frame.duration = at, CLOCK, shown_ms
            at += shown_ms
            yield [frame]

    def seek(self, _at: Fraction) -> None:
        """Its pictures build on each other, so they are always read from the first."""

    def _frame(self, number: int) -> tuple[VideoFrame, int]:
        self.image.seek(number)
        self.image.load()
        wanted = round(float(self.image.info.get("duration") or 0))
        pixels = upright(self.image)
        return VideoFrame.from_ndarray(pixels, format="rgb24"), wanted if wanted >= HURRIED_MS else UNHURRIED_MS
