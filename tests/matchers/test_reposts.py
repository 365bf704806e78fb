"""Which footage is known again, and, more important, which is not: alike is not the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lastseen.records import Fingerprint, Pixels
from matchers import reposts
from matchers.reposts import Shelf, Stretch
from pipeline.media.fingerprint import Seen, seen_in
from tests.extractors import films
from tests.extractors.test_fingerprints import taken
from tests.matchers import footage

SECONDS = 8.0
Take = Callable[..., Seen]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    """Writes a film, and takes its fingerprint."""
    path = tmp_path_factory.mktemp("films") / "a.mp4"

    def taken_of(film: footage.Film, **how: Any) -> Seen:
        return seen_in(taken(footage.written(path, film, **how)))

    return taken_of


@pytest.fixture(scope="module")
def film() -> footage.Film:
    return footage.scenes(3, SECONDS)


@pytest.fixture(scope="module")
def original(take: Take, film: footage.Film) -> Seen:
    return take(film, crf=20)


def between(one: Seen, other: Seen) -> list[Stretch]:
    return reposts.stretches(one.look, one.mirrored, other.look)


COPIES: dict[str, dict[str, Any]] = {
    "encoded hard": {"crf": 36},
    "scaled": {"change": footage.scaled(0.5)},
    "cropped": {"change": footage.cropped(0.1)},
    "with a logo": {"change": footage.with_logo},
    "letterboxed": {"change": footage.letterboxed},
    "mirrored": {"change": footage.mirrored},
    "faster": {"speed": 1.1},
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_known_from_beginning_to_end(how: str, take: Take, film: footage.Film, original: Seen) -> None:
    copy = take(film, **COPIES[how])
    (found,) = between(copy, original)
    assert found.mirrored == (how == "mirrored")
    assert found.one_start_ms < 1100
    assert found.one_end_ms > copy.look.at_ms[-1] - 1100
    assert abs(found.other_end_ms - found.other_start_ms - SECONDS * 1000) < 1500


def test_a_part_is_known_where_it_stands(take: Take, film: footage.Film, original: Seen) -> None:
    """In a compilation, between other footage."""
    strange = footage.scenes(4, 5.0)
    (found,) = between(take([*strange, *film[2 * footage.FPS : 7 * footage.FPS], *strange]), original)
    assert found.one_start_ms == pytest.approx(5000, abs=500)
    assert found.one_end_ms == pytest.approx(10_000, abs=500)
    assert found.other_start_ms == pytest.approx(2000, abs=500)


def test_a_part_is_known_at_the_end_of_something_long(take: Take, film: footage.Film, original: Seen) -> None:
    long = take([*footage.scenes(4, 25.0), *film])
    (found,) = between(take(film[: 5 * footage.FPS]), long)
    assert found.other_start_ms == pytest.approx(25_000, abs=500)


def test_other_scenes_are_other_footage(take: Take, original: Seen) -> None:
    assert between(take(footage.scenes(5, SECONDS)), original) == []


def test_two_people_in_one_studio_are_not_one_footage(take: Take) -> None:
    one, other = (take(footage.studio(number, seconds=SECONDS)) for number in (1, 2))
    assert between(one, other) == []
    assert len(between(take(footage.studio(1, seconds=SECONDS), crf=32), one)) == 1


def test_one_opening_does_not_weld_what_follows(take: Take) -> None:
    one, other = (take([*footage.card(4.0), *footage.scenes(number, 5.0)]) for number in (7, 8))
    assert all(found.one_end_ms < 4800 and found.other_end_ms < 4800 for found in between(one, other))


def test_a_caption_hides_no_file_from_the_comparison(take: Take) -> None:
    for number in (502, 509):
        other = footage.scenes(number, 12.0)
        words = reposts.anchors(take(other, crf=23).look)
        shelf = Shelf(np.repeat([number], len(words)), words)
        copy = take(other, change=footage.with_caption)
        assert reposts.worth_comparing(copy.look, copy.mirrored, [shelf]) == [number]


def test_a_standing_picture_proves_nothing(take: Take, film: footage.Film) -> None:
    still = [film[0]] * int(SECONDS * footage.FPS)
    assert between(take(still), take(still, crf=32)) == []


def test_only_files_that_look_alike_are_compared(take: Take, film: footage.Film, original: Seen) -> None:
    words = [reposts.anchors(original.look), reposts.anchors(take(footage.scenes(5, SECONDS)).look)]
    shelf = Shelf(np.repeat([7, 8], [len(word) for word in words]), np.concatenate(words))
    copy = take(film, crf=34)
    assert reposts.worth_comparing(copy.look, copy.mirrored, [shelf]) == [7]


def test_still_pictures_are_held_to_more(film: footage.Film, tmp_path: Path) -> None:
    def still(picture: Pixels) -> Seen:
        (tmp_path / "a.png").write_bytes(films.png(picture))
        return seen_in(taken(tmp_path / "a.png"))

    one, same = still(film[0]), still(footage.scaled(0.5)(film[0]))
    assert len(reposts.stills(same.look, same.mirrored, one.look)) == 1
    notices = [still(footage.template(number, 60, 0.1)[0]) for number in (1, 2)]
    assert reposts.stills(notices[0].look, notices[0].mirrored, notices[1].look) == []


@pytest.mark.parametrize(
    ("moments", "hashes", "light"),
    [
        (b"\1\0\0\0", b"", bytes(256)),
        (b"\1\0\0\0", bytes(64), bytes(255)),
        (b"\1\0\0\0\2\0\0\0", bytes(128), bytes(256)),
        (b"\2\0\0\0\1\0\0\0", bytes(128), b""),
        (b"\1", b"", b""),
    ],
)
def test_what_is_no_fingerprint_is_refused(moments: bytes, hashes: bytes, light: bytes) -> None:
    with pytest.raises(ValueError, match=r"moments|size"):
        seen_in(Fingerprint("video", 1, 1, 1, True, moments, hashes, hashes, light))
