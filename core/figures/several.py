"""Several analyses on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain, wrap
from core.types import Analysis, Label, Status

_ROW_PX = 30
_NAME_CHARS = 26
_TICKS = {0.0: "0%", 0.25: "", 0.5: "50%", 0.75: "", 1.0: "100%"}  # five would be turned on a phone


def verdict_counts(analyses: Sequence[Analysis], failed: int = 0, *, theme: Theme = "light") -> go.Figure:
    """How many files got which verdict, and how many could not be analysed."""
    if not analyses and not failed:
        return explain("No file was analysed yet.", theme)
    canvas = Canvas(theme, 190, margin=(8, 20, 8, 30))
    names = [*(wording.VERDICT_TITLES[label] for label in Label), "Not analysed"]
    counts = [*(sum(a.verdict.label is label for a in analyses) for label in Label), failed]
    colours = [*(canvas.colours.of(label) for label in Label), canvas.colours.silent]
    canvas.data.append({
        "type": "bar", "orientation": "h", "y": names, "x": counts, "marker": {"color": colours},
        "text": [str(count) for count in counts], "textposition": "outside", "cliponaxis": False,
        "hovertemplate": "%{y}: %{x}<extra></extra>",
    })  # fmt: skip
    canvas.axis("yaxis", autorange="reversed", showgrid=False)
    canvas.axis("xaxis", rangemode="tozero", dtick=max(1, -(-max(counts) // 5)))
    return canvas.figure()


def probabilities(analyses: Sequence[Analysis], *, theme: Theme = "light") -> go.Figure:
    """P(fake) of every file that has one, highest first, with its range."""
    found = [a for a in analyses if a.verdict.p_fake is not None]
    found.sort(key=lambda a: -(a.verdict.p_fake or 0.0))
    if not found:
        return explain("No file has a probability: there was nothing to judge.", theme)
    canvas = Canvas(theme, 50 + _ROW_PX * len(found), margin=(8, 20, 8, 30))
    rows = list(range(len(found)))
    _percent_axis(canvas)
    canvas.axis(
        "yaxis", tickvals=rows, ticktext=[_short(a.media.name) for a in found], showgrid=False,
        range=[len(found) - 0.4, -0.6],
    )  # fmt: skip
    for y, analysis in enumerate(found):
        if (span := analysis.verdict.interval) is not None:
            canvas.data.append(_span(span, y, canvas.colours.muted))
    canvas.data.append({
        "type": "scatter", "mode": "markers", "x": [a.verdict.p_fake for a in found], "y": rows,
        "marker": {"size": 12, "color": [canvas.colours.of(a.verdict.label) for a in found]},
        "text": [wrap(a.media.name, 60) for a in found], "hovertemplate": "%{text}: %{x:.0%}<extra></extra>",
    })  # fmt: skip
    return canvas.figure()


def side_by_side(first: Analysis, second: Analysis, *, theme: Theme = "light") -> go.Figure:
    """The verdicts and every model's P(fake) of two files on the same axis: a circle for the first, a diamond for the
    second."""
    rows = ["Verdict", *_titles(first, second)]
    canvas = Canvas(theme, 84 + 34 * len(rows), margin=(8, 20, 30, 30))
    _percent_axis(canvas)
    canvas.axis(
        "yaxis", tickvals=list(range(len(rows))), ticktext=[_short(row) for row in rows], showgrid=False,
        range=[len(rows) - 0.4, -0.6],
    )  # fmt: skip
    for number, (analysis, symbol) in enumerate(((first, "circle"), (second, "diamond"))):
        values = _values(analysis)
        known = [(values[row], y) for y, row in enumerate(rows) if row in values]
        canvas.data.append({
            "type": "scatter", "mode": "markers", "name": _short(analysis.media.name),
            "x": [x for x, _ in known], "y": [y for _, y in known],
            "marker": {"size": 13, "symbol": symbol, "color": canvas.colours.series[number]},
            "text": [wrap(rows[y], 60) for _, y in known], "hovertemplate": "%{text}: %{x:.0%}",
        })  # fmt: skip
    canvas.legend()
    return canvas.figure()


def _titles(*analyses: Analysis) -> list[str]:
    return list(dict.fromkeys(s.title for a in analyses for s in a.scores if s.status is Status.OK))


def _values(analysis: Analysis) -> dict[str, float]:
    """P(fake) by row: of each model the highest about any person."""
    values: dict[str, float] = {} if analysis.verdict.p_fake is None else {"Verdict": analysis.verdict.p_fake}
    for score in analysis.scores:
        if score.p_fake is not None:
            values[score.title] = max(score.p_fake, values.get(score.title, 0.0))
    return values


def _percent_axis(canvas: Canvas) -> None:
    canvas.axis("xaxis", range=[-0.02, 1.02], tickvals=list(_TICKS), ticktext=list(_TICKS.values()))


def _span(span: tuple[float, float], y: int, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 3}
    return {"type": "scatter", "mode": "lines", "x": list(span), "y": [y, y], "line": line, "hoverinfo": "skip"}


def _short(text: str) -> str:
    return wrap(text if len(text) <= _NAME_CHARS else f"{text[: _NAME_CHARS - 1]}…", 60)
