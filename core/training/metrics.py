"""Measures of a detector. ``fake`` is bool[N] (true = fake), ``p`` float[N] is P(fake) in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]
Measure = Callable[[Labels, Scores], float]


def auc(fake: Labels, p: Scores) -> float:
    """Area under the ROC curve by ranks (ties count half); NaN with one class only."""
    from scipy.stats import rankdata

    n_fake, n_real = int(fake.sum()), int((~fake).sum())
    if n_fake == 0 or n_real == 0:
        return float("nan")
    ranks = rankdata(p)
    return float((ranks[fake].sum() - n_fake * (n_fake + 1) / 2) / (n_fake * n_real))


def roc(fake: Labels, p: Scores) -> tuple[Scores, Scores, Scores]:
    """(false positive rate, true positive rate, threshold), thresholds falling, from (0, 0) to (1, 1)."""
    order = np.argsort(-p, kind="stable")
    ranked, label = p[order], fake[order]
    last = np.append(np.nonzero(np.diff(ranked))[0], len(p) - 1)
    hits = np.cumsum(label)[last]
    alarms = last + 1 - hits
    tpr = np.concatenate([[0.0], hits / max(int(fake.sum()), 1)])
    fpr = np.concatenate([[0.0], alarms / max(int((~fake).sum()), 1)])
    return fpr, tpr, np.concatenate([[np.inf], ranked[last]])


def eer(fake: Labels, p: Scores) -> float:
    """Equal error rate, interpolated where false alarms and misses cross."""
    fpr, tpr, _ = roc(fake, p)
    gap = fpr - (1.0 - tpr)
    i = int(np.argmax(gap >= 0))
    if i == 0 or gap[i] == gap[i - 1]:
        return float(fpr[i])
    share = -gap[i - 1] / (gap[i] - gap[i - 1])
    return float(fpr[i - 1] + share * (fpr[i] - fpr[i - 1]))


def average_precision(fake: Labels, p: Scores) -> float:
    """Area under the precision-recall curve as a step sum; NaN without fakes."""
    if not fake.any():
        return float("nan")
    order = np.argsort(-p, kind="stable")
    ranked, label = p[order], fake[order]
    last = np.append(np.nonzero(np.diff(ranked))[0], len(p) - 1)
    hits = np.cumsum(label)[last]
    recall = hits / int(fake.sum())
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * hits / (last + 1)))


def tpr_at(fake: Labels, p: Scores, fpr_limit: float) -> float:
    """The largest true positive rate with a false positive rate of at most ``fpr_limit``."""
    fpr, tpr, _ = roc(fake, p)
    return float(tpr[fpr <= fpr_limit + 1e-12].max())


def threshold_at(fake: Labels, p: Scores, fpr_limit: float) -> float:
    """The lowest threshold t such that P(fake) >= t raises at most ``fpr_limit`` false alarms."""
    fpr, _, thresholds = roc(fake, p)
    return float(thresholds[fpr <= fpr_limit + 1e-12][-1])


def accuracy(fake: Labels, p: Scores, threshold: float = 0.5) -> float:
    return float(np.mean((p >= threshold) == fake))


def false_alarms(fake: Labels, p: Scores, threshold: float = 0.5) -> float:
    """Share of reals at or above the threshold; NaN without reals."""
    return float(np.mean(p[~fake] >= threshold)) if (~fake).any() else float("nan")


def recall(fake: Labels, p: Scores, threshold: float = 0.5) -> float:
    """Share of fakes at or above the threshold; NaN without fakes."""
    return float(np.mean(p[fake] >= threshold)) if fake.any() else float("nan")


def brier(fake: Labels, p: Scores) -> float:
    return float(np.mean((p - fake) ** 2))


def even_weights(fake: Labels) -> Scores:
    """Weights float64[N] with which both classes count the same; they sum to 1. Both must be there."""
    n_fake = int(fake.sum())
    return np.where(fake, 0.5 / max(n_fake, 1), 0.5 / max(len(fake) - n_fake, 1))


def ece(fake: Labels, p: Scores, bins: int = 10, *, even: bool = False) -> float:
    """Expected calibration error over equal-width bins of P(fake) (Naeini et al., 2015).

    Args:
        even: both classes count the same, however many items they have.
    """
    which = np.minimum((p * bins).astype(int), bins - 1)
    weight = even_weights(fake) if even else np.full(len(fake), 1.0 / len(fake))
    return float(sum(abs(float(weight[which == b] @ (p - fake)[which == b])) for b in np.unique(which)))


def ece_by_chance(p: Scores, bins: int = 10, *, rounds: int = 400, seed: int = 0) -> tuple[float, float]:
    """The :func:`ece` that answers ``p`` of perfect calibration show on so few items: mean and 95th percentile.

    Labels are drawn from ``p`` itself, ``rounds`` times. What is measured below the percentile cannot be told from
    perfect calibration.
    """
    rng = np.random.default_rng(seed)
    drawn = [ece(rng.random(len(p)) < p, p, bins) for _ in range(rounds)]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.95))


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % bootstrap interval over ``n`` items."""

    value: float
    low: float
    high: float
    n: int


def bootstrap(
    measure: Measure,
    fake: Labels,
    p: Scores,
    groups: Sequence[str] | None = None,
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval; whole ``groups`` (identities, clips) are drawn, so frames of one clip count once.

    Rounds in which the measure is undefined (one class only) are left out.
    """
    value = measure(fake, p)
    names = np.asarray(groups if groups is not None else np.arange(len(p)).astype(str))
    _, inverse = np.unique(names, return_inverse=True)
    members = [np.nonzero(inverse == g)[0] for g in range(int(inverse.max()) + 1)]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        drawn = rng.integers(len(members), size=len(members))
        index = np.concatenate([members[g] for g in drawn])
        values.append(measure(fake[index], p[index]))
    finite = np.asarray(values)[np.isfinite(values)]
    if not np.isfinite(value) or finite.size == 0:
        return Interval(value, float("nan"), float("nan"), len(p))
    low, high = np.percentile(finite, [2.5, 97.5])
    return Interval(value, float(low), float(high), len(p))
