"""Kept crops in, templates of another engine out: the face that a crop was cut for, and no other."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from extractors.analysis import analyze_file
from extractors.crops import face_crop
from extractors.faces.protocol import Engine
from extractors.limits import Limits
from extractors.media import open_still
from extractors.reembedding import place, reembed_file
from lastseen.choices import Choices, Gates
from lastseen.records import Analysis, Box, CropKept, CropsKept, Pixels, TrackReembedded
from tests.extractors import squares
from tests.extractors.films import ANNA, BOHDAN, png, scene

SIZE = (640, 360)
ANY = Choices(gates=Gates(min_width=32, min_sharpness=0, max_pose=1))
FACE = (300, 150, 60)


def kept(*crops: tuple[int, Box, bytes]) -> tuple[io.BytesIO, CropsKept]:
    """A file with the crops (track, where the face was, JPEG) in it."""
    file, told = io.BytesIO(), []
    for track, box, content in crops:
        told.append(CropKept(track, file.tell(), len(content), 500, box))
        file.write(content)
    return file, CropsKept(*SIZE, tuple(told))


def box(left: int, top: int, side: int) -> Box:
    return Box(left, top, side, side)


def reembed(limits: Limits, *crops: tuple[int, Box, bytes]) -> tuple[TrackReembedded, ...]:
    return reembed_file(*kept(*crops), squares.engine()[0], limits, ANY).tracks


@pytest.mark.parametrize("face", [FACE, (0, 0, 60), (580, 300, 60), (100, 20, 300), (2, 150, 40)])
def test_the_place_on_the_crop_is_where_the_face_is(face: tuple[int, int, int], limits: Limits) -> None:
    """In the middle, at edges and corners, and where the crop was shrunk."""
    picture = squares.squares(SIZE, face)
    crop = decoded(face_crop(picture, box(*face)), limits)
    white = np.argwhere(crop[..., 0] > 128)
    (top, left), (bottom, right) = white.min(axis=0), white.max(axis=0)
    found = place(box(*face), *SIZE, crop)
    assert (found.x, found.y) == pytest.approx((left, top), abs=2)
    assert (found.x + found.width, found.y + found.height) == pytest.approx((right + 1, bottom + 1), abs=2)


def decoded(crop: bytes, limits: Limits) -> Pixels:
    return open_still(io.BytesIO(crop), limits).pixels


def test_each_track_gets_templates_of_its_own_crops(limits: Limits) -> None:
    crop = face_crop(squares.squares(SIZE, FACE), box(*FACE))
    one, other = reembed(limits, (7, box(*FACE), crop), (7, box(*FACE), crop), (9, box(*FACE), crop))
    assert (one.track, one.pictures, [template.kind for template in one.templates]) == (
        7,
        2,
        ["pooled", "best", "best-2"],
    )
    assert (other.track, other.pictures, [template.kind for template in other.templates]) == (9, 1, ["pooled", "best"])


def test_a_face_elsewhere_on_the_crop_is_somebody_else(limits: Limits) -> None:
    beside = face_crop(squares.squares(SIZE, (FACE[0] - 62, FACE[1], 60)), box(*FACE))
    assert reembed(limits, (7, box(*FACE), beside)) == (TrackReembedded(7, 1, ()),)


def test_what_does_not_open_shows_nobody_or_passes_no_gate_gives_nothing_and_is_counted(limits: Limits) -> None:
    crop = face_crop(squares.squares(SIZE, FACE), box(*FACE))
    nobody = face_crop(squares.squares(SIZE), box(*FACE))
    found = reembed(limits, (1, box(*FACE), b"no picture"), (2, box(*FACE), nobody), (3, box(*FACE), crop))
    assert [(track.pictures, bool(track.templates)) for track in found] == [(0, False), (1, False), (1, True)]
    blurred = ANY.model_copy(update={"gates": Gates(min_sharpness=1000)})
    again = reembed_file(*kept((3, box(*FACE), crop)), squares.engine()[0], limits, blurred)
    assert again.tracks == (TrackReembedded(3, 1, ()),)


def test_the_real_engine_makes_of_crops_nearly_what_it_made_of_the_picture(
    engine: Engine, limits: Limits, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png(scene({ANNA: (130, 60, 130), BOHDAN: (300, 60, 110)})))
    analysis = analyze_file(tmp_path / "a.png", engine, limits, Choices())
    assert isinstance(analysis, Analysis)
    crops = [(track.ordinal, shot.box, shot.crop) for track in analysis.tracks for shot in track.best_shots]
    file, told = kept(*crops)
    found = reembed_file(file, replace(told, width=analysis.width, height=analysis.height), engine, limits, Choices())
    assert len(found.tracks) == 2
    for track, again in zip(analysis.tracks, found.tracks, strict=True):
        assert again.track == track.ordinal
        before, after = np.array(track.templates[0].vector), np.array(again.templates[0].vector)
        assert np.linalg.norm(before - after) < 0.2
