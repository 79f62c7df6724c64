"""Files from addresses that visitors give: few at the same time, and none that Gradio would fetch by itself."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import gradio as gr

from core.errors import BusyError
from core.media.fetch import not_read

C = TypeVar("C", bound=gr.components.Component)

_AT_ONCE, _PER_CLIENT = 4, 2


class Fetches:
    """Counts the downloads that run, so that no visitor can fill the server's line or its threads with them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    @contextmanager
    def slot(self, client: str) -> Iterator[None]:
        """A place for one download.

        Raises:
            BusyError: this client, or all of them, have as many as they may.
        """
        with self._lock:
            if self._running[client] >= _PER_CLIENT or self._running.total() >= _AT_ONCE:
                raise BusyError("Too many files are being fetched.", hint="Wait until they are here, then try again.")
            self._running[client] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[client] -= 1
                self._running += Counter()  # drops the names of those who have none


def uploads_only(component: C) -> C:
    """Refuse addresses sent in the place of a file. Gradio would fetch them without asking the settings."""
    move = component.async_move_resource_to_block_cache
    vars(component)["async_move_resource_to_block_cache"] = partial(_moved, move)
    return component


async def _moved(move: Callable[[str | Path | None], Awaitable[str | None]], path: str | Path | None) -> str | None:
    if isinstance(path, str) and "://" in path:
        raise gr.Error(str(not_read()), print_exception=False)
    return await move(path)
