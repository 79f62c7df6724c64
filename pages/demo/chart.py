"""A Plotly figure on a Gradio page that follows the page's theme and can be clicked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import plotly

from core import figures

ASSETS = Path(__file__).parent / "assets"
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
PLOTLY_URL = "/vendor/plotly.min.js"


def chart(elem_id: str, *, clickable: bool = False, plays: bool = False) -> gr.HTML:
    """An empty place for a figure; its value is made by :func:`drawn`. A click on a point of a clickable one is the
    event ``seek`` with ``t_s`` and ``track`` of the point's customdata; where it ``plays``, the chosen file plays from
    there."""
    options = {"palette": figures.dark_colours(), "source": PLOTLY_URL, "clickable": clickable, "plays": plays}
    script = (ASSETS / "chart.js").read_text(encoding="utf-8")
    return gr.HTML(
        value="",
        html_template='<div class="um-chart" role="img" aria-label="chart"></div>',
        js_on_load=script.replace("UM_OPTIONS", json.dumps(options)),
        apply_default_css=False,
        elem_id=elem_id,
        elem_classes="um-figure",
    )


def drawn(figure: Any, alt: str) -> str:
    """The value of a :func:`chart`: a light figure and what it shows in words, for those who cannot see it."""
    return json.dumps({"figure": json.loads(figure.to_json()), "alt": alt}, ensure_ascii=False)
