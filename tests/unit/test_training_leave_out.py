"""Leave-one-method-out: trained without, measured on, resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.errors import ConfigError
from core.faces.align import template
from core.training import leave_out, train
from core.training.config import TrainConfig
from core.training.data.crops import STORE_PX, STORE_SCALE, CropRow, Crops
from core.training.leave_out import Plan, leave_one_out, markdown, mean_auc, without
from core.training.prepare import Prepared

POINTS = tuple((float(x), float(y)) for x, y in template(STORE_PX, STORE_SCALE))


def people(n: int, prefix: str) -> Crops:
    rng = np.random.default_rng(n)
    coarse = rng.integers(40, 216, (n, 8, 8, 3), dtype=np.uint8)
    pixels = np.stack([cv2.resize(c, (STORE_PX, STORE_PX), interpolation=cv2.INTER_CUBIC) for c in coarse])
    rows = tuple(
        CropRow(f"{prefix}{i}", 0.0, False, "pristine", "lfw", f"{prefix}{i}", "train", "image", 70.0, POINTS)
        for i in range(n)
    )
    return Crops(pixels.astype(np.uint8), rows)


def config(**changes: Any) -> TrainConfig:
    facts: dict[str, Any] = {
        "id": "tiny",
        "title": "Tiny",
        "summary": "For tests.",
        "input": {"size": 64},
        "data": {"workers": 0},
        "fakes": {"up-sampling": 1, "self-blend": 1},
        "model": {"architecture": "test_resnet"},
        "optim": {"epochs": 1, "pairs_per_epoch": 8, "pairs_per_batch": 4, "lr": 2e-3, "restart_epochs": 5},
    }
    return TrainConfig.model_validate(facts | changes)


def test_the_left_out_method_is_met_nowhere() -> None:
    distilled = config(model={"architecture": "test_resnet", "teachers": ["big"]})
    less = without(distilled, "self-blend", epochs=3)
    assert less.fakes == {"up-sampling": 1}
    assert (less.optim.epochs, less.optim.restart_epochs, less.optim.distil) == (3, 0, 0.0)
    assert less.model.teachers == ()
    assert without(distilled, "self-blend").optim.restart_epochs == 5
    assert len({distilled.digest, less.digest, without(distilled, "up-sampling", 3).digest}) == 3
    with pytest.raises(ConfigError, match="'swap' cannot be left out"):
        without(distilled, "swap")
    with pytest.raises(ConfigError):
        without(less, "up-sampling")


def test_weights_that_have_met_the_method_are_no_start() -> None:
    went_on = config(model={"architecture": "test_resnet", "start": "checkpoint", "start_file": "a.safetensors"})
    with pytest.raises(ConfigError, match="trained with all methods"):
        without(went_on, "self-blend")


def test_short_runs_warm_up_shortly() -> None:
    assert config().optim.warmup_steps > 1
    assert without(config(), "self-blend", epochs=3).optim.warmup_steps == 1


def test_each_method_is_trained_without_and_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = Prepared(people(6, "t"), people(8, "v"), {"lfw": "free"})
    document = tmp_path / "docs" / "tiny-leave-one-out.json"
    trained: list[tuple[str, ...]] = []
    real = train.train

    def counted(config: TrainConfig, *args: Any, **more: Any) -> Path:
        trained.append(tuple(config.fakes))
        return real(config, *args, **more)

    monkeypatch.setattr(train, "train", counted)
    plan = Plan(config(), ("self-blend",), 1, "the command")
    facts = leave_one_out(plan, prepared, tmp_path / "runs", document)
    assert facts["mean"] is None, "one of two methods is not all"
    assert "no mean" in document.with_suffix(".md").read_text()
    plan = Plan(config(), ("self-blend", "up-sampling"), 1, "the command")
    facts = leave_one_out(plan, prepared, tmp_path / "runs", document)
    assert trained == [("up-sampling",), ("self-blend",)], "what is known is not trained again"
    assert json.loads(document.read_text()) == facts
    values = [facts["methods"][m]["auc"] for m in ("self-blend", "up-sampling")]
    assert facts["mean"]["value"] == pytest.approx(np.mean(values), abs=2e-4)
    assert facts["mean"]["low"] <= facts["mean"]["value"] <= facts["mean"]["high"]
    assert facts["methods"]["self-blend"]["n"] == 16
    text = document.with_suffix(".md").read_text()
    assert "| self-blend |" in text and "| mean |" in text and "`the command`" in text
    longer = Plan(config(), ("self-blend",), 2, "the command")
    leave_one_out(longer, prepared, tmp_path / "runs", document)
    assert len(trained) == 3, "another configuration is trained"


def test_mean_is_over_methods_and_its_interval_over_persons() -> None:
    rng = np.random.default_rng(0)
    who = [f"p{i}" for i in range(30)]
    rows = {m: {"p_fake": (np.tile([0.4, 0.6], 30) + rng.normal(0, s, 60)).tolist()} for m, s in (("a", 0.1), ("b", 1))}
    facts = {"identities": who, "methods": rows}
    both = mean_auc(facts, ["a", "b"])
    assert both is not None
    assert both["n"] == 120
    alone = [mean_auc(facts, [m]) for m in "ab"]
    assert both["value"] == pytest.approx(np.mean([one["value"] for one in alone if one]), abs=1e-4)
    assert mean_auc(facts, ["a", "c"]) is None


def test_a_damaged_document_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{")
    prepared = Prepared(people(2, "t"), people(2, "v"), {})
    with pytest.raises(ConfigError, match="not readable JSON"):
        leave_one_out(Plan(config(), (), None, "c"), prepared, tmp_path, path)
    assert leave_out.ROUNDS >= 500
    assert "no mean" in markdown({"detector": "d", "command": "c", "methods": {}})
