"""How often somebody is wrong, as far as so many answers can say; and how far two people agree beyond chance."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

import numpy as np

Z: Final = 1.959964
"""standard deviations to either side that hold 95 % of a normal distribution"""


def interval(wrong: int, answers: int) -> tuple[float, float]:
    """What share may be wrong in truth, from and to, with 95 % confidence: the score interval of Wilson (1927).

    Of no answers nothing is known: 0 to 1.  Raises ValueError for more that are wrong than there are.
    """
    if not 0 <= wrong <= answers:
        raise ValueError(f"{wrong} of {answers} answers")
    if answers == 0:
        return 0.0, 1.0
    share, weight = wrong / answers, 1 + Z**2 / answers
    middle = (share + Z**2 / (2 * answers)) / weight
    half = Z * sqrt(share * (1 - share) / answers + Z**2 / (4 * answers**2)) / weight
    return (0.0 if wrong == 0 else middle - half), (1.0 if wrong == answers else middle + half)


def alpha(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Krippendorff's alpha of two answers each on one scale: 1 agreement, 0 as by chance, below 0 worse than that.

    Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), interval metric.  None: fewer than two pairs, or
    all answers are the same, of which nothing can be said.
    """
    if len(pairs) < 2:
        return None
    values = np.asarray(pairs, np.float64)
    observed = float(((values[:, 0] - values[:, 1]) ** 2).mean())
    # Over all pairs of answers, whoever gave them: twice their variance, without pairing one with itself.
    expected = 2 * float(values.var(ddof=1))
    return None if expected == 0 else 1 - observed / expected
