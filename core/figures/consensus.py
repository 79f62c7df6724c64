"""What each model says."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain, label_at, rgba, wrap
from core.types import Analysis, Score, Status, Thresholds

_BAR_PX, _LINE_PX, _APART_PX = 22, 17, 23
_BESIDE_NUMBER, _BESIDE_WORDS = 34, 26
"""Letters in a line of a title that leave room for the answer beside it on a phone."""
_REASON_CHARS = 50


@dataclass(frozen=True, slots=True)
class _Row:
    """One detector: the score that counts for the verdict, and what it says about the other people."""

    y: int
    main: Score
    others: tuple[Score, ...]


def consensus_bars(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """P(fake) of every model as a bar; a model that did not answer is a hatched row with its reason.

    The bar is about the person who drives the verdict; diamonds on it are the other people.
    """
    rows = _rows(analysis)
    if not rows:
        return explain("This preset has no models.", theme)
    names = [_title(row) for row in rows]
    row_px = _BAR_PX + _APART_PX + _LINE_PX * max(name.count("<br>") + 1 for name in names)
    canvas = Canvas(theme, 44 + row_px * len(rows), margin=(16, 18, 4, 30))
    canvas.layout["bargap"] = 0
    ticks = [0, 0.25, 0.5, 0.75, 1]
    shares = [f"{tick:.0%}" for tick in ticks]
    canvas.axis("xaxis", range=[0, 1], tickvals=ticks, ticktext=shares, ticklabeloverflow="allow")
    canvas.axis("yaxis", range=[len(rows) - 0.4, -0.62], visible=False)
    _lines(canvas, analysis.verdict.thresholds)
    _answered(canvas, [row for row in rows if row.main.p_fake is not None], analysis.verdict.thresholds)
    _silent(canvas, [row for row in rows if row.main.p_fake is None])
    _others(canvas, rows)
    canvas.data = [trace | {"width": _BAR_PX / row_px} if trace["type"] == "bar" else trace for trace in canvas.data]
    for row, name in zip(rows, names, strict=True):
        _name(canvas, row, name, _BAR_PX / row_px)
    return canvas.figure()


def _rows(analysis: Analysis) -> list[_Row]:
    driver = analysis.verdict.track_id
    by_detector: dict[str, list[Score]] = {}
    for score in analysis.scores:
        by_detector.setdefault(score.detector, []).append(score)
    pairs = []
    for scores in by_detector.values():
        ranked = sorted(scores, key=lambda s: (s.status is not Status.OK, s.track_id != driver, -(s.p_fake or 0.0)))
        pairs.append((ranked[0], tuple(s for s in ranked[1:] if s.status is Status.OK)))
    pairs.sort(key=lambda pair: (pair[0].status is not Status.OK, -(pair[0].p_fake or 0.0)))
    return [_Row(y, main, others) for y, (main, others) in enumerate(pairs)]


def _bars(name: str, rows: Sequence[_Row], x: Sequence[float], **values: Any) -> dict[str, Any]:
    y = [row.y for row in rows]
    return {"type": "bar", "name": name, "orientation": "h", "x": list(x), "y": y, **values}


def _answered(canvas: Canvas, rows: Sequence[_Row], limits: Thresholds) -> None:
    if not rows:
        return
    scores = [row.main for row in rows]
    p_fake = [score.p_fake or 0.0 for score in scores]
    told = [
        [s.title, wording.percent(s.p_fake), wording.score_kind(s), wording.person(s.track_id), s.n] for s in scores
    ]
    canvas.data.append(
        _bars(
            "P(fake)",
            rows,
            p_fake,
            marker={"color": [canvas.colours.of(label_at(p, limits)) for p in p_fake], "cornerradius": 4},
            customdata=told,
            hovertemplate="<b>%{customdata[0]}</b><br>P(fake) %{customdata[1]}, %{customdata[2]}"
            "<br>%{customdata[3]}, from %{customdata[4]} frames or windows<extra></extra>",
        )
    )


def _silent(canvas: Canvas, rows: Sequence[_Row]) -> None:
    if not rows:
        return
    colour = canvas.colours.silent
    scores = [row.main for row in rows]
    look = {
        "color": rgba(colour, 0.10),
        "line": {"color": rgba(colour, 0.55), "width": 1},
        "pattern": {"shape": "/", "size": 7, "solidity": 0.12, "fgcolor": rgba(colour, 0.8)},
        "cornerradius": 4,
    }
    told = [[s.title, wording.STATUS_WORDS[s.status], wrap(s.reason, 60)] for s in scores]
    hover = "<b>%{customdata[0]}</b>: %{customdata[1]}<br>%{customdata[2]}<extra></extra>"
    ones = [1.0] * len(rows)
    canvas.data.append(_bars("no answer", rows, ones, marker=look, customdata=told, hovertemplate=hover))
    for row in rows:
        reason = wrap(textwrap.shorten(row.main.reason, _REASON_CHARS, placeholder=" …"), 99)
        if reason:
            back = {"bgcolor": rgba(canvas.colours.surface, 0.9), "borderpad": 2}
            canvas.text(reason, x=0.5, xref="paper", y=row.y, size=11, color=canvas.colours.muted, **back)


def _others(canvas: Canvas, rows: Sequence[_Row]) -> None:
    shown = [(row.y, score) for row in rows for score in row.others]
    if not shown:
        return
    colours = canvas.colours
    canvas.data.append({
        "type": "scatter", "name": "other people", "mode": "markers",
        "x": [s.p_fake for _, s in shown], "y": [y for y, _ in shown],
        "marker": {"symbol": "diamond", "size": 11, "color": colours.surface,
                   "line": {"color": colours.text, "width": 1.5}},
        "customdata": [[s.title, wording.percent(s.p_fake), wording.person(s.track_id)] for _, s in shown],
        "hovertemplate": "<b>%{customdata[0]}</b><br>%{customdata[2]}: P(fake) %{customdata[1]}<extra></extra>",
    })  # fmt: skip


def _title(row: _Row) -> str:
    about = f" · {wording.person(row.main.track_id)}" if row.main.track_id is not None and row.others else ""
    return wrap(f"{row.main.title}{about}", _BESIDE_WORDS if row.main.p_fake is None else _BESIDE_NUMBER)


def _name(canvas: Canvas, row: _Row, title: str, bar: float) -> None:
    """The title stands above its bar, so that it takes no width from it on a phone."""
    main, colours = row.main, canvas.colours
    answered = main.p_fake is not None
    answer = wording.percent(main.p_fake) if answered else wording.STATUS_WORDS[main.status]
    place = {"xref": "paper", "y": row.y - bar / 2, "yanchor": "bottom", "yshift": 2, "size": 13, "borderpad": 1}
    place["bgcolor"] = rgba(colours.surface, 0.85)
    canvas.text(title, x=0, xanchor="left", align="left", color=colours.text, **place)
    colour = colours.text if answered else colours.muted
    canvas.text(f"<b>{answer}</b>", x=1, xanchor="right", color=colour, **place)


def _lines(canvas: Canvas, limits: Thresholds) -> None:
    for x, colour in ((limits.real, canvas.colours.real), (limits.fake, canvas.colours.fake)):
        line = {"color": colour, "width": 1.5, "dash": "dot"}
        canvas.shapes.append(
            {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line, "layer": "below"}
        )
