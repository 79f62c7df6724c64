"""Labels against verdicts: how often the program was right on the files that people judged, and what another policy
would have said. Nothing runs again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from core.fusion.verdict import label_of
from core.store.feedback import Label as HumanLabel
from core.store.feedback import Truth
from core.types import Analysis, Label, Thresholds


@dataclass(frozen=True, slots=True)
class Case:
    """One judged file. ``fake`` is what people say, ``members`` what each detector said of the person that drives the
    verdict, ``source`` a word to group by."""

    analysis_id: str
    name: str
    fake: bool
    p_fake: float | None
    members: Mapping[str, float]
    source: str


@dataclass(frozen=True, slots=True)
class Policy:
    """How scores become labels. ``weights`` by detector replace the fused figure by a weighted mean of those members
    (weight 0 leaves one out); None keeps what the preset fused."""

    thresholds: Thresholds
    weights: Mapping[str, float] | None = None

    def p_fake(self, case: Case) -> float | None:
        if self.weights is None:
            return case.p_fake
        chosen = [(p, self.weights.get(name, 0.0)) for name, p in case.members.items()]
        total = sum(weight for _, weight in chosen)
        return sum(p * weight for p, weight in chosen) / total if total > 0 else None

    def label(self, case: Case) -> Label:
        p = self.p_fake(case)
        return Label.NOT_APPLICABLE if p is None else label_of(p, self.thresholds)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of (truth, label). Rates come with n and a 95 % interval; None where nothing is behind them."""

    counts: Mapping[tuple[bool, Label], int]

    def count(self, fake: bool, *labels: Label) -> int:
        return sum(self.counts.get((fake, label), 0) for label in labels or tuple(Label))

    @property
    def n(self) -> int:
        return self.count(True) + self.count(False)

    @property
    def false_alarms(self) -> Rate:
        """Reals that are called fake."""
        return rate(self.count(False, Label.FAKE), self.count(False))

    @property
    def misses(self) -> Rate:
        """Fakes that are called real."""
        return rate(self.count(True, Label.REAL), self.count(True))

    @property
    def found(self) -> Rate:
        """Fakes that are called fake."""
        return rate(self.count(True, Label.FAKE), self.count(True))

    @property
    def decided(self) -> Rate:
        """Files that are called fake or real."""
        return rate(sum(self.count(f, Label.FAKE, Label.REAL) for f in (True, False)), self.n)

    @property
    def errors(self) -> int:
        return self.count(False, Label.FAKE) + self.count(True, Label.REAL)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of ``n`` with Wilson's 95 % interval (1927); ``value`` is None for n = 0."""

    value: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Bin:
    """Files whose P(fake) lies in one stretch: mean said, share that was fake, how many."""

    said: float
    was: float
    n: int


def rate(hits: int, n: int) -> Rate:
    """Share ``hits`` / ``n`` with its interval."""
    if n == 0:
        return Rate(None, 0.0, 1.0, 0)
    z = NormalDist().inv_cdf(0.975)
    share = hits / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Rate(share, max(0.0, float(centre - half)), min(1.0, float(centre + half)), n)


def truth_of(labels: Iterable[HumanLabel]) -> bool | None:
    """What people say of one file: the majority of fake and real; None where they say neither or are split."""
    said = [label.truth for label in labels if label.truth is not Truth.UNSURE and not label.retracted]
    fake, real = said.count(Truth.FAKE), said.count(Truth.REAL)
    return None if fake == real else fake > real


def cases(
    labels: Sequence[HumanLabel],
    analysis_of: Callable[[str], Analysis],
    source_of: Callable[[Analysis], str] = lambda analysis: analysis.preset,
) -> list[Case]:
    """The judged files, one case an analysis, in the order of their first label."""
    by_analysis: dict[str, list[HumanLabel]] = defaultdict(list)
    for label in labels:
        if label.analysis_id:
            by_analysis[label.analysis_id].append(label)
    found = []
    for analysis_id, said in by_analysis.items():
        fake = truth_of(said)
        if fake is not None:
            found.append(_case(analysis_of(analysis_id), fake, source_of))
    return found


def _case(analysis: Analysis, fake: bool, source_of: Callable[[Analysis], str]) -> Case:
    members = {c.detector: c.p_fake for c in analysis.verdict.contributions}
    return Case(analysis.id, analysis.media.name, fake, analysis.verdict.p_fake, members, source_of(analysis))


def confusion(known: Sequence[Case], policy: Policy) -> Confusion:
    """Counts of what ``policy`` says of the cases."""
    counts: dict[tuple[bool, Label], int] = defaultdict(int)
    for case in known:
        counts[case.fake, policy.label(case)] += 1
    return Confusion(dict(counts))


def mistakes(known: Sequence[Case], policy: Policy) -> list[Case]:
    """Reals called fake and fakes called real, most confident first."""
    wrong = [c for c in known if policy.label(c) is (Label.REAL if c.fake else Label.FAKE)]
    return sorted(wrong, key=lambda c: -abs((policy.p_fake(c) or 0.5) - 0.5))


def by_source(known: Sequence[Case]) -> dict[str, list[Case]]:
    """The cases of each source, by name."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in known:
        groups[case.source].append(case)
    return dict(sorted(groups.items()))


def roc(known: Sequence[Case], policy: Policy) -> tuple[tuple[float, ...], tuple[float, ...], float | None]:
    """(false positive rates, true positive rates, area) over the cases that have a figure; area None with one class."""
    scored = [(p, case.fake) for case in known if (p := policy.p_fake(case)) is not None]
    fakes, reals = (sum(f == side for _, f in scored) for side in (True, False))
    points = [(0.0, 0.0)]
    for limit in sorted({p for p, _ in scored}, reverse=True):
        hits = sum(p >= limit and fake for p, fake in scored)
        alarms = sum(p >= limit and not fake for p, fake in scored)
        points.append((alarms / max(reals, 1), hits / max(fakes, 1)))
    x, y = zip(*points, strict=True)
    area = float(np.trapezoid(y, x)) if fakes and reals else None
    return x, y, area


def reliability(known: Sequence[Case], policy: Policy, bins: int = 5) -> list[Bin]:
    """What P(fake) said against how many were fake, in ``bins`` equal stretches; empty ones are left out."""
    scored = [(p, case.fake) for case in known if (p := policy.p_fake(case)) is not None]
    found = []
    for i in range(bins):
        inside = [(p, f) for p, f in scored if min(int(p * bins), bins - 1) == i]
        if inside:
            said, was = (float(np.mean(column)) for column in zip(*inside, strict=True))
            found.append(Bin(said, was, len(inside)))
    return found
