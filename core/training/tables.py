"""Figures of an evaluation as rows, tables and card entries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.registry import Card, Metric
from core.training.results import Measured, Result, measures

HELD_OUT = "held-out identities"
UNSEEN = "methods not trained on"
FILES_COMPRESSED = "compression of real files"
INPUT_COMPRESSED = "compression of the detector's input"
CALIBRATION = "calibration split"
GENERATORS = "true generators"
ROUNDS = 300


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure with its 95 % interval over ``n`` items; ``group`` is the table it stands in."""

    group: str
    name: str
    value: float
    low: float
    high: float
    n: int

    def rounded(self) -> Figure:
        low, high = min(self.low, self.value), max(self.high, self.value)
        return Figure(self.group, self.name, round(self.value, 4), round(low, 4), round(high, 4), self.n)


_AT_THRESHOLD = {
    "accuracy",
    "precision",
    "recall",
    "F1",
    "false alarms",
    "error-coverage area",
    "error at 80 % coverage",
}


def overall(group: str, result: Result) -> list[Figure]:
    """All measures of a result at its threshold."""
    return [_figure(group, one, result.threshold) for one in measures(result, rounds=ROUNDS) if _told(one)]


def chosen(group: str, result: Result, names: set[str]) -> list[Figure]:
    """Those measures alone."""
    found = measures(result, rounds=ROUNDS, only=names)
    return [_figure(group, one, result.threshold) for one in found if _told(one)]


def _told(one: Measured) -> bool:
    return math.isfinite(one.low) and math.isfinite(one.high)


def _figure(group: str, one: Measured, at: float) -> Figure:
    name = f"{one.name} at {at:.2f}" if one.name in _AT_THRESHOLD else one.name
    return Figure(group, name, one.value, one.low, one.high, one.n).rounded()


def parts(group: str, result: Result, kind: str) -> list[Figure]:
    """AUC, recall and false alarms of each value of a slice, each where its class is there."""
    names, wanted = np.asarray(result.slices[kind]), {"AUC", "recall", "false alarms"}
    rows = [(name, chosen(group, result.where(names == name), wanted)) for name in sorted(set(names.tolist()))]
    return [replace(figure, name=f"{figure.name} {name}") for name, figures in rows for figure in figures]


# --- cards -------------------------------------------------------------------------------------------------------

_HEADLINES = {"AUC", "EER", "ECE", "false alarms at 0.50", "recall at 0.50", "TPR at 5 % FPR"}


def headline(figures: Sequence[Figure], command: str) -> list[Metric]:
    """The figures that stand on the card: the main ones of each table, compression, and the AUC of each generator."""
    return [
        Metric(name=f.name, value=f.value, low=f.low, high=f.high, n=f.n, dataset=f.group, command=command)
        for f in figures
        if f.name in _HEADLINES or f.name.startswith("rise") or _of_a_generator(f)
    ]


def _of_a_generator(figure: Figure) -> bool:
    main = figure.group in (UNSEEN, f"{GENERATORS}, image", f"{GENERATORS}, video")
    return main and (figure.name.startswith("AUC ") or figure.name.startswith("false alarms"))


# --- text --------------------------------------------------------------------------------------------------------

_HEAD = "| measure | value | 95 % interval | n |"
_NOTE = (
    "One item is one file, or one picture of a held-out person. Intervals are 95 %: where several items show one "
    "person a bootstrap over persons, else DeLong for the AUC, Wilson for rates, a bootstrap for the rest."
)


def markdown(card: Card, facts: Mapping[str, Any]) -> str:
    """The figures as tables, for docs."""
    lines = [f"# {card.title} (`{card.id}`): measured", "", f"Printed by `{facts['command']}`.", ""]
    lines += [f"Weights sha256 `{card.weights.sha256}`.", "", _NOTE, ""]
    for group in dict.fromkeys(f["group"] for f in facts["figures"]):
        lines += [f"## {group[0].upper()}{group[1:]}", "", _HEAD, "|---|---|---|---|"]
        for f in facts["figures"]:
            if f["group"] == group:
                lines.append(f"| {f['name']} | {f['value']:.3f} | {f['low']:.3f} to {f['high']:.3f} | {f['n']} |")
        lines.append("")
    return "\n".join([*lines, *_curve_tables(facts.get("robustness", ()))])


def _curve_tables(curves: Sequence[Mapping[str, Any]]) -> list[str]:
    if not curves:
        return []
    count = f"{curves[0]['real']} real and {curves[0]['fake']} forged faces of held-out people"
    lines = ["## Robustness", "", f"Each nuisance at the face's own resolution, on {count}.", ""]
    lines += ["| nuisance | level | mean P(fake) of reals | of fakes | AUC |", "|---|---|---|---|---|"]
    lines += [_curve_row("none", "", curves[0]["points"][0])]
    for curve in curves:
        lines += [_curve_row(curve["name"], f"{p['level']:g} {curve['unit']}", p) for p in curve["points"][1:]]
    return [*lines, ""]


def _curve_row(name: str, level: str, point: Mapping[str, Any]) -> str:
    cells = ("–" if point[k] is None else f"{point[k]:.3f}" for k in ("p_real", "p_fake", "auc"))
    return f"| {name} | {level} | {' | '.join(cells)} |"
