"""Copies laid over what they were made from: what nobody would search is passed over, and another face is not."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from extractors import overlays
from extractors.comparing import compare_files
from extractors.faces import Engine
from extractors.limits import Limits
from lastseen.choices import Choices
from lastseen.records import Comparison, LinkedStretch, Pixels, Rejection
from tests.matchers import footage

SECONDS = 3.0
CHOICES = Choices()
LINK = LinkedStretch(0, 3000, 0, 3000, mirrored=False)
Compare = Callable[..., Comparison]


@pytest.fixture(scope="module")
def film() -> footage.Film:
    """Two shots."""
    return footage.scenes(3, SECONDS)


@pytest.fixture
def compare(engine: Engine, limits: Limits, tmp_path: Path) -> Compare:
    """Writes two films, the copy in some way, and lays them over each other."""

    def run(
        copy: footage.Film, other: footage.Film, link: LinkedStretch = LINK, hard: int = 23, **how: Any
    ) -> Comparison:
        paths = footage.written(tmp_path / "c.mp4", copy, **how), footage.written(tmp_path / "a.mp4", other, crf=hard)
        found = compare_files(*paths, [link], engine, limits, CHOICES)
        assert isinstance(found, Comparison), found
        return found

    return run


# --- what is spared ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {"crf": 18},
        {"crf": 28},
        {"change": footage.scaled(0.5)},
        {"change": footage.cropped(0.04)},
        {"change": footage.cropped(0.1)},
        {"change": footage.with_logo},
        {"change": footage.letterboxed},
    ],
    ids=["CRF 18", "CRF 28", "half the size", "cropped by 4 %", "cropped by 10 %", "a logo", "letterboxed"],
)
def test_what_shows_nothing_else_is_the_same(compare: Compare, film: footage.Film, how: Mapping[str, Any]) -> None:
    found = compare(film, film, **how)
    assert found.why == ""
    assert found.compared >= 6


def test_so_is_a_film_left_for_right_and_a_faster_one(compare: Compare, film: footage.Film) -> None:
    assert compare(film, film, replace(LINK, mirrored=True), change=footage.mirrored).why == ""
    faster = LinkedStretch(0, 2700, 0, 2970, mirrored=False)
    assert compare(film, film, faster, speed=1.1).why == ""


def test_a_part_is_found_wherever_it_is_in_the_other(compare: Compare, film: footage.Film) -> None:
    """Half a second off, as links may be by a little; parts may come in another order, so it goes back, too."""
    before = footage.scenes(4, 2.0)
    assert compare(film, [*before, *film], LinkedStretch(0, 3000, 2200, 5200, mirrored=False)).why == ""


def test_parts_in_another_order_are_found(engine: Engine, limits: Limits, tmp_path: Path, film: footage.Film) -> None:
    half = len(film) // 2
    paths = (
        footage.written(tmp_path / "copy.mp4", [*film[half:], *film[:half]]),
        footage.written(tmp_path / "a.mp4", film, crf=23),
    )
    middle = round(half * 1000 / footage.FPS)
    links = [
        LinkedStretch(0, 3000 - middle, middle, 3000, mirrored=False),
        LinkedStretch(3000 - middle + 1, 3000, 0, middle, mirrored=False),
    ]
    found = compare_files(*paths, links, engine, limits, CHOICES)
    assert isinstance(found, Comparison)
    assert found.why == ""


# --- what is not -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [32, 48])
@pytest.mark.parametrize("crf", [23, 30])
@pytest.mark.parametrize("seconds", [SECONDS, 0.5], ids=["always", "half a second"])
def test_another_face_is_found(compare: Compare, film: footage.Film, width: int, crf: int, seconds: float) -> None:
    (face, *_) = footage.other_faces(Path("nowhere"))
    changed = footage.with_face(film, face, width, 1.0, seconds, np.random.default_rng(width + crf))
    assert "shows a face" in compare(changed.film, film, crf=crf).why


def test_a_face_in_one_picture_that_would_be_sampled_is_found(compare: Compare, film: footage.Film) -> None:
    (face, *_) = footage.other_faces(Path("nowhere"))
    (picture,) = footage.with_face(film[:1], face, 48, 1.0, 1.0, np.random.default_rng(3)).film
    assert "shows a face" in compare([picture, *film[1:]], film).why


def test_so_is_one_beside_a_logo_and_in_a_bar(compare: Compare, film: footage.Film) -> None:
    (face, *_) = footage.other_faces(Path("nowhere"))

    def in_the_bar(picture: Pixels) -> Pixels:
        made = np.pad(picture, ((60, 60), (0, 0), (0, 0)))
        return footage.put(made, face, 100, -5, 32, 1.0)

    def with_both(picture: Pixels) -> Pixels:
        return footage.put(footage.with_logo(picture), face, 200, 20, 40, 1.0)

    for change in (in_the_bar, with_both):
        assert "shows a face" in compare(film, film, change=change).why


@pytest.mark.parametrize("side", [40, 80])
def test_so_is_another_photo_in_the_same_notice(compare: Compare, side: int) -> None:
    assert compare(footage.template(1, side, SECONDS), footage.template(2, side, SECONDS)).why
    assert not compare(footage.template(1, side, SECONDS), footage.template(1, side, SECONDS), crf=20).why


def test_a_larger_copy_shows_more(compare: Compare, film: footage.Film) -> None:
    assert "larger" in compare(film, film, change=footage.scaled(2.0)).why


def test_a_copy_that_was_squeezed_less_shows_more(compare: Compare) -> None:
    film = footage.scenes(5, SECONDS)
    assert "the detail" in compare(film, film, hard=32, crf=18).why
    assert compare(film, film, hard=18, crf=28).why == ""


def test_where_the_other_has_ended_nothing_is_compared(compare: Compare, film: footage.Film) -> None:
    """Scenery, and nobody in it: only what costs too much to be searched speaks for an analysis."""
    longer = [*film, *footage.studio(2, seconds=2.0)]
    assert compare(longer, film).why


def test_what_is_no_film_is_told(engine: Engine, limits: Limits, tmp_path: Path, film: footage.Film) -> None:
    good, bad = footage.written(tmp_path / "a.mp4", film[:15]), tmp_path / "b.mp4"
    bad.write_bytes(b"no video at all")
    assert isinstance(compare_files(bad, good, [LINK], engine, limits, CHOICES), Rejection)
    assert isinstance(compare_files(good, bad, [LINK], engine, limits, CHOICES), Rejection)
    unlinked = compare_files(good, good, [], engine, limits, CHOICES)
    assert isinstance(unlinked, Comparison)
    assert unlinked.why


# --- how they lie ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mirrored", [False, True])
def test_how_a_crop_lies_is_known_to_a_part_of_a_pixel(film: footage.Film, mirrored: bool) -> None:
    other = overlays.grey(film[0])
    copy = np.ascontiguousarray(other[9:171, 16:304])
    copy = np.ascontiguousarray(copy[:, ::-1]) if mirrored else copy
    lay = overlays.laid_by_points(copy, other, mirrored=mirrored)
    assert lay is not None
    lay = overlays.refined(overlays.overlay(copy, other, lay, CHOICES), lay)
    wanted = [[-1, 0, 303], [0, 1, 9]] if mirrored else [[1, 0, 16], [0, 1, 9]]
    assert lay == pytest.approx(np.array(wanted, float), abs=0.3)
    assert not overlays.overlay(copy, other, lay, CHOICES).differs.any()


def test_other_brightness_and_contrast_do_not_differ(film: footage.Film) -> None:
    other = overlays.grey(film[0])
    copy = (other * 0.7 + 30).astype(np.uint8)
    lay = overlays.squeezed(copy, other, mirrored=False)
    assert not overlays.overlay(copy, other, lay, CHOICES).differs.any()


def test_what_differs_is_where_it_was_changed(film: footage.Film) -> None:
    other = overlays.grey(film[0])
    copy = other.copy()
    copy[40:80:2, 100:140] = 255 - copy[40:80:2, 100:140] // 4
    found = overlays.overlay(copy, other, overlays.squeezed(copy, other, mirrored=False), CHOICES)
    (box,) = overlays.regions(found.differs, found.cell, 32, copy.shape)
    assert box.x <= 100
    assert box.y <= 40
    assert box.x + box.width >= 140
    assert box.y + box.height >= 80
    rows, columns = np.nonzero(found.differs)
    assert 32 <= rows.min() * 4 <= rows.max() * 4 <= 84
    assert 92 <= columns.min() * 4 <= columns.max() * 4 <= 144
