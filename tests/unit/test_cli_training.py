"""The training commands reach what trains and measures, and say what is missing."""

from __future__ import annotations

import logging
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.cli import main
from core.commands.common import rates
from core.registry import ensemble


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def run(config: Path, *, data: Path, out: Path, store: Path, resume: bool) -> Path:
        calls.append(("train", config, data, out, store, resume))
        return out / "best"

    metric = SimpleNamespace(name="AUC", value=0.91, low=0.8, high=0.95, n=7, dataset="set")

    def evaluate(config: Path, *, data: Path, store: Path, html: Path) -> Any:
        calls.append(("evaluate", config, data, store, html))
        return SimpleNamespace(measured=(metric,))

    def export(config: Path, *, out: Path) -> Any:
        calls.append(("export", config, out))
        return SimpleNamespace(weights=SimpleNamespace(file="x.safetensors"))

    def calibrate(config: Path, *, data: Path, store: Path) -> Any:
        calls.append(("calibrate", config, data, store))
        return SimpleNamespace(calibration=SimpleNamespace(name="Platt, n=100"))

    def data_report(data: Path, *, json_file: Path | None) -> tuple[str, bool]:
        calls.append(("data", data, json_file))
        return "the report", json_file is not None

    def compare(configs: list[Path], *, ensemble: str, html: Path | None) -> str:
        calls.append(("compare", configs, ensemble, html))
        return "the table"

    def thresholds(ensemble: str, **more: Any) -> str:
        calls.append(("thresholds", ensemble, more))
        return "0.9"

    def leave_one_out(config: Path, **more: Any) -> str:
        calls.append(("leave-one-out", config, more))
        return "all"

    def sheets(config: Path, *, data: Path, store: Path, out: Path) -> list[Path]:
        calls.append(("sheets", config, data, store, out))
        return [out / "misses.png"]

    functions = (run, evaluate, export, calibrate, data_report, compare, thresholds, leave_one_out, sheets)
    api = SimpleNamespace(**{function.__name__: function for function in functions})
    monkeypatch.setitem(sys.modules, "core.training", SimpleNamespace(cli_api=api))
    monkeypatch.setitem(sys.modules, "core.training.cli_api", api)
    (tmp_path / "c.yaml").write_text("id: c")
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "manifest.csv").write_text("path\n")
    return calls


def test_training_commands_reach_the_trainer(
    trainer: list[tuple[Any, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config, media = tmp_path / "c.yaml", tmp_path / "media"
    assert main(["train", str(config), "--data", str(media), "--out", "o", "--fresh"]) == 0
    assert logging.getLogger("core").level == logging.INFO
    monkeypatch.setenv("UNMASK_TRAINING_DATA", str(media))
    for command in ("train", "export", "calibrate", "evaluate"):
        assert main([command, str(config)]) == 0
    runs = Path("runs/c")
    assert trainer == [
        ("train", config, media, Path("o"), Path("crops"), False),
        ("train", config, media, runs, Path("runs/crops"), True),
        ("export", config, runs),
        ("calibrate", config, media, Path("runs/crops")),
        ("evaluate", config, media, Path("runs/crops"), runs / "report.html"),
    ]
    out = capsys.readouterr().out
    assert out.endswith("x.safetensors\nPlatt, n=100\nAUC 0.910 [0.800, 0.950] n=7 set\n")


def test_several_detectors_are_measured_each_with_its_own_report(
    trainer: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, media = tmp_path / "c.yaml", tmp_path / "d.yaml", str(tmp_path / "media")
    second.write_text("id: d")
    assert main(["evaluate", str(first), str(second), "--data", media, "--store", "s"]) == 0
    assert [call[3:] for call in trainer] == [(Path("s"), Path(f"runs/{name}/report.html")) for name in "cd"]
    assert main(["evaluate", str(first), str(second), "--data", media, "--html", "x.html"]) == 2
    assert "belong to one detector" in capsys.readouterr().err
    assert len(trainer) == 2


def test_what_is_made_of_measured_detectors(trainer: list[tuple[Any, ...]], tmp_path: Path) -> None:
    config, media = tmp_path / "c.yaml", tmp_path / "media"
    here = ["--data", str(media)]
    assert main(["compare", str(config)]) == 0
    assert main(["thresholds", "default", *here, "--alpha", "0.1"]) == 0
    assert main(["leave-one-out", str(config), *here, "--epochs", "2", "--methods", "swap", "mouth"]) == 0
    assert main(["sheets", str(config), *here]) == 0
    before = ensemble("default").fit
    assert before is not None
    fit = {"false_alarms": before.false_alarms, "alpha": 0.1, "never_real": False}
    out, store = Path("runs/c"), Path("runs/crops")
    assert trainer == [
        ("compare", [config], "default", None),
        ("thresholds", "default", {"data": media, "store": store, **fit}),
        (
            "leave-one-out",
            config,
            {"data": media, "out": out, "store": store, "epochs": 2, "methods": ["swap", "mouth"]},
        ),
        ("sheets", config, media, store, out / "sheets"),
    ]
    assert main(["compare", str(tmp_path / "none.yaml")]) == 2
    with pytest.raises(SystemExit):
        main(["thresholds", "default", *here, "--alpha", "2"])


def test_rates_that_are_not_given_stay_as_the_preset_was_fitted_for() -> None:
    def said(name: str, **given: float | None) -> dict[str, float]:
        return rates(Namespace(ensemble=name, **({"false_alarms": None, "alpha": None} | given)))

    assert ensemble("forensics4").fit is None
    assert said("forensics4") == {"false_alarms": 0.01, "alpha": 0.05}
    assert said("forensics4", alpha=0.2) == {"false_alarms": 0.01, "alpha": 0.2}
    assert said("default", false_alarms=0.02)["false_alarms"] == 0.02
    fit = ensemble("default").fit
    assert fit is not None and fit.false_alarms != 0.01
    assert said("default")["false_alarms"] == fit.false_alarms


def test_the_data_report_ends_with_one_where_splits_are_not_clean(
    trainer: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    media = str(tmp_path / "media")
    assert main(["data", "report", "--data", media]) == 1
    assert capsys.readouterr().out == "the report\n"
    assert main(["data", "report", "--data", media, "--json", "r.json"]) == 0
    assert trainer[1] == ("data", tmp_path / "media", Path("r.json"))


def test_training_without_config_or_data_says_so(
    trainer: list[tuple[Any, ...]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(tmp_path / "none.yaml")]) == 2
    assert "no training configuration" in capsys.readouterr().err
    assert main(["train", str(tmp_path / "c.yaml"), "--data", str(tmp_path / "nowhere")]) == 2
    assert "--data FOLDER" in capsys.readouterr().err
    assert trainer == []
