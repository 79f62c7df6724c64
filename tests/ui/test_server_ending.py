"""The demo server ends at once while pages are open, and what it cuts off leaves no traceback."""

from __future__ import annotations

import asyncio
import http.client
import logging
import threading
import time

import gradio as gr
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from pages.ending import EndingServer, page_streams
from tests.ui.servers import free_port


@pytest.fixture
def server():
    app = FastAPI()

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def parts():
            while True:
                yield b"more\n"
                await asyncio.sleep(0.05)

        return StreamingResponse(parts())

    with gr.Blocks(analytics_enabled=False) as site:
        gr.Markdown("a page")
    mounted = gr.mount_gradio_app(app, site, path="/page")
    config = uvicorn.Config(mounted, port=free_port(), log_config=None, timeout_graceful_shutdown=1)
    running = EndingServer(config, page_streams(mounted))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.02)
    yield running, thread
    running.should_exit = True
    thread.join(20)


def opened(server: EndingServer, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.config.port, timeout=10)  # closed with its answer
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 200
    answer.readline()
    return answer


def ended_after(server: EndingServer, thread: threading.Thread) -> float:
    begin = time.monotonic()
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()
    return time.monotonic() - begin


def test_an_open_page_does_not_hold_the_end_up(server, caplog) -> None:
    stream = opened(server[0], "/page/gradio_api/heartbeat/somebody")
    assert page_streams(server[0].config.app._app)
    assert ended_after(*server) < 1.0
    stream.close()
    assert not [record for record in caplog.records if record.exc_info]


def test_what_is_cut_off_leaves_no_traceback(server, caplog) -> None:
    caplog.set_level(logging.INFO)
    stream = opened(server[0], "/endless")
    assert ended_after(*server) < 5.0
    stream.close()
    assert "cut off" in caplog.text
    assert not [record for record in caplog.records if record.exc_info]
