"""Exact nearest-person search: every probe is compared with every template.

A missed neighbour is a missed person, so nothing is approximated.  Distances are Euclidean: that is what each engine
means, those that compare directions among them, whose vectors have length 1.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lastseen.records import Gallery, Match, Probes
from matchers import products
from matchers.products import Pairs


def ready(gallery: Gallery) -> Gallery:
    """The same, with what is needed of it for each search worked out once.  Raises ValueError as `search`."""
    return replace(gallery, halves=products.halves(gallery.vectors))


def search(probes: Probes, gallery: Gallery, threshold: float, threads: int = 0) -> dict[int, list[Match]]:
    """For each owner of a probe (a track), the people within `threshold`, nearest first.

    Vectors are (m, d) and (n, d); distances are Euclidean.  Several templates of an owner, and several photos of a
    person, collapse to the nearest pair; of equal distances to the lower photo id, so that the answer does not depend
    on the order of rows.  `threads` 0: all cores that this process may use.  Raises ValueError if the dimensions differ
    or a number is not finite.
    """
    pairs = _pairs(probes, gallery, threshold, threads)
    found: dict[int, list[Match]] = {}
    for owner, match in _nearest_of_each(pairs, probes.owners, gallery):
        found.setdefault(owner, []).append(match)
    return found


def _pairs(probes: Probes, gallery: Gallery, threshold: float, threads: int) -> Pairs:
    """Rows are those of the gallery.  The longer side is gone through block by block, the other one stays."""
    if len(gallery.vectors) >= len(probes.vectors):
        return products.within(gallery.vectors, probes.vectors, threshold, gallery.halves, threads)
    turned = products.within(probes.vectors, gallery.vectors, threshold, None, threads)
    return Pairs(turned.probes, turned.rows, turned.distances)


def _nearest_of_each(pairs: Pairs, owners: Sequence[int], gallery: Gallery) -> list[tuple[int, Match]]:
    """The nearest pair of each owner and person, an owner's people one after the other, nearest first."""
    tracks = np.array([owners[row] for row in pairs.probes.tolist()], np.int64)
    people = np.array([gallery.people[row] for row in pairs.rows.tolist()], np.int64)
    photos = np.array([gallery.photos[row] for row in pairs.rows.tolist()], np.int64)
    grouped = np.lexsort((photos, pairs.distances, people, tracks))
    new = np.ones(len(grouped), bool)
    new[1:] = (np.diff(tracks[grouped]) != 0) | (np.diff(people[grouped]) != 0)
    nearest = grouped[new]
    chosen = nearest[np.lexsort(tuple(column[nearest] for column in (people, photos, pairs.distances, tracks)))]
    columns = (tracks, people, photos, pairs.distances)
    return [
        (track, Match(person, photo, distance))
        for track, person, photo, distance in zip(*(column[chosen].tolist() for column in columns), strict=True)
    ]
