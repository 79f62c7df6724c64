"""Figures of an evaluation: one function a figure, several detectors in each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.figures.style import PALETTES, Canvas, rgba, wrap
from core.training import metrics
from core.training.results import Result, SliceRow
from core.training.robustness import Curve
from core.training.selective import error_coverage

_LIGHT = PALETTES["light"]
_HEIGHT = 380
_PERCENT = ".0%"
_MOST_POINTS = 600


def roc(results: Sequence[Result]) -> go.Figure:
    """True against false positive rate, with the AUC in the legend."""
    fig = _empty("False alarms (share of reals)", "Found (share of fakes)")
    _diagonal(fig, (0, 0), (1, 1), "chance")
    for number, one in enumerate(results):
        if _both(one):
            fpr, tpr, at = metrics.roc(one.fake, one.p)
            area = metrics.auc(one.fake, one.p)
            _line(fig, number, f"{one.title} (AUC {area:.3f})", fpr, tpr, text=_thresholds(at), shape="linear")
    return fig


def precision_recall(results: Sequence[Result]) -> go.Figure:
    """Precision against recall; a dotted line marks the share of fakes, which is chance."""
    fig = _empty("Recall (share of fakes found)", "Precision (share of alarms)")
    for number, one in enumerate(results):
        if _both(one):
            fpr, tpr, at = metrics.roc(one.fake, one.p)
            hits, alarms = tpr * one.fake.sum(), fpr * (~one.fake).sum()
            share = hits[1:] / (hits + alarms)[1:]
            area = metrics.average_precision(one.fake, one.p)
            _line(fig, number, f"{one.title} (AP {area:.3f})", tpr[1:], share, text=_thresholds(at[1:]), shape="vh")
            fig.add_hline(y=float(one.fake.mean()), line={"color": _colour(number), "dash": "dot", "width": 1})
    return fig


def reliability(results: Sequence[Result], bins: int = 10) -> go.Figure:
    """Share of fakes against mean P(fake) in bins of equal width; marks grow with the files in a bin."""
    fig = _empty("Mean P(fake) in the bin", "Share of fakes in the bin")
    _diagonal(fig, (0, 0), (1, 1), "calibrated")
    for number, one in enumerate(results):
        which = np.minimum((one.p * bins).astype(int), bins - 1)
        used = np.unique(which)
        n = np.array([int((which == b).sum()) for b in used])
        x = [float(one.p[which == b].mean()) for b in used]
        y = [float(one.fake[which == b].mean()) for b in used]
        name = f"{one.title} (ECE {metrics.ece(one.fake, one.p, bins):.3f})"
        size = 6 + 18 * np.sqrt(n / n.max())
        _line(fig, number, name, x, y, text=[f"{i} files" for i in n], mode="lines+markers", marker={"size": size})
    return fig


def histogram(result: Result) -> go.Figure:
    """How many reals and fakes have which score; the line is the threshold."""
    fig = _empty("P(fake)", "Share of the class", legend=True)
    for fake, name, colour in ((False, "real", _LIGHT.real), (True, "fake", _LIGHT.fake)):
        chosen = result.p[result.fake == fake]
        if len(chosen):
            fig.add_histogram(
                x=chosen,
                name=f"{name} ({len(chosen)})",
                marker={"color": rgba(colour, 0.55), "line": {"color": colour, "width": 1}},
                xbins={"start": 0.0, "end": 1.0001, "size": 0.05},
                histnorm="probability",
            )
    fig.add_vline(x=result.threshold, line={"color": _LIGHT.text, "dash": "dash", "width": 1})
    fig.update_layout(barmode="overlay")
    fig.update_xaxes(range=[0, 1])
    fig.update_yaxes(range=None, rangemode="tozero", tickformat=_PERCENT)
    return fig


def error_against_coverage(results: Sequence[Result]) -> go.Figure:
    """Mistakes left when the least certain answers are withheld."""
    fig = _empty("Coverage (share of files answered)", "Error among the answers")
    for number, one in enumerate(results):
        found = error_coverage(one.fake, one.p, one.threshold)
        name = f"{one.title} (area {found.area:.3f}, best {found.best_area:.3f})"
        _line(fig, number, name, found.coverage, found.error)
    fig.update_yaxes(range=None, rangemode="tozero", tickformat=_PERCENT)
    fig.update_xaxes(tickformat=_PERCENT)
    return fig


def auc_bars(rows: Sequence[tuple[Result, Sequence[SliceRow]]], what: str) -> go.Figure:
    """AUC with its 95 % interval by method or slice; parts with one class only are left out."""
    fig = _empty("AUC", what)
    labels = list(dict.fromkeys(_label(part) for _, parts in rows for part in parts))
    for number, (one, parts) in enumerate(rows):
        drawn = [part for part in parts if np.isfinite(part.auc)]
        beside = 0.5 * (number - (len(rows) - 1) / 2) / len(rows)
        fig.add_scatter(
            x=[part.auc for part in drawn],
            y=[labels.index(_label(part)) + beside for part in drawn],
            error_x=_bars(drawn),
            name=wrap(one.title, 60),
            mode="markers",
            marker={"color": _colour(number), "size": 9},
        )
    fig.add_vline(x=0.5, line={"color": _LIGHT.muted, "dash": "dot", "width": 1})
    fig.update_layout(height=130 + len(labels) * max(30, 16 * len(rows)))
    fig.update_xaxes(range=[0, 1.02])
    fig.update_yaxes(range=[len(labels) - 0.5, -0.5], tickvals=list(range(len(labels))), ticktext=labels)
    return fig


def robustness(curve_of: Sequence[tuple[Result, Curve]]) -> go.Figure:
    """Mean P(fake) of reals (solid) and of fakes (dashed), and AUC (dotted), against one nuisance, mildest first."""
    unit = curve_of[0][1].unit if curve_of else ""
    fig = _empty(f"{curve_of[0][1].name}, {unit}" if curve_of else "", "P(fake) and AUC")
    for number, (one, curve) in enumerate(curve_of):
        levels = ["none" if p.level is None else f"{p.level:g}" for p in curve.points]
        for what, values, dash in (
            ("reals", [p.p_real for p in curve.points], "solid"),
            ("fakes", [p.p_fake for p in curve.points], "dash"),
            ("AUC", [p.auc for p in curve.points], "dot"),
        ):
            if np.isfinite(values).any():
                name = one.title if what == "reals" else f"{one.title}: {what}"
                _line(fig, number, name, levels, values, mode="lines+markers", dash=dash, legend=what == "reals")
    fig.update_xaxes(range=None, type="category")
    return fig


# --- pieces ------------------------------------------------------------------------------------------------------


def _both(one: Result) -> bool:
    return bool(one.fake.any() and not one.fake.all())


def _colour(number: int) -> str:
    return _LIGHT.series[number % len(_LIGHT.series)]


def _thresholds(at: metrics.Scores) -> list[str]:
    return [f"threshold {t:.3f}" for t in at]


def _label(part: SliceRow) -> str:
    return wrap(f"{part.name} ({part.fake} fake, {part.real} real)", 46)


def _bars(parts: Sequence[SliceRow]) -> dict[str, Any]:
    above = np.nan_to_num([part.auc_high - part.auc for part in parts]).tolist()
    below = np.nan_to_num([part.auc - part.auc_low for part in parts]).tolist()
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.2}


def _empty(x: str, y: str, *, legend: bool = True) -> go.Figure:
    canvas = Canvas("light", _HEIGHT)
    canvas.axis("xaxis", title={"text": x}, range=[-0.02, 1.02])
    canvas.axis("yaxis", title={"text": y}, range=[-0.03, 1.03])
    place = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "font": {"size": 12}}
    canvas.layout |= {"showlegend": legend, "legend": place, "hovermode": "closest"}
    return canvas.figure()


def _diagonal(fig: go.Figure, start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    line = {"color": _LIGHT.muted, "dash": "dot", "width": 1}
    fig.add_scatter(x=[start[0], end[0]], y=[start[1], end[1]], mode="lines", name=name, line=line, hoverinfo="skip")


def _line(
    fig: go.Figure,
    number: int,
    name: str,
    x: Any,
    y: Any,
    *,
    text: Sequence[str] | None = None,
    mode: str = "lines",
    dash: str = "solid",
    shape: str = "linear",
    marker: dict[str, Any] | None = None,
    legend: bool = True,
) -> None:
    keep = _thinned(len(y)) if mode == "lines" else range(len(y))
    fig.add_scatter(
        x=[x[i] for i in keep],
        y=[y[i] for i in keep],
        text=None if text is None else [text[i] for i in keep],
        mode=mode,
        name=wrap(name, 70),
        showlegend=legend,
        line={"color": _colour(number), "dash": dash, "width": 2, "shape": shape},
        marker={"color": _colour(number), **(marker or {})},
    )


def _thinned(n: int) -> list[int]:
    """At most about ``_MOST_POINTS`` positions of n, first and last among them, so that reports stay small."""
    return sorted({round(i) for i in np.linspace(0, n - 1, min(n, _MOST_POINTS)).tolist()})
