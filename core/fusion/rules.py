"""From votes to one P(fake): the rules that presets fuse by. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from core.fusion.calibration import sigmoid
from core.fusion.fits import FusionFit, GateFit, LogisticFit, PartsFit
from core.fusion.votes import Part, Vote
from core.registry import Ensemble, Feature


class Rule(Protocol):
    """How votes become one probability; at least one vote is given."""

    def p(self, votes: Sequence[Vote]) -> float:
        """P(fake) in [0, 1]."""
        ...

    def shares(self, votes: Sequence[Vote]) -> list[float]:
        """How much each vote counts, sum 1."""
        ...


@dataclass(frozen=True, slots=True)
class WeightedMean:
    """Mean P(fake) under fixed weights by detector."""

    weights: dict[str, float]

    def p(self, votes: Sequence[Vote]) -> float:
        return float(np.dot([v.p for v in votes], self.shares(votes)))

    def shares(self, votes: Sequence[Vote]) -> list[float]:
        return _to_one([self.weights[v.detector] for v in votes])


@dataclass(frozen=True, slots=True)
class Gate:
    """Log-odds mixed by a softmax gate that sees them and who is there (Jacobs et al., 1991,
    doi:10.1162/neco.1991.3.1.79), then divided by a temperature (Guo et al., 2017, arXiv:1706.04599).

    An absent member is masked out of the softmax; its log-odds reach the gate as 0, its absence as 0 too.
    """

    fit: GateFit

    def p(self, votes: Sequence[Vote]) -> float:
        mixed = float(np.dot([v.log_odds for v in votes], self.shares(votes)))
        return float(sigmoid(np.array([(self.fit.scale * mixed + self.fit.offset) / self.fit.temperature]))[0])

    def shares(self, votes: Sequence[Vote]) -> list[float]:
        z = {v.detector: v.log_odds for v in votes}
        seen = [z.get(m, 0.0) for m in self.fit.members] + [float(m in z) for m in self.fit.members]
        strength = np.asarray(self.fit.gate) @ np.asarray(seen) + np.asarray(self.fit.bias)
        mine = np.array([strength[self.fit.members.index(v.detector)] for v in votes])
        return _to_one(np.exp(mine - mine.max()).tolist())


@dataclass(frozen=True, slots=True)
class Logistic:
    """Logistic regression on features of the members, divided by a temperature (Guo et al., 2017, arXiv:1706.04599).

    A member that did not vote adds nothing: neither its features nor the offset of its presence. So two to all members
    are fused by one fit, and what is missing is missing rather than one half.
    """

    fit: LogisticFit
    features: tuple[Feature, ...]

    def p(self, votes: Sequence[Vote]) -> float:
        z = self.fit.intercept + sum(_term(self.fit, self.features, v) for v in votes)
        return float(sigmoid(np.array([z / self.fit.temperature]))[0])

    def shares(self, votes: Sequence[Vote]) -> list[float]:
        return _to_one(_sizes(self.fit, self.features, votes))


@dataclass(frozen=True, slots=True)
class Parts:
    """A logistic regression for each part of a file (picture, sound, how they go together), and a file that is fake
    where a part of it is: see :func:`any_fake`. Members are missing as in :class:`Logistic`; a part that nobody judged
    is left out."""

    fit: PartsFit
    features: tuple[Feature, ...]

    def p(self, votes: Sequence[Vote]) -> float:
        z, _ = any_fake(np.array([list(self._log_odds(votes).values())]))
        return float(sigmoid(z / self.fit.temperature)[0])

    def shares(self, votes: Sequence[Vote]) -> list[float]:
        parts = self._log_odds(votes)
        _, slopes = any_fake(np.array([list(parts.values())]))
        weight = dict(zip(parts, slopes[0], strict=True))
        sizes = _sizes(self.fit, self.features, votes)
        total = {part: sum(s for s, v in zip(sizes, votes, strict=True) if v.part == part) for part in parts}
        return _to_one([weight[v.part] * s / total[v.part] for v, s in zip(votes, sizes, strict=True)])

    def _log_odds(self, votes: Sequence[Vote]) -> dict[Part, float]:
        """Of each part that somebody voted on."""
        z: dict[Part, float] = {}
        for vote in votes:
            before = z.get(vote.part, self.fit.intercepts[vote.part])
            z[vote.part] = before + _term(self.fit, self.features, vote)
        return z


def any_fake(z: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Log-odds that some part of a file is fake, where the ways in which this can be are as likely as each other and
    together as likely as none: by Bayes' rule their mean odds, (prod(1 + odds) - 1) / (2^K - 1).

    Args:
        z: float64[N, K] log-odds of the parts, each at even odds before; -inf where a file lacks the part.

    Returns:
        float64[N], and its slopes float64[N, K] by ``z``, in [0, 1].
    """
    grown = np.logaddexp(0.0, z).sum(axis=1)
    ways = 2.0 ** np.isfinite(z).sum(axis=1) - 1.0
    some = -np.expm1(-grown)
    return grown + np.log(some / ways), sigmoid(z) / some[:, None]


def plain_rule(preset: Ensemble) -> WeightedMean:
    """The weighted mean under the weights that the preset's file gives."""
    return WeightedMean({m.detector: m.weight for m in preset.members})


def fitted_rule(preset: Ensemble, fit: FusionFit) -> Rule:
    """The rule that a fit of ``preset`` holds the parameters of."""
    if isinstance(fit.rule, GateFit):
        return Gate(fit.rule)
    features = tuple(f for f in preset.asked if f.of not in fit.left_out)
    return Parts(fit.rule, features) if isinstance(fit.rule, PartsFit) else Logistic(fit.rule, features)


def _term(fit: LogisticFit | PartsFit, features: Sequence[Feature], vote: Vote) -> float:
    """What one vote adds to the log-odds."""
    total = fit.presence[vote.detector]
    for i, feature in enumerate(features):
        if feature.of == vote.detector:
            total += fit.coefficients[i] * (vote.value(feature) - fit.mean[i]) / fit.deviation[i]
    return total


def _sizes(fit: LogisticFit | PartsFit, features: Sequence[Feature], votes: Sequence[Vote]) -> list[float]:
    """How much each vote can move the log-odds, above 0."""
    size = dict.fromkeys((v.detector for v in votes), 1e-9)
    for feature, weight in zip(features, fit.coefficients, strict=True):
        if feature.of in size:
            size[feature.of] += abs(weight)
    return [size[v.detector] for v in votes]


def _to_one(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [w / total for w in weights]
