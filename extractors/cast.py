"""Who appears in one video: which of its tracks show one face, across cuts.

A link is a finding, not a merger: it is kept as a row that can be withdrawn, and each track stays what it is.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import Engine
from extractors.templates import BEST
from lastseen.choices import Choices
from lastseen.records import CastLink, Template, Track

BLOCK: Final = 16
"""rows of distances made at once: an engine's own way may need rows x tracks x dimension numbers for them"""


def links(tracks: Sequence[Track], engine: Engine, choices: Choices) -> tuple[CastLink, ...]:
    """The links of a video's cast, the surest first; tracks that links join, directly or through others, are one face.

    Only tracks whose mean and best shot are both good take part.  Two groups of tracks are joined, by a link between
    their two nearest, if each track of one is near each of the other (complete linkage: a chain of likenesses joins
    nobody) and no two of them were on the screen of one shot at one time.  So n tracks of one face have n - 1 links,
    and withdrawing one divides them.
    """
    able = _able(tracks, choices)
    if len(able) < 2:
        return ()
    distances = _distances(able, engine)
    may = (distances <= engine.published_threshold * choices.cast_distance) & ~_together(able)
    root = np.arange(len(able))
    made = []
    for row, column in _nearest_first(distances, may):
        one, other = root[row], root[column]
        if one != other and may[one, other]:
            may[one] &= may[other]
            may[:, one] = may[one]
            root[root == other] = one
            first, second = sorted((able[row].ordinal, able[column].ordinal))
            made.append(CastLink(first, second, float(distances[row, column])))
    return tuple(made)


def _able(tracks: Sequence[Track], choices: Choices) -> list[Track]:
    """The tracks that are good enough, in their order; the best of them if there are very many."""
    good = [track for track in tracks if track.templates and _quality(track) >= choices.cast_quality]
    best = sorted(good, key=_quality, reverse=True)[: choices.cast_tracks]
    return sorted(best, key=lambda track: track.ordinal)


def _quality(track: Track) -> float:
    """Of its mean and its best shot; that a third one is poor does not matter."""
    return min(template.quality for template in track.templates if template.kind in ("pooled", BEST))


def _pooled(track: Track) -> Template:
    return next(template for template in track.templates if template.kind == "pooled")


def _distances(tracks: Sequence[Track], engine: Engine) -> NDArray[np.float32]:
    """n x n"""
    vectors = np.array([_pooled(track).vector for track in tracks], np.float32)
    rows = [engine.distance(vectors[start : start + BLOCK], vectors) for start in range(0, len(tracks), BLOCK)]
    return np.concatenate(rows)


def _together(tracks: Sequence[Track]) -> NDArray[np.bool_]:
    """n x n: which two were on the screen at one time, in one shot."""
    shot, start, end = np.array([(track.shot, track.start_ms, track.end_ms) for track in tracks]).T
    within = (start[:, None] <= end[None]) & (start[None] <= end[:, None])
    return np.asarray((shot[:, None] == shot[None]) & within)


def _nearest_first(distances: NDArray[np.float32], may: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    rows, columns = np.nonzero(np.triu(may, 1))
    for number in np.argsort(distances[rows, columns], kind="stable"):
        yield int(rows[number]), int(columns[number])
