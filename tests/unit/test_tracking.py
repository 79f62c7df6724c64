"""Figures for MLflow: what is sent, that nothing is without an address, and that a dead server costs nothing."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from core.settings import build_settings
from core.tracking import figures, track
from tests.analyses import clip


class Server:
    def __init__(self, fault: bool = False) -> None:
        self.sent: dict[str, Any] = {}
        self.fault = fault

    def __call__(self, tracking_uri: str) -> Server:
        self.sent["uri"] = tracking_uri
        return self

    def get_experiment_by_name(self, name: str) -> None:
        if self.fault:
            raise ConnectionError(name)

    def create_experiment(self, name: str) -> str:
        return name

    def create_run(self, experiment: str, run_name: str) -> SimpleNamespace:
        return SimpleNamespace(info=SimpleNamespace(run_id=f"{experiment}/{run_name}"))

    def set_tag(self, _run: str, name: str, value: str) -> None:
        self.sent[name] = value

    def log_metric(self, _run: str, name: str, value: float) -> None:
        self.sent[name] = value

    def set_terminated(self, run: str) -> None:
        self.sent["over"] = run


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    module, server = ModuleType("mlflow"), Server()
    module.MlflowClient = server  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mlflow", module)
    return server


def test_probabilities_and_timings_are_sent_but_no_name(server: Server, tmp_path: Path) -> None:
    analysis = clip()
    track(analysis, build_settings(data_dir=tmp_path, mlflow_uri="http://there"))
    assert server.sent["uri"] == "http://there" and server.sent["over"]
    assert figures(analysis).items() <= server.sent.items()
    assert server.sent["p_fake"] == analysis.verdict.p_fake
    assert analysis.media.name not in str(server.sent)


def test_nothing_is_sent_without_an_address(server: Server, tmp_path: Path) -> None:
    track(clip(), build_settings(data_dir=tmp_path))
    assert server.sent == {}


def test_a_dead_server_is_a_line_in_the_log(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server.fault = True
    with caplog.at_level(logging.WARNING):
        track(clip(), build_settings(data_dir=tmp_path, mlflow_uri="http://there"))
    assert "MLflow" in caplog.text
