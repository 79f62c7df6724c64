"""Variance of the AUC and paired comparison of detectors (DeLong et al., 1988), by midranks (Sun & Xu, 2014).

The items must be independent: one score a clip or a picture. For frames of clips draw whole clips instead
(:func:`core.training.metrics.bootstrap` with groups).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from core.training.intervals import z_of
from core.training.metrics import Labels, Scores

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AucEstimate:
    """An AUC with its variance and confidence interval. ``real`` and ``fake`` count the items behind it."""

    auc: float
    variance: float
    low: float
    high: float
    real: int
    fake: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two detectors on the same items: ``difference`` = first - second, its interval, and the two-sided p-value."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    z: float
    p_value: float


def midranks(values: Scores) -> Scores:
    """Ranks from 1, ties share the mean of their ranks."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), dtype=np.float64)


def auc_covariance(fake: Labels, scores: Matrix) -> tuple[Scores, Matrix]:
    """AUCs float64[K] and their covariance float64[K, K] of K detectors on the same N items.

    Args:
        fake: bool[N] with at least two of each class.
        scores: float[K, N], higher = more fake.

    Raises:
        ValueError: fewer than two items of a class.
    """
    m, n = int(fake.sum()), int((~fake).sum())
    if m < 2 or n < 2:
        raise ValueError("the variance of an AUC needs two fakes and two reals")
    ranks_all = np.stack([midranks(row) for row in scores])
    ranks_fake = np.stack([midranks(row[fake]) for row in scores])
    ranks_real = np.stack([midranks(row[~fake]) for row in scores])
    # Share of reals below each fake and of fakes above each real, ties half: the structural components.
    of_fake = (ranks_all[:, fake] - ranks_fake) / n
    of_real = 1.0 - (ranks_all[:, ~fake] - ranks_real) / m
    covariance = np.atleast_2d(np.cov(of_fake)) / m + np.atleast_2d(np.cov(of_real)) / n
    return of_fake.mean(axis=1), covariance


def estimate(fake: Labels, p: Scores, level: float = 0.95) -> AucEstimate:
    """The AUC with an interval that is symmetric on the logit scale, so that it stays within [0, 1].

    At an AUC of exactly 0 or 1 the variance is 0 and says nothing; the interval then is that of as many independent
    successes as the rarer class has items (Clopper & Pearson, 1934). All values are NaN with fewer than two items of a
    class.
    """
    m, n = int(fake.sum()), int((~fake).sum())
    if m < 2 or n < 2:
        return AucEstimate(math.nan, math.nan, math.nan, math.nan, n, m)
    aucs, covariance = auc_covariance(fake, p[None])
    auc, variance = float(aucs[0]), float(covariance[0, 0])
    low, high = auc_interval(auc, variance, min(m, n), level)
    return AucEstimate(auc, variance, low, high, n, m)


def auc_interval(auc: float, variance: float, rarer: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of :func:`estimate`, ``rarer`` being the items (or persons) of the rarer class."""
    bound = ((1.0 - level) / 2.0) ** (1.0 / rarer)
    if auc <= 0.0 or auc >= 1.0:
        return (0.0, 1.0 - bound) if auc <= 0.0 else (bound, 1.0)
    half = z_of(level) * math.sqrt(variance) / (auc * (1.0 - auc))
    centre = math.log(auc / (1.0 - auc))
    return _sigmoid(centre - half), _sigmoid(centre + half)


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


def compare(fake: Labels, first: Scores, second: Scores, level: float = 0.95) -> Comparison:
    """DeLong's paired test of whether two detectors have the same AUC.

    Detectors that rank all items alike get z = 0 and p = 1.

    Raises:
        ValueError: fewer than two items of a class.
    """
    aucs, covariance = auc_covariance(fake, np.stack([first, second]))
    difference = float(aucs[0] - aucs[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2.0 * covariance[0, 1])
    spread = math.sqrt(max(variance, 0.0))
    if spread < 1e-12:
        z = 0.0 if abs(difference) < 1e-12 else math.copysign(math.inf, difference)
    else:
        z = difference / spread
    half = z_of(level) * spread
    p_value = 2.0 * NormalDist().cdf(-abs(z))
    return Comparison(float(aucs[0]), float(aucs[1]), difference, difference - half, difference + half, z, p_value)
