"""Nothing in a picture or clip that people see says where, when or with what it was taken, or where it came from."""

import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from extractors.analysis import analyze_file, enroll_file
from extractors.faces import Engine
from extractors.limits import Limits
from extractors.moments import cut_moment
from lastseen.choices import Choices
from lastseen.records import Analysis, Box, Enrolment, FaceSeen, Moment, MomentWanted
from tests.extractors.films import ANNA, FPS, film, scene

SECRET = b"Kherson-26-0042"
"""stands in every place of a file where words may stand"""
NAME = SECRET.decode()
HEAD = scene({ANNA: (100, 20, 230)})
WANTED = MomentWanted(500, (FaceSeen(0, Box(130, 40, 170, 200), 1.0),), ())
SEGMENTS = {0xDB, 0xC0, 0xC4, 0xDA, 0xDD, 0xE0}
"""of a JPEG: tables, frame, scan, restart interval, and the header that says JFIF"""


def segments(picture: bytes) -> set[int]:
    """Which kinds of segments a JPEG has, up to its pixels."""
    found, at = set(), 2
    while (kind := picture[at + 1]) != 0xDA:
        found.add(kind)
        at += 2 + int.from_bytes(picture[at + 2 : at + 4], "big")
    return {*found, kind}


def photo(path: Path) -> Path:
    """A JPEG or PNG with as much said about it as a camera and an editor say together."""
    image = Image.fromarray(HEAD)
    exif = Image.Exif()
    exif[0x010E], exif[0x013B], exif[0x8298] = NAME, NAME, NAME
    exif.get_ifd(0x8825).update({1: "N", 2: (46.0, 38.0, 24.0), 29: NAME})
    if path.suffix == ".png":
        words = PngInfo()
        words.add_text("Description", NAME)
        image.save(path, pnginfo=words, exif=exif)
    else:
        image.save(path, exif=exif, comment=SECRET, xmp=b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>", quality=95)
    assert SECRET in path.read_bytes()
    return path


def told_film(path: Path) -> Path:
    """A film with a title, a place and a time."""
    plain = film(path.with_name("plain.mp4"), [HEAD] * (2 * FPS))
    with (
        av.open(str(plain), mode="r") as source,
        av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as out,
    ):
        for word in ("title", "comment", "artist", "location", "creation_time"):
            out.metadata[word] = "2026-11-03T14:05:00Z" if word == "creation_time" else NAME
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None:
                packet.stream = stream
                out.mux(packet)
    assert SECRET in path.read_bytes()
    return path


@pytest.mark.parametrize("name", [f"{NAME}.jpg", f"{NAME}.png"])
def test_crops_and_stills_are_pixels_only(tmp_path: Path, engine: Engine, limits: Limits, name: str) -> None:
    path = photo(tmp_path / name)
    enrolled = enroll_file(path, engine, limits, Choices())
    found = analyze_file(path, engine, limits, Choices())
    moment = cut_moment(path, WANTED, limits, tmp_path)
    assert isinstance(enrolled, Enrolment)
    assert isinstance(found, Analysis)
    assert isinstance(moment, Moment)
    crops = [shot.crop for track in found.tracks for shot in track.best_shots]
    assert crops
    for picture in (enrolled.crop, moment.still, *crops):
        assert SECRET not in picture
        assert segments(picture) <= SEGMENTS
        assert Image.open(io.BytesIO(picture)).info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_clip_is_pictures_only(tmp_path: Path, limits: Limits) -> None:
    path = told_film(tmp_path / f"{NAME}.mp4")
    moment = cut_moment(path, WANTED, limits, tmp_path)
    assert isinstance(moment, Moment)
    assert SECRET not in moment.clip
    with av.open(io.BytesIO(moment.clip), mode="r") as clip:
        assert not {"title", "comment", "artist", "location", "creation_time", "encoder"} & clip.metadata.keys()
        assert len(clip.streams) == 1
    for box in (b"uuid", b"\xa9too", b"loci", b"Lavf"):
        assert box not in moment.clip.partition(b"mdat")[0]


def test_no_time_of_making_is_in_a_clip(tmp_path: Path, limits: Limits) -> None:
    """Made again it is the same, to the last byte: also why, since a difference came once in a hundred clips."""
    path = told_film(tmp_path / "a.mp4")
    first, *others = (cut_moment(path, WANTED, limits, tmp_path) for _ in range(4))
    assert isinstance(first, Moment)
    assert others == [first] * 3
    assert b" mbtree=0 " in first.clip, "x264 writes down how it was told to work"


def test_the_eyes_of_a_photo_are_where_they_are_on_its_crop(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    made = enroll_file(photo(tmp_path / "a.jpg"), engine, limits, Choices())
    assert isinstance(made, Enrolment)
    assert made.eyes is not None
    crop = np.asarray(Image.open(io.BytesIO(made.crop)).convert("L"), np.float64)
    (left, its_down), (right, down) = made.eyes
    # drawn 54 apart on a head of 150, which is 230 wide here
    assert right - left == pytest.approx(54 * 230 / 150, abs=12)
    for across, deep in ((left, its_down), (right, down)):
        around = crop[int(deep) - 10 : int(deep) + 10, int(across) - 12 : int(across) + 12]
        assert around.min() < 90, "a dark pupil"
