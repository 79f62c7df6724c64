"""The scores of one detector on one test set, and the measures that are made of them."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.training import metrics
from core.training.delong import Comparison, auc_interval, compare, estimate
from core.training.intervals import wilson
from core.training.robustness import Curve, Point
from core.training.selective import error_coverage


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One detector's answers, an item a file (never a frame).

    ``files`` are sha256, ``fake`` bool[N], ``p`` float64[N] P(fake). ``methods`` names how fakes were made,
    ``slices`` further ways to divide the items (source, modality, quality bin), ``threshold`` from which on an item is
    called fake (above 1: never), ``groups`` what is drawn together in
    the bootstrap (identities; files where empty). ``unanswered`` counts files without a face or an answer.
    """

    detector: str
    title: str
    files: tuple[str, ...]
    fake: npt.NDArray[np.bool_]
    p: npt.NDArray[np.float64]
    methods: tuple[str, ...]
    slices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    threshold: float = 0.5
    weights_sha256: str = ""
    command: str = ""
    unanswered: int = 0
    curves: tuple[Curve, ...] = ()

    def __post_init__(self) -> None:
        lengths = {len(self.files), len(self.fake), len(self.p), len(self.methods)}
        lengths |= {len(values) for values in self.slices.values()} | {len(self.groups) or len(self.p)}
        if len(lengths) != 1 or len(self.p) == 0:
            raise ValueError("a result needs at least one item, and each field one entry an item")
        if not (np.isfinite(self.p).all() and (self.p >= 0).all() and (self.p <= 1).all()):
            raise ValueError("P(fake) must lie in [0, 1]")
        if not self.threshold > 0.0:
            raise ValueError("the threshold must be above 0")

    def where(self, chosen: npt.NDArray[np.bool_]) -> Result:
        """Those items alone, without the curves."""
        index = np.nonzero(chosen)[0].tolist()
        return Result(
            self.detector,
            self.title,
            tuple(self.files[i] for i in index),
            self.fake[chosen],
            self.p[chosen],
            tuple(self.methods[i] for i in index),
            {name: tuple(values[i] for i in index) for name, values in self.slices.items()},
            tuple(self.groups[i] for i in index) if self.groups else (),
            self.threshold,
        )

    def at(self, threshold: float) -> Result:
        """The same scores judged at another threshold."""
        return replace(self, threshold=threshold)


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure with its 95 % interval over ``n`` items; ``how`` the interval was made."""

    name: str
    value: float
    low: float
    high: float
    n: int
    how: str


def measures(
    result: Result, *, rounds: int = 1000, seed: int = 0, only: Collection[str] | None = None
) -> list[Measured]:
    """All measures of a result, or ``only`` those named; what is undefined (one class only) is left out.

    Rates of decisions at the threshold carry Wilson intervals and the AUC DeLong's where items are independent;
    everything else, and all where ``groups`` repeat, a bootstrap of ``rounds`` over groups.
    """
    independent = len(set(result.groups)) == len(result.groups)
    asked = {n: m for n, m in _all_measures(result.threshold).items() if only is None or n in only}
    closed = {one.name: one for one in _closed_form(result)} if independent else {}
    wanted = {name: measure for name, measure in asked.items() if name not in closed}
    drawn = {one.name: one for one in _bootstrap(result, wanted, rounds, seed)} if wanted else {}
    ordered = [closed.get(name) or drawn[name] for name in asked]
    return [one for one in ordered if math.isfinite(one.value)]


def _bootstrap(result: Result, wanted: Mapping[str, metrics.Measure], rounds: int, seed: int) -> list[Measured]:
    """Percentile intervals over the same draws of groups for all measures; undefined draws are left out."""
    rng = np.random.default_rng(seed)
    _, group = np.unique(result.groups or np.arange(len(result.p)), return_inverse=True)
    order, sizes = np.argsort(group, kind="stable"), np.bincount(group)
    members = np.split(order, np.cumsum(sizes)[:-1])
    values: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(rounds):
        index = np.concatenate([members[g] for g in rng.integers(len(members), size=len(members))])
        fake, p = result.fake[index], result.p[index]
        for name, measure in wanted.items():
            values[name].append(measure(fake, p))
    found = {name: measure(result.fake, result.p) for name, measure in wanted.items()}
    return [_drawn(name, value, values[name], result, group) for name, value in found.items()]


def _drawn(name: str, value: float, drawn: Sequence[float], result: Result, group: npt.NDArray[np.intp]) -> Measured:
    """A rate or an AUC of 0 or 1 is the same in every draw, which says nothing: then an exact interval over groups."""
    among = _among(name, result)
    n, finite = int(among.sum()), np.asarray(drawn)[np.isfinite(drawn)]
    if not finite.size or not math.isfinite(value):
        return Measured(name, value, math.nan, math.nan, n, "bootstrap")
    if value in (0.0, 1.0) and name == "AUC":
        rarer = min(len(np.unique(group[result.fake])), len(np.unique(group[~result.fake])))
        return Measured(name, value, *auc_interval(value, 0.0, rarer), n, "Clopper-Pearson over groups")
    if value in (0.0, 1.0) and name in _RATES:
        people = len(np.unique(group[among]))
        return Measured(name, value, *wilson(round(value * people), people), n, "Wilson over groups")
    low, high = np.percentile(finite, [2.5, 97.5])
    return Measured(name, value, float(low), float(high), n, "bootstrap")


_RATES = ("accuracy", "precision", "recall", "false alarms", "TPR at 1 % FPR", "TPR at 5 % FPR")


def _among(name: str, result: Result) -> npt.NDArray[np.bool_]:
    """The items that a measure is about, bool[N]."""
    called = result.p >= result.threshold
    if name == "recall" or name.startswith("TPR"):
        return result.fake
    about = {"false alarms": ~result.fake, "precision": called}
    return about.get(name, np.ones(len(called), dtype=bool))


def _all_measures(at: float) -> dict[str, metrics.Measure]:
    return {
        "AUC": metrics.auc,
        "EER": metrics.eer,
        "AP": metrics.average_precision,
        "TPR at 1 % FPR": partial(_at_fpr, limit=0.01),
        "TPR at 5 % FPR": partial(_at_fpr, limit=0.05),
        "accuracy": partial(metrics.accuracy, threshold=at),
        "precision": partial(precision, threshold=at),
        "recall": partial(metrics.recall, threshold=at),
        "F1": partial(f1, threshold=at),
        "false alarms": partial(metrics.false_alarms, threshold=at),
        "Brier": metrics.brier,
        "ECE": metrics.ece,
        "error-coverage area": partial(_area, threshold=at),
        "error at 80 % coverage": partial(_error_at, threshold=at, coverage=0.8),
    }


def _at_fpr(fake: metrics.Labels, p: metrics.Scores, limit: float) -> float:
    return metrics.tpr_at(fake, p, limit) if fake.any() and not fake.all() else math.nan


def _area(fake: metrics.Labels, p: metrics.Scores, threshold: float) -> float:
    return error_coverage(fake, p, threshold).area


def _error_at(fake: metrics.Labels, p: metrics.Scores, threshold: float, coverage: float) -> float:
    return error_coverage(fake, p, threshold).error_at(coverage)


def precision(fake: metrics.Labels, p: metrics.Scores, threshold: float = 0.5) -> float:
    """Share of fakes among the items at or above the threshold; NaN where there is none."""
    called = p >= threshold
    return float(fake[called].mean()) if called.any() else math.nan


def f1(fake: metrics.Labels, p: metrics.Scores, threshold: float = 0.5) -> float:
    """Harmonic mean of precision and recall; NaN without fakes."""
    called = p >= threshold
    hits = int((called & fake).sum())
    return 2.0 * hits / (int(called.sum()) + int(fake.sum())) if fake.any() else math.nan


def _closed_form(result: Result) -> list[Measured]:
    fake, called = result.fake, result.p >= result.threshold
    rates = {
        "accuracy": (called == fake, np.ones(len(fake), dtype=bool)),
        "precision": (called & fake, called),
        "recall": (called & fake, fake),
        "false alarms": (called & ~fake, ~fake),
    }
    found = estimate(fake, result.p)
    made = [Measured("AUC", metrics.auc(fake, result.p), found.low, found.high, len(fake), "DeLong")]
    for name, (hit, among) in rates.items():
        hits, n = int(hit.sum()), int(among.sum())
        made.append(Measured(name, hits / n if n else math.nan, *wilson(hits, n), n, "Wilson"))
    return made


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A part of the test set: counts, AUC (NaN where a class is missing), decisions at the threshold."""

    name: str
    real: int
    fake: int
    auc: float
    auc_low: float
    auc_high: float
    recall: float
    recall_low: float
    recall_high: float
    false_alarms: float
    false_alarms_low: float
    false_alarms_high: float


_SLICE_ROUNDS = 300


def by_method(result: Result) -> list[SliceRow]:
    """Each method against all reals, of the same modality where ``slices`` tell it."""
    names = np.asarray(result.methods)
    kinds = np.asarray(result.slices.get("modality", ("",) * len(names)))
    rows = []
    for name in sorted(set(names[result.fake].tolist())):
        mine = result.fake & (names == name)
        rows.append(_slice_row(name, result.where(mine | (~result.fake & np.isin(kinds, kinds[mine])))))
    return rows


def by_slice(result: Result, kind: str) -> list[SliceRow]:
    """Each value of ``slices[kind]`` by itself, in order of the values."""
    names = np.asarray(result.slices[kind])
    return [_slice_row(name, result.where(names == name)) for name in sorted(set(names.tolist()))]


def _slice_row(name: str, part: Result) -> SliceRow:
    found = {one.name: one for one in measures(part, rounds=_SLICE_ROUNDS, only=("AUC", "recall", "false alarms"))}
    nothing = Measured("", math.nan, math.nan, math.nan, 0, "")
    auc, caught, alarms = (found.get(key, nothing) for key in ("AUC", "recall", "false alarms"))
    return SliceRow(
        name,
        int((~part.fake).sum()),
        int(part.fake.sum()),
        *(auc.value, auc.low, auc.high),
        *(caught.value, caught.low, caught.high),
        *(alarms.value, alarms.low, alarms.high),
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """Two detectors compared on the ``n`` files that both answered."""

    first: str
    second: str
    n: int
    comparison: Comparison


def comparisons(results: Sequence[Result]) -> list[Pair]:
    """DeLong's test for each pair of results with at least two common files of each class."""
    made = []
    for a, b in combinations(results, 2):
        place = {name: i for i, name in enumerate(b.files)}
        common = [(i, place[name]) for i, name in enumerate(a.files) if name in place]
        fake = a.fake[[i for i, _ in common]] if common else np.zeros(0, dtype=bool)
        if int(fake.sum()) >= 2 and int((~fake).sum()) >= 2:
            found = compare(fake, a.p[[i for i, _ in common]], b.p[[j for _, j in common]])
            made.append(Pair(a.detector, b.detector, len(common), found))
    return made


# --- files -------------------------------------------------------------------------------------------------------

_SLICES = ("source", "modality", "quality")


def from_facts(facts: Mapping[str, Any], *, title: str = "") -> Result:
    """The result in what the evaluation writes: ``detector``, ``weights_sha256``, ``command``, ``threshold_1pct``,
    ``files`` [{sha256, fake, method, p_fake, source, …}] and, where measured, ``robustness`` [curve].

    Files with ``p_fake`` null were not answered.

    Raises:
        ConfigError: a field is missing or wrong, or no file was answered.
    """
    try:
        rows = [row for row in facts["files"] if row["p_fake"] is not None]
        return Result(
            detector=str(facts["detector"]),
            title=title or str(facts.get("title", facts["detector"])),
            files=tuple(str(row["sha256"]) for row in rows),
            fake=np.array([bool(row["fake"]) for row in rows], dtype=bool),
            p=np.array([float(row["p_fake"]) for row in rows], dtype=np.float64),
            methods=tuple(str(row["method"]) for row in rows),
            slices={k: tuple(str(row[k]) for row in rows) for k in _SLICES if rows and all(k in row for row in rows)},
            groups=tuple(str(row["identity"]) for row in rows) if all("identity" in row for row in rows) else (),
            threshold=float(facts.get("threshold", facts.get("threshold_1pct", 0.5))),
            weights_sha256=str(facts.get("weights_sha256", "")),
            command=str(facts.get("command", "")),
            unanswered=len(facts["files"]) - len(rows),
            curves=tuple(curve_from(one) for one in facts.get("robustness", ())),
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise ConfigError(f"This is not the result of an evaluation: {exc}.", hint="Run the evaluation again.") from exc


def read_result(path: Path) -> Result:
    """A result from the JSON file that the evaluation writes.

    Raises:
        ConfigError: the file cannot be read or holds something else.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path.name} is not readable JSON.", hint="Run the evaluation again.") from exc
    return from_facts(facts)


def curve_facts(curve: Curve) -> dict[str, Any]:
    """A curve as JSON values; NaN becomes null."""
    points = [{name: _plain(getattr(point, name)) for name in Point.__dataclass_fields__} for point in curve.points]
    return {"name": curve.name, "unit": curve.unit, "real": curve.real, "fake": curve.fake, "points": points}


def curve_from(facts: Mapping[str, Any]) -> Curve:
    """The inverse of :func:`curve_facts`."""
    points = [
        Point(**{k: (math.nan if v is None and k != "level" else v) for k, v in point.items()})
        for point in facts["points"]
    ]
    return Curve(facts["name"], facts["unit"], tuple(points), int(facts["real"]), int(facts["fake"]))


def _plain(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)
