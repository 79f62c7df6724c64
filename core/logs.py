"""Structured logs: one JSON object a line, with one id through all stages of a request.

Entry points call :func:`configure` once and wrap each request in :func:`bound`. A thread started inside a request
keeps the id when it runs in ``contextvars.copy_context()``.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

_request: ContextVar[str | None] = ContextVar("request", default=None)

_LOGGERS = ("core", "pages")

# What every record has; the rest came in through ``extra``. Libraries (Ray) add names that begin with an underscore.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}


class JsonFormatter(logging.Formatter):
    """``time`` (UTC), ``level``, ``logger``, ``message``, ``request`` where one is bound, ``error`` with the traceback
    where there is one, and everything that came in through ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (request := getattr(record, "request", None)) is not None:
            line["request"] = request
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        extra = {k: v for k, v in vars(record).items() if k not in _STANDARD and k not in line and k[0] != "_"}
        return json.dumps({**line, **extra}, ensure_ascii=True, default=str)


class _Handler(logging.Handler):
    """One JSON line a record, with the request of the thread that logs, to a stream or to what standard error is."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        record.request = _request.get()
        try:
            out = self._stream or sys.stderr
            out.write(self.format(record) + "\n")
            out.flush()
        except (OSError, ValueError):
            self.handleError(record)


def configure(level: int | str = logging.INFO, stream: TextIO | None = None) -> None:
    """Send what ``core`` and ``pages`` log to ``stream`` (standard error) as JSON lines. May be called again."""
    reset()
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(_Handler(stream))
        logger.setLevel(level)


def reset() -> None:
    """Take :func:`configure` back."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [h for h in logger.handlers if not isinstance(h, _Handler)]
        logger.setLevel(logging.NOTSET)


@contextmanager
def bound(request: str | None = None) -> Iterator[str]:
    """Give all log lines inside one id (a new one unless given), and yield it."""
    value = request or uuid.uuid4().hex[:12]
    token = _request.set(value)
    try:
        yield value
    finally:
        _request.reset(token)


def current() -> str | None:
    """The id bound here, if any."""
    return _request.get()
