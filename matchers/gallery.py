"""Exact nearest-person search: every probe is compared with every template, in blocks.

A missed neighbour is a missed person, so nothing is approximated.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lastseen.records import Gallery, Match, Probes, Vectors

BLOCK = 1 << 22
"""distances held at once: 16 MiB of float32"""
PIECE = 1 << 13
"""near pairs looked at closely at once"""


def search(probes: Probes, gallery: Gallery, threshold: float) -> dict[int, list[Match]]:
    """For each owner of a probe (a track), the people within `threshold`, nearest first.

    Vectors are (m, d) and (n, d); distances are Euclidean.  Several templates of an owner, and several photos of a
    person, collapse to the nearest pair; of equal distances to the lower photo id, so that the answer does not depend
    on the order of rows.  Raises ValueError if the dimensions differ or a number is not finite.
    """
    nearest: dict[int, dict[int, Match]] = {}
    for row, column, distance in _pairs_within(probes.vectors, gallery.vectors, threshold):
        match = Match(gallery.people[column], gallery.photos[column], distance)
        held = nearest.setdefault(probes.owners[row], {})
        if match.person not in held or _rank(match) < _rank(held[match.person]):
            held[match.person] = match
    return {owner: sorted(found.values(), key=_rank) for owner, found in nearest.items()}


def _rank(match: Match) -> tuple[float, int, int]:
    return match.distance, match.photo, match.person


def _pairs_within(probes: Vectors, gallery: Vectors, threshold: float) -> Iterator[tuple[int, int, float]]:
    """(probe row, gallery row, distance) of every pair within the threshold."""
    if not len(probes) or not len(gallery):
        return
    if probes.shape[1] != gallery.shape[1]:
        raise ValueError(f"probes have {probes.shape[1]} dimensions, the gallery has {gallery.shape[1]}")
    if not (np.isfinite(probes).all() and np.isfinite(gallery).all()):
        raise ValueError("a template holds a number that is not finite: it would hide all others")
    step = max(1, BLOCK // len(gallery))
    squares = np.einsum("ij,ij->i", gallery, gallery)
    # The product loses digits to cancellation: select a little too much by it, decide by the difference itself.
    slack = np.float32(1e-4) * (1 + squares.max())
    for start in range(0, len(probes), step):
        block = probes[start : start + step]
        squared = squares - 2 * (block @ gallery.T) + np.einsum("ij,ij->i", block, block)[:, None]
        rows, columns = np.nonzero(squared <= threshold**2 + slack)
        yield from _exactly(block, gallery, rows, columns, threshold, start)


def _exactly(
    block: Vectors, gallery: Vectors, rows: NDArray[np.intp], columns: NDArray[np.intp], threshold: float, start: int
) -> Iterator[tuple[int, int, float]]:
    for piece in range(0, len(rows), PIECE):
        left, right = rows[piece : piece + PIECE], columns[piece : piece + PIECE]
        distances = np.linalg.norm(block[left].astype(np.float64) - gallery[right], axis=1)
        for row, column, distance in zip(left, right, distances, strict=True):
            if distance <= threshold:
                yield start + int(row), int(column), float(distance)
