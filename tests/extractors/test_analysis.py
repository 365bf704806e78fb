"""Whole files in: drawn ones, damaged ones, and the real clip with the register that belongs to it."""

import random
import re
import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from extractors import faces
from extractors.analysis import ENOUGH_TIME, analyze_file, enroll_file
from extractors.faces import Engine
from extractors.limits import Limits
from extractors.recipe import ANALYSIS_VERSION, recipe
from lastseen.choices import Choices
from lastseen.outcomes import Fault
from lastseen.records import Analysis, Enrolment, Rejection, Template
from lastseen.settings import Settings
from tests.extractors import squares
from tests.extractors.films import (
    ANNA,
    BOHDAN,
    FPS,
    Coding,
    coded,
    film,
    ground,
    plain_film,
    png,
    scene,
    transport_stream,
    two_streams,
)

CHOICES = Choices()


def analyzed(path: Path, engine: Engine, limits: Limits) -> Analysis:
    """An analysis, not a rejection."""
    found = analyze_file(path, engine, limits, CHOICES)
    assert isinstance(found, Analysis), found
    return found


def apart(engine: Engine, one: Template, other: Template) -> float:
    """The distance of two templates."""
    left, right = (np.array([template.vector], np.float32) for template in (one, other))
    return float(engine.distance(left, right)[0, 0])


def test_the_recipe_names_the_engine_the_analysis_and_unusual_choices(models_dir: Path) -> None:
    usual = recipe("dlib", models_dir, CHOICES)
    assert usual == f"{faces.engine_id('dlib', models_dir)}+analysis/{ANALYSIS_VERSION}"
    assert re.fullmatch(f"{re.escape(usual)}-[0-9a-f]{{8}}", recipe("dlib", models_dir, Choices(every=0.25)))


def test_a_film_with_a_cut(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    """One head slides, then after a cut two heads stand; then nobody."""
    first = [scene({ANNA: (40 + 2 * n, 60, 120)}) for n in range(FPS)]
    second = [scene({ANNA: (60, 60, 120), BOHDAN: (300, 60, 120)}, shade=200)] * FPS
    third = [ground(60)] * FPS
    found = analyzed(film(tmp_path / "a.mp4", [*first, *second, *third]), engine, limits)
    assert (found.kind, found.width, found.height, found.duration_ms) == ("video", 480, 270, 3000)
    counts = (found.pictures_decoded, found.pictures_sampled, found.gaps, found.complete)
    assert counts == (72, 4, 0, True), "two are the same as before"
    assert [(shot.start_ms, shot.end_ms) for shot in found.shots] == [(0, 1000), (1000, 2000), (2000, 3000)]
    assert sorted((track.shot, track.start_ms, track.end_ms) for track in found.tracks) == [
        (0, 0, 500),
        (1, 1000, 1500),
        (1, 1000, 1500),
    ]
    assert [track.ordinal for track in found.tracks] == [0, 1, 2]
    assert all(shot.crop.startswith(b"\xff\xd8") for track in found.tracks for shot in track.best_shots)
    pooled = [track.templates[0] for track in found.tracks]
    left = min((1, 2), key=lambda n: found.tracks[n].faces[0].box.x)
    assert apart(engine, pooled[0], pooled[left]) < 0.2 < apart(engine, pooled[0], pooled[3 - left])


def test_the_same_file_gives_the_same_analysis(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    path = film(tmp_path / "a.mp4", [scene({ANNA: (60, 60, 120)})] * FPS)
    assert analyze_file(path, engine, limits, CHOICES) == analyze_file(path, engine, limits, CHOICES)


def test_a_picture_is_one_shot(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    (tmp_path / "a.png").write_bytes(png(scene({ANNA: (60, 60, 120)})))
    found = analyzed(tmp_path / "a.png", engine, limits)
    assert (found.kind, found.duration_ms, found.pictures_sampled, len(found.shots)) == ("image", 0, 1, 1)
    (track,) = found.tracks
    assert (track.start_ms, track.end_ms, len(track.best_shots)) == (0, 0, 1)


def test_a_film_without_faces_is_done(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    found = analyzed(plain_film(tmp_path / "a.mp4"), engine, limits)
    assert (found.tracks, found.complete, found.note) == ((), True, "")


def test_a_truncated_film_is_read_as_far_as_it_goes(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    path = plain_film(tmp_path / "a.mp4", 6, (320, 180))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = analyzed(path, engine, limits)
    assert not found.complete
    assert found.gaps >= 1
    assert 0 < found.duration_ms < 5000
    assert "of 6.0 s stated" in found.note


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("b_frames", ["0", "3"])
def test_a_film_whose_middle_is_destroyed_is_not_complete(
    tmp_path: Path, engine: Engine, limits: Limits, threads: int, b_frames: str
) -> None:
    """Its first and last pictures are there, as the container states; what is between them is noise."""
    pictures = [ground(40 + 3 * (n % 40), (320, 180)) for n in range(8 * FPS)]
    path = coded(tmp_path, pictures, Coding(options={"preset": "ultrafast", "g": "12", "bf": b_frames}))
    content = bytearray(path.read_bytes())
    quarter = len(content) // 4
    content[quarter : 3 * quarter] = random.Random(1).randbytes(2 * quarter)
    path.write_bytes(content)
    found = analyze_file(path, engine, limits, CHOICES, threads)
    assert isinstance(found, Analysis)
    assert not found.complete
    said = re.search(r"would not decode, (\d\.\d) s are missing, .*from (\d\.\d) to (\d\.\d) s", found.note)
    assert said is not None, found.note
    missing, since, until = map(float, said.groups())
    assert 3 <= missing <= 5
    assert 1 < since < until < 7


def test_a_short_loss_is_said_and_leaves_a_film_complete(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    path = plain_film(tmp_path / "a.mp4", 4, (320, 180))
    content = bytearray(path.read_bytes())
    middle = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle : middle + 300] = b"\xff" * 300
    path.write_bytes(content)
    found = analyzed(path, engine, limits)
    assert (found.complete, found.gaps) == (True, 1)
    assert found.note.startswith("1 stretch would not decode")


def test_a_film_whose_index_is_cut_off_is_a_defect(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    path = plain_film(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:300])
    found = analyze_file(path, engine, limits, CHOICES)
    assert isinstance(found, Rejection)
    assert found.fault == Fault.DEFECT


def test_a_film_of_nothing_but_damage(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    path = plain_film(tmp_path / "a.mp4")
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = b"\xff" * (len(content) - start)
    path.write_bytes(content)
    found = analyze_file(path, engine, limits, CHOICES)
    assert isinstance(found, Rejection)
    assert found.fault == Fault.DEFECT
    assert "no picture of this video could be decoded" in found.why


def test_a_longer_video_has_more_time(tmp_path: Path, engine: Engine) -> None:
    granted: list[float] = []
    usual = Limits.of(Settings(max_duration_seconds=3))
    for seconds in (2, 4):
        found = analyze_file(plain_film(tmp_path / "a.mp4", seconds), engine, usual, CHOICES, 1, granted.append)
        assert isinstance(found, Analysis)
    assert granted == [pytest.approx(900.5), pytest.approx(900.75)], "as far as it is looked at"
    assert usual.latest == 900.75
    assert Limits.of(Settings()).latest * ENOUGH_TIME == pytest.approx(4 * 3600 / 4)


def test_time_that_runs_out_leaves_what_was_found(tmp_path: Path, engine: Engine) -> None:
    hurried = Limits(8, 60, 0.0, 4096)
    found = analyzed(film(tmp_path / "a.mp4", [scene({ANNA: (60, 60, 120)})] * FPS), engine, hurried)
    assert not found.complete
    assert "time ran out" in found.note


@pytest.mark.parametrize("stated", [5 * 3600, 1, 0])
def test_what_a_header_says_of_the_length_hides_nothing(
    tmp_path: Path, engine: Engine, limits: Limits, stated: int
) -> None:
    """Matroska's Duration is a float in milliseconds; the limit here is two of the film's four seconds."""
    path = coded(tmp_path, [scene({ANNA: (60 + n, 60, 120)}) for n in range(4 * FPS)], Coding("a.mkv"))
    content = bytearray(path.read_bytes())
    duration = content.index(b"\x44\x89\x88") + 3
    assert struct.unpack(">d", content[duration : duration + 8]) == (pytest.approx(4000, abs=50),)
    content[duration : duration + 8] = struct.pack(">d", 1000.0 * stated)
    path.write_bytes(content)
    found = analyzed(path, engine, replace(limits, max_duration_seconds=2))
    assert not found.complete
    assert "LASTSEEN_MAX_DURATION_SECONDS" in found.note
    assert [(track.start_ms, track.end_ms) for track in found.tracks] == [(0, 2000)]
    assert found.tracks[0].templates


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A mosaic of 594 squares, of which another one is missing on each picture."""
    grid = [(48 * column, 48 * row, 44) for row in range(18) for column in range(33)]
    pictures = [squares.squares((1600, 900), *grid[:n], *grid[n + 1 :]) for n in range(4)]
    return film(tmp_path / "crowd.mp4", pictures, fps=2)


def test_a_crowd_costs_what_its_faces_cost(crowd: Path, limits: Limits) -> None:
    """Not their square: each crop hid all other faces of the picture, wherever they were."""
    began = time.process_time()
    found = analyze_file(crowd, squares.engine()[0], limits, Choices(most_faces=1000, closer_look_every=0.1))
    assert isinstance(found, Analysis)
    assert len(found.tracks) == 594
    assert sum(len(track.faces) for track in found.tracks) == 4 * 593
    assert time.process_time() - began < 8, "it was twenty"


def test_of_a_crowd_the_surest_are_followed_and_the_rest_is_said(crowd: Path, limits: Limits) -> None:
    found = analyze_file(crowd, squares.engine()[0], limits, Choices(most_faces=100))
    assert isinstance(found, Analysis)
    assert {track.shot for track in found.tracks} == {0}
    assert 100 <= len(found.tracks) < 150
    assert (
        "a crowd: of 593 faces on one picture the surest 100 were followed (LASTSEEN_ANALYSIS__MOST_FACES)"
        in found.note
    )
    assert found.unfollowed == 493


@pytest.mark.parametrize(
    ("heads", "why"),
    [
        ({}, "no face found"),
        ({ANNA: (60, 60, 120), BOHDAN: (300, 60, 120)}, "2 faces, one needed"),
        ({ANNA: (200, 100, 50)}, "no face found that is 64 px wide or more: cut"),
    ],
)
def test_a_photo_that_the_register_refuses(
    tmp_path: Path, engine: Engine, limits: Limits, heads: dict[object, tuple[int, int, int]], why: str
) -> None:
    (tmp_path / "a.png").write_bytes(png(scene(heads)))  # type: ignore[arg-type]  # pytest erases the key's type
    refused = enroll_file(tmp_path / "a.png", engine, limits, CHOICES)
    assert isinstance(refused, Rejection)
    assert refused.fault == Fault.SKIPPED
    assert refused.why.startswith(why)


def test_a_blurred_photo_is_too_poor_for_the_register(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    blurred = Image.fromarray(scene({ANNA: (60, 20, 220)})).filter(ImageFilter.GaussianBlur(6))
    blurred.save(tmp_path / "a.png")
    refused = enroll_file(tmp_path / "a.png", engine, limits, CHOICES)
    assert isinstance(refused, Rejection)
    assert refused.why.startswith("too poor for the register: sharpness ")


def test_a_photo_that_is_no_picture(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    (tmp_path / "a.jpg").write_bytes(b"not a picture")
    refused = enroll_file(tmp_path / "a.jpg", engine, limits, CHOICES)
    assert isinstance(refused, Rejection)
    assert refused.fault == Fault.DEFECT


@pytest.fixture(scope="module")
def real(shared_media: Path, engine: Engine) -> tuple[Analysis, dict[str, Template]]:
    """The clip and its register, analysed once."""
    limits = Limits(64, 3600, 900, 4096)
    register = {}
    for name in ("lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "biden.jpg"):
        enrolled = enroll_file(shared_media / name, engine, limits, CHOICES)
        assert isinstance(enrolled, Enrolment), enrolled
        register[name.partition(".")[0]] = enrolled.template
    return analyzed(shared_media / "short_hamilton_clip.mp4", engine, limits), register


def test_the_real_clip(real: tuple[Analysis, dict[str, Template]]) -> None:
    found, _ = real
    assert (found.width, found.height, found.pictures_decoded, found.complete) == (640, 360, 275, True)
    assert found.duration_ms == pytest.approx(9176, abs=40)
    assert len(found.shots) == 4


def test_the_right_person_at_the_right_moments_and_nobody_else(
    engine: Engine, real: tuple[Analysis, dict[str, Template]]
) -> None:
    """He is in the picture from 3.9 to 7.9 s; below the threshold there is nobody else at any time."""
    found, register = real
    distances = {
        (name, track.ordinal): min(apart(engine, photo, template) for template in track.templates)
        for track in found.tracks
        for name, photo in register.items()
        if track.templates
    }
    near = {pair for pair, distance in distances.items() if distance <= engine.published_threshold}
    assert {name for name, _ in near} == {"lin-manuel-miranda"}
    spans = [(found.tracks[number].start_ms, found.tracks[number].end_ms) for _, number in near]
    assert min(start for start, _ in spans) < 4500
    assert max(end for _, end in spans) > 7000
    assert all(start >= 3500 and end <= 7900 for start, end in spans)
    assert min(distances.values()) < 0.45
    strangers = [distance for (name, _), distance in distances.items() if name != "lin-manuel-miranda"]
    assert min(strangers) > engine.published_threshold + 0.05


def test_blurred_faces_of_the_split_screen_are_kept_and_not_searched(
    real: tuple[Analysis, dict[str, Template]],
) -> None:
    found, _ = real
    gated = [track for track in found.tracks if track.gate]
    assert {track.gate.split()[0] for track in gated if track.shot == 3} == {"sharpness"}
    assert all(track.best_shots and not track.templates for track in gated)


def test_a_clock_that_jumps_back_leaves_an_analysis_incomplete(tmp_path: Path, engine: Engine, limits: Limits) -> None:
    one = transport_stream(tmp_path / "one.ts", 2 * FPS).read_bytes()
    (tmp_path / "a.ts").write_bytes(one + one)
    found = analyzed(tmp_path / "a.ts", engine, limits)
    assert (found.complete, found.gaps, len(found.shots), found.pictures_sampled) == (False, 1, 2, 2)
    assert "its clock runs backwards" in found.note
    assert all(shot.start_ms <= shot.end_ms for shot in found.shots)


def test_the_largest_of_several_streams_is_looked_at_and_the_others_are_said(
    tmp_path: Path, engine: Engine, limits: Limits
) -> None:
    """A preview stands before the film."""
    small, large = [ground(60, (160, 90))] * FPS, [scene({ANNA: (60, 60, 120)})] * FPS
    found = analyzed(two_streams(tmp_path / "a.mp4", small, large), engine, limits)
    assert (found.width, found.height, len(found.tracks), found.complete) == (480, 270, 1, False)
    assert found.note == "only its largest video stream was looked at, 1 more was not"


def test_the_real_cast(engine: Engine, real: tuple[Analysis, dict[str, Template]]) -> None:
    """He passes by small and is then seen large: one face in two shots, and nobody else is linked."""
    found, register = real
    (link,) = found.cast
    seen = [found.tracks[number] for number in (link.one, link.other)]
    assert seen[0].shot != seen[1].shot
    portrait = register["lin-manuel-miranda"]
    pooled, best = (min(apart(engine, portrait, track.templates[n]) for track in seen) for n in (0, 1))
    assert pooled <= best
    assert pooled < 0.4
