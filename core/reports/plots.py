"""The figures of an analysis for paper, as PNG."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from core import wording
from core.figures.style import PALETTES, label_at
from core.reports.content import Plot
from core.types import Analysis, Status, Thresholds

_LIGHT = PALETTES["light"]
_WIDTH_IN = 6.9
_DPI = 150


def plot(analysis: Analysis, name: Plot) -> bytes:
    """A figure as PNG; equal analyses give equal bytes on one machine."""
    draw = {"verdict": _verdict, "consensus": _consensus, "timeline": _timeline, "sync": _sync}[name]
    figure = Figure(figsize=(_WIDTH_IN, 1.0), dpi=_DPI)
    FigureCanvasAgg(figure)
    draw(figure, analysis)
    out = io.BytesIO()
    figure.savefig(out, format="png", bbox_inches="tight", pad_inches=0.05, metadata={"Software": None})
    return out.getvalue()


def plain(text: str, most: int = 60) -> str:
    """Text that Matplotlib does not take for a formula, shortened."""
    text = "".join(c for c in text if c.isprintable()).replace("$", r"\$")
    return text if len(text) <= most else text[: most - 1] + "…"


def _axes(figure: Figure, height_in: float) -> Axes:
    figure.set_size_inches(_WIDTH_IN, height_in)
    axes = figure.subplots()
    _styled(axes)
    return axes


def _styled(axes: Axes) -> None:
    axes.tick_params(labelsize=8, colors=_LIGHT.muted, length=0)
    axes.grid(axis="both", color=_LIGHT.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _percent_axis(axes: Axes, which: str) -> None:
    ticks = [0, 0.25, 0.5, 0.75, 1]
    getattr(axes, f"set_{which}lim")(-0.02, 1.02)
    getattr(axes, f"set_{which}ticks")(ticks, [f"{tick:.0%}" for tick in ticks])


def _verdict(figure: Figure, analysis: Analysis) -> None:
    axes, verdict = _axes(figure, 0.75), analysis.verdict
    axes.grid(visible=False)
    limits = verdict.thresholds
    zones = ((0.0, limits.real, _LIGHT.real, "real"), (limits.real, limits.fake, _LIGHT.uncertain, "uncertain"),
             (limits.fake, 1.0, _LIGHT.fake, "fake"))  # fmt: skip
    for low, high, colour, name in zones:
        if high > low:
            axes.axvspan(low, high, 0.3, 0.7, color=colour, alpha=0.22, linewidth=0)
            axes.text((low + high) / 2, 0.06, name if high - low > 0.1 else "", ha="center", fontsize=8, color=colour)
    if verdict.interval:
        axes.plot(verdict.interval, (0.5, 0.5), color=_LIGHT.of(verdict.label), linewidth=4, alpha=0.7)
    if verdict.p_fake is not None:
        axes.plot([verdict.p_fake], [0.5], "o", color=_LIGHT.of(verdict.label), markersize=10, markeredgecolor="white")
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([])
    axes.set_yticks([])


def _consensus(figure: Figure, analysis: Analysis) -> None:
    scores = sorted(analysis.scores, key=lambda s: (s.p_fake is None, -(s.p_fake or 0.0)))
    axes = _axes(figure, 0.6 + 0.32 * max(1, len(scores)))
    for y, score in enumerate(scores):
        if score.p_fake is None:
            axes.barh(y, 1.0, 0.55, color="white", edgecolor=_LIGHT.silent, hatch="////", linewidth=0.6, alpha=0.5)
            axes.text(0.5, y, wording.STATUS_WORDS[score.status], ha="center", va="center", fontsize=8,
                      color=_LIGHT.muted, backgroundcolor="white")  # fmt: skip
            continue
        colour = _LIGHT.of(label_at(score.p_fake, analysis.verdict.thresholds))
        axes.barh(y, score.p_fake, 0.55, color=colour)
        axes.text(min(score.p_fake + 0.01, 0.95), y, wording.percent(score.p_fake), va="center", fontsize=8)
    names = [plain(f"{s.title}{'' if s.track_id is None else f', {wording.person(s.track_id)}'}", 44) for s in scores]
    axes.set_yticks(range(len(scores)), names)
    axes.set_ylim(len(scores) - 0.4, -0.6)
    _percent_axis(axes, "x")
    _lines(axes, analysis.verdict.thresholds, vertical=True)


def _lines(axes: Axes, limits: Thresholds, *, vertical: bool) -> None:
    draw = axes.axvline if vertical else axes.axhline
    for place, colour in ((limits.real, _LIGHT.real), (limits.fake, _LIGHT.fake)):
        draw(place, color=colour, linestyle=":", linewidth=1.2)


def _timeline(figure: Figure, analysis: Analysis) -> None:
    lines = [line for line in analysis.timelines if line.t_s]
    lanes = list(dict.fromkeys(line.track_id for line in lines))
    detectors = list(dict.fromkeys(line.detector for line in lines))
    titles = {s.detector: s.title for s in analysis.scores}
    figure.set_size_inches(_WIDTH_IN, 0.6 + 1.25 * len(lanes))
    every = figure.subplots(len(lanes), 1, sharex=True, squeeze=False)[:, 0]
    for axes, lane in zip(every, lanes, strict=True):
        _styled(axes)
        _percent_axis(axes, "y")
        _lines(axes, analysis.verdict.thresholds, vertical=False)
        axes.set_title(wording.person(lane), loc="left", fontsize=9, color=_LIGHT.text)
        for line in (item for item in lines if item.track_id == lane):
            number = detectors.index(line.detector)
            axes.plot(line.t_s, line.p_fake, ".-", color=_LIGHT.series[number % len(_LIGHT.series)], linewidth=1.2,
                      markersize=4, label=plain(titles.get(line.detector, line.detector), 40))  # fmt: skip
    every[0].legend(fontsize=7, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=3)
    every[-1].set_xlabel("seconds", fontsize=8, color=_LIGHT.muted)


def _sync(figure: Figure, analysis: Analysis) -> None:
    axes = _axes(figure, 1.9)
    for number, curve in enumerate(c for c in analysis.sync if c.status is Status.OK and c.offset_ms):
        colour = _LIGHT.series[number % len(_LIGHT.series)]
        axes.plot(curve.offset_ms, curve.agreement, color=colour, linewidth=1.4, label=wording.person(curve.track_id))
        if curve.best_offset_ms is not None:
            axes.axvline(curve.best_offset_ms, color=colour, linestyle=":", linewidth=1.0)
    axes.set_xlabel("shift of the sound in ms (+: it comes late)", fontsize=8, color=_LIGHT.muted)
    axes.set_ylabel("agreement", fontsize=8, color=_LIGHT.muted)
    axes.legend(fontsize=7, frameon=False)
