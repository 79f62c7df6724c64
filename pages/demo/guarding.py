"""What stands before the pages and the API: size of requests, share of a client, other sites, headers."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import AccessError, BusyError, LimitError, WorkbenchError
from pages.demo.access import client_of
from pages.demo.service import Service

_FORM_BYTES = 1_000_000  # what a form has around its files
_FILES_AT_ONCE = 20
_COUNTED = ("/gradio_api/upload", "/gradio_api/mcp")
_SAFE = ("GET", "HEAD", "OPTIONS")

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self' https://huggingface.co"
)
"""Nothing from another host. Gradio's pages carry scripts of their own, hence the two words on inline code."""

_HEADERS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
}


class Guarding:
    """ASGI middleware around the whole server."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._most = service.settings.limits.max_bytes * _FILES_AT_ONCE + _FORM_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._check(scope)
        except WorkbenchError as error:
            await _refuse(error, send)
            return
        await self._app(scope, self._counted(receive), _with_headers(scope["path"], send))

    def _check(self, scope: Scope) -> None:
        if scope["method"] in _SAFE:
            return
        headers = Headers(scope=scope)
        stranger = headers.get("sec-fetch-site") == "cross-site"
        if stranger and headers.get("origin") not in self._service.settings.server.origins:
            raise AccessError("Pages of other sites may not send anything here.", hint="Open this site itself.")
        if headers.get("content-length", "0").isdigit() and int(headers.get("content-length", "0")) > self._most:
            raise self._too_large()
        if scope["path"].startswith(_COUNTED):
            self._service.shares.request(client_of(Request(scope), self._service.settings.server.proxies))

    def _too_large(self) -> LimitError:
        most = self._service.settings.limits.max_bytes / 1e6
        return LimitError(f"One file may have {most:,.0f} MB.", hint="Send less at once, or cut out what matters.")

    def _counted(self, receive: Receive) -> Receive:
        """A sender who gives no length, or a wrong one, is cut off at the limit."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            return {"type": "http.disconnect"} if seen > self._most else message

        return counted


def _with_headers(path: str, send: Send) -> Send:
    # A file of a visitor must never run as a page of this site, whatever is in it.
    policy = "sandbox; default-src 'none'" if "/file=" in path else _POLICY

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers["Content-Security-Policy"] = policy
        await send(message)

    return sending


async def _refuse(error: WorkbenchError, send: Send) -> None:
    status = {"busy": 429, "access": 403}.get(error.code, 413)
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if isinstance(error, BusyError):
        headers.append((b"retry-after", str(round(error.retry_s)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(error.to_dict()).encode()})
