"""The doctor finds what is missing, and says what to do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import logs, registry
from core.cli import main
from core.commands import doctor
from core.commands.doctor import Check, State
from core.settings import Settings
from tests.unit.store_samples import settings_in


@pytest.fixture(autouse=True)
def logs_of_their_own() -> Iterator[None]:
    yield
    logs.reset()


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A catalogue of one detector whose weights lie in the returned folder."""
    folder, configs = tmp_path / "weights", tmp_path / "configs"
    for part in ("detectors", "ensembles"):
        (configs / part).mkdir(parents=True)
    folder.mkdir()
    (folder / "net.safetensors").write_bytes(b"weights")
    (configs / "detectors" / "net.yaml").write_text(yaml.safe_dump(_card()))
    preset = {"id": "default", "title": "D", "summary": "s", "members": [{"detector": "net"}]}
    (configs / "ensembles" / "default.yaml").write_text(
        yaml.safe_dump({**preset, "thresholds": {"fake": 0.8, "real": 0.3}})
    )
    monkeypatch.setattr(registry, "CONFIGS", configs)
    registry.card.cache_clear()
    registry.ensemble.cache_clear()
    yield folder
    registry.card.cache_clear()
    registry.ensemble.cache_clear()


def _card() -> dict[str, Any]:
    return {
        "id": "net",
        "title": "Net",
        "family": "f",
        "modality": "image",
        "implementation": "core.detectors.net:Net",
        "architecture": "net",
        "summary": "s",
        "input": {"size": 64},
        "weights": {
            "file": "net.safetensors",
            "sha256": hashlib.sha256(b"weights").hexdigest(),
            "size_bytes": 7,
            "licence": "MIT",
            "trained_on": "t",
            "how_to_get": "train it",
        },
    }


def _settings(tmp_path: Path, weights: Path) -> Settings:
    return settings_in(tmp_path / "data", weights_dir=weights)


def _found(findings: list[Check]) -> dict[str, Check]:
    return {f.name: f for f in findings}


def test_a_sound_machine_has_no_failure(tmp_path: Path, weights: Path) -> None:
    found = _found(doctor.examine(_settings(tmp_path, weights)))
    assert [f for f in found.values() if f.state is State.FAILED] == []
    assert found["weights net"].state is State.OK
    assert found["members of default"].detail == "1 of 1 can run"
    assert {"python", "torch", "device", "decoders", "data folder", "cache folder", "history"} <= set(found)


def test_missing_weights_fail_the_preset_and_say_how_to_get_them(tmp_path: Path, weights: Path) -> None:
    (weights / "net.safetensors").unlink()
    found = _found(doctor.examine(_settings(tmp_path, weights)))
    assert found["weights net"].state is State.WARNING
    assert "train it" in found["weights net"].hint
    assert found["members of default"].state is State.FAILED


def test_altered_weights_are_found(tmp_path: Path, weights: Path) -> None:
    (weights / "net.safetensors").write_bytes(b"altered")
    found = _found(doctor.examine(_settings(tmp_path, weights)))
    assert "not the one its card names" in found["weights net"].detail


def test_a_folder_that_cannot_be_written_is_found(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    found = _found(doctor.examine(_settings(tmp_path, weights)))
    assert {n for n, f in found.items() if f.state is State.FAILED} == {"data folder", "cache folder", "history"}
    assert "UNMASK_DATA_DIR" in found["data folder"].hint


def test_a_missing_package_is_found(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PACKAGES", ("torch", "surely-not-installed"))
    found = _found(doctor.examine(_settings(tmp_path, weights)))
    assert found["surely-not-installed"].state is State.FAILED


def test_a_decoder_that_is_missing_is_named(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_DECODERS", ("h264", "surely-not-a-codec"))
    found = _found(doctor.examine(_settings(tmp_path, weights)))
    assert found["decoders"].state is State.WARNING
    assert "surely-not-a-codec" in found["decoders"].detail


def test_an_unknown_preset_or_device_is_a_finding_not_a_crash(tmp_path: Path, weights: Path) -> None:
    settings = settings_in(tmp_path / "data", preset="none", runtime={"device": "mps"})
    found = _found(doctor.examine(settings))
    assert found["presets"].state is State.FAILED
    assert found["device"].state is State.FAILED


def test_the_command_prints_and_exits_by_what_it_found(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("UNMASK_WEIGHTS_DIR", str(weights))
    assert main(["doctor"]) == 0
    assert "weights net" in capsys.readouterr().out
    (weights / "net.safetensors").unlink()
    assert main(["doctor"]) == 1
    assert "train it" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == 1
    assert {"name", "state", "detail", "hint"} == set(json.loads(capsys.readouterr().out)[0])
