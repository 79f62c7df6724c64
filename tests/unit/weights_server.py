"""A file server for tests that can be told to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class FileServer:
    """What the server holds and how it behaves. ``asked`` are the paths and ranges of all requests."""

    files: dict[str, bytes]
    url: str = ""
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    redirect: dict[str, str] = field(default_factory=dict)
    silent_about_length: bool = False
    wrong_range: bool = False
    pause: threading.Event | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def reply(self, http: BaseHTTPRequestHandler) -> None:
        wanted = http.headers.get("Range")
        self.asked.append((http.path, wanted))
        if http.path in self.redirect:
            http.send_response(302)
            http.send_header("Location", self.redirect[http.path])
            http.end_headers()
        elif self.status:
            http.send_error(self.status.pop(0))
        elif http.path not in self.files:
            http.send_error(404)
        else:
            self._send(http, self.files[http.path], wanted)

    def _send(self, http: BaseHTTPRequestHandler, data: bytes, wanted: str | None) -> None:
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted and self.ranges else None
        if start is not None and start >= len(data):
            http.send_error(416)
            return
        http.send_response(200 if start is None else 206)
        if start is not None:
            shown = start + (1 if self.wrong_range else 0)
            http.send_header("Content-Range", f"bytes {shown}-{len(data) - 1}/{len(data)}")
        body = data[start or 0 :]
        if not self.silent_about_length:
            http.send_header("Content-Length", str(len(body)))
        http.end_headers()
        if self.cut_after:
            body = body[: self.cut_after.pop(0)]
        half = len(body) // 2
        http.wfile.write(body[:half])
        http.wfile.flush()
        if self.pause is not None:
            self.pause.wait(30)
        http.wfile.write(body[half:])


@contextmanager
def serving_files(files: dict[str, bytes]) -> Iterator[FileServer]:
    """A server on a free port of this machine that gives ``files`` by path."""
    server = FileServer(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.reply(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            if server.pause is not None:
                server.pause.set()
            http.shutdown()
            thread.join()
