"""From votes to one P(fake): the rules that presets fuse by. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from core.fusion.calibration import sigmoid
from core.fusion.fits import FusionFit, GateFit, LogisticFit
from core.fusion.votes import Vote
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
        z = self.fit.intercept + sum(self._part(v) for v in votes)
        return float(sigmoid(np.array([z / self.fit.temperature]))[0])

    def shares(self, votes: Sequence[Vote]) -> list[float]:
        size = dict.fromkeys((v.detector for v in votes), 1e-9)
        for feature, weight in zip(self.features, self.fit.coefficients, strict=True):
            if feature.of in size:
                size[feature.of] += abs(weight)
        return _to_one([size[v.detector] for v in votes])

    def _part(self, vote: Vote) -> float:
        fit, total = self.fit, self.fit.presence[vote.detector]
        for i, feature in enumerate(self.features):
            if feature.of == vote.detector:
                total += fit.coefficients[i] * (vote.value(feature) - fit.mean[i]) / fit.deviation[i]
        return total


def plain_rule(preset: Ensemble) -> WeightedMean:
    """The weighted mean under the weights that the preset's file gives."""
    return WeightedMean({m.detector: m.weight for m in preset.members})


def fitted_rule(preset: Ensemble, fit: FusionFit) -> Rule:
    """The rule that a fit of ``preset`` holds the parameters of."""
    if isinstance(fit.rule, GateFit):
        return Gate(fit.rule)
    return Logistic(fit.rule, tuple(f for f in preset.asked if f.of not in fit.left_out))


def _to_one(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [w / total for w in weights]
