"""A film that has more to say than one verdict holds: what gives way, and that it is said."""

from pathlib import Path

import pytest

from extractors import room
from extractors.analysis import analyze_file
from extractors.faces.protocol import Engine
from extractors.limits import Limits
from extractors.wire import pack_verdict
from lastseen.choices import Choices
from lastseen.records import Analysis, BestShot, Box, FaceSeen, Quality, Template, Track
from tests.extractors.films import ANNA, BOHDAN, FPS, film, ground, scene

CHOICES = Choices()
UGLY = 123.45678901234567
"""as long as a number gets"""


def track(faces: int = 1, shots: int = 1, crop: bytes = b"crop") -> Track:
    box = Box(-UGLY, -UGLY, UGLY, UGLY)
    return Track(
        12345, 12345, 12345678, 12345678,
        tuple(FaceSeen(12345678 + n, box, -UGLY / 1e9) for n in range(faces)),
        tuple(BestShot(n, 12345678, box, Quality(UGLY, UGLY, UGLY, UGLY, UGLY), crop, n / 7) for n in range(shots)),
        (Template("pooled", (-UGLY / 1e9,) * 128, UGLY), Template("best", (-UGLY / 1e9,) * 128, UGLY)),
        "a gate that is named with a value and with what is needed",
    )  # fmt: skip


def analysis(*tracks: Track) -> Analysis:
    return Analysis("video", 640, 360, 1000, 25, 2, 0, True, (), tracks)


def test_the_size_of_a_verdict_is_foretold() -> None:
    """Never too low, and not by much too high."""
    for one in (track(), track(shots=8, crop=bytes(9000)), track(faces=500)):
        said = len(pack_verdict(analysis(one))) - len(pack_verdict(analysis()))
        foretold = room.size(one) + len(one.faces) * 160
        assert said <= foretold < said * 1.5


def test_a_full_verdict_fits() -> None:
    assert room.TRACK_BYTES + room.POSITIONS * 160 < room.VERDICT_BYTES * 0.9, "the tracks still open come on top"


def test_thinned_tracks_keep_their_ends() -> None:
    tracks = [track(faces=100), track(faces=1), track(faces=2)]
    assert room.thinned(tracks, 103) == tracks
    thin = room.thinned(tracks, 40)
    assert [len(one.faces) for one in thin] == [34, 1, 2]
    assert [(one.faces[0], one.faces[-1]) for one in thin] == [(one.faces[0], one.faces[-1]) for one in tracks]


def test_the_best_picture_is_the_one_that_stays() -> None:
    (shot,) = room.with_best_only(track(shots=8)).best_shots
    assert (shot.ordinal, shot.weight) == (0, 1.0)


@pytest.fixture
def cuts(tmp_path: Path) -> Path:
    """Two heads in each of eight shots of a second."""
    shots = [scene({ANNA: (60, 60, 120), BOHDAN: (300, 60, 120)}, shade) for shade in (60, 200) * 4]
    moving = [shots[n // FPS].copy() for n in range(8 * FPS)]
    for n, picture in enumerate(moving):
        picture[:40, 4 * (n % 60) : 4 * (n % 60) + 40] = ground(140, (40, 40))[:, : picture.shape[1]]
    return film(tmp_path / "a.mp4", moving)


def test_first_pictures_give_way_then_the_film_is_left(
    cuts: Path, engine: Engine, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = analyze_file(cuts, engine, limits, CHOICES)
    assert isinstance(whole, Analysis)
    one_each = sum(map(room.size, map(room.with_best_only, whole.tracks)))
    assert one_each < sum(map(room.size, whole.tracks)), "there are tracks with several shots"

    monkeypatch.setattr(room, "TRACK_BYTES", one_each + 1)
    fewer = analyze_file(cuts, engine, limits, CHOICES)
    assert isinstance(fewer, Analysis)
    assert fewer.complete
    assert [one.templates for one in fewer.tracks] == [one.templates for one in whole.tracks]

    monkeypatch.setattr(room, "TRACK_BYTES", one_each // 2)
    left = analyze_file(cuts, engine, limits, CHOICES)
    assert isinstance(left, Analysis)
    assert not left.complete
    assert "s: more tracks than one verdict holds" in left.note
    assert 4 <= len(left.tracks) < len(whole.tracks)
    assert all(one.templates for one in left.tracks)


def test_of_very_many_positions_a_part_is_kept(
    tmp_path: Path, engine: Engine, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "a.mp4", (scene({ANNA: (60 + n, 60, 120)}) for n in range(4 * FPS)))
    whole = analyze_file(path, engine, limits, CHOICES)
    monkeypatch.setattr(room, "POSITIONS", 5)
    found = analyze_file(path, engine, limits, CHOICES)
    assert isinstance(whole, Analysis)
    assert isinstance(found, Analysis)
    assert found.note == "very many faces: of where each was only a part is kept"
    assert found.complete
    assert found.tracks == tuple(room.thinned(whole.tracks, 5))
    assert len(found.tracks[0].faces) < len(whole.tracks[0].faces)
