"""The demo as a whole: its pages, its looks, and how it is served."""

from __future__ import annotations

import os
import threading
from typing import Any

import gradio as gr
from gradio.components import Navbar
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from core.settings import Settings
from pages.demo.about import about_page
from pages.demo.analyse import analyse_page
from pages.demo.chart import ASSETS, PLOTLY_JS, PLOTLY_URL
from pages.demo.detectors import place_detectors
from pages.engine import load_analyse

_QUEUE = 40
_SESSIONS = 500
_FONT = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
_MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]


def build(settings: Settings) -> gr.Blocks:
    """All pages of the demo, queued but not launched."""
    site = analyse_page(settings)
    with site:
        Navbar(main_page_name="Analyse")
    with site.route("Detectors", "/detectors"):
        place_detectors(site, settings)
        Navbar(main_page_name="Analyse")
    with site.route("About", "/about"):
        about_page()
        Navbar(main_page_name="Analyse")
    site.queue(max_size=_QUEUE, default_concurrency_limit=4)
    return site


def launch_options(settings: Settings) -> dict[str, Any]:
    """Arguments for ``launch()``: looks, limits, MCP, and nothing that calls another host."""
    return {
        "server_name": os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        "server_port": int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        "theme": theme(),
        "css": (ASSETS / "style.css").read_text(encoding="utf-8"),
        "favicon_path": ASSETS / "favicon.svg",
        "max_file_size": settings.limits.max_bytes,
        "state_session_capacity": _SESSIONS,
        "allowed_paths": [str((settings.data_dir / "examples").resolve())],
        "app_kwargs": {"routes": [Route(PLOTLY_URL, _plotly)]},
        "footer_links": ["api", "settings"],
        "mcp_server": True,
        "ssr_mode": False,
        "show_error": False,
        "run_history": False,
        "enable_monitoring": False,
        "share": False,
    }


def warm_up() -> None:
    """Import the models' libraries while the first visitor is still choosing a file."""
    threading.Thread(target=load_analyse, name="warm-up", daemon=True).start()


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
        button_primary_background_fill="#0b5fa5",
        button_primary_background_fill_hover="#084b84",
        button_primary_background_fill_dark="#2b83c9",
        button_primary_background_fill_hover_dark="#4398db",
        button_primary_text_color="#ffffff",
    )


async def _plotly(_: Request) -> FileResponse:
    return FileResponse(PLOTLY_JS, headers={"Cache-Control": "public, max-age=86400"})
