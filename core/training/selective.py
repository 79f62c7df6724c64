"""Error against coverage: how many mistakes are left if the least certain answers are withheld."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.training.metrics import Labels, Scores


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCoverage:
    """``error[i]`` is the share of mistakes among the ``coverage[i]`` most certain answers (both float64[N]).

    ``area`` is the mean error over all coverages (Geifman & El-Yaniv, 2017), ``best_area`` that of an order which
    withholds exactly the mistakes first; the gap between the two is what the certainty does not know.
    """

    coverage: Scores
    error: Scores
    area: float
    best_area: float

    def error_at(self, coverage: float) -> float:
        """The error at the smallest coverage of at least ``coverage`` in (0, 1]."""
        return float(self.error[int(np.searchsorted(self.coverage, coverage - 1e-12))])


def certainty(p: Scores, threshold: float = 0.5) -> Scores:
    """Distance of P(fake) from the threshold on the logit scale."""
    return np.abs(_logit(p) - _logit(np.asarray(threshold, dtype=np.float64)))


def _logit(p: Scores) -> Scores:
    inside = np.clip(p, 1e-9, 1.0 - 1e-9)
    return np.asarray(np.log(inside / (1.0 - inside)), dtype=np.float64)


def error_coverage(fake: Labels, p: Scores, threshold: float = 0.5) -> ErrorCoverage:
    """The curve of decisions P(fake) >= ``threshold``, most certain first; equally certain answers share their errors.

    Args:
        fake: bool[N], N >= 1.
        p: float64[N], P(fake) in [0, 1].
        threshold: above 0; above 1 nothing is called fake.

    Raises:
        ValueError: nothing to decide on.
    """
    if len(p) == 0:
        raise ValueError("no scores")
    wrong = ((p >= threshold) != fake).astype(np.float64)
    sure = certainty(p, threshold)
    order = np.argsort(-sure, kind="stable")
    _, tie = np.unique(-sure[order], return_inverse=True)
    shared = (np.bincount(tie, weights=wrong[order]) / np.bincount(tie))[tie]
    count = np.arange(1, len(p) + 1, dtype=np.float64)
    error = np.cumsum(shared) / count
    best = np.cumsum(np.sort(wrong)) / count
    return ErrorCoverage(count / len(p), error, float(error.mean()), float(best.mean()))
