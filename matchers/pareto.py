"""The generalised Pareto distribution, and the solvers that a fit of it needs.  The one module that imports SciPy.

SciPy's statistics take a second to import, which only who fits a tail should pay, and not every command and worker.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]


def cdf(excess: ArrayLike, shape: float, scale: float) -> Numbers:
    """What share lies within an excess."""
    return np.asarray(_distribution().cdf(excess, shape, scale=scale))


def sf(excess: ArrayLike, shape: float, scale: float) -> Numbers:
    """What share lies beyond an excess."""
    return np.asarray(_distribution().sf(excess, shape, scale=scale))


def isf(share: ArrayLike, shape: float, scale: float) -> Numbers:
    """The excess beyond which a share lies."""
    return np.asarray(_distribution().isf(share, shape, scale=scale))


def root(function: Callable[[float], float], low: float, high: float, exact: float) -> float:
    """Where a function that changes its sign between two places is 0 (Brent's method)."""
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=exact))


def lowest(function: Callable[[float], float], low: float, high: float, exact: float = 1e-5) -> Any:
    """Where a function is lowest between two places (Brent's method), as SciPy tells it: `x`, `fun`."""
    from scipy.optimize import minimize_scalar

    return minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": exact})


def _distribution() -> Any:
    from scipy.stats import genpareto

    return genpareto
