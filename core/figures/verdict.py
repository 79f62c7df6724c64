"""The verdict on a scale from real to fake."""

from __future__ import annotations

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain, rgba
from core.types import Analysis, Thresholds, Verdict


def verdict_bar(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """P(fake) on a bar from 0 to 1, with the zones of both thresholds and the interval."""
    verdict = analysis.verdict
    if verdict.p_fake is None:
        return explain(wording.VERDICT_SUMMARIES[verdict.label], theme, height=88)
    canvas = Canvas(theme, 92, margin=(6, 6, 26, 22))
    canvas.axis("xaxis", range=[-0.012, 1.012], showgrid=False, showticklabels=False, showline=False)
    canvas.axis("yaxis", range=[0, 1], visible=False)
    _zones(canvas, verdict.thresholds)
    _mark(canvas, verdict, verdict.p_fake)
    return canvas.figure()


def _zones(canvas: Canvas, limits: Thresholds) -> None:
    colours = canvas.colours
    zones = (
        (0.0, limits.real, colours.real, "real"),
        (limits.real, limits.fake, colours.uncertain, "uncertain"),
        (limits.fake, 1.0, colours.fake, "fake"),
    )
    for x0, x1, colour, name in zones:
        if x1 <= x0:
            continue
        fill = {"line": {"width": 0}, "fillcolor": rgba(colour, 0.22)}
        canvas.shapes.append({"type": "rect", "x0": x0, "x1": x1, "y0": 0.3, "y1": 0.7, **fill})
        if x1 - x0 >= 0.12:
            canvas.text(name, x=(x0 + x1) / 2, y=0.3, yshift=-11, size=12, color=colour)
    for x in {limits.real, limits.fake}:
        line = {"color": colours.muted, "width": 1.5}
        canvas.shapes.append({"type": "line", "x0": x, "x1": x, "y0": 0.22, "y1": 0.78, "line": line})


def _mark(canvas: Canvas, verdict: Verdict, p_fake: float) -> None:
    colours = canvas.colours
    colour = colours.of(verdict.label)
    if verdict.interval is not None:
        canvas.data.append({
            "type": "scatter", "name": "interval", "mode": "lines", "x": list(verdict.interval), "y": [0.5, 0.5],
            "line": {"color": rgba(colour, 0.75), "width": 7}, "hoverinfo": "skip",
        })  # fmt: skip
    spread = f"<br>range {wording.interval(verdict.interval)}" if verdict.interval else ""
    kind = wording.probability_kind(verdict.calibrated)
    canvas.data.append({
        "type": "scatter", "name": "P(fake)", "mode": "markers", "x": [p_fake], "y": [0.5],
        "marker": {"color": colour, "size": 20, "line": {"color": colours.surface, "width": 3}},
        "hovertemplate": f"P(fake) {wording.percent(p_fake)} ({kind}){spread}<extra></extra>",
    })  # fmt: skip
    anchor = "left" if p_fake < 0.08 else "right" if p_fake > 0.92 else "center"
    number = f"<b>{wording.percent(p_fake)}</b>"
    canvas.text(number, x=p_fake, y=0.7, yshift=14, xanchor=anchor, size=15, color=colour)
