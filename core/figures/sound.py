"""The sound of a medium on one time axis: waveform, spectrogram, speech, and P(fake) of those who listened."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from core import wording
from core.audio.facts import mel_hz
from core.facts import SoundFacts
from core.figures.style import Canvas, Theme, explain, label_at, rgba
from core.figures.timeline import curve_order
from core.types import Analysis, Modality, Timeline

_WAVE_PX, _SPECTRUM_PX, _LANE_PX, _GAP_PX = 62, 132, 112, 26
_LEGEND_PX, _TICKS_PX = 50, 28
_RANGE_DB = -80.0
_TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000)


def sound_over_time(analysis: Analysis, *, theme: Theme = "light") -> go.Figure:
    """Waveform with the stretches of speech marked, mel spectrogram, and P(fake) of every model that listened.

    Every point of the last lane, and invisible ones over the waveform, carry ``customdata = (t_s, -1)``, so that a
    click tells what to play.
    """
    sound = analysis.sound
    if sound is None or not sound.envelope:
        return explain("There is no sound to show.", theme)
    lines = voice_lines(analysis)
    rows = [_WAVE_PX, _SPECTRUM_PX, *([_LANE_PX] if lines else [])]
    total = sum(rows) + _GAP_PX * (len(rows) - 1)
    named = _LEGEND_PX if lines else 0
    canvas = Canvas(theme, total + 66 + named, margin=(46, 10, 30, 36 + named))
    canvas.layout |= {"hovermode": "closest", "clickmode": "event"}
    domains = _domains(rows, total)
    _waveform(canvas, sound, domains[0])
    _spectrum(canvas, sound, domains[1])
    if lines:
        _lane(canvas, analysis, lines, domains[2])
    if named:
        canvas.legend()
        canvas.layout["legend"] |= {"y": -_TICKS_PX / total, "yanchor": "top"}
    end = sound.start_s + sound.duration_s
    canvas.axis(
        "xaxis", range=[sound.start_s, end], showgrid=False, anchor="free", position=0, nticks=8, ticksuffix=" s"
    )
    return canvas.figure()


def voice_lines(analysis: Analysis) -> list[Timeline]:
    """The curves of models that listened to the voice."""
    listeners = {s.detector for s in analysis.scores if s.modality is Modality.AUDIO}
    return [line for line in analysis.timelines if line.detector in listeners and line.t_s]


def _domains(rows: list[int], total: int) -> list[tuple[float, float]]:
    """From top to bottom, as shares of the height."""
    found, top = [], 1.0
    for height in rows:
        found.append((max(0.0, top - height / total), top))
        top -= (height + _GAP_PX) / total
    return found


def _heading(canvas: Canvas, text: str, top: float) -> None:
    place = {"x": 0, "xref": "paper", "xanchor": "left", "y": top, "yref": "paper", "yanchor": "bottom", "yshift": 3}
    canvas.text(f"<b>{text}</b>", size=13, color=canvas.colours.text, **place)


def _waveform(canvas: Canvas, sound: SoundFacts, domain: tuple[float, float]) -> None:
    colours = canvas.colours
    t = _middles(sound, len(sound.envelope))
    top = max(max(sound.envelope), 1e-3)
    both = [*sound.envelope, *(-v for v in reversed(sound.envelope))]
    canvas.data.append({
        "type": "scatter", "mode": "lines", "x": [*t, *reversed(t)], "y": both, "fill": "toself",
        "line": {"color": colours.muted, "width": 0.5}, "fillcolor": rgba(colours.muted, 0.55), "hoverinfo": "skip",
        "showlegend": False,
    })  # fmt: skip
    step = max(1, len(t) // 200)
    canvas.data.append({
        "type": "scatter", "mode": "markers", "x": t[::step], "y": [0.0] * len(t[::step]),
        "marker": {"size": 18, "color": rgba(colours.muted, 0.0)}, "customdata": [(x, -1) for x in t[::step]],
        "text": [wording.clock(x) for x in t[::step]], "hovertemplate": "play from %{text}<extra></extra>",
        "showlegend": False,
    })  # fmt: skip
    for begin, end in sound.speech:
        canvas.shapes.append({
            "type": "rect", "xref": "x", "yref": "y", "x0": begin, "x1": end, "y0": -1.1 * top, "y1": 1.1 * top,
            "line": {"width": 0}, "fillcolor": rgba(colours.series[1], 0.16), "layer": "below",
        })  # fmt: skip
    wave = {"domain": domain, "range": [-1.15 * top, 1.15 * top], "showticklabels": False, "showgrid": False}
    canvas.axis("yaxis", anchor="x", automargin=False, **wave)
    _heading(canvas, "Waveform, with speech in green" if sound.speech else "Waveform (no speech was found)", domain[1])


def _spectrum(canvas: Canvas, sound: SoundFacts, domain: tuple[float, float]) -> None:
    if not sound.mel:
        return
    colours = canvas.colours
    hz = mel_hz(16_000)
    scale = [[0.0, rgba(colours.series[0], 0.0)], [0.5, rgba(colours.series[0], 0.3)], [1.0, rgba(colours.text, 0.95)]]
    canvas.data.append({
        "type": "heatmap", "x": _middles(sound, len(sound.mel[0])), "y": list(range(len(sound.mel))), "yaxis": "y2",
        "z": [list(row) for row in sound.mel], "zmin": _RANGE_DB, "zmax": 0, "colorscale": scale, "showscale": False,
        "hoverinfo": "skip",
    })  # fmt: skip
    places = [float(np.interp(f, hz, np.arange(len(hz)))) for f in _TICKS_HZ]
    names = [f"{f / 1000:g} k" if f >= 1000 else str(f) for f in _TICKS_HZ]
    ticks = {"tickvals": places, "ticktext": names, "tickfont": {"color": colours.muted, "size": 11}}
    canvas.axis("yaxis2", domain=domain, anchor="x", showgrid=False, automargin=False, **ticks)
    _heading(canvas, "Spectrogram (Hz)", domain[1])


def _lane(canvas: Canvas, analysis: Analysis, lines: list[Timeline], domain: tuple[float, float]) -> None:
    colours, limits = canvas.colours, analysis.verdict.thresholds
    ticks = {
        "tickvals": [0, 0.5, 1],
        "ticktext": ["0%", "50%", "100%"],
        "tickfont": {"color": colours.muted, "size": 11},
    }
    canvas.axis("yaxis3", domain=domain, range=[-0.06, 1.06], anchor="x", automargin=False, **ticks)
    wide = {"xref": "paper", "yref": "y3", "x0": 0, "x1": 1, "layer": "below"}
    for low, high, colour in ((limits.fake, 1.06, colours.fake), (-0.06, limits.real, colours.real)):
        fill = {"line": {"width": 0}, "fillcolor": rgba(colour, 0.08)}
        canvas.shapes.append({"type": "rect", "y0": low, "y1": high, **wide, **fill})
    titles = {s.detector: s.title for s in analysis.scores}
    order = curve_order(analysis)
    for line in lines:
        title = titles.get(line.detector, line.detector)
        colour = colours.series[order.index(line.detector) % len(colours.series)]
        canvas.data.append({
            "type": "scatter", "mode": "lines+markers", "name": title, "x": list(line.t_s), "y": list(line.p_fake),
            "yaxis": "y3", "line": {"color": rgba(colour, 0.75), "width": 1.6}, "showlegend": True,
            "marker": {"size": 9, "color": [colours.of(label_at(p, limits)) for p in line.p_fake],
                       "line": {"color": colours.surface, "width": 1}},
            "customdata": [(t, -1) for t in line.t_s],
            "text": [f"{wording.clock(t)} · P(fake) {wording.percent(p)}"
                     for t, p in zip(line.t_s, line.p_fake, strict=True)],
            "hovertemplate": f"%{{text}}<extra>{title}</extra>",
        })  # fmt: skip
    _heading(canvas, "P(fake) of the voice", domain[1])


def _middles(sound: SoundFacts, count: int) -> list[float]:
    step = sound.duration_s / count
    return [round(sound.start_s + (i + 0.5) * step, 3) for i in range(count)]
