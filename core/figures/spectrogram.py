"""Which times and frequencies of a recording speak for a fake."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from core.figures.style import Canvas, Theme, rgba

_FLOOR_DB = -70.0
_COLUMNS = 300


def sound_heat(
    level_db: npt.NDArray[np.float32],
    heat: npt.NDArray[np.float32],
    hz: npt.NDArray[np.float64],
    t_s: npt.NDArray[np.float64],
    *,
    theme: Theme = "light",
) -> go.Figure:
    """A spectrogram in grey with what speaks for a fake in its colour over it, and what speaks against in real's.

    Args:
        level_db: float32[F, T] below the loudest.
        heat: float32[F, T] in [-1, 1], 1 for a fake.
        hz: float[F], t_s: float[T], the axes.
        theme: page background.
    """
    canvas = Canvas(theme, 320, margin=(8, 10, 10, 8))
    colours = canvas.colours
    step = max(1, len(t_s) // _COLUMNS)
    x, y = t_s[::step].round(3).tolist(), (hz / 1000).round(3).tolist()
    grey = [[0.0, rgba(colours.muted, 0.0)], [1.0, rgba(colours.muted, 0.9)]]
    level = np.clip(level_db[:, ::step], _FLOOR_DB, 0.0).round(0).tolist()
    common = {"type": "heatmap", "x": x, "y": y, "showscale": False}
    canvas.data.append({**common, "z": level, "colorscale": grey, "zmin": _FLOOR_DB, "zmax": 0, "hoverinfo": "skip"})
    tint = [
        [0.0, rgba(colours.real, 1.0)], [0.5, rgba(colours.real, 0.0)],
        [0.5, rgba(colours.fake, 0.0)], [1.0, rgba(colours.fake, 1.0)],
    ]  # fmt: skip
    told = "%{x:.2f} s, %{y:.1f} kHz: %{z:+.2f}<extra></extra>"
    shown = heat[:, ::step].round(2).tolist()
    canvas.data.append({**common, "z": shown, "colorscale": tint, "zmin": -1, "zmax": 1, "hovertemplate": told})
    canvas.axis("xaxis", title={"text": "seconds", "font": {"size": 12}}, showgrid=False)
    canvas.axis("yaxis", title={"text": "kHz", "font": {"size": 12}}, showgrid=False)
    return canvas.figure()
