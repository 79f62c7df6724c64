"""Analyses in an MLflow server, for those who keep an eye on models there. Nothing is imported or sent without
``mlflow_uri``, and a server that cannot be reached costs a line in the log, not the analysis."""

from __future__ import annotations

import logging

from core.settings import Settings
from core.types import Analysis

log = logging.getLogger(__name__)

EXPERIMENT = "unmask"


def track(analysis: Analysis, settings: Settings) -> None:
    """Log P(fake), each detector's answers and the timings as a run. The file's name and path are not sent."""
    if not settings.mlflow_uri:
        return
    try:
        import mlflow

        client = mlflow.MlflowClient(tracking_uri=settings.mlflow_uri)
        known = client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
        run = client.create_run(experiment, run_name=analysis.id[:12]).info.run_id
        for name, value in tags(analysis).items():
            client.set_tag(run, name, value)
        for name, number in figures(analysis).items():
            client.log_metric(run, name, number)
        client.set_terminated(run)
    except Exception:  # whatever the server or its client does, the analysis is there
        log.warning("the analysis was not logged to MLflow", exc_info=True)


def figures(analysis: Analysis) -> dict[str, float]:
    """Names in the alphabet of MLflow, and numbers."""
    found: dict[str, float] = {}
    verdict = analysis.verdict
    if verdict.p_fake is not None:
        found["p_fake"] = verdict.p_fake
    if verdict.agreement is not None:
        found["agreement"] = verdict.agreement
    for score in analysis.scores:
        if score.p_fake is not None:
            person = "" if score.track_id is None else f"/person_{score.track_id}"
            found[f"detector/{score.detector}{person}"] = score.p_fake
    for timing in analysis.timings:
        found[f"seconds/{timing.stage.name.lower()}"] = timing.seconds
    return found


def tags(analysis: Analysis) -> dict[str, str]:
    """What the numbers belong to."""
    return {
        "analysis": analysis.id,
        "preset": analysis.preset,
        "label": analysis.verdict.label.value,
        "kind": analysis.media.info.kind.value,
        "sha256": analysis.media.sha256,
    }
