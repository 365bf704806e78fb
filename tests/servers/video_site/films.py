"""Films for the loopback site, made while it is started: whole, in pieces (HLS, DASH), picture and sound apart."""

import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

FPS = 12
RATE = 8000
SAMPLES = 1024
"""of one packet of sound"""
SIZE = (96, 54)
"""width x height"""
PIECES = {"hls_time": "1", "hls_list_size": "0"}

Files = Mapping[str, bytes]


def mp4(seconds: int = 4, *, video: bool = True, audio: bool = True, seed: int = 0) -> bytes:
    """One file; other seeds give other pictures."""
    files = _made("film.mp4", "mp4", {}, seconds, video=video, audio=audio, seed=seed)
    return files["film.mp4"]


def hls(seconds: int = 4, *, video: bool = True, audio: bool = True, mp4: bool = False, seed: int = 0) -> Files:
    """`film.m3u8` and its pieces of a second each, as MPEG-TS or as fragments of an MP4."""
    kind = {"hls_segment_type": "fmp4"} if mp4 else {}
    return _made("film.m3u8", "hls", PIECES | kind, seconds, video=video, audio=audio, seed=seed)


def hls_apart(seconds: int = 4, seed: int = 0) -> Files:
    """`master.m3u8` of a picture and a sound apart, as large sites have it."""
    picture = hls(seconds, audio=False, mp4=True, seed=seed)
    sound = hls(seconds, video=False, mp4=True)
    master = (
        "#EXTM3U\n#EXT-X-VERSION:7\n"
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="uk",LANGUAGE="uk",DEFAULT=YES,URI="a/film.m3u8"\n'
        f'#EXT-X-STREAM-INF:BANDWIDTH=90000,RESOLUTION={SIZE[0]}x{SIZE[1]},CODECS="avc1.42c00a,mp4a.40.2",'
        'AUDIO="sound"\nv/film.m3u8\n'
    )
    files = {"master.m3u8": master.encode()}
    files |= {f"v/{name}": content for name, content in picture.items()}
    return files | {f"a/{name}": content for name, content in sound.items()}


def dash(seconds: int = 4, seed: int = 0) -> Files:
    """`film.mpd` and its pieces of a second each; picture and sound are apart."""
    options = {"seg_duration": "1", "use_template": "0", "use_timeline": "1"}
    return _made("film.mpd", "dash", options, seconds, video=True, audio=True, seed=seed)


def jpeg(seed: int = 0) -> bytes:
    """A picture."""
    with tempfile.TemporaryDirectory() as folder, av.open(f"{folder}/x.jpg", "w", format="image2") as out:
        stream = out.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuvj420p"
        out.mux(stream.encode(_picture(0, seed)))
        out.mux(stream.encode(None))
        out.close()
        return Path(folder, "x.jpg").read_bytes()


def _made(
    name: str, container: str, options: dict[str, str], seconds: int, *, video: bool, audio: bool, seed: int
) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        with av.open(f"{folder}/{name}", "w", format=container, options=options) as out:
            streams = (_video(out) if video else None, _audio(out) if audio else None)
            for second in range(seconds):  # one after the other, or pieces of one would wait for the other
                if streams[0] is not None:
                    _film(out, streams[0], second, seed)
                if streams[1] is not None:
                    _sound(out, streams[1], second)
            for stream in streams:
                if stream is not None:
                    out.mux(stream.encode(None))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _video(out: OutputContainer) -> VideoStream:
    keys = {"preset": "ultrafast", "g": str(FPS), "keyint_min": str(FPS), "sc_threshold": "0"}
    stream = out.add_stream("libx264", rate=FPS, options=keys)
    stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
    stream.codec_context.thread_count = 1
    return stream


def _audio(out: OutputContainer) -> AudioStream:
    return out.add_stream("aac", rate=RATE, layout="mono")


def _film(out: OutputContainer, stream: VideoStream, second: int, seed: int) -> None:
    for number in range(second * FPS, (second + 1) * FPS):
        frame = _picture(number, seed)
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        out.mux(stream.encode(frame))


def _picture(number: int, seed: int) -> av.VideoFrame:
    shade = (number * 7 + seed * 31) % 256
    pixels = np.full((SIZE[1], SIZE[0], 3), shade, np.uint8)
    pixels[: SIZE[1] // 2] = (seed % 256, 255 - shade, shade // 2)
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


def _sound(out: OutputContainer, stream: AudioStream, second: int) -> None:
    for start in range(second * RATE, (second + 1) * RATE, SAMPLES):
        count = min(SAMPLES, (second + 1) * RATE - start)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, count), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        out.mux(stream.encode(frame))
