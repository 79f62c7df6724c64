"""How well the faces can be seen."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain
from core.types import Analysis, FaceTrack


def face_quality(analysis: Analysis, *, min_size_px: float | None = None, theme: Theme = "light") -> go.Figure:
    """Size of every face in px over time; the other measures show on hover.

    Args:
        analysis: the result.
        min_size_px: the size below which a face does not vote, drawn as a line.
        theme: page background.
    """
    if not analysis.tracks:
        return explain("No face was found, so there is nothing to measure.", theme)
    canvas = Canvas(theme, 240, margin=(8, 10, 34, 8))
    canvas.axis("xaxis", title={"text": "time in s", "font": {"size": 12}})
    canvas.axis("yaxis", title={"text": "face size in px", "font": {"size": 12}}, rangemode="tozero")
    canvas.data = [_trace(canvas, track, number) for number, track in enumerate(analysis.tracks)]
    if min_size_px is not None:
        line = {"color": canvas.colours.muted, "dash": "dot", "width": 1.2}
        span = {"xref": "paper", "x0": 0, "x1": 1, "y0": min_size_px, "y1": min_size_px}
        canvas.shapes.append({"type": "line", "line": line, **span})
    if len(analysis.tracks) > 1:
        canvas.legend()
    return canvas.figure()


def _trace(canvas: Canvas, track: FaceTrack, number: int) -> dict[str, Any]:
    name, series = wording.person(track.id), canvas.colours.series
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "line": {"color": series[number % len(series)]},
        "x": list(track.t_s), "y": [q.size_px for q in track.quality],
        "customdata": [(t, track.id) for t in track.t_s],
        "text": [f"sharpness {q.blur:.0f}, noise {q.noise:.1f}, brightness {q.luma:.0f}, turned {q.yaw:+.1f}, "
                 f"hidden {q.occlusion:.1f}" for q in track.quality],
        "hovertemplate": f"%{{x:.1f}} s: %{{y:.0f}} px<br>%{{text}}<extra>{name}</extra>",
    }  # fmt: skip
