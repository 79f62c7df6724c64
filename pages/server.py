"""The demo as a server: Gradio's pages and the REST API in one application."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from core.errors import StorageError
from core.settings import Settings
from core.store.sync import FeedbackSync, wanted
from pages.api import create_api
from pages.demo import build, mount_options, warm_up
from pages.demo.chart import PLOTLY_JS, PLOTLY_URL
from pages.demo.guarding import Guarding
from pages.demo.metrics import Metrics
from pages.demo.service import Service
from pages.ending import EndingServer, page_streams

log = logging.getLogger(__name__)

_METHODS = ["GET", "POST", "DELETE"]


def create_app(settings: Settings) -> FastAPI:
    """Pages at ``/``, the API at ``/api``, figures at ``/metrics``."""
    service = Service.of(settings)
    metrics = Metrics(service.lanes)
    origins = list(service.settings.server.origins)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.clear()
        logging.getLogger("core").addHandler(metrics)
        warm_up(service.settings)
        copying = asyncio.create_task(_copy_feedback(service.settings)) if wanted(service.settings) else None
        yield
        if copying is not None:
            copying.cancel()
        logging.getLogger("core").removeHandler(metrics)
        service.clear()

    # That CORSMiddleware is there keeps Gradio from allowing every other site.
    guards = [
        Middleware(Guarding, service=service),
        Middleware(CORSMiddleware, allow_origins=origins, allow_methods=_METHODS, allow_headers=["*"]),
    ]
    app = FastAPI(lifespan=lifespan, middleware=guards, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get(PLOTLY_URL)
    async def plotly(_: Request) -> FileResponse:
        return FileResponse(PLOTLY_JS, headers={"Cache-Control": "public, max-age=86400"})

    @app.get("/metrics")
    def figures(_: Request) -> Response:
        return metrics.answer()

    app.mount("/api", create_api(service))
    site = build(service)
    mounted = gr.mount_gradio_app(app, site, path="/", **mount_options(service.settings))
    # Only of pages that were launched does Gradio check that a path it is sent was uploaded.
    site.has_launched = True
    return mounted


async def _copy_feedback(settings: Settings) -> None:
    """Bring what people said into the data set that the operator has named, again and again."""
    try:
        sync = await asyncio.to_thread(FeedbackSync, settings)
    except StorageError as error:
        log.error("feedback is not copied: %s", error)
        return
    try:
        while True:
            try:
                await asyncio.to_thread(sync.collect)
            except (StorageError, OSError) as error:
                log.warning("feedback could not be collected", extra={"kind": type(error).__name__})
            await asyncio.sleep(60 * settings.sync.minutes)
    finally:
        sync.stop()


def run(settings: Settings) -> None:
    """Serve until the process is told to end. ``GRADIO_SERVER_NAME`` and ``GRADIO_SERVER_PORT`` say where."""
    host = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1")
    port = int(os.environ.get("GRADIO_SERVER_PORT", "7860"))
    app = create_app(settings)
    log.info("the demo is at http://%s:%d", host, port)
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", access_log=False, proxy_headers=False, server_header=False,
        timeout_graceful_shutdown=5, timeout_keep_alive=15, limit_concurrency=500,
    )  # fmt: skip
    EndingServer(config, page_streams(app)).run()
