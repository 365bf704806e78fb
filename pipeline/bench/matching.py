"""Do two detectors see the same faces in the same places?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from extractors.boxes import overlap
from lastseen.records import Box


@dataclass(frozen=True, slots=True)
class Scored:
    """One detection."""

    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two sets of detections on the same pictures agree."""

    faces: int
    """that either has found"""
    alone: int
    """of them, those that only one has found"""
    min_iou: float
    """of what both have found; 0 if one found a face alone"""
    max_score_difference: float

    @classmethod
    def of(cls, ours: Sequence[Scored], theirs: Sequence[Scored]) -> "Agreement":
        """On one picture: each face with the one that it overlaps most."""
        pairs = matched(ours, theirs)
        alone = len(ours) + len(theirs) - 2 * len(pairs)
        overlaps = [overlap(one.box, other.box) for one, other in pairs]
        differences = [abs(one.score - other.score) for one, other in pairs]
        least = 0.0 if alone else min(overlaps, default=1.0)
        return cls(len(pairs) + alone, alone, least, max(differences, default=0.0))

    @classmethod
    def of_all(cls, parts: Iterable["Agreement"]) -> "Agreement":
        """Of several pictures."""
        known = list(parts)
        return cls(
            sum(part.faces for part in known),
            sum(part.alone for part in known),
            min((part.min_iou for part in known), default=1.0),
            max((part.max_score_difference for part in known), default=0.0),
        )


def matched(ours: Sequence[Scored], theirs: Sequence[Scored]) -> list[tuple[Scored, Scored]]:
    """Pairs that overlap, those that overlap most first; nobody is in two of them."""
    candidates = sorted(
        (
            (overlap(one.box, other.box), row, column)
            for row, one in enumerate(ours)
            for column, other in enumerate(theirs)
        ),
        reverse=True,
    )
    rows: set[int] = set()
    columns: set[int] = set()
    pairs = []
    for common, row, column in candidates:
        if common > 0 and row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            pairs.append((ours[row], theirs[column]))
    return pairs
