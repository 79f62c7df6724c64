"""Analyses in the background: one after another, each failure on its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from core.errors import CancelledError, DamagedMediaError, InternalError
from core.types import Progress, Stage
from pages.workbench.jobs import Job, Jobs, JobState, Report
from pages.workbench.waiting import Upload


def upload(name: str) -> Upload:
    return Upload("0" * 64, name, "default")


def wait_for(jobs: Jobs, job_id: str, ready: Callable[[Job], bool], limit_s: float = 20.0) -> Job:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        job = jobs.get(job_id)
        assert job is not None
        if ready(job):
            return job
        time.sleep(0.005)
    raise AssertionError(f"still {jobs.get(job_id)}")


def finished(jobs: Jobs, job_id: str) -> Job:
    return wait_for(jobs, job_id, lambda job: not job.active)


class Gate:
    """Work that reports once and then waits to be let through."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def __call__(self, upload: Upload, report: Report) -> str:
        report(Progress(Stage.MODELS, 0.5, "3 of 6"))
        self.open.wait(20)
        report(Progress(Stage.VERDICT, 1.0))
        return upload.name.upper()


def test_a_job_ends_with_the_id_of_its_analysis() -> None:
    jobs = Jobs(lambda upload, report: f"analysis of {upload.name}")
    job = finished(jobs, jobs.start(upload("a.png")))
    assert (job.state, job.analysis_id, job.error) == (JobState.DONE, "analysis of a.png", None)


def test_one_failing_file_does_not_stop_the_rest() -> None:
    def work(upload: Upload, report: Report) -> str:
        if upload.name == "b":
            raise DamagedMediaError("It is cut short.", hint="Get a whole copy.")
        return upload.name.upper()

    jobs = Jobs(work)
    ended = [finished(jobs, i) for i in [jobs.start(upload(name)) for name in "abc"]]
    assert [job.state for job in ended] == [JobState.DONE, JobState.FAILED, JobState.DONE]
    assert ended[1].error is not None
    assert ended[1].error.hint == "Get a whole copy."


def test_an_unexpected_fault_is_told_by_log_id_only(caplog) -> None:
    def work(upload: Upload, report: Report) -> str:
        raise KeyError("secret detail")

    jobs = Jobs(work)
    job = finished(jobs, jobs.start(upload("a")))
    assert isinstance(job.error, InternalError)
    assert "secret detail" not in str(job.error)
    fault = job.error.hint.split("'")[1]
    assert [record.fault for record in caplog.records] == [fault]
    assert "secret detail" in caplog.text


def test_jobs_run_one_at_a_time() -> None:
    gate = Gate()
    jobs = Jobs(gate)
    first, second = jobs.start(upload("a")), jobs.start(upload("b"))
    running = wait_for(jobs, first, lambda job: job.progress.stage is Stage.MODELS)
    assert (running.progress.fraction, running.progress.detail) == (0.5, "3 of 6")
    waiting = jobs.get(second)
    assert waiting is not None
    assert waiting.state is JobState.WAITING
    gate.open.set()
    assert finished(jobs, second).analysis_id == "B"


def test_an_upload_that_is_queued_already_is_not_queued_twice() -> None:
    gate = Gate()
    jobs = Jobs(gate)
    assert jobs.start(upload("a")) == jobs.start(upload("a"))
    gate.open.set()
    assert len(jobs.all()) == 1


def test_a_running_job_stops_at_its_next_step() -> None:
    gate = Gate()
    jobs = Jobs(gate)
    job_id = jobs.start(upload("a"))
    wait_for(jobs, job_id, lambda job: job.progress.stage is Stage.MODELS)
    jobs.stop(job_id)
    gate.open.set()
    job = finished(jobs, job_id)
    assert job.state is JobState.STOPPED
    assert isinstance(job.error, CancelledError)


def test_stopping_a_finished_job_changes_nothing() -> None:
    jobs = Jobs(lambda upload, report: "A")
    job_id = jobs.start(upload("a"))
    done = finished(jobs, job_id)
    jobs.stop(job_id)
    assert jobs.get(job_id) == done


def test_only_finished_jobs_can_be_forgotten() -> None:
    gate = Gate()
    jobs = Jobs(gate)
    job_id = jobs.start(upload("a"))
    jobs.forget(job_id)
    assert jobs.get(job_id) is not None
    gate.open.set()
    finished(jobs, job_id)
    jobs.forget(job_id)
    assert jobs.get(job_id) is None


def test_what_was_left_over_is_shown_and_can_be_started_again() -> None:
    jobs = Jobs(lambda upload, report: "A", left_over=(upload("a"),))
    (job,) = jobs.all()
    assert job.state is JobState.STOPPED
    assert job.error is not None
    assert "analyse it again" in job.error.hint
    jobs.forget(job.id)
    assert finished(jobs, jobs.start(job.upload)).analysis_id == "A"
