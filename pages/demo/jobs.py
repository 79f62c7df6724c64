"""Analyses that run beside the pages and the API: one bounded queue for all, fair among clients.

A :class:`Job` is one caller's wish, a :class:`_Work` what is really computed: callers who send the same bytes with
the same settings at the same time share one.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

from core import logs
from core.errors import BusyError, CancelledError, InternalError, LimitError, NotFoundError, WorkbenchError
from core.media.guard import clean_name
from core.settings import Settings
from core.types import Analysis, Progress, Stage
from pages.engine import load_analyse
from pages.zerogpu import lent_gpu

log = logging.getLogger(__name__)

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]

_QUIET_S = 0.5
_REMEMBERED = 20
_CLIENTS = 1000


class Job:
    """One caller's analysis. ``result`` or ``error`` is set once it is over (:meth:`over`).

    ``owner`` says who may ask for it, ``client`` whose share of the queue it takes.
    """

    def __init__(self, name: str, owner: str, client: str, on_stop: Callable[[Job], None]) -> None:
        self.id = secrets.token_urlsafe(18)
        self.name, self.owner, self.client = clean_name(name), owner, client
        self.created = time.monotonic()
        self.result: Analysis | None = None
        self.error: WorkbenchError | None = None
        self.progress = Progress(Stage.QUEUED, 0.0)
        self.state: State = "queued"
        self._on_stop = on_stop
        self._changed = threading.Condition()
        self._steps = 0

    @property
    def over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    def stop(self) -> None:
        """Take the wish back. What nobody else waits for ends at its next step."""
        if not self.over:
            self._on_stop(self)

    def wait(self, seconds: float) -> bool:
        """Whether it is over, after waiting for that at most ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: self.over, seconds)

    def follow(self) -> Iterator[Progress]:
        """Steps as they happen, the last of them again while nothing new does; ends with the analysis. Leaving early
        stops it."""
        seen = 0
        try:
            while not self.over:
                yield self.progress
                with self._changed:
                    self._changed.wait_for(partial(self._news, seen), _QUIET_S)
                    seen = self._steps
        finally:
            self.stop()

    def _news(self, seen: int) -> bool:
        return self.over or self._steps != seen

    def tell(self, step: Progress) -> None:
        """A step forward."""
        with self._changed:
            if not self.over:
                self.progress, self.state = step, "queued" if step.stage is Stage.QUEUED else "running"
                self._steps += 1
                self._changed.notify_all()

    def finish(self, outcome: Analysis | WorkbenchError) -> bool:
        """Set the end; False where there is one already."""
        with self._changed:
            if self.over:
                return False
            if isinstance(outcome, Analysis):
                self.result = replace(outcome, media=replace(outcome.media, name=self.name))
                self.state = "done"
            else:
                self.error = outcome
                self.state = "cancelled" if isinstance(outcome, CancelledError) else "failed"
            self._changed.notify_all()
            return True


@dataclass(eq=False, slots=True)
class _Work:
    key: str
    source: Path
    settings: Settings
    order: int
    jobs: list[Job]
    progress: Progress = field(default_factory=lambda: Progress(Stage.QUEUED, 0.0))
    started: float | None = None
    stopped: bool = False
    temporary: list[Path] = field(default_factory=list)


class Lanes:
    """The queue and the threads that work it off.

    Args:
        settings: how many lanes, how many may wait, how long one may take.
    """

    def __init__(self, settings: Settings) -> None:
        self._server = settings.server
        self._lent = lent_gpu(settings)
        self._change = threading.Condition()
        self._order = itertools.count()
        self._waiting: list[_Work] = []
        self._running: list[_Work] = []
        self._served: dict[str, int] = {}
        self._lasted: deque[float] = deque(maxlen=_REMEMBERED)
        self._threads: list[threading.Thread] = []
        self.on_over: Callable[[Job, float], None] = lambda job, seconds: None
        """Told of every job that is over and how long it took since it was sent."""

    def submit(
        self, source: Path, settings: Settings, name: str, *, owner: str = "", client: str = "", temporary: bool = False
    ) -> Job:
        """Put an analysis into the queue.

        Args:
            source: the file; it is deleted when the job is over if ``temporary``.
            name: what to call the file in the result.

        Raises:
            BusyError: the queue is full, or this client has its share in it.
            NotFoundError: there is no such file.
        """
        job = Job(name, owner, client, self._stop)
        try:
            key = _key(source, settings)
            with self._change:
                self._enter(job, key, source, settings, temporary)
                self._start_threads()
                self._change.notify()
        except BaseException:
            if temporary:
                source.unlink(missing_ok=True)
            raise
        return job

    def position(self, job: Job) -> int | None:
        """How many analyses end before this one begins, plus one; None where it does not wait."""
        with self._change:
            return next((n for n, work in enumerate(self._ordered(), start=1) if job in work.jobs), None)

    def estimate_s(self, job: Job) -> float | None:
        """Seconds until a waiting job's turn, from how long the last analyses took; None where that is not known."""
        with self._change:
            ahead = next((n for n, work in enumerate(self._ordered()) if job in work.jobs), None)
            if ahead is None or not self._lasted:
                return None
            usual = sum(self._lasted) / len(self._lasted)
            now = time.monotonic()
            left = [max(0.0, usual - (now - (work.started or now))) for work in self._running]
            return (sum(left) + ahead * usual) / self._server.lanes

    def load(self) -> tuple[int, int]:
        """How many analyses wait and how many run."""
        with self._change:
            return len(self._waiting), len(self._running)

    def _enter(self, job: Job, key: str, source: Path, settings: Settings, temporary: bool) -> None:
        same = next((w for w in (*self._running, *self._waiting) if w.key == key and not w.stopped), None)
        own = sum(job.client == other.client for work in self._waiting for other in work.jobs)
        if own >= self._server.waiting_per_client:
            raise BusyError(
                f"{own} of your analyses are waiting already.", hint="Send more when some of them are finished."
            )
        if same is None and len(self._waiting) >= self._server.queue:
            raise BusyError("The queue is full.", hint="Please try again in a minute.", retry_s=60.0)
        if same is None:
            same = _Work(key, source, settings, next(self._order), [])
            self._waiting.append(same)
        same.jobs.append(job)
        if temporary:
            same.temporary.append(source)
        job.tell(same.progress)

    def _start_threads(self) -> None:
        while len(self._threads) < self._server.lanes:
            name = f"analysis-{len(self._threads) + 1}"
            self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
            self._threads[-1].start()

    def _ordered(self) -> list[_Work]:
        """Who comes next: the clients take turns, each with the oldest of its own."""
        turns = dict(self._served)
        left, found = list(self._waiting), []
        later = max(turns.values(), default=0)
        while left:
            work = min(left, key=lambda w: (turns.get(w.jobs[0].client, 0), w.order))
            left.remove(work)
            found.append(work)
            later += 1
            turns[work.jobs[0].client] = later
        return found

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: bool(self._waiting))
                work = self._ordered()[0]
                self._waiting.remove(work)
                self._running.append(work)
                work.started = time.monotonic()
                self._note_turn(work.jobs[0].client)
            try:
                outcome = self._outcome(work)
            finally:
                with self._change:
                    self._running.remove(work)
            self._finish(work, outcome)

    def _note_turn(self, client: str) -> None:
        self._served[client] = max(self._served.values(), default=0) + 1
        if len(self._served) > _CLIENTS:
            self._served.pop(min(self._served, key=lambda c: self._served[c]))

    def _outcome(self, work: _Work) -> Analysis | WorkbenchError:
        try:
            with logs.bound():
                name = work.jobs[0].name
                if self._lent is not None:
                    return self._lent(work.source, work.settings, name)
                return load_analyse()(work.source, work.settings, lambda step: self._on_progress(work, step), name=name)
        except WorkbenchError as error:
            return error
        except Exception:
            log.exception("the analysis could not be started")
            return InternalError(
                "The models could not be started.", hint="Your file is still here. The server's log says more."
            )

    def _on_progress(self, work: _Work, step: Progress) -> None:
        if work.stopped:
            raise _cancelled()
        if work.started is not None and time.monotonic() - work.started > self._server.budget_s:
            raise LimitError(
                f"The analysis took longer than the {self._server.budget_s:.0f} seconds that are allowed.",
                hint="Cut out the part that matters, or choose a smaller preset.",
            )
        work.progress = step
        for job in tuple(work.jobs):
            job.tell(step)

    def _finish(self, work: _Work, outcome: Analysis | WorkbenchError) -> None:
        with self._change:
            work.stopped = True
            jobs = tuple(work.jobs)
            if isinstance(outcome, Analysis) and work.started is not None:
                self._lasted.append(time.monotonic() - work.started)
        _delete(work.temporary)
        for job in jobs:
            self._end(job, outcome)

    def _stop(self, job: Job) -> None:
        with self._change:
            for work in (*self._waiting, *self._running):
                if job in work.jobs and len(work.jobs) > 1:
                    work.jobs.remove(job)
                elif job in work.jobs:
                    work.stopped = True
                    if work in self._waiting:
                        self._waiting.remove(work)
                        _delete(work.temporary)
        self._end(job, _cancelled())

    def _end(self, job: Job, outcome: Analysis | WorkbenchError) -> None:
        if job.finish(outcome):
            self.on_over(job, time.monotonic() - job.created)


def _delete(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _key(source: Path, settings: Settings) -> str:
    """What makes two wishes the same: the bytes and the settings."""
    try:
        with source.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    except OSError as exc:
        raise NotFoundError("The file is not there any more.", hint="Choose it again.") from exc
    digest.update(settings.model_dump_json().encode())
    return digest.hexdigest()


def _cancelled() -> CancelledError:
    return CancelledError("The analysis was stopped.", hint="Your file is still here: press Analyse to start again.")
