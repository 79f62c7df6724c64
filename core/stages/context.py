"""What all stages share: settings, preset, models, and the way to tell how far things are."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar, cast

from core.errors import CancelledError
from core.facts import MotionFacts
from core.registry import Ensemble
from core.runtime.pool import ModelPool
from core.settings import Settings
from core.types import Progress, Stage, StageTiming

log = logging.getLogger(__name__)

OnProgress: TypeAlias = Callable[[Progress], None]
_T = TypeVar("_T")

_PATIENCE_S = 0.25  # between two questions whether an awaited result is still wanted

# Where each stage ends on the way from 0 to 1.
_ENDS = {
    Stage.QUEUED: 0.0,
    Stage.READING: 0.2,
    Stage.FACES: 0.55,
    Stage.MODELS: 0.8,
    Stage.SYNC: 0.97,
    Stage.VERDICT: 1.0,
}


@dataclass(slots=True)
class Context:
    """State of one analysis in flight. ``motion`` are facts by person that detectors of clips find on the way."""

    settings: Settings
    preset: Ensemble
    pool: ModelPool
    on_progress: OnProgress | None = None
    timings: list[StageTiming] = field(default_factory=list)
    motion: dict[int, MotionFacts] = field(default_factory=dict)
    _stage: Stage = Stage.QUEUED
    _last: float = 0.0
    _kept: dict[Hashable, Any] = field(default_factory=dict)
    _told: Progress = field(default_factory=lambda: Progress(Stage.QUEUED, 0.0))

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Announce a stage, and note how long it took."""
        self._stage = stage
        self.step(0.0)
        started = time.perf_counter()
        yield
        seconds = time.perf_counter() - started
        self.timings.append(StageTiming(stage, round(seconds, 4)))
        log.info("stage done", extra={"stage": stage.value, "seconds": round(seconds, 4)})

    def step(self, share: float, detail: str = "") -> None:
        """Say that ``share`` in [0, 1] of the current stage is done. The listener may raise CancelledError."""
        if self.on_progress is None:
            return
        stages = list(_ENDS)
        before = _ENDS[stages[max(0, stages.index(self._stage) - 1)]]
        self._last = max(self._last, before + (_ENDS[self._stage] - before) * min(1.0, share))
        self._told = Progress(self._stage, self._last, detail)
        self.on_progress(self._told)

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make`` gives, made once in this analysis for each ``key``."""
        if key not in self._kept:
            self._kept[key] = make()
        made = self._kept[key]
        return cast(_T, self._awaited(made) if isinstance(made, Future) else made)

    def _awaited(self, future: Future[Any]) -> Any:
        while True:
            try:
                return future.result(timeout=_PATIENCE_S)
            except TimeoutError:
                if future.done():
                    raise
                self.still_wanted()

    @contextmanager
    def beside(self, key: Hashable, make: Callable[[Context], Any]) -> Iterator[None]:
        """Begin, in a thread of its own, with what :meth:`once` will be asked for within the block. ``make`` gets a
        context that tells nobody of its progress, and whose :meth:`still_wanted` stops it when the block is left by an
        error."""
        stopped = threading.Event()

        def listen(_: Progress) -> None:
            if stopped.is_set():
                raise CancelledError("The analysis was stopped.", hint="Start it again when you want its result.")

        with ThreadPoolExecutor(1, "beside") as thread:
            self._kept[key] = thread.submit(copy_context().run, make, replace(self, on_progress=listen))
            try:
                yield
            except BaseException:
                stopped.set()
                raise

    def still_wanted(self) -> None:
        """Say again where things are while nothing new happens. The listener may raise CancelledError."""
        if self.on_progress is not None:
            self.on_progress(self._told)
