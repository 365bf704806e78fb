"""Exact search against the plainest way to write it."""

import numpy as np
import pytest

from lastseen.records import Gallery, Match, Probes
from matchers import products
from matchers.gallery import ready, search


def plain(probes: Probes, register: Gallery, threshold: float) -> dict[int, list[Match]]:
    best: dict[int, dict[int, Match]] = {}
    for owner, probe in zip(probes.owners, probes.vectors, strict=True):
        for person, photo, vector in zip(register.people, register.photos, register.vectors, strict=True):
            distance = float(np.linalg.norm(probe.astype(np.float64) - vector))
            held = best.setdefault(owner, {}).get(person)
            if distance <= threshold and (held is None or (distance, photo) < (held.distance, held.photo)):
                best[owner][person] = Match(person, photo, distance)
    ranked = {
        owner: sorted(found.values(), key=lambda match: (match.distance, match.photo)) for owner, found in best.items()
    }
    return {owner: found for owner, found in ranked.items() if found}


def pairs(found: dict[int, list[Match]]) -> dict[int, list[tuple[int, int]]]:
    return {owner: [(match.person, match.photo) for match in matches] for owner, matches in found.items()}


def distances(found: dict[int, list[Match]]) -> list[float]:
    return [match.distance for owner in sorted(found) for match in found[owner]]


def drawn(seed: int, tracks: int = 40, photos: int = 90) -> tuple[Probes, Gallery]:
    """Tracks with two templates each, people with three photos each, some of them near."""
    random = np.random.default_rng(seed)
    register = random.normal(size=(photos, 128)).astype(np.float32)
    probes = register[random.integers(0, photos, tracks)] + random.normal(size=(tracks, 128)).astype(np.float32) * 0.5
    return (
        Probes(tuple(row // 2 for row in range(tracks)), probes.astype(np.float32)),
        Gallery(tuple(row // 3 for row in range(photos)), tuple(range(100, 100 + photos)), register),
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [1, 7, 1 << 10])
@pytest.mark.parametrize(("tracks", "photos"), [(40, 90), (90, 40), (1, 90), (60, 1)])
def test_it_finds_exactly_what_the_plain_way_finds(
    seed: int, rows: int, tracks: int, photos: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In blocks of any size, on several cores, with either side the longer one."""
    monkeypatch.setattr(products, "MOST_ROWS", rows)
    monkeypatch.setattr(products, "COLUMNS", 7)
    monkeypatch.setattr(products, "SHARE", 1)
    probes, register = drawn(seed, tracks, photos)
    found, wanted = search(probes, register, 9.0, threads=3), plain(probes, register, 9.0)
    assert len(wanted) > 10 or 1 in (tracks, photos)
    assert wanted
    assert pairs(found) == pairs(wanted)
    distances = [match.distance for owner in sorted(found) for match in found[owner]]
    assert distances == pytest.approx(
        [match.distance for owner in sorted(wanted) for match in wanted[owner]], rel=1e-12
    )


def test_what_was_worked_out_before_changes_nothing() -> None:
    probes, register = drawn(5)
    assert search(probes, ready(register), 9.0) == search(probes, register, 9.0)


def test_the_answer_does_not_depend_on_the_order_of_rows() -> None:
    probes, register = drawn(3)
    order = np.random.default_rng(4).permutation(len(register.people))
    people, photos = np.array(register.people)[order], np.array(register.photos)[order]
    mixed = Gallery(tuple(people.tolist()), tuple(photos.tolist()), register.vectors[order])
    assert search(probes, mixed, 12.0) == search(probes, register, 12.0)


def test_a_pair_exactly_on_the_threshold_is_near() -> None:
    probes = Probes((1,), np.zeros((1, 4), np.float32))
    register = Gallery((2, 3), (20, 30), np.array([[0.5, 0, 0, 0], [0.5000001, 0, 0, 0]], np.float32))
    assert search(probes, register, 0.5) == {1: [Match(2, 20, 0.5)]}


def test_large_vectors_lose_no_neighbour_to_cancellation() -> None:
    base = np.full((1, 128), 1000.0, np.float32)
    near = base.copy()
    near[0, 0] += 0.25
    assert search(Probes((1,), near), Gallery((2,), (20,), base), 0.3) == {1: [Match(2, 20, 0.25)]}


def test_an_empty_side_is_an_empty_answer_and_other_dimensions_are_an_error() -> None:
    nothing = np.empty((0, 0), np.float32)
    one = np.ones((1, 4), np.float32)
    assert search(Probes((), nothing), Gallery((2,), (20,), one), 1) == {}
    assert search(Probes((1,), one), Gallery((), (), nothing), 1) == {}
    with pytest.raises(ValueError, match="4 dimensions, the gallery has 3"):
        search(Probes((1,), one), Gallery((2,), (20,), np.ones((1, 3), np.float32)), 1)


def test_a_number_that_is_none_is_an_error_and_hides_nobody() -> None:
    one = np.ones((1, 4), np.float32)
    for wrong in (np.nan, np.inf, -np.inf, 3e30):
        other = np.array([[1, wrong, 1, 1]], np.float32)
        with pytest.raises(ValueError, match="not finite"):
            search(Probes((1,), one), Gallery((2,), (20,), other), 1)
        with pytest.raises(ValueError, match="not finite"):
            search(Probes((1,), other), Gallery((2,), (20,), one), 1)
        with pytest.raises(ValueError, match="not finite"):
            ready(Gallery((2,), (20,), other))
