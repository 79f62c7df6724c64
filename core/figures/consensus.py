"""What each model says."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import plotly.graph_objects as go

from core import wording
from core.figures.style import PALETTES, Palette, Theme, explain, figure, label_at, rgba, wrap
from core.types import Analysis, Score, Status, Thresholds

_ROW_PX = 62
_BAR = 0.36
_REASON_CHARS = 50


@dataclass(frozen=True, slots=True)
class _Row:
    """One detector: the score that counts for the verdict, and what it says about the other people."""

    main: Score
    others: tuple[Score, ...]


def consensus_bars(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """P(fake) of every model as a bar; a model that did not answer is a hatched row with its reason.

    The bar is about the person who drives the verdict; diamonds on it are the other people.
    """
    rows = _rows(analysis)
    if not rows:
        return explain("This preset has no models.", theme)
    colours, limits = PALETTES[theme], analysis.verdict.thresholds
    fig = figure(theme, 44 + _ROW_PX * len(rows), margin={"l": 16, "r": 18, "t": 4, "b": 30}, bargap=0)
    fig.update_xaxes(range=[0, 1.0], tickvals=[0, 0.25, 0.5, 0.75, 1], ticktext=["0%", "25%", "50%", "75%", "100%"])
    fig.update_xaxes(ticklabeloverflow="allow")
    fig.update_yaxes(range=[len(rows) - 0.4, -0.62], visible=False)
    _answered(fig, rows, limits, colours)
    _silent(fig, rows, colours)
    _others(fig, rows, colours)
    _names(fig, rows, colours)
    _lines(fig, limits, colours)
    return fig


def _rows(analysis: Analysis) -> list[_Row]:
    driver = analysis.verdict.track_id
    by_detector: dict[str, list[Score]] = {}
    for score in analysis.scores:
        by_detector.setdefault(score.detector, []).append(score)
    rows = []
    for scores in by_detector.values():
        ranked = sorted(scores, key=lambda s: (s.status is not Status.OK, s.track_id != driver, -(s.p_fake or 0.0)))
        others = tuple(s for s in ranked[1:] if s.status is Status.OK)
        rows.append(_Row(ranked[0], others))
    return sorted(rows, key=lambda r: (r.main.status is not Status.OK, -(r.main.p_fake or 0.0)))


def _answered(fig: go.Figure, rows: list[_Row], limits: Thresholds, colours: Palette) -> None:
    shown = [(y, r.main, r.main.p_fake) for y, r in enumerate(rows) if r.main.p_fake is not None]
    if not shown:
        return
    fig.add_trace(
        go.Bar(
            x=[p for _, _, p in shown], y=[y for y, _, _ in shown], orientation="h", width=_BAR, name="P(fake)",
            marker={"color": [colours.of(label_at(p, limits)) for _, _, p in shown], "cornerradius": 4},
            customdata=[
                [s.title, wording.percent(p), wording.score_kind(s), wording.person(s.track_id), s.n]
                for _, s, p in shown
            ],
            hovertemplate="<b>%{customdata[0]}</b><br>P(fake) %{customdata[1]}, %{customdata[2]}"
            "<br>%{customdata[3]}, from %{customdata[4]} frames or windows<extra></extra>",
        )
    )  # fmt: skip


def _silent(fig: go.Figure, rows: list[_Row], colours: Palette) -> None:
    shown = [(y, r.main) for y, r in enumerate(rows) if r.main.p_fake is None]
    if not shown:
        return
    fig.add_trace(
        go.Bar(
            x=[1.0] * len(shown), y=[y for y, _ in shown], orientation="h", width=_BAR, name="no answer",
            marker={
                "color": rgba(colours.silent, 0.10),
                "line": {"color": rgba(colours.silent, 0.55), "width": 1},
                "pattern": {"shape": "/", "size": 7, "solidity": 0.12, "fgcolor": rgba(colours.silent, 0.8)},
                "cornerradius": 4,
            },
            customdata=[[s.title, wording.STATUS_WORDS[s.status], wrap(s.reason, 60)] for _, s in shown],
            hovertemplate="<b>%{customdata[0]}</b>: %{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        )
    )  # fmt: skip
    for y, score in shown:
        fig.add_annotation(
            x=0.5,
            xref="paper",
            y=y,
            text=wrap(textwrap.shorten(score.reason, _REASON_CHARS, placeholder=" …"), 99),
            showarrow=False,
            font={"size": 11, "color": colours.muted},
            bgcolor=rgba(colours.surface, 0.9),
            borderpad=2,
        )


def _others(fig: go.Figure, rows: list[_Row], colours: Palette) -> None:
    shown = [(y, s) for y, r in enumerate(rows) for s in r.others]
    if not shown:
        return
    fig.add_trace(
        go.Scatter(
            x=[s.p_fake for _, s in shown], y=[y for y, _ in shown], mode="markers", name="other people",
            marker={"symbol": "diamond", "size": 11, "color": colours.surface,
                    "line": {"color": colours.text, "width": 1.5}},
            customdata=[[s.title, wording.percent(s.p_fake), wording.person(s.track_id)] for _, s in shown],
            hovertemplate="<b>%{customdata[0]}</b><br>%{customdata[2]}: P(fake) %{customdata[1]}<extra></extra>",
        )
    )  # fmt: skip


def _names(fig: go.Figure, rows: list[_Row], colours: Palette) -> None:
    """Titles stand above their bars, so that they take no width from them on a phone."""
    for y, row in enumerate(rows):
        main = row.main
        answer = wording.percent(main.p_fake) if main.p_fake is not None else wording.STATUS_WORDS[main.status]
        about = f" · {wording.person(main.track_id)}" if main.track_id is not None and row.others else ""
        for x, anchor, text, colour in (
            (0, "left", f"{wrap(main.title, 200)}{about}", colours.text),
            (1, "right", f"<b>{answer}</b>", colours.text if main.p_fake is not None else colours.muted),
        ):
            fig.add_annotation(
                x=x,
                xref="paper",
                y=y - _BAR / 2,
                yshift=12,
                text=text,
                showarrow=False,
                xanchor=anchor,
                font={"size": 13, "color": colour},
                bgcolor=rgba(colours.surface, 0.85),
                borderpad=1,
            )


def _lines(fig: go.Figure, limits: Thresholds, colours: Palette) -> None:
    for at, colour in ((limits.real, colours.real), (limits.fake, colours.fake)):
        fig.add_vline(x=at, line={"color": colour, "width": 1.5, "dash": "dot"}, layer="below")
