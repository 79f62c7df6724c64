"""How sound and lips agree when one is shifted against the other, as a whole and over time."""

from __future__ import annotations

import plotly.graph_objects as go

from core import wording
from core.figures.style import Canvas, Theme, explain, rgba
from core.types import Analysis, MediaKind, Status, SyncCurve

_MAP_PX, _STRIP_PX, _GAP_PX = 130, 46, 34


def sync_curve(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """Agreement of sound and lips over time shifts, one line a person; the peak should stand near zero."""
    curves = shown_curves(analysis)
    if not curves:
        return explain(_nothing(analysis), theme)
    canvas = Canvas(theme, 250, margin=(8, 10, 34 if len(curves) > 1 else 22, 8))
    title = "shift of the sound in ms (+: it comes late)"
    zero = {"zeroline": True, "zerolinecolor": canvas.colours.muted, "zerolinewidth": 1}
    canvas.axis("xaxis", title={"text": title, "font": {"size": 12}}, **zero)
    canvas.axis("yaxis", title={"text": "agreement", "font": {"size": 12}}, nticks=5)
    if len(curves) > 1:
        canvas.legend()
    for number, curve in enumerate(curves):
        _draw(canvas, curve, number)
    return canvas.figure()


def sync_over_time(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """Each person's agreement over time and shift as a map, the best shift of every moment on it, and below it a strip:
    how far lips and sound fit from moment to moment, with the stretches that fit least marked.

    Every point carries ``customdata = (t_s, track_id)``, so that a click tells which moment to show.
    """
    curves = [curve for curve in shown_curves(analysis) if curve.t_s]
    if not curves:
        return explain(_nothing(analysis), theme)
    lane = _MAP_PX + _STRIP_PX + _GAP_PX
    canvas = Canvas(theme, lane * len(curves) + 40, margin=(60, 10, 24, 36))
    canvas.layout |= {"hovermode": "closest", "clickmode": "event"}
    for number, curve in enumerate(curves):
        _lane(canvas, curve, number, len(curves))
    first, last = min(c.t_s[0] for c in curves), max(c.t_s[-1] for c in curves)
    pad = max(0.02 * (last - first), 0.2)
    seconds = {"text": "seconds", "font": {"size": 12}}
    canvas.axis("xaxis", range=[first - pad, last + pad], title=seconds, showgrid=False, anchor="free", position=0)
    return canvas.figure()


def shown_curves(analysis: Analysis) -> list[SyncCurve]:
    """One curve a person, by the measure that stands first; the person who drives the verdict first."""
    found: dict[int | None, SyncCurve] = {}
    for curve in analysis.sync:
        if curve.status is Status.OK and curve.offset_ms:
            found.setdefault(curve.track_id, curve)
    return sorted(found.values(), key=lambda c: c.track_id != analysis.verdict.track_id)


def _nothing(analysis: Analysis) -> str:
    for curve in analysis.sync:
        if curve.status is not Status.OK:
            return curve.summary
    if analysis.media.info.kind is MediaKind.IMAGE:
        return "A picture has no sound."
    return "Sound and lips were not compared in this file."


def _draw(canvas: Canvas, curve: SyncCurve, number: int) -> None:
    name, colour = wording.person(curve.track_id), canvas.colours.series[number % len(canvas.colours.series)]
    canvas.data.append({
        "type": "scatter", "mode": "lines", "name": name, "x": list(curve.offset_ms), "y": list(curve.agreement),
        "line": {"color": colour, "width": 2.2, "shape": "spline", "smoothing": 0.4},
        "hovertemplate": f"<b>{name}</b><br>%{{x:.0f}} ms: %{{y:.2f}}<extra></extra>",
    })  # fmt: skip
    best = curve.best_offset_ms
    if best is None:
        return
    height = min(zip(curve.offset_ms, curve.agreement, strict=True), key=lambda point: abs(point[0] - best))[1]
    canvas.data.append({
        "type": "scatter", "mode": "markers", "showlegend": False, "x": [best], "y": [height], "hoverinfo": "skip",
        "marker": {"color": colour, "size": 11, "line": {"color": canvas.colours.surface, "width": 2}},
    })  # fmt: skip
    if number == 0:
        place = {"x": best, "y": height, "yshift": 16, "bgcolor": rgba(canvas.colours.surface, 0.9)}
        canvas.text(
            f"<b>best at {best:+.0f} ms</b>" if round(best) else "<b>best at 0 ms</b>", size=13, color=colour, **place
        )


def _lane(canvas: Canvas, curve: SyncCurve, number: int, lanes: int) -> None:
    """One person: the map above the strip."""
    colours, total = canvas.colours, lanes * (_MAP_PX + _STRIP_PX + _GAP_PX)
    top = 1.0 - (number * (_MAP_PX + _STRIP_PX + _GAP_PX) + _GAP_PX / 2) / total
    middle, bottom = top - _MAP_PX / total, top - (_MAP_PX + _STRIP_PX) / total
    upper, lower = f"y{_suffix(2 * number)}", f"y{_suffix(2 * number + 1)}"
    small = {"tickfont": {"color": colours.muted, "size": 11}, "automargin": False, "anchor": "x", "showgrid": False}
    ends = [curve.offset_ms[0], curve.offset_ms[-1]]
    ticks = {"tickvals": [-400, 0, 400], "ticktext": ["−400 ms", "0 ms", "+400 ms"]}
    canvas.axis(f"yaxis{upper[1:]}", domain=[middle, top], range=ends, **ticks, **small)
    peak = max(0.05, *curve.agreement_at)
    canvas.axis(
        f"yaxis{lower[1:]}",
        domain=[bottom, middle - 0.06 * _MAP_PX / total],
        range=[0, 1.1 * peak],
        tickvals=[],
        **small,
    )
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom"}
    canvas.text(f"<b>{wording.person(curve.track_id)}</b>", size=13, color=colours.text, **place)
    canvas.data += [_map(canvas, curve, upper), _best(canvas, curve, upper), _strip(canvas, curve, lower)]
    for part in curve.worst:
        span = {"x0": part.start_s, "x1": part.end_s, "xref": "x", "y0": bottom, "y1": top, "yref": "paper"}
        look = {"fillcolor": rgba(colours.fake, 0.14), "line": {"color": colours.fake, "width": 1.2, "dash": "dot"}}
        canvas.shapes.append({"type": "rect", "layer": "above", **span, **look})


def _suffix(number: int) -> str:
    return "" if number == 0 else str(number + 1)


def _map(canvas: Canvas, curve: SyncCurve, axis: str) -> dict[str, object]:
    colour = canvas.colours.real
    columns = [list(row) for row in zip(*curve.coherence, strict=True)]
    return {
        "type": "heatmap", "x": list(curve.t_s), "y": list(curve.offset_ms), "z": columns, "yaxis": axis,
        "colorscale": [[0, rgba(colour, 0.0)], [0.3, rgba(colour, 0.12)], [1, rgba(colour, 0.95)]],
        "zmin": 0.0, "showscale": False, "connectgaps": False,
        "hovertemplate": "%{x:.1f} s, %{y:.0f} ms: %{z:.2f}<extra></extra>",
    }  # fmt: skip


def _best(canvas: Canvas, curve: SyncCurve, axis: str) -> dict[str, object]:
    """The best shift of every moment."""
    return {
        "type": "scatter", "mode": "markers", "x": list(curve.t_s), "y": list(curve.offset_at_ms), "yaxis": axis,
        "marker": {"size": 4, "color": canvas.colours.text, "line": {"color": canvas.colours.surface, "width": 1}},
        "customdata": _places(curve), "hovertemplate": "%{x:.1f} s: best at %{y:.0f} ms<extra></extra>",
    }  # fmt: skip


def _strip(canvas: Canvas, curve: SyncCurve, axis: str) -> dict[str, object]:
    colours = canvas.colours
    weak = [any(part.start_s <= t <= part.end_s for part in curve.worst) for t in curve.t_s]
    gaps = [b - a for a, b in zip(curve.t_s, curve.t_s[1:], strict=False)]
    return {
        "type": "bar", "x": list(curve.t_s), "y": [max(0.0, v) for v in curve.agreement_at], "yaxis": axis,
        "width": min(gaps, default=0.2), "marker": {"color": [colours.fake if w else colours.real for w in weak]},
        "customdata": _places(curve), "hovertemplate": "%{x:.1f} s: fit %{y:.2f}<extra></extra>",
    }  # fmt: skip


def _places(curve: SyncCurve) -> list[tuple[float, int]]:
    return [(t, -1 if curve.track_id is None else curve.track_id) for t in curve.t_s]
