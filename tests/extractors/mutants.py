"""Damaged files of many formats, each opened in the sandbox: `python -m tests.extractors.mutants --count 3000`.

The seeds are made here.  A mutant is one of them with bytes flipped, cut off, taken out, doubled or overwritten by
large numbers, or with the head of another.  The same `--seed` gives the same mutants.  Whoever opens them has to live,
none may run past the deadline, and each has to have an outcome; what came of them is printed, a line a format.
"""

import argparse
import io
import random
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from extractors import sandbox
from extractors.sandbox import Sandbox
from lastseen.records import MomentWanted, Pixels, Rejection
from lastseen.settings import Settings
from tests.extractors.films import ANNA, encoding, scene

DEADLINE_SECONDS = 20
SLACK_SECONDS = 3.0
"""to kill a sandbox, and to wait for one to start"""
SIZE = (160, 96)
PICTURES = 12
FILMS = {
    "mp4": ("mp4", "libx264", "yuv420p"),
    "mov": ("mov", "mpeg4", "yuv420p"),
    "mkv": ("matroska", "libx264", "yuv420p"),
    "webm": ("webm", "libvpx-vp9", "yuv420p"),
    "avi-mjpeg": ("avi", "mjpeg", "yuvj420p"),
    "avi-mpeg4": ("avi", "mpeg4", "yuv420p"),
    "flv": ("flv", "flv1", "yuv420p"),
    "mpegts": ("mpegts", "mpeg2video", "yuv420p"),
    "mpegps": ("mpeg", "mpeg2video", "yuv420p"),
    "hevc": ("mp4", "libx265", "yuv420p"),
    "av1": ("mp4", "libsvtav1", "yuv420p"),
    "wmv": ("asf", "wmv2", "yuv420p"),
    "ogv": ("ogg", "libvpx", "yuv420p"),
}
QUIET = {"libx265": {"x265-params": "log-level=none"}}
"""encoders that would write what they do on standard error"""
SOUNDS = {"mp3": "libmp3lame", "flac": "flac", "ogg": "libopus"}
"""containers of music, which may carry a cover or nothing to see"""
PICTURE_FORMATS = ("jpeg", "png", "tiff", "gif", "webp", "avif", "bmp")
BOMBS = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x00\x00\x00\x01", b"\xff\xff\xff\x7f")
HEAD = 64
WANTED = MomentWanted(200, (), ())


@dataclass(slots=True)
class Report:
    """What came of all mutants."""

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    deaths: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    """seconds"""

    @property
    def count(self) -> int:
        return sum(counts.total() for counts in self.outcomes.values())

    def lines(self) -> Iterator[str]:
        """A table, and the extremes."""
        for name, counts in sorted(self.outcomes.items()):
            yield f"{name:11} " + "  ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items()))
        yield f"{self.count} mutants, the slowest took {self.slowest:.2f} s"
        yield "deaths: " + (", ".join(f"{how} {count}" for how, count in sorted(self.deaths.items())) or "none")


def seeds() -> dict[str, bytes]:
    """One small whole file of each format, by name."""
    pictures = [scene({ANNA: (40 + n, 10, 80)}, size=SIZE) for n in range(PICTURES)]
    made = {name: _film(*how, pictures) for name, how in FILMS.items()}
    made |= {name: _picture(name, pictures[:1]) for name in PICTURE_FORMATS}
    made |= {f"{name}-moving": _picture(name, pictures[:4]) for name in ("gif", "webp", "png")}
    return {**made, "wav": _sound(), **{name: _music(name, codec) for name, codec in SOUNDS.items()}}


def mutant(whole: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """One to four acts of damage."""
    content = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        chance.choice(DAMAGES)(content, others, chance)
    return bytes(content)


def run(box: Sandbox, count: int, seed: int, folder: Path) -> Report:
    """Open so many mutants, every other one analysed, the others cut around a moment.

    Raises AssertionError for one that took longer than the deadline allows.
    """
    report, whole = Report(), seeds()
    for number in range(count):
        chance = random.Random(f"{seed}/{number}")
        name = sorted(whole)[number % len(whole)]
        path = folder / "mutant"
        path.write_bytes(mutant(whole[name], list(whole.values()), chance))
        began = time.monotonic()
        verdict = box.analyze(path) if number // len(whole) % 2 else box.moment(path, WANTED)
        took = time.monotonic() - began
        assert took < DEADLINE_SECONDS + SLACK_SECONDS, f"mutant {number} of {name} took {took:.1f} s"
        outcome = f"{verdict.fault}" if isinstance(verdict, Rejection) else type(verdict).__name__
        report.outcomes.setdefault(name, Counter())[outcome] += 1
        report.slowest = max(report.slowest, took)
        if isinstance(verdict, Rejection) and "the child process" in verdict.why:
            report.deaths[verdict.why.partition(" (")[0]] += 1
    return report


def settings_for(models: Path, engine: str) -> Settings:
    """What the mutants are opened with."""
    return Settings.model_construct(
        data_dir=models,
        models_dir=models,
        engine=engine,
        analyze_deadline_seconds=DEADLINE_SECONDS,
        max_megapixels=8,
        max_duration_seconds=60,
        analyze_memory_mib=1024,
    )


def _film(container: str, codec: str, pixels: str, pictures: list[Pixels]) -> bytes:
    target = io.BytesIO()
    with encoding(), av.open(target, "w", format=container) as out:
        stream = cast("VideoStream", out.add_stream(codec, rate=12, options=QUIET.get(codec, {})))
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], pixels
        stream.codec_context.thread_count = 1
        for number, picture in enumerate(pictures):
            frame = VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 12)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target.getvalue()


def _picture(name: str, pictures: list[Pixels]) -> bytes:
    out = io.BytesIO()
    first, *rest = [Image.fromarray(picture) for picture in pictures]
    first.save(out, name.upper(), **({"save_all": True, "append_images": rest} if rest else {}))
    return out.getvalue()


def _sound() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(np.zeros(800, np.int16).tobytes())
    return out.getvalue()


def _music(container: str, codec: str) -> bytes:
    """A fifth of a second of silence."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as out:
        stream = cast("AudioStream", out.add_stream(codec, rate=48000, layout="mono"))
        context = stream.codec_context
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), format="s16", layout="mono")
        silence.sample_rate = 48000
        size = context.frame_size or None
        for frame in av.AudioResampler(context.format, "mono", 48000, size).resample(silence):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return target.getvalue()


def _flip(content: bytearray, _others: list[bytes], chance: random.Random) -> None:
    for _ in range(min(len(content), chance.choice((1, 4, 32)))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def _cut_off(content: bytearray, _others: list[bytes], chance: random.Random) -> None:
    del content[chance.randrange(len(content) + 1) :]


def _take_out(content: bytearray, _others: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(content) + 1)
    del content[at : at + chance.choice((1, 16, 256))]


def _double(content: bytearray, _others: list[bytes], chance: random.Random) -> None:
    at = chance.randrange(len(content) + 1)
    content[at:at] = content[at : at + chance.choice((1, 64, 1024))]


def _bomb(content: bytearray, _others: list[bytes], chance: random.Random) -> None:
    """A large or vanishing number where a length may stand: mostly near the front."""
    at = chance.randrange(max(1, min(len(content), chance.choice((64, 1024, 1 << 20)))))
    content[at : at + 4] = chance.choice(BOMBS)


def _other_head(content: bytearray, others: list[bytes], chance: random.Random) -> None:
    content[:HEAD] = chance.choice(others)[:HEAD]


Damage = Callable[[bytearray, list[bytes], random.Random], None]
DAMAGES: tuple[Damage, ...] = (_flip, _flip, _flip, _bomb, _bomb, _take_out, _double, _cut_off, _other_head)


def main() -> int:
    """See above.  Returns 1 if a child died, so that nobody overlooks it."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--count", type=int, default=3000)
    wanted.add_argument("--seed", type=int, default=1)
    wanted.add_argument("--engine", default="dlib")
    given = wanted.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chosen = settings_for(Path(folder) / "models", given.engine)
        with sandbox.opened(chosen) as box:
            report = run(box, given.count, given.seed, Path(folder))
    sys.stdout.write("\n".join(report.lines()) + "\n")
    return int(bool(report.deaths))


if __name__ == "__main__":
    sys.exit(main())
