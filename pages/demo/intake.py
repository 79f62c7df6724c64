"""The left side of the page: the file, the preset, the examples."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from core import registry
from core.examples import Example
from core.media.video import frame_at
from core.settings import Settings
from core.types import RGB, MediaKind
from pages.demo import cards
from pages.demo.chart import ASSETS
from pages.demo.fetching import uploads_only
from pages.demo.roster import roster_html


@dataclass(frozen=True, slots=True)
class Intake:
    """Components that say what to analyse."""

    file: gr.File
    address: gr.Textbox
    fetch: gr.Button
    preview: gr.HTML
    preset: gr.Dropdown
    run: gr.Button
    stop: gr.Button
    gallery: gr.HTML


def place_intake(settings: Settings, tries: Sequence[Example]) -> Intake:
    """Lay the components out in the current column."""
    gr.HTML(
        '<div class="um-hint um-note um-info"><p><b>New here?</b> Try an example below, or choose a file. Then click a '
        "point of the timeline, or move the lines: nothing you do here can break anything.</p>"
        '<button type="button">Got it</button></div>',
        js_on_load=(ASSETS / "hint.js").read_text(encoding="utf-8"),
        apply_default_css=False,
    )
    file = uploads_only(gr.File(label="Picture, clip or voice", show_label=False, height=168, elem_id="um-file"))
    gr.HTML(
        '<p class="um-faint um-paste">or paste a picture with Ctrl+V anywhere on this page</p>',
        js_on_load=(ASSETS / "paste.js").read_text(encoding="utf-8"),
        apply_default_css=False,
    )
    address, fetch = _place_address(settings)
    preview = gr.HTML(elem_id="um-preview", visible=False, apply_default_css=False)
    presets = presets_by_title()
    preset = gr.Dropdown(
        choices=presets,
        value=settings.preset,
        label="Preset",
        info="Which models look at it",
        interactive=True,
        visible=len(presets) > 1,
        elem_id="um-preset",
    )
    members = gr.HTML(roster_html(settings.preset, settings), elem_id="um-roster", apply_default_css=False)
    preset.change(
        lambda name: roster_html(name, settings),
        [preset],
        [members],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    with gr.Row(elem_classes="um-buttons"):
        run = gr.Button("Analyse", variant="primary", size="lg", elem_id="um-run", interactive=False)
        stop = gr.Button("Stop", size="lg", elem_id="um-stop", visible=False)
    gallery = gr.HTML(
        value=gallery_html(tries),
        js_on_load=(ASSETS / "gallery.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id="um-examples",
    )
    gr.HTML(
        '<p class="um-faint">What you upload is analysed on this server. The result is kept in its history; the file '
        "is kept only if you allow it below the result.</p>",
        apply_default_css=False,
    )
    return Intake(file, address, fetch, preview, preset, run, stop, gallery)


def _place_address(settings: Settings) -> tuple[gr.Textbox, gr.Button]:
    """The field for the address of a file, only where the server reads addresses."""
    with gr.Row(visible=settings.fetch.enabled, elem_id="um-address"):
        address = gr.Textbox(
            label="or the address of a file",
            placeholder="https://…",
            max_lines=1,
            max_length=4000,
            scale=4,
            min_width=160,
        )
        fetch = gr.Button("Fetch", scale=1, min_width=90, elem_id="um-fetch")
    return address, fetch


def presets_by_title() -> list[Any]:
    """(title, id) of every preset."""
    return [(registry.ensemble(name).title, name) for name in registry.ensemble_ids()]


def gallery_html(tries: Sequence[Example]) -> str:
    """The examples as buttons with a thumbnail."""
    buttons = "".join(
        f'<li><button type="button" data-example="{example.id}"><img alt="" src="{_thumbnail(example)}">'
        f"<span><b>{example.title}</b>{example.caption}</span></button></li>"
        for example in tries
    )
    return f'<section class="um-gallery"><h2>Or try an example</h2><ul>{buttons}</ul></section>' if buttons else ""


def _thumbnail(example: Example) -> str:
    rgb = _picture(example)
    if example.focus is not None:
        left, top, side = example.focus
        rgb = rgb[top : top + side, left : left + side]
    return cards.data_url(rgb, 160)


def _picture(example: Example) -> RGB:
    if example.kind is MediaKind.IMAGE:
        with Image.open(example.path) as image:
            return np.asarray(image.convert("RGB"))
    if example.kind is MediaKind.AUDIO:
        return _waveform(example)
    return frame_at(example.path, 0.6).rgb


def _waveform(example: Example) -> RGB:
    """How loud a recording is over its length, uint8[160, 160, 3]."""
    with wave.open(str(example.path), "rb") as sound:
        pcm = np.abs(np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2").astype(np.float64))
    columns = np.array([part.max() for part in np.array_split(pcm, 32)]) / max(pcm.max(), 1.0)
    heights = np.repeat(np.maximum(columns, 0.04), 5) * 60.0
    away = np.abs(np.arange(160) - 79.5)[:, None]
    loud = (away <= heights[None, :]) & (np.arange(160) % 5 < 3)[None, :]
    return np.where(loud[:, :, None], np.array([99, 184, 245]), np.array([31, 39, 51])).astype(np.uint8)
