"""An analysis that runs beside the page: it tells how far it is and can be stopped."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

from core.errors import CancelledError, InternalError, WorkbenchError
from core.settings import Settings
from core.types import Analysis, Progress, Stage
from pages.engine import load_analyse

log = logging.getLogger(__name__)

_QUIET_S = 0.5


class Job:
    """One analysis in a thread of its own.

    ``result`` or ``error`` is set once :meth:`follow` has ended. The models are imported by the thread, so a page
    comes up before they are.
    """

    def __init__(self, source: Path, settings: Settings, name: str) -> None:
        self.result: Analysis | None = None
        self.error: WorkbenchError | None = None
        self._steps: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(source, settings, name), name="analysis", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end at its next step."""
        self._stop.set()

    def follow(self) -> Iterator[Progress]:
        """Steps as they happen, the last of them again while nothing new does; ends with the analysis. Leaving early
        stops it."""
        last = Progress(Stage.QUEUED, 0.0)
        try:
            while True:
                yield last
                step = self._next()
                if step is None:
                    return
                last = step if isinstance(step, Progress) else last
        finally:
            self.stop()

    def _next(self) -> Progress | bool | None:
        """The newest step, None at the end, False where nothing happened for a while."""
        try:
            step = self._steps.get(timeout=_QUIET_S)
            while step is not None and not self._steps.empty():
                step = self._steps.get()
            return step
        except queue.Empty:
            return False

    def _work(self, source: Path, settings: Settings, name: str) -> None:
        try:
            self.result = load_analyse()(source, settings, self._on_progress, name=name)
        except WorkbenchError as error:
            self.error = error
        except Exception:
            log.exception("the analysis could not be started")
            self.error = InternalError(
                "The models could not be started.", hint="Your file is still here. The server's log says more."
            )
        finally:
            self._steps.put(None)

    def _on_progress(self, step: Progress) -> None:
        if self._stop.is_set():
            raise CancelledError(
                "The analysis was stopped.", hint="Your file is still here: press Analyse to start again."
            )
        self._steps.put(step)
