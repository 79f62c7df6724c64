"""P(fake) over time, one lane a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain, label_at, rgba
from core.types import Analysis, MediaKind, Thresholds, Timeline

_LANE_PX = 132
_LANE_TITLE_PX = 20
_GAP_PX = 30
_NAME_PX = 19  # of the legend, whose names stand one below the other where the page is narrow


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
    lanes = _lanes(analysis, lines)
    shown = {line.detector for line in lines}
    height = 66 + _LANE_PX * len(lanes) + _GAP_PX * (len(lanes) - 1) + _NAME_PX * (len(shown) - 1)
    canvas = Canvas(theme, height, margin=(40, 10, 30, 36))
    canvas.layout |= {"hovermode": "closest", "clickmode": "event"}
    detectors = curve_order(analysis)
    for row, track_id in enumerate(lanes):
        _lane(canvas, row, len(lanes), track_id)
        _bands(canvas, row, analysis.verdict.thresholds)
        for line in (item for item in lines if item.track_id == track_id):
            canvas.data.append(_trace(canvas, analysis, line, row, detectors.index(line.detector)))
    time_axis(canvas, analysis, [t for line in lines for t in line.t_s])
    if len(shown) > 1:
        canvas.legend()
        canvas.layout["legend"] |= {"y": 1.0 + _LANE_TITLE_PX / _LANE_PX / len(lanes)}
        canvas.data += [
            _legend_line(canvas, analysis, name, number) for number, name in enumerate(detectors) if name in shown
        ]
    return canvas.figure()


def curve_order(analysis: Analysis) -> list[str]:
    """Detectors that have curves; the place of one is the place of its colour, in all figures."""
    return list(dict.fromkeys(line.detector for line in analysis.timelines if line.t_s))


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


def _lane(canvas: Canvas, row: int, rows: int, track_id: int | None) -> None:
    colours = canvas.colours
    total = rows * _LANE_PX + (rows - 1) * _GAP_PX
    top = 1.0 - row * (_LANE_PX + _GAP_PX) / total
    canvas.axis(
        f"yaxis{_suffix(row)}",
        domain=[max(0.0, top - _LANE_PX / total), top],
        range=[-0.04, 1.04],
        tickvals=[0, 0.5, 1],
        ticktext=["0%", "50%", "100%"],
        anchor="x",
        automargin=False,
        tickfont={"color": colours.muted, "size": 11},
    )
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom", "yshift": 3}
    canvas.text(f"<b>{wording.person(track_id)}</b>", size=13, color=colours.text, **place)


def _bands(canvas: Canvas, row: int, limits: Thresholds) -> None:
    colours = canvas.colours
    wide = {"xref": "paper", "yref": f"y{_suffix(row)}", "x0": 0, "x1": 1, "layer": "below"}
    for low, high, colour in ((limits.fake, 1.04, colours.fake), (-0.04, limits.real, colours.real)):
        fill = {"line": {"width": 0}, "fillcolor": rgba(colour, 0.08)}
        canvas.shapes.append({"type": "rect", "y0": low, "y1": high, **wide, **fill})
    for y, colour in ((limits.fake, colours.fake), (limits.real, colours.real)):
        line = {"color": colour, "width": 1.2, "dash": "dot"}
        canvas.shapes.append({"type": "line", "y0": y, "y1": y, "line": line, **wide})


def _trace(canvas: Canvas, analysis: Analysis, line: Timeline, row: int, number: int) -> dict[str, Any]:
    colours, limits = canvas.colours, analysis.verdict.thresholds
    lane = -1 if line.track_id is None else line.track_id
    hover = f"<b>{wording.person(line.track_id)}</b><br>%{{text}}<extra>{_title(analysis, line.detector)}</extra>"
    return {
        "type": "scatter", "mode": "lines+markers", "name": _title(analysis, line.detector),
        "x": list(line.t_s), "y": list(line.p_fake), "yaxis": f"y{_suffix(row)}",
        "legendgroup": line.detector, "showlegend": False,
        "line": {"color": rgba(_series(canvas, number), 0.7), "width": 1.6},
        "marker": {"size": 9, "color": [colours.of(label_at(p, limits)) for p in line.p_fake],
                   "line": {"color": colours.surface, "width": 1}},
        "customdata": [(t, lane) for t in line.t_s],
        "text": [f"{wording.clock(t)} · P(fake) {wording.percent(p)}"
                 for t, p in zip(line.t_s, line.p_fake, strict=True)],
        "hovertemplate": hover,
    }  # fmt: skip


def _legend_line(canvas: Canvas, analysis: Analysis, detector: str, number: int) -> dict[str, Any]:
    """A name in the legend, with the line alone: the points' colours mean labels, not detectors."""
    return {
        "type": "scatter", "mode": "lines", "name": _title(analysis, detector), "x": [None], "y": [None],
        "legendgroup": detector, "showlegend": True, "line": {"color": _series(canvas, number), "width": 2.4},
    }  # fmt: skip


def _series(canvas: Canvas, number: int) -> str:
    return canvas.colours.series[number % len(canvas.colours.series)]


def _title(analysis: Analysis, detector: str) -> str:
    return next((s.title for s in analysis.scores if s.detector == detector), detector)


def time_axis(canvas: Canvas, analysis: Analysis, times: Sequence[float]) -> None:
    """Real seconds over the whole medium, with a little room so that the first and last of ``times`` can be hit."""
    first, last = min(times), max(times)
    end = max(last, analysis.media.info.duration_s or 0.0)
    pad = max(0.02 * (end - first), 0.05)
    ticks = _ticks(end)
    names = [_tick(t, ticks) for t in ticks]
    span = [min(0.0, first) - pad, end + pad]
    canvas.axis("xaxis", range=span, tickvals=ticks, ticktext=names, showgrid=False, anchor="free", position=0)


def _ticks(end: float) -> list[float]:
    steps = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    step = next((s for s in steps if end / s <= 6), 7200)
    return [round(i * step, 3) for i in range(int(end / step + 1e-9) + 1)]


def _tick(t_s: float, ticks: list[float]) -> str:
    text = wording.clock(t_s)
    return text if any(t % 1 for t in ticks) else text[:-2]
