"""The verdict on a scale from real to fake."""

from __future__ import annotations

import plotly.graph_objects as go

from core import wording
from core.figures.style import PALETTES, Palette, Theme, explain, figure, rgba
from core.types import Analysis, Thresholds, Verdict


def verdict_bar(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """P(fake) on a bar from 0 to 1, with the zones of both thresholds and the interval."""
    verdict = analysis.verdict
    if verdict.p_fake is None:
        return explain(wording.VERDICT_SUMMARIES[verdict.label], theme, height=88)
    colours = PALETTES[theme]
    fig = figure(theme, 92, margin={"l": 6, "r": 6, "t": 26, "b": 22})
    fig.update_xaxes(range=[-0.012, 1.012], showgrid=False, showticklabels=False, showline=False)
    fig.update_yaxes(range=[0, 1], visible=False)
    _zones(fig, verdict.thresholds, colours)
    _mark(fig, verdict, colours)
    return fig


def _zones(fig: go.Figure, limits: Thresholds, colours: Palette) -> None:
    zones = (
        (0.0, limits.real, colours.real, "real"),
        (limits.real, limits.fake, colours.uncertain, "uncertain"),
        (limits.fake, 1.0, colours.fake, "fake"),
    )
    for start, end, colour, name in zones:
        if end <= start:
            continue
        fig.add_shape(type="rect", x0=start, x1=end, y0=0.3, y1=0.7, line_width=0, fillcolor=rgba(colour, 0.22))
        if end - start >= 0.12:
            fig.add_annotation(
                x=(start + end) / 2, y=0.3, yshift=-11, text=name, showarrow=False, font={"size": 12, "color": colour}
            )
    for at in {limits.real, limits.fake}:
        fig.add_shape(type="line", x0=at, x1=at, y0=0.22, y1=0.78, line={"color": colours.muted, "width": 1.5})


def _mark(fig: go.Figure, verdict: Verdict, colours: Palette) -> None:
    p_fake = verdict.p_fake or 0.0
    colour = colours.of(verdict.label)
    if verdict.interval is not None:
        fig.add_trace(
            go.Scatter(
                x=list(verdict.interval),
                y=[0.5, 0.5],
                mode="lines",
                name="interval",
                line={"color": rgba(colour, 0.75), "width": 7},
                hoverinfo="skip",
            )
        )
    spread = f"<br>range {wording.interval(verdict.interval)}" if verdict.interval else ""
    kind = wording.probability_kind(verdict.calibrated)
    fig.add_trace(
        go.Scatter(
            x=[p_fake],
            y=[0.5],
            mode="markers",
            name="P(fake)",
            marker={"color": colour, "size": 20, "line": {"color": colours.surface, "width": 3}},
            hovertemplate=f"P(fake) {wording.percent(p_fake)} ({kind}){spread}<extra></extra>",
        )
    )
    anchor = "left" if p_fake < 0.08 else "right" if p_fake > 0.92 else "center"
    fig.add_annotation(
        x=p_fake,
        y=0.7,
        yshift=14,
        text=f"<b>{wording.percent(p_fake)}</b>",
        showarrow=False,
        xanchor=anchor,
        font={"size": 15, "color": colour},
    )
