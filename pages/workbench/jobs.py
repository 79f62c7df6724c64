"""Analyses in the background: one after another, each file on its own, so that a page stays usable meanwhile and a
file that fails never stops the rest."""

from __future__ import annotations

import contextvars
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

from core.errors import CancelledError, InternalError, WorkbenchError
from core.types import Progress, Stage
from pages.workbench.waiting import Upload

log = logging.getLogger(__name__)

Report: TypeAlias = Callable[[Progress], None]
Work: TypeAlias = Callable[[Upload, Report], str]
"""Analyses an upload, tells how far it is, and returns the id of the analysis."""


_START = Progress(Stage.QUEUED, 0.0)


class JobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Job:
    """One file on its way. ``analysis_id`` is there once done, ``error`` once failed or stopped."""

    id: str
    upload: Upload
    state: JobState = JobState.WAITING
    progress: Progress = _START
    analysis_id: str | None = None
    error: WorkbenchError | None = None

    @property
    def active(self) -> bool:
        return self.state in (JobState.WAITING, JobState.RUNNING)


class Jobs:
    """A queue of analyses shared by all sessions of the server; safe to call from any thread.

    Args:
        work: what to do with each upload.
        left_over: uploads of an earlier run of the server, shown as stopped.
    """

    def __init__(self, work: Work, left_over: tuple[Upload, ...] = ()) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="analysis")
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._stopping: set[str] = set()
        for upload in left_over:
            job = Job(uuid.uuid4().hex, upload, JobState.STOPPED, error=_interrupted())
            self._jobs[job.id] = job

    def start(self, upload: Upload) -> str:
        """Queue an upload; returns the job's id. One that is queued already is not queued twice."""
        with self._lock:
            twin = next((j for j in self._jobs.values() if j.active and j.upload == upload), None)
            if twin is not None:
                return twin.id
            job = Job(uuid.uuid4().hex, upload)
            self._jobs[job.id] = job
        self._pool.submit(contextvars.copy_context().run, self._run, job.id)
        return job.id

    def all(self) -> tuple[Job, ...]:
        """Every job that was not forgotten, in the order of arrival."""
        with self._lock:
            return tuple(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        with self._lock:
            return self._jobs.get(job_id)

    def stop(self, job_id: str) -> None:
        """Ask a job to stop at its next step; a finished job stays as it is."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and job.active:
                self._stopping.add(job_id)

    def forget(self, job_id: str) -> None:
        """Drop a finished job."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is not None and not job.active:
                del self._jobs[job_id]

    def _run(self, job_id: str) -> None:
        try:
            self._report(job_id, _START)
            with only_workbench_errors():
                analysis_id = self._work(self._jobs[job_id].upload, lambda step: self._report(job_id, step))
            self._change(job_id, state=JobState.DONE, analysis_id=analysis_id)
        except CancelledError as error:
            self._change(job_id, state=JobState.STOPPED, error=error)
        except WorkbenchError as error:
            self._change(job_id, state=JobState.FAILED, error=error)
        finally:
            with self._lock:
                self._stopping.discard(job_id)

    def _report(self, job_id: str, step: Progress) -> None:
        with self._lock:
            stopping = job_id in self._stopping
        if stopping:
            raise CancelledError("The analysis was stopped.", hint="The file is kept: analyse it again, or remove it.")
        self._change(job_id, state=JobState.RUNNING, progress=step)

    def _change(self, job_id: str, **values: Any) -> None:
        with self._lock:
            self._jobs[job_id] = replace(self._jobs[job_id], **values)


@contextmanager
def only_workbench_errors() -> Iterator[None]:
    """Turn any unexpected fault inside into one that says a log entry's id instead of the details.

    Raises:
        WorkbenchError: whatever went wrong.
    """
    try:
        yield
    except WorkbenchError:
        raise
    except Exception as exc:
        fault = uuid.uuid4().hex[:8]
        log.exception("unexpected fault", extra={"fault": fault})
        raise InternalError(
            "Something went wrong that should not have.",
            hint="What you uploaded and labelled is kept. Try again; if it stays, report it with the log entry "
            f"'{fault}'.",
        ) from exc


def _interrupted() -> CancelledError:
    return CancelledError(
        "This file was not analysed before the program stopped.",
        hint="The file is kept: analyse it again, or remove it.",
    )
