"""Backends: torch's answers by another engine, chosen by trial, remembered, and dropped where they differ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import ConfigError
from core.runtime import backends, engines
from core.runtime.backends import Subject, forward, remembered
from core.runtime.engines import Forward, build, offered, suits
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


@pytest.mark.parametrize("name", ["channels-last", "bfloat16", "openvino", "openvino-bfloat16", "onnxruntime"])
def test_every_backend_answers_as_torch(name: str, subject: Subject, tmp_path: Path) -> None:
    if name not in offered("cpu") and name != "bfloat16":
        pytest.skip(f"{name} is not on this machine")
    way = build(name, subject.module, subject.example, subject.free, "cpu", tmp_path / "x" / "export")
    more = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    (answer,) = way(more)
    with torch.inference_mode():
        expected = subject.module(more)
    tolerance = 2e-2 if "bfloat16" in name else 1e-5
    np.testing.assert_allclose(answer.float().numpy(), expected.numpy(), atol=tolerance)


def test_the_choice_is_the_fastest_and_is_remembered(
    subject: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert remembered(settings(tmp_path), "cpu", subject.weights_sha256) == ""
    suited = [name for name in offered("cpu") if suits(name, subject.module)]
    seconds = dict.fromkeys(suited, 1.0) | {"channels-last": 0.5}
    real, order = backends.timed, iter(suited)
    monkeypatch.setattr(backends, "timed", lambda way, x: (real(way, x)[0], seconds[next(order)]))
    forward(subject, settings(tmp_path), "cpu")
    assert remembered(settings(tmp_path), "cpu", subject.weights_sha256) == "channels-last"
    (note,) = notes(tmp_path)
    assert {row["backend"] for row in note["tried"]} == set(suited)
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


class Wide(nn.Module):
    """Products of large matrices, with one value of the input far above the others, as transformers have."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.head = nn.Linear(512, 1024), nn.Linear(1024, 512), nn.Linear(512, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.second(self.first(x).relu()))[..., 0].mean(dim=1)


def wide() -> Subject:
    example = torch.randn(4, 9, 512, generator=torch.Generator().manual_seed(1))
    example[:, :, 7] *= 30
    return Subject(
        title="Wide",
        weights_sha256="c" * 64,
        module=Wide().eval(),
        example=example,
        judge=lambda outputs: torch.sigmoid(outputs[0]).numpy().astype(np.float64),
    )


def test_eight_bits_answer_nearly_as_torch(tmp_path: Path) -> None:
    if "openvino-int8" not in offered("cpu"):
        pytest.skip("openvino is not installed")
    subject = wide()
    way = build("openvino-int8", subject.module, subject.example, (0,), "cpu", tmp_path / "export")
    with torch.inference_mode():
        expected = subject.module(subject.example)
    (answer,) = way(subject.example)
    assert not torch.equal(answer, expected)
    np.testing.assert_allclose(answer.numpy(), expected.numpy(), atol=0.04)
    plain = build("openvino", subject.module, subject.example, (0,), "cpu", tmp_path / "export")
    np.testing.assert_allclose(plain(subject.example)[0].numpy(), expected.numpy(), atol=1e-5)
    sizes = {p.name: p.stat().st_size for p in tmp_path.glob("*.bin")}
    assert sizes["export.openvino-int8.bin"] < 0.3 * sizes["export.openvino.bin"]


def test_eight_bits_are_for_large_products_only(subject: Subject, tmp_path: Path) -> None:
    assert suits("openvino-int8", wide().module)
    assert not suits("openvino-int8", subject.module)
    assert suits("openvino", subject.module)
    if "openvino-int8" in offered("cpu"):
        forward(subject, settings(tmp_path, "openvino-int8"), "cpu")
        assert notes(tmp_path)[0]["backend"] == "torch"


def test_reduced_precision_is_judged_where_it_would_show_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A logit that moves by .2 at P = .999 is a difference of .0002 there, and of .05 at one half."""
    ways = {name: (lambda x, by=by: (torch.full((4,), 7.0 + by, dtype=torch.float64),)) for name, by in AT_THE_END}
    monkeypatch.setattr(backends, "build", lambda name, *_: ways[name])
    monkeypatch.setattr(backends, "offered", lambda _: tuple(ways))
    for name, kept in (("openvino-int8", "torch"), ("openvino", "openvino")):
        forward(wide(), settings(tmp_path / name, name), "cpu")
        assert notes(tmp_path / name)[0]["backend"] == kept


AT_THE_END = (("torch", 0.0), ("openvino", 0.2), ("openvino-int8", 0.2))


def test_only_the_export_that_is_used_is_kept(tmp_path: Path) -> None:
    if "openvino" not in offered("cpu"):
        pytest.skip("openvino is not installed")
    forward(wide(), settings(tmp_path), "cpu")
    best = notes(tmp_path)[0]["backend"]
    exports = [p.name for p in (tmp_path / "backends").iterdir() if p.suffix != ".json"]
    assert all(f".{best.removesuffix('-bfloat16')}." in name for name in exports)


def test_bfloat16_is_made_from_the_export_in_full_precision(subject: Subject, tmp_path: Path) -> None:
    if "openvino" not in offered("cpu"):
        pytest.skip("openvino is not installed")
    file = tmp_path / "export"
    for name in ("openvino", "openvino-bfloat16"):
        build(name, subject.module, subject.example, subject.free, "cpu", file)
    assert {p.name for p in tmp_path.iterdir()} == {"export.openvino.xml", "export.openvino.bin"}
    engines.only_kept("openvino-bfloat16", file)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("pass_s", "passes"), [(0.05, 4), (3.0, 2)])
def test_only_passes_after_the_first_are_timed(pass_s: float, passes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first pass takes what an engine makes at first use: here ten times as long."""
    now = [0.0]

    def way(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        calls.append(now[0])
        now[0] += pass_s * (10 if len(calls) == 1 else 1)
        return (x,)

    calls: list[float] = []
    monkeypatch.setattr("core.runtime.backends.time.perf_counter", lambda: now[0])
    assert backends.timed(way, torch.zeros(2))[1] == pytest.approx(pass_s)
    assert len(calls) == passes


def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    seen: list[str] = []

    def write(fresh: Path) -> None:
        fresh.write_text("half")
        engines.only_kept("torch", tmp_path / "export")
        seen.extend(p.name for p in tmp_path.iterdir())

    engines._written(tmp_path / "export.openvino.xml", write)
    assert len(seen) == 1 and [p.name for p in tmp_path.iterdir()] == ["export.openvino.xml"]
    engines.only_kept("torch", tmp_path / "export")
    assert not list(tmp_path.iterdir())
