"""Intervals for rates."""

from __future__ import annotations

import math
from statistics import NormalDist


def z_of(level: float) -> float:
    """Half width of a two-sided normal interval, in standard deviations, for ``level`` in (0, 1)."""
    return NormalDist().inv_cdf(0.5 + level / 2.0)


def wilson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Score interval of a rate (Wilson, 1927); (NaN, NaN) for n = 0.

    Args:
        hits: 0 … n.
        n: trials, independent of each other: clips, not their frames.
        level: confidence in (0, 1).
    """
    if n == 0:
        return math.nan, math.nan
    z = z_of(level)
    rate = hits / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At the ends the formula is exact; only rounding would leave a trace.
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    return low, 1.0 if hits == n else min(1.0, centre + half)
