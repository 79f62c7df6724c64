"""P(fake) over time, one lane a person."""

from __future__ import annotations

import plotly.graph_objects as go

from core import wording
from core.figures.style import PALETTES, Palette, Theme, explain, figure, label_at, rgba
from core.types import Analysis, MediaKind, Thresholds, Timeline

_LANE_PX = 132
_GAP_PX = 30


def timeline(analysis: Analysis, detector: str | None = None, *, theme: Theme = "light") -> go.Figure:
    """P(fake) of every looked-at frame, one lane for each person, most suspicious first.

    Every point carries ``customdata = (t_s, track_id)`` (track_id -1: the file as a whole), so that a click tells
    which frame to show.

    Args:
        analysis: the result.
        detector: only this model; None draws a line for each.
        theme: page background.
    """
    lines = [line for line in analysis.timelines if line.t_s and detector in (None, line.detector)]
    if not lines:
        return explain(_nothing(analysis), theme)
    colours, lanes = PALETTES[theme], _lanes(analysis, lines)
    height = 66 + _LANE_PX * len(lanes) + _GAP_PX * (len(lanes) - 1)
    fig = figure(theme, height, margin={"l": 40, "r": 10, "t": 30, "b": 36})
    fig.update_layout(hovermode="closest", clickmode="event")
    detectors = list(dict.fromkeys(line.detector for line in lines))
    for row, track_id in enumerate(lanes):
        _axes(fig, row, len(lanes), track_id, colours)
        _bands(fig, row, analysis.verdict.thresholds, colours)
        for line in (item for item in lines if item.track_id == track_id):
            colour = colours.series[detectors.index(line.detector) % len(colours.series)]
            fig.add_trace(_trace(analysis, line, row, colour, colours))
    _time_axis(fig, analysis, lines)
    if len(detectors) > 1:
        _legend(fig, {name: _title(analysis, name) for name in detectors}, colours)
    return fig


def _nothing(analysis: Analysis) -> str:
    if analysis.media.info.kind is MediaKind.IMAGE:
        return "A single picture has no course over time."
    if not analysis.tracks and analysis.media.info.kind is MediaKind.VIDEO:
        return "No face was found in the frames that were looked at, so there is nothing to plot over time."
    return "No model of this preset gave scores over time for this file."


def _lanes(analysis: Analysis, lines: list[Timeline]) -> list[int | None]:
    """Persons in the order of suspicion, then lanes of the file as a whole."""
    fused = {p.track_id: p.p_fake or 0.0 for p in analysis.people}
    lanes = list(dict.fromkeys(line.track_id for line in lines))
    return sorted(lanes, key=lambda t: (t is None, -fused.get(t, 0.0)))


def _suffix(row: int) -> str:
    return "" if row == 0 else str(row + 1)


def _axes(fig: go.Figure, row: int, rows: int, track_id: int | None, colours: Palette) -> None:
    total = rows * _LANE_PX + (rows - 1) * _GAP_PX
    top = 1.0 - row * (_LANE_PX + _GAP_PX) / total
    domain = [max(0.0, top - _LANE_PX / total), top]
    fig.update_layout(
        {
            f"yaxis{_suffix(row)}": {
                "domain": domain, "range": [-0.04, 1.04], "tickvals": [0, 0.5, 1], "ticktext": ["0%", "50%", "100%"],
                "gridcolor": colours.grid, "zeroline": False, "fixedrange": True, "anchor": "x",
                "tickfont": {"color": colours.muted, "size": 11},
            }
        }
    )  # fmt: skip
    fig.add_annotation(
        text=f"<b>{wording.person(track_id)}</b>",
        x=0,
        xref="paper",
        y=top,
        yref="paper",
        yanchor="bottom",
        xanchor="left",
        yshift=3,
        showarrow=False,
        font={"size": 13, "color": colours.text},
    )


def _bands(fig: go.Figure, row: int, limits: Thresholds, colours: Palette) -> None:
    axis = f"y{_suffix(row)}"
    for low, high, colour in ((limits.fake, 1.04, colours.fake), (-0.04, limits.real, colours.real)):
        fig.add_shape(
            type="rect",
            xref="paper",
            yref=axis,
            x0=0,
            x1=1,
            y0=low,
            y1=high,
            line_width=0,
            fillcolor=rgba(colour, 0.08),
            layer="below",
        )
    for at, colour in ((limits.fake, colours.fake), (limits.real, colours.real)):
        fig.add_shape(
            type="line",
            xref="paper",
            yref=axis,
            x0=0,
            x1=1,
            y0=at,
            y1=at,
            layer="below",
            line={"color": colour, "width": 1.2, "dash": "dot"},
        )


def _trace(analysis: Analysis, line: Timeline, row: int, colour: str, colours: Palette) -> go.Scatter:
    limits = analysis.verdict.thresholds
    title = _title(analysis, line.detector)
    lane = -1 if line.track_id is None else line.track_id
    return go.Scatter(
        x=list(line.t_s), y=list(line.p_fake), yaxis=f"y{_suffix(row)}", mode="lines+markers", name=title,
        legendgroup=line.detector, showlegend=False,
        line={"color": rgba(colour, 0.7), "width": 1.6},
        marker={"size": 9, "color": [colours.of(label_at(p, limits)) for p in line.p_fake],
                "line": {"color": colours.surface, "width": 1}},
        customdata=[(t, lane) for t in line.t_s],
        text=[f"{wording.clock(t)} · P(fake) {wording.percent(p)}"
              for t, p in zip(line.t_s, line.p_fake, strict=True)],
        hovertemplate=f"<b>{wording.person(line.track_id)}</b><br>%{{text}}<extra>{title}</extra>",
    )  # fmt: skip


def _title(analysis: Analysis, detector: str) -> str:
    return next((s.title for s in analysis.scores if s.detector == detector), detector)


def _time_axis(fig: go.Figure, analysis: Analysis, lines: list[Timeline]) -> None:
    """Real seconds, with a little room so that the first and last points can be hit."""
    last = max(t for line in lines for t in line.t_s)
    first = min(t for line in lines for t in line.t_s)
    end = max(last, analysis.media.info.duration_s or 0.0)
    pad = max(0.02 * (end - first), 0.05)
    ticks = _ticks(end)
    fig.update_xaxes(
        range=[min(0.0, first) - pad, end + pad],
        tickvals=ticks,
        ticktext=[_tick(t, ticks) for t in ticks],
        showgrid=False,
        anchor="free",
        position=0,
        title=None,
    )


def _ticks(end: float) -> list[float]:
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((s for s in steps if end / s <= 6), 7200)
    return [round(i * step, 3) for i in range(int(end / step + 1e-9) + 1)]


def _tick(t_s: float, ticks: list[float]) -> str:
    text = wording.clock(t_s)
    return text if any(t % 1 for t in ticks) else text[:-2]


def _legend(fig: go.Figure, names: dict[str, str], colours: Palette) -> None:
    """One line for each detector; the points' colours mean labels, not detectors."""
    for number, (detector, title) in enumerate(names.items()):
        colour = colours.series[number % len(colours.series)]
        fig.add_trace(
            go.Scatter(
                x=[None], y=[None], mode="lines", name=title, legendgroup=detector, showlegend=True,
                line={"color": colour, "width": 2.4},
            )
        )  # fmt: skip
    fig.update_layout(
        showlegend=True,
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom", "font": {"size": 12}},
    )
