"""Colours and layout that all figures share."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import plotly.graph_objects as go

from core.types import Label, Thresholds

Theme: TypeAlias = Literal["light", "dark"]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Palette:
    """Hex colours of one theme. ``series`` tells detectors apart: Okabe and Ito's set, readable with every common
    colour-vision deficiency, as are orange for fake and blue for real."""

    text: str
    muted: str
    grid: str
    surface: str
    fake: str
    real: str
    uncertain: str
    silent: str
    series: tuple[str, ...]

    def of(self, label: Label) -> str:
        """The colour that stands for a label."""
        return {Label.FAKE: self.fake, Label.REAL: self.real, Label.UNCERTAIN: self.uncertain}.get(label, self.silent)


PALETTES = MappingProxyType(
    {
        "light": Palette(
            text="#1f2733",
            muted="#5c6675",
            grid="#e3e7ed",
            surface="#ffffff",
            fake="#c2500a",
            real="#0b6cad",
            uncertain="#74707f",
            silent="#a3abb7",
            series=("#0072b2", "#009e73", "#cc79a7", "#b07900", "#3d4450", "#7a4fb5", "#5b8c00"),
        ),
        "dark": Palette(
            text="#e7ebf1",
            muted="#a2adbb",
            grid="#313a47",
            surface="#171c24",
            fake="#ff9a57",
            real="#63b8f5",
            uncertain="#b9b4c6",
            silent="#6b7685",
            series=("#56b4e9", "#2fc79b", "#e29cc3", "#f0c04c", "#d5dae3", "#b79af0", "#b5dd5a"),
        ),
    }
)


def dark_colours() -> dict[str, str]:
    """Every colour of a light figure and what it is in a dark one, as hex and as the start of ``rgba(...)``.

    For pages that switch themes without asking for the figure again.
    """
    light, dark = PALETTES["light"], PALETTES["dark"]
    names = [item.name for item in fields(Palette) if item.name != "series"]
    pairs = [(getattr(light, name), getattr(dark, name)) for name in names]
    pairs += zip(light.series, dark.series, strict=True)
    return {_head(a): _head(b) for a, b in pairs} | dict(pairs)


def _head(colour: str) -> str:
    return rgba(colour, 1)[: -len("1)")]


def label_at(p_fake: float, thresholds: Thresholds) -> Label:
    """On which side of the thresholds a probability lies."""
    if p_fake >= thresholds.fake:
        return Label.FAKE
    return Label.REAL if p_fake <= thresholds.real else Label.UNCERTAIN


def rgba(colour: str, alpha: float) -> str:
    """``#rrggbb`` with an opacity in [0, 1]."""
    r, g, b = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({r},{g},{b},{alpha:g})"


def wrap(text: str, width: int) -> str:
    """Break text into lines for Plotly, which has no wrapping of its own, with markup taken out."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<br>".join(textwrap.wrap(plain, width)) or ""


@dataclass(slots=True)
class Canvas:
    """A figure in the making, as plain values: Plotly checks them once, at the end, instead of at every step."""

    theme: Theme
    height: int
    margin: tuple[int, int, int, int] = (8, 8, 8, 8)
    data: list[dict[str, Any]] = field(default_factory=list)
    layout: dict[str, Any] = field(default_factory=dict)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    shapes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def colours(self) -> Palette:
        return PALETTES[self.theme]

    def axis(self, name: str, **values: Any) -> None:
        """Set an axis (``xaxis``, ``yaxis2`` …) in the house style."""
        grid = self.colours.grid
        base = {
            "gridcolor": grid,
            "linecolor": grid,
            "zeroline": False,
            "fixedrange": True,
            "automargin": True,
            "tickfont": {"color": self.colours.muted, "size": 12},
        }
        self.layout[name] = base | values

    def text(self, text: str, **values: Any) -> None:
        """Write into the figure; font keys ``size`` and ``color`` may be given directly."""
        font = {key: values.pop(key) for key in ("size", "color") if key in values}
        self.annotations.append({"text": text, "showarrow": False, "font": font} | values)

    def legend(self) -> None:
        """Show names above the right end of the plot."""
        place = {
            "orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom", "font": {"size": 12},
            "tracegroupgap": 0,
        }  # fmt: skip
        self.layout |= {"showlegend": True, "legend": place}

    def figure(self) -> go.Figure:
        """The finished figure. Its background is transparent, so it sits on any page."""
        colours = self.colours
        base = {
            "template": "none",
            "height": self.height,
            "margin": dict(zip("lrtb", self.margin, strict=True)),
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 13, "color": colours.text},
            "hoverlabel": {"bgcolor": colours.surface, "bordercolor": colours.grid, "font": {"color": colours.text}},
            "showlegend": False,
            "dragmode": False,
            "annotations": self.annotations,
            "shapes": self.shapes,
        }
        return go.Figure({"data": self.data, "layout": base | self.layout})


def explain(text: str, theme: Theme, height: int = 120) -> go.Figure:
    """A figure that has nothing to draw and says why."""
    canvas = Canvas(theme, height)
    canvas.axis("xaxis", visible=False)
    canvas.axis("yaxis", visible=False)
    canvas.text(wrap(text, 52), x=0.5, y=0.5, xref="paper", yref="paper", size=13, color=canvas.colours.muted)
    return canvas.figure()
