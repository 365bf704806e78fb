"""Every pair of people is looked at once, whatever the blocks."""

import numpy as np
import pytest

from matchers import impostors
from matchers.impostors import Sample
from tests.matchers.registers import WORLDS, register, strangers

SAMPLE, _ = register(WORLDS["photos, kin, twins"], 70, 1)


def plain(sample: Sample, order: list[int]) -> list[tuple[int, int, float]]:
    """(probe's person, other person, distance): of each template of a person and each person after it in the order."""
    found = []
    for number, probe in enumerate(order):
        for other in order[number + 1 :]:
            others = sample.vectors[sample.owners == other].astype(float)
            found += [
                (probe, other, float(np.linalg.norm(others - vector, axis=1).min()))
                for vector in sample.vectors[sample.owners == probe].astype(float)
            ]
    return sorted(found, key=lambda pair: pair[2])


@pytest.mark.parametrize("block", [1, 500, impostors.BLOCK])
def test_it_is_what_the_plainest_way_finds(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(impostors, "BLOCK", block)
    scan = impostors.scan(SAMPLE, (0.0,), 10_000, 10**9)
    (band,) = scan.bands
    expected = plain(SAMPLE, scan.people.tolist())
    assert sorted(scan.people.tolist()) == list(range(1, 71))
    assert band.looked == len(expected) == len(band.distances)
    assert band.distances == pytest.approx([distance for _, _, distance in expected], abs=1e-4)
    pairs = zip(scan.people[band.probes].tolist(), scan.people[band.others].tolist(), strict=True)
    assert sorted(pairs) == sorted((probe, other) for probe, other, _ in expected)


def test_only_the_nearest_are_kept_and_none_of_them_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = impostors.scan(SAMPLE, (0.0,), 10_000, 10**9).bands[0]
    monkeypatch.setattr(impostors, "BLOCK", 300)
    few = impostors.scan(SAMPLE, (0.0,), 100, 10**9).bands[0]
    assert few.looked == whole.looked
    assert few.distances == pytest.approx(whole.distances[:100], abs=1e-6)
    assert few.reach == few.distances[-1]


def test_bands_divide_the_probes() -> None:
    whole = impostors.scan(SAMPLE, (0.0,), 10_000, 10**9)
    parts = impostors.scan(SAMPLE, (0.0, 0.3, 0.8), 10_000, 10**9)
    assert sum(band.looked for band in parts.bands) == whole.bands[0].looked
    together = np.sort(np.concatenate([band.distances for band in parts.bands]))
    assert together == pytest.approx(whole.bands[0].distances, abs=1e-6)


def test_of_a_large_register_probes_are_left_out_and_no_person() -> None:
    sample, _ = register(WORLDS["gaussian"], 600, 2)
    (band,) = impostors.scan(sample, (0.0,), 10**6, 60_000).bands
    assert band.looked == pytest.approx(60_000, rel=0.2)
    assert band.looked == len(band.distances)
    assert len(np.unique(band.asked)) == pytest.approx(200, rel=0.2)
    assert band.others.max() == 599


def test_a_tracks_templates_and_a_persons_photos_count_once() -> None:
    new = strangers(WORLDS["gaussian"], 30, 3)
    twice = Sample(np.repeat(new.owners, 2), np.repeat(new.qualities, 2), np.repeat(new.vectors, 2, axis=0))
    near = impostors.between(twice, SAMPLE, np.full(60, 0.7))
    expected = [
        len({int(o) for o in SAMPLE.owners[np.linalg.norm(SAMPLE.vectors - vector, axis=1) <= 0.7]})
        for vector in new.vectors
    ]
    assert near.tolist() == expected
    assert sum(expected) > 30


def test_a_number_that_is_none_is_refused() -> None:
    vectors = SAMPLE.vectors.copy()
    vectors[3, 2] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        impostors.scan(Sample(SAMPLE.owners, SAMPLE.qualities, vectors), (0.0,), 100, 100)
