"""How the demo server ends: streams to open pages are closed first, and a request that is cut off is no fault."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)


def page_streams(app: FastAPI) -> list[asyncio.Event]:
    """The events on which Gradio ends the stream that it keeps open to every page."""
    mounted = [route.app for route in app.routes if isinstance(route, Mount)]
    return [inner.stop_event for inner in mounted if isinstance(inner, gr.routes.App)]


class EndingServer(uvicorn.Server):
    """Sets ``streams`` before it waits for requests: a page that is left open would else use up all the time for that.

    What is still at work when the time is up is cut off, and told so in one line.
    """

    def __init__(self, config: uvicorn.Config, streams: Sequence[asyncio.Event]) -> None:
        config.app = CutOff(config.app)  # type: ignore[arg-type]
        super().__init__(config)
        self._streams = streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for stream in self._streams:
            stream.set()
        await super().shutdown(sockets)


class CutOff:
    """Lets requests be cancelled, which only the end of the server does, without a traceback in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            if scope["type"] == "lifespan":
                raise
            log.info("a request was cut off because the server ends")
