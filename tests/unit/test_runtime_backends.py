"""Backends: torch's answers by another engine, chosen by trial, remembered, and dropped where they differ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import ConfigError
from core.runtime import backends
from core.runtime.backends import Subject, forward, remembered
from core.runtime.engines import Forward, build, offered
from core.settings import Settings, build_settings


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head = nn.Conv2d(3, 8, 3, stride=2), nn.Linear(8, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.conv(x).relu().mean(dim=(2, 3)))[:, 0]


@pytest.fixture
def subject() -> Subject:
    return Subject(
        title="Small",
        weights_sha256="a" * 64,
        module=Small().eval(),
        example=torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)),
        judge=lambda outputs: torch.sigmoid(outputs[0]).numpy().astype(np.float64),
    )


def settings(folder: Path, backend: str = "auto") -> Settings:
    return build_settings(data_dir=folder, runtime={"backend": backend, "device": "cpu"})


def notes(folder: Path) -> list[dict]:
    return [json.loads(p.read_text()) for p in (folder / "backends").glob("*.json")]


@pytest.mark.parametrize("name", ["channels-last", "bfloat16", "openvino", "onnxruntime"])
def test_every_backend_answers_as_torch(name: str, subject: Subject, tmp_path: Path) -> None:
    if name not in offered("cpu") and name != "bfloat16":
        pytest.skip(f"{name} is not installed")
    way = build(name, subject.module, subject.example, subject.free, "cpu", tmp_path / "x" / "export")
    more = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    (answer,) = way(more)
    with torch.inference_mode():
        expected = subject.module(more)
    tolerance = 2e-2 if name == "bfloat16" else 1e-5
    np.testing.assert_allclose(answer.float().numpy(), expected.numpy(), atol=tolerance)


def test_the_choice_is_the_fastest_and_is_remembered(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remembered(settings(tmp_path), "cpu", subject.weights_sha256) == ""
    seconds = dict.fromkeys(offered("cpu"), 1.0) | {"channels-last": 0.5}
    real, order = backends.timed, iter(offered("cpu"))
    monkeypatch.setattr(backends, "timed", lambda way, x: (real(way, x)[0], seconds[next(order)]))
    forward(subject, settings(tmp_path), "cpu")
    assert remembered(settings(tmp_path), "cpu", subject.weights_sha256) == "channels-last"
    (note,) = notes(tmp_path)
    assert {row["backend"] for row in note["tried"]} == set(offered("cpu"))
    forward(subject, settings(tmp_path), "cpu")  # no second trial: there is nobody left in ``order``
    assert remembered(settings(tmp_path), "cpu", "b" * 64) == ""


def wrong(by: float, flip: bool = False) -> Forward:
    return lambda x: (torch.logit(torch.full((len(x),), (0.4999 if flip else 0.6) + by, dtype=torch.float64)),)


@pytest.mark.parametrize(("way", "kept"), [(wrong(0.005), True), (wrong(0.02), False), (wrong(0.005, True), False)])
def test_a_backend_that_answers_otherwise_is_not_taken(
    way: Forward, kept: bool, subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = wrong(0.0, way(torch.zeros(1))[0].sigmoid().item() < 0.55)
    ways = {"torch": true, "channels-last": way}
    monkeypatch.setattr(backends, "build", lambda name, *_: ways[name])
    monkeypatch.setattr(backends, "offered", lambda _: tuple(ways))
    forward(subject, settings(tmp_path, "channels-last"), "cpu")
    assert notes(tmp_path)[0]["backend"] == ("channels-last" if kept else "torch")


def test_a_backend_that_fails_is_left_out(subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str, *rest: object) -> Forward:
        if name != "torch":
            raise RuntimeError("no such kernel")
        return build(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(backends, "build", fail)
    way = forward(subject, settings(tmp_path), "cpu")
    assert way(subject.example)[0].shape == (4,)
    assert remembered(settings(tmp_path), "cpu", subject.weights_sha256) == "torch"


def test_a_spoilt_export_or_note_is_made_anew(subject: Subject, tmp_path: Path) -> None:
    if "openvino" not in offered("cpu"):
        pytest.skip("openvino is not installed")
    wanted = settings(tmp_path, "openvino")
    forward(subject, wanted, "cpu")
    for file in (tmp_path / "backends").iterdir():
        file.write_text("{")
    way = forward(subject, wanted, "cpu")
    assert way(subject.example)[0].shape == (4,)
    assert remembered(wanted, "cpu", subject.weights_sha256) == "openvino"


def test_a_backend_that_is_not_here_is_refused(subject: Subject, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="float16"):
        forward(subject, settings(tmp_path, "float16"), "cpu")


def test_torch_by_name_needs_no_trial(subject: Subject, tmp_path: Path) -> None:
    forward(subject, settings(tmp_path, "torch"), "cpu")
    assert not (tmp_path / "backends").exists()
    assert remembered(settings(tmp_path, "torch"), "cpu", subject.weights_sha256) == "torch"
