"""What the demo does before the first visitor comes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from core.errors import DamagedMediaError
from core.settings import Settings, build_settings
from pages.demo import site


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, Settings]]:
    """What was analysed; decoding processes are not started."""
    found: list[tuple[Path, Settings]] = []

    def analyse(source: Path, settings: Settings, *_: Any, **__: Any) -> None:
        found.append((source, settings))
        raise DamagedMediaError("It cannot be read.", hint="Take another.")

    monkeypatch.setattr(site, "load_analyse", lambda: analyse)
    monkeypatch.setattr(site, "warm_up_decoder", lambda settings: None)
    return found


def _warmed(settings: Settings) -> None:
    site.warm_up(settings)
    for thread in threading.enumerate():
        if thread.name == "warm-up":
            thread.join(60)


def test_networks_are_tried_on_an_example_and_nobody_is_told(asked: list[Any], tmp_path: Path) -> None:
    _warmed(build_settings(data_dir=tmp_path, runtime={"backend": "auto"}, mlflow_uri="http://127.0.0.1:9"))
    ((source, settings),) = asked
    assert source.suffix == ".mp4"
    assert settings.mlflow_uri == ""


def test_nothing_is_tried_where_the_backend_is_named(asked: list[Any], tmp_path: Path) -> None:
    _warmed(build_settings(data_dir=tmp_path, runtime={"backend": "torch"}))
    assert asked == []
