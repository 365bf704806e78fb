"""Which pictures of a track are kept: the best, apart in time and, where there is a choice, in pose."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from extractors.faces.protocol import Points
from extractors.glimpses import Glimpse
from lastseen.choices import Choices

LATE: Final = 0.07
"""seconds: pictures are due each half second and come with the next frame, so some follow each other a little
sooner.  No setting: one picture of films of 15 a second, and `apart` is the choice"""
NEARLY_NOTHING: Final = 1e-12
"""of a length: points that all lie in one place have no shape"""


def admit(best: list[Glimpse], one: Glimpse, choices: Choices) -> list[Glimpse]:
    """The best shots of a track with this one considered, the best first.  `one` is later than all of them.

    Of shots nearer in time than `apart` the better stays.  When there are too many, the one goes that is worth least:
    any that passed no gate, else by weight, less `alike_costs` of it if a better shot shows its pose already.  The
    newest that passed stays as long as it is the newest: who appears at the end of a track must leave a picture, even
    if a stranger before had eight better ones.
    """
    close = [other for other in best if abs(other.at - one.at) < choices.apart - LATE]
    if any(rank(other) >= rank(one) for other in close):
        return best
    kept = sorted([*(other for other in best if other not in close), one], key=rank, reverse=True)
    if len(kept) > choices.best_shots:
        kept.remove(_least(kept, one, choices))
    return kept


def rank(shot: Glimpse) -> tuple[bool, float]:
    """Those that pass the gates before all others, then by weight."""
    return (not shot.gate, shot.weight)


def pose_apart(one: Points, other: Points) -> float:
    """How differently a head is held, 0 .. 1, from one person's landmarks on two pictures (0.1: about 20 degrees).

    The full Procrustes distance of the two shapes (Kendall 1984): place, size and roll do not count, which the
    alignment takes off too; turning left and turning right differ.  The landmarks need only be the same points.
    """
    agreement = abs(complex(np.vdot(_shape(one), _shape(other))))
    return math.sqrt(max(0.0, 1.0 - agreement**2))


def _shape(points: Points) -> NDArray[np.complex128]:
    """The points as complex numbers around their middle, of length 1."""
    plane = points[:, 0].astype(np.float64) + 1j * points[:, 1].astype(np.float64)
    centred = plane - plane.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), NEARLY_NOTHING), np.complex128)


def _least(kept: list[Glimpse], newest: Glimpse, choices: Choices) -> Glimpse:
    """Which one to do without; `kept` has the best first."""
    worth = {}
    for number, shot in enumerate(kept):
        alike = max((_likeness(shot, better, choices) for better in kept[:number]), default=0.0)
        worth[id(shot)] = (not shot.gate, shot.weight * (1 - choices.alike_costs * alike))
    return min((shot for shot in kept if shot is not newest or newest.gate), key=lambda shot: worth[id(shot)])


def _likeness(one: Glimpse, other: Glimpse, choices: Choices) -> float:
    """1 the same pose .. 0 another one."""
    return max(0.0, 1 - pose_apart(one.face.landmarks, other.face.landmarks) / choices.pose_apart)
