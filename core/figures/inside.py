"""What networks over time tell of themselves: which frames they attended to, and what each of their heads says."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, TypeAlias

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain, wrap
from core.figures.timeline import time_axis
from core.types import Analysis, Score

_LANE_PX, _GAP_PX = 92, 38
_LINE_CHARS, _TITLE_CHARS = 44, 74  # two lines on a phone
_APART_S = 0.5  # between frames from which on they belong to different windows

Gapped: TypeAlias = list[float | None]


def attention(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """How much each frame counted for each network over time, one lane a network and person; the dotted line is an
    even share. Every point carries ``customdata = (t_s, track_id)``."""
    scores = [s for s in _driver_first(analysis) if s.attention is not None and s.attention.t_s]
    if not scores:
        return explain("No model of this preset says which frames it attended to.", theme)
    canvas = _lanes(theme, scores, 30)
    for row, score in enumerate(scores):
        _attended(canvas, score, row)
    _clock(canvas, analysis)
    return canvas.figure()


def heads(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """What each head of a network with several says over time, and what came of them; one lane a network and person.
    Heads are raw. Every point carries ``customdata = (t_s, track_id)``."""
    scores = [s for s in _driver_first(analysis) if s.heads]
    if not scores:
        return explain("No model of this preset has more than one head.", theme)
    canvas = _lanes(theme, scores, 62)
    for row, score in enumerate(scores):
        _said(canvas, analysis, score, row)
    below = {"orientation": "h", "x": 0.5, "xanchor": "center", "yref": "container", "y": 0, "yanchor": "bottom"}
    canvas.layout |= {"showlegend": True, "legend": below}
    _clock(canvas, analysis)
    return canvas.figure()


def _clock(canvas: Canvas, analysis: Analysis) -> None:
    """That of the timeline, so that both can stand one above the other."""
    times = [t for line in analysis.timelines for t in line.t_s]
    if not times:
        times = [t for s in analysis.scores for part in (s.attention, *s.heads) if part for t in part.t_s]
    time_axis(canvas, analysis, times)


def _driver_first(analysis: Analysis) -> list[Score]:
    return sorted(analysis.scores, key=lambda s: s.track_id not in (analysis.verdict.track_id, None))


def _lanes(theme: Theme, scores: Sequence[Score], below_px: int) -> Canvas:
    rows = len(scores)
    total = rows * _LANE_PX + (rows - 1) * _GAP_PX
    canvas = Canvas(theme, _GAP_PX + total + below_px, margin=(40, 10, _GAP_PX, below_px))
    canvas.layout |= {"hovermode": "closest", "clickmode": "event"}
    for row, score in enumerate(scores):
        top = 1.0 - row * (_LANE_PX + _GAP_PX) / total
        domain = [max(0.0, top - _LANE_PX / total), top]
        canvas.axis(_axis(row, "yaxis"), domain=domain, rangemode="tozero", nticks=4, anchor="x", automargin=False)
        place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom"}
        who, title = wording.person(score.track_id), textwrap.shorten(score.title, _TITLE_CHARS, placeholder=" …")
        text = wrap(f"{who} · {title}", _LINE_CHARS).replace(who, f"<b>{who}</b>", 1)
        canvas.text(text, size=12, color=canvas.colours.text, align="left", yshift=3, **place)
    return canvas


def _attended(canvas: Canvas, score: Score, row: int) -> None:
    seen = score.attention
    assert seen is not None
    colour = canvas.colours.series[0]
    t_s, weight = _gapped(seen.t_s, seen.weight)
    canvas.data.append(_line(score, t_s, weight, row) | {
        "mode": "lines+markers", "marker": {"size": 5, "color": colour}, "line": {"color": colour, "width": 1.6},
        "text": ["" if t is None else f"{wording.clock(t)} · {w:.1f} times an even share"
                 for t, w in zip(t_s, weight, strict=True)],
    })  # fmt: skip
    even = {"color": canvas.colours.muted, "width": 1, "dash": "dot"}
    span = {"xref": "paper", "x0": 0, "x1": 1, "yref": _axis(row, "y"), "y0": 1, "y1": 1}
    canvas.shapes.append({"type": "line", "line": even, **span})


def _said(canvas: Canvas, analysis: Analysis, score: Score, row: int) -> None:
    lines = [(head.name, head.t_s, head.p) for head in score.heads]
    whole = (t for t in analysis.timelines if (t.detector, t.track_id) == (score.detector, score.track_id))
    lines += [("together", line.t_s, line.p_fake) for line in whole]
    for number, (name, t_s, p) in enumerate(lines):
        colour = canvas.colours.series[number % len(canvas.colours.series)]
        dash = "solid" if number >= len(score.heads) else "dot"
        canvas.data.append(_line(score, list(t_s), list(p), row) | {
            "mode": "lines+markers", "name": name, "legendgroup": name, "showlegend": row == 0,
            "line": {"color": colour, "width": 1.8, "dash": dash}, "marker": {"size": 7, "color": colour},
            "text": [f"{wording.clock(t)} · {wording.percent(v)} by {wording.HEAD_WORDS.get(name, 'all heads')}"
                     for t, v in zip(t_s, p, strict=True)],
        })  # fmt: skip
    canvas.layout[_axis(row, "yaxis")] |= {"range": [-0.04, 1.04], "tickformat": ".0%", "tickvals": [0, 0.5, 1]}


def _line(score: Score, x: Gapped, y: Gapped, row: int) -> dict[str, Any]:
    lane = -1 if score.track_id is None else score.track_id
    return {
        "type": "scatter", "x": x, "y": y, "yaxis": _axis(row, "y"), "showlegend": False, "connectgaps": False,
        "customdata": [(t, lane) for t in x],
        "hovertemplate": f"<b>{wording.person(score.track_id)}</b><br>%{{text}}<extra></extra>",
    }  # fmt: skip


def _gapped(t_s: Sequence[float], values: Sequence[float]) -> tuple[Gapped, Gapped]:
    """With a gap wherever one window ends and another begins later."""
    times: Gapped = []
    heights: Gapped = []
    for i, (t, value) in enumerate(zip(t_s, values, strict=True)):
        if i and t - t_s[i - 1] > _APART_S:
            times.append(None)
            heights.append(None)
        times.append(t)
        heights.append(value)
    return times, heights


def _axis(row: int, name: str) -> str:
    return name if row == 0 else f"{name}{row + 1}"
