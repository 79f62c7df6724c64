"""How sound and lips agree when one is shifted against the other."""

from __future__ import annotations

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain, rgba
from core.types import Analysis, MediaKind, Status, SyncCurve


def sync_curve(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """Agreement of sound and lips over time shifts, one line a person; the peak should stand near zero."""
    curves = [c for c in analysis.sync if c.status is Status.OK and c.offset_ms]
    if not curves:
        return explain(_nothing(analysis), theme)
    canvas = Canvas(theme, 250, margin=(8, 10, 34 if len(curves) > 1 else 22, 8))
    title = "shift of the sound in ms (+: it comes late)"
    zero = {"zeroline": True, "zerolinecolor": canvas.colours.muted, "zerolinewidth": 1}
    canvas.axis("xaxis", title={"text": title, "font": {"size": 12}}, **zero)
    canvas.axis("yaxis", title={"text": "agreement", "font": {"size": 12}}, nticks=5)
    if len(curves) > 1:
        canvas.legend()
    for number, curve in enumerate(_driver_first(analysis, curves)):
        _draw(canvas, curve, number)
    return canvas.figure()


def _nothing(analysis: Analysis) -> str:
    for curve in analysis.sync:
        if curve.status is not Status.OK:
            return curve.summary
    if analysis.media.info.kind is MediaKind.IMAGE:
        return "A picture has no sound."
    return "Sound and lips were not compared in this file."


def _driver_first(analysis: Analysis, curves: list[SyncCurve]) -> list[SyncCurve]:
    return sorted(curves, key=lambda c: c.track_id != analysis.verdict.track_id)


def _draw(canvas: Canvas, curve: SyncCurve, number: int) -> None:
    name, colour = wording.person(curve.track_id), canvas.colours.series[number % len(canvas.colours.series)]
    canvas.data.append({
        "type": "scatter", "mode": "lines", "name": name, "x": list(curve.offset_ms), "y": list(curve.agreement),
        "line": {"color": colour, "width": 2.2, "shape": "spline", "smoothing": 0.4},
        "hovertemplate": f"<b>{name}</b><br>%{{x:.0f}} ms: %{{y:.2f}}<extra></extra>",
    })  # fmt: skip
    best = curve.best_offset_ms
    if best is None:
        return
    height = min(zip(curve.offset_ms, curve.agreement, strict=True), key=lambda point: abs(point[0] - best))[1]
    canvas.data.append({
        "type": "scatter", "mode": "markers", "showlegend": False, "x": [best], "y": [height], "hoverinfo": "skip",
        "marker": {"color": colour, "size": 11, "line": {"color": canvas.colours.surface, "width": 2}},
    })  # fmt: skip
    if number == 0:
        place = {"x": best, "y": height, "yshift": 16, "bgcolor": rgba(canvas.colours.surface, 0.9)}
        canvas.text(
            f"<b>best at {best:+.0f} ms</b>" if round(best) else "<b>best at 0 ms</b>", size=13, color=colour, **place
        )
