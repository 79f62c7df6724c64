"""How sound and lips agree when one is shifted against the other."""

from __future__ import annotations

import plotly.graph_objects as go

from core import wording
from core.figures.style import PALETTES, Palette, Theme, explain, figure
from core.types import Analysis, MediaKind, Status, SyncCurve


def sync_curve(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """Agreement of sound and lips over time shifts, one line a person; the peak should stand near zero."""
    curves = [c for c in analysis.sync if c.status is Status.OK and c.offset_ms]
    if not curves:
        return explain(_nothing(analysis), theme)
    colours = PALETTES[theme]
    fig = figure(theme, 260, margin={"l": 8, "r": 10, "t": 34, "b": 8})
    fig.update_xaxes(
        title={"text": "shift of the sound in ms (+: it comes late)", "font": {"size": 12}},
        zeroline=True,
        zerolinecolor=colours.muted,
        zerolinewidth=1,
    )
    fig.update_yaxes(title={"text": "agreement", "font": {"size": 12}}, nticks=5)
    fig.update_layout(
        showlegend=len(curves) > 1,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom"},
    )
    for number, curve in enumerate(_driver_first(analysis, curves)):
        _draw(fig, curve, colours.series[number % len(colours.series)], colours, marked=number == 0)
    return fig


def _nothing(analysis: Analysis) -> str:
    for curve in analysis.sync:
        if curve.status is not Status.OK:
            return curve.summary
    if analysis.media.info.kind is MediaKind.IMAGE:
        return "A picture has no sound."
    return "Sound and lips were not compared in this file."


def _driver_first(analysis: Analysis, curves: list[SyncCurve]) -> list[SyncCurve]:
    return sorted(curves, key=lambda c: c.track_id != analysis.verdict.track_id)


def _draw(fig: go.Figure, curve: SyncCurve, colour: str, colours: Palette, *, marked: bool) -> None:
    name = wording.person(curve.track_id)
    fig.add_trace(
        go.Scatter(
            x=list(curve.offset_ms),
            y=list(curve.agreement),
            mode="lines",
            name=name,
            line={"color": colour, "width": 2.2, "shape": "spline", "smoothing": 0.4},
            hovertemplate=f"<b>{name}</b><br>%{{x:.0f}} ms: %{{y:.2f}}<extra></extra>",
        )
    )
    if curve.best_offset_ms is None:
        return
    nearest = min(range(len(curve.offset_ms)), key=lambda i: abs(curve.offset_ms[i] - (curve.best_offset_ms or 0.0)))
    fig.add_trace(
        go.Scatter(
            x=[curve.best_offset_ms],
            y=[curve.agreement[nearest]],
            mode="markers",
            showlegend=False,
            marker={"color": colour, "size": 11, "line": {"color": colours.surface, "width": 2}},
            hoverinfo="skip",
        )
    )
    if marked:
        fig.add_annotation(
            x=curve.best_offset_ms,
            y=curve.agreement[nearest],
            text=f"<b>best at {curve.best_offset_ms:+.0f} ms</b>",
            showarrow=False,
            yshift=16,
            font={"size": 13, "color": colour},
        )
