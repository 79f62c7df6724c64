"""The demo as a whole: its pages, its looks, and how it is served."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Navbar

from core.errors import WorkbenchError
from core.examples import examples
from core.media.decoding import warm_up_decoder
from core.settings import Settings
from core.types import MediaKind
from pages.demo.about import about_page
from pages.demo.analyse import analyse_page
from pages.demo.batch import place_batch
from pages.demo.chart import ASSETS
from pages.demo.compare import place_compare
from pages.demo.detectors import place_detectors
from pages.demo.service import Service
from pages.demo.visits import place_visits
from pages.demo.webcam import place_webcam
from pages.engine import Analyse, load_analyse

log = logging.getLogger(__name__)

_QUEUE = 200
_SESSIONS = 500
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def build(service: Service) -> gr.Blocks:
    """All pages of the demo, queued but not served."""
    site = analyse_page(service)
    with site:
        Navbar(main_page_name="Analyse")
    pages: tuple[tuple[str, Callable[[], object]], ...] = (
        ("Batch", lambda: place_batch(site, service)),
        ("Webcam", lambda: place_webcam(service)),
        ("Compare", lambda: place_compare(site, service)),
        ("History", lambda: place_visits(site, service)),
        ("Detectors", lambda: place_detectors(site, service.settings)),
        ("About", about_page),
    )
    for title, place in pages:
        with site.route(title, f"/{title.lower()}"):
            place()
            Navbar(main_page_name="Analyse")
    site.queue(max_size=_QUEUE, default_concurrency_limit=4)
    site.state_session_capacity = _SESSIONS
    return site


def mount_options(settings: Settings) -> dict[str, Any]:
    """Arguments for ``mount_gradio_app()``: looks, limits, MCP, and nothing that calls another host."""
    return {
        "theme": theme(),
        "css": (ASSETS / "style.css").read_text(encoding="utf-8"),
        "js": (ASSETS / "labels.js").read_text(encoding="utf-8"),
        "favicon_path": str(ASSETS / "favicon.svg"),
        "max_file_size": settings.limits.max_bytes,
        "allowed_paths": [str((settings.data_dir / "examples").resolve())],
        "footer_links": ["api", "settings"],
        "mcp_server": True,
        "ssr_mode": False,
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
    }


def warm_up(settings: Settings) -> None:
    """Load the models' libraries and a decoding process while the first visitor is still choosing a file, and choose
    the fastest way to run the networks where the settings leave that open: it takes some seconds a network, once."""

    def work() -> None:
        analyse = load_analyse()
        warm_up_decoder(settings)
        if settings.runtime.backend == "auto":
            _try_out(analyse, settings)

    threading.Thread(target=work, name="warm-up", daemon=True).start()


def _try_out(analyse: Analyse, settings: Settings) -> None:
    """Analyse an example that has faces and sound."""
    try:
        clip = next(example for example in examples(settings) if example.kind is MediaKind.VIDEO)
        analyse(clip.path, settings.model_copy(update={"mlflow_uri": ""}))
    except WorkbenchError as error:
        log.warning("the models could not be tried out: %s", error)


def theme() -> gr.themes.Base:
    """Calm greys and one blue, in the system's own typeface: no font is fetched."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        font=_FONT,
        font_mono=_MONO,
        radius_size=gr.themes.sizes.radius_lg,
    ).set(
        body_background_fill="#f4f6f9",
        body_background_fill_dark="#0f1319",
        block_background_fill="#ffffff",
        block_background_fill_dark="#171c24",
        body_text_color_subdued="#5c6675",
        body_text_color_subdued_dark="#a2adbb",
        block_info_text_color="#5c6675",
        block_info_text_color_dark="#a2adbb",
        button_primary_background_fill="#0b5fa5",
        button_primary_background_fill_hover="#084b84",
        button_primary_background_fill_dark="#1c6fb0",
        button_primary_background_fill_hover_dark="#185f98",
        button_primary_text_color="#ffffff",
    )
