"""How sure a fused figure is, and how a curve becomes one figure that a single bad picture cannot move far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from core.facts import SCALES, Look, LookKind
from core.fusion.votes import Vote

_TRIMMED = 0.1
_FEWEST = 5  # pictures from which their scatter says something


def trimmed_mean(p: npt.NDArray[np.float64]) -> float:
    """Mean of float64[N], N >= 1, without its lowest and highest tenth, at least one of each from three values on.

    So one bad picture of a clip never counts. With three or four pictures it is the median.
    """
    cut = max(1, int(_TRIMMED * len(p))) if len(p) >= 3 else 0
    return float(np.sort(p)[cut : len(p) - cut].mean())


def spread(looks: Sequence[Look]) -> float | None:
    """By how much P(fake) differs between looks at the same pictures; None where there was one look only.

    The mirror, the scale and the dropout are three causes that have nothing to do with each other, so their squares
    add up; the scales among themselves count by their mean square. A look more can only raise it if it is of another
    cause.
    """
    if not looks:
        return None
    causes = {kind: [look.difference**2 for look in looks if _cause(look.kind) is kind] for kind in LookKind}
    return float(np.sqrt(sum(np.mean(squares) for squares in causes.values() if squares)))


def _cause(kind: LookKind) -> LookKind:
    return LookKind.HALF if kind in SCALES else kind


def telling(p: npt.NDArray[np.float64], count: int) -> tuple[int, ...]:
    """Which ``count`` of the answers float[N], N >= 1, stand for all: evenly spread over their order from the lowest to
    the highest, each in the middle of its share; in order of position. All of them where there are no more."""
    if count >= len(p):
        return tuple(range(len(p)))
    ranks = ((np.arange(count) + 0.5) * len(p) / max(count, 1)).astype(int)
    return tuple(sorted(np.argsort(p, kind="stable")[ranks].tolist()))


def interval(votes: Sequence[Vote], fuse: Callable[[Sequence[Vote]], float]) -> tuple[float, float] | None:
    """Where P(fake) might as well lie: about 95 %, within [0, 1]; None where nothing tells.

    Three things spread it: which pictures were looked at (from five on), what second looks at them say
    (:func:`spread`), and that detectors differ from each other. The first two are carried through ``fuse`` one member
    at a time. It does not say how often the detectors are wrong together.
    """
    own = {v.detector: s for v in votes if (s := _own_spread(v)) is not None}
    if not own and len(votes) < 2:
        return None
    variance = _between(votes)
    for vote in votes:
        if (by := own.get(vote.detector, 0.0)) > 0.0:
            variance += (_moved(votes, vote, by, fuse) - _moved(votes, vote, -by, fuse)) ** 2 / 4.0
    middle, half = fuse(votes), 1.96 * float(np.sqrt(variance))
    return max(0.0, middle - half), min(1.0, middle + half)


def _own_spread(vote: Vote) -> float | None:
    """Standard error of one member's figure; None where nothing is known of it."""
    parts = []
    if len(vote.frames) >= _FEWEST:
        parts.append(float(np.var(vote.frames, ddof=1)) / len(vote.frames))
    if vote.spread is not None:
        parts.append(vote.spread**2)
    return float(np.sqrt(sum(parts))) if parts else None


def _between(votes: Sequence[Vote]) -> float:
    """Variance of the members' mean."""
    return float(np.var([v.p for v in votes], ddof=1)) / len(votes) if len(votes) > 1 else 0.0


def _moved(votes: Sequence[Vote], which: Vote, by: float, fuse: Callable[[Sequence[Vote]], float]) -> float:
    return fuse([v.moved(by) if v is which else v for v in votes])
