"""Jobs and batches by their id, for as long as their results are kept."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.errors import NotFoundError, WorkbenchError
from pages.demo.jobs import Job

_MOST = 2000


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that were sent together: name, and the job or the error that each has become."""

    id: str
    owner: str
    created: float
    items: tuple[tuple[str, Job | WorkbenchError], ...]


class Book:
    """Who holds an id and is its owner finds the job; for all others there is none."""

    def __init__(self, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._batches: dict[str, Batch] = {}

    def add(self, job: Job) -> Job:
        with self._lock:
            self._prune()
            self._jobs[job.id] = job
        return job

    def add_batch(self, owner: str, items: Sequence[tuple[str, Job | WorkbenchError]]) -> Batch:
        batch = Batch(secrets.token_urlsafe(18), owner, self._clock(), tuple(items))
        with self._lock:
            self._prune()
            self._batches[batch.id] = batch
        return batch

    def job(self, ident: str, owner: str) -> Job:
        """Raises: NotFoundError: no such job, or another visitor's."""
        with self._lock:
            job = self._jobs.get(ident)
        if job is None or job.owner != owner:
            raise NotFoundError(
                "There is no such job.",
                hint="Results are kept for a while only, and only for the visitor who sent the file.",
            )
        return job

    def batch(self, ident: str, owner: str) -> Batch:
        """Raises: NotFoundError: no such batch, or another visitor's."""
        with self._lock:
            batch = self._batches.get(ident)
        if batch is None or batch.owner != owner:
            raise NotFoundError(
                "There is no such batch.", hint="It may be too old, or another visitor's: send it again."
            )
        return batch

    def _prune(self) -> None:
        """Forget what is too old; when there is too much, the oldest of what is over."""
        too_old = self._clock() - self._keep_s
        over = [job for job in self._jobs.values() if job.over]
        gone = [job.id for job in over if job.created < too_old]
        gone += [job.id for job in over[: max(0, len(self._jobs) - _MOST)]]
        for ident in gone:
            self._jobs.pop(ident, None)
        for batch in [b for b in self._batches.values() if b.created < too_old]:
            del self._batches[batch.id]
