"""Figures of labels against verdicts."""

from __future__ import annotations

import plotly.graph_objects as go

from core import judging
from core.figures.style import Canvas, Theme, explain
from core.types import Label

_LABELS = (Label.FAKE, Label.UNCERTAIN, Label.REAL, Label.NOT_APPLICABLE)
_NAMES = ("fake", "uncertain", "real", "no answer")


def confusion_table(found: judging.Confusion, *, theme: Theme = "light") -> go.Figure:
    """How many files of each truth got each verdict."""
    canvas = Canvas(theme, 190, (8, 8, 8, 30))
    rows = [[found.count(fake, label) for label in _LABELS] for fake in (True, False)]
    colours = canvas.colours
    canvas.data.append(
        {
            "type": "heatmap",
            "z": [[count / max(1, sum(row)) for count in row] for row in rows],
            "x": list(_NAMES),
            "y": ["is fake", "is real"],
            "text": rows,
            "texttemplate": "%{text}",
            "hovertemplate": "%{y}, called %{x}: %{text}<extra></extra>",
            "colorscale": [[0, colours.surface], [1, colours.series[0]]],
            "zmin": 0,
            "zmax": 1,
            "showscale": False,
            "xgap": 3,
            "ygap": 3,
        }
    )
    canvas.axis("xaxis", side="bottom", showgrid=False)
    canvas.axis("yaxis", autorange="reversed", showgrid=False)
    return canvas.figure()


def judged_roc(known: list[judging.Case], policy: judging.Policy, *, theme: Theme = "light") -> go.Figure:
    """ROC of the judged files with the policy's own point on it."""
    x, y, area = judging.roc(known, policy)
    if area is None:
        return explain("A ROC curve needs judged files of both kinds, with a score.", theme)
    canvas = Canvas(theme, 300, (8, 8, 26, 8))
    colours = canvas.colours
    found = judging.confusion(known, policy)
    canvas.data += [
        {"type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "hoverinfo": "skip",
         "line": {"color": colours.grid, "width": 1, "dash": "dot"}},
        {"type": "scatter", "x": x, "y": y, "mode": "lines", "line": {"color": colours.series[0], "width": 2},
         "hovertemplate": "false alarms %{x:.0%}, found %{y:.0%}<extra></extra>"},
        {"type": "scatter", "x": [found.false_alarms.value], "y": [found.found.value], "mode": "markers",
         "marker": {"size": 11, "color": colours.fake}, "name": "threshold",
         "hovertemplate": "at this threshold: false alarms %{x:.0%}, found %{y:.0%}<extra></extra>"},
    ]  # fmt: skip
    canvas.text(f"area {area:.3f}, n = {found.n}", x=0.98, y=0.04, xref="paper", yref="paper", xanchor="right",
                color=colours.muted)  # fmt: skip
    canvas.axis(
        "xaxis", title={"text": "reals called fake", "font": {"size": 12}}, range=[-0.03, 1.03], tickformat=".0%"
    )
    canvas.axis(
        "yaxis", title={"text": "fakes called fake", "font": {"size": 12}}, range=[-0.03, 1.03], tickformat=".0%"
    )
    return canvas.figure()


def judged_reliability(known: list[judging.Case], policy: judging.Policy, *, theme: Theme = "light") -> go.Figure:
    """What P(fake) said against how many of those files were fake."""
    bins = judging.reliability(known, policy)
    if not bins:
        return explain("No judged file has a score yet.", theme)
    canvas = Canvas(theme, 300, (8, 8, 26, 8))
    colours = canvas.colours
    canvas.data += [
        {"type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "hoverinfo": "skip",
         "line": {"color": colours.grid, "width": 1, "dash": "dot"}},
        {"type": "scatter", "x": [b.said for b in bins], "y": [b.was for b in bins], "mode": "lines+markers",
         "text": [f"n = {b.n}" for b in bins], "line": {"color": colours.series[0], "width": 2},
         "marker": {"size": [8 + 2 * min(b.n, 12) ** 0.5 for b in bins]},
         "hovertemplate": "said %{x:.0%}, was %{y:.0%} (%{text})<extra></extra>"},
    ]  # fmt: skip
    canvas.axis("xaxis", title={"text": "P(fake) said", "font": {"size": 12}}, range=[-0.03, 1.03], tickformat=".0%")
    canvas.axis("yaxis", title={"text": "were fake", "font": {"size": 12}}, range=[-0.03, 1.03], tickformat=".0%")
    return canvas.figure()
