"""How well the faces can be seen."""

from __future__ import annotations

import plotly.graph_objects as go

from core import wording
from core.figures.style import PALETTES, Theme, explain, figure
from core.types import Analysis


def face_quality(analysis: Analysis, *, min_size_px: float | None = None, theme: Theme = "light") -> go.Figure:
    """Size of every face in px over time; the other measures show on hover.

    Args:
        analysis: the result.
        min_size_px: the size below which a face does not vote, drawn as a line.
        theme: page background.
    """
    if not analysis.tracks:
        return explain("No face was found, so there is nothing to measure.", theme)
    colours = PALETTES[theme]
    fig = figure(theme, 240, margin={"l": 8, "r": 10, "t": 34, "b": 8})
    fig.update_xaxes(title={"text": "time in s", "font": {"size": 12}})
    fig.update_yaxes(title={"text": "face size in px", "font": {"size": 12}}, rangemode="tozero")
    for number, track in enumerate(analysis.tracks):
        fig.add_trace(
            go.Scatter(
                x=list(track.t_s), y=[q.size_px for q in track.quality], mode="lines+markers",
                name=wording.person(track.id), line={"color": colours.series[number % len(colours.series)]},
                customdata=[(t, track.id) for t in track.t_s],
                text=[f"sharpness {q.blur:.0f}, brightness {q.luma:.0f}, turned {q.yaw:+.1f}, hidden {q.occlusion:.1f}"
                      for q in track.quality],
                hovertemplate="%{x:.1f} s: %{y:.0f} px<br>%{text}<extra>" + wording.person(track.id) + "</extra>",
            )
        )  # fmt: skip
    if min_size_px is not None:
        fig.add_hline(y=min_size_px, line={"color": colours.muted, "dash": "dot", "width": 1.2})
    fig.update_layout(
        showlegend=len(analysis.tracks) > 1,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
    )
    return fig
