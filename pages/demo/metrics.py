"""Figures for Prometheus at ``/metrics``; none of them tells one visitor or file from another."""

from __future__ import annotations

import logging

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from core.types import Stage
from pages.demo.jobs import Job, Lanes

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_STAGES = frozenset(stage.value for stage in Stage)


class Metrics(logging.Handler):
    """Counts what the program logs of its stages and detectors, and the outcomes of jobs."""

    def __init__(self, lanes: Lanes) -> None:
        super().__init__(logging.INFO)
        self.registry = CollectorRegistry()
        self._stages = Histogram(
            "unmask_stage_seconds",
            "Time of a stage of an analysis.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._detectors = Histogram(
            "unmask_detector_seconds", "Time of one detector on one file.", ["detector"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._jobs = Counter(
            "unmask_jobs", "Analyses that are over, by outcome (ok, or the code of the error).", ["outcome"],
            registry=self.registry,
        )  # fmt: skip
        self._lasted = Histogram(
            "unmask_job_seconds", "Time from sending a file to its result.", buckets=_SECONDS, registry=self.registry
        )
        waiting = Gauge("unmask_waiting", "Analyses that wait.", registry=self.registry)
        waiting.set_function(lambda: lanes.load()[0])
        running = Gauge("unmask_running", "Analyses that run.", registry=self.registry)
        running.set_function(lambda: lanes.load()[1])
        lanes.on_over = self.job_is_over

    def emit(self, record: logging.LogRecord) -> None:
        seconds = getattr(record, "seconds", None)
        if not isinstance(seconds, int | float):
            return
        stage, detector = getattr(record, "stage", None), getattr(record, "detector", None)
        if isinstance(stage, str) and stage in _STAGES:
            self._stages.labels(stage).observe(seconds)
        if isinstance(detector, str):
            self._detectors.labels(detector).observe(seconds)

    def job_is_over(self, job: Job, seconds: float) -> None:
        """Count a job."""
        self._jobs.labels(job.error.code if job.error is not None else "ok").inc()
        if job.error is None:
            self._lasted.observe(seconds)

    def answer(self) -> Response:
        """What Prometheus reads."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)
