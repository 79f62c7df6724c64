"""A detector of clips from its training file to a card with calibration and figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from core.faces.align import template
from core.registry import Card
from core.settings import CONFIGS
from core.training import clip_commands, clip_evaluate
from core.training.cards import read_card
from core.training.config import config_values
from core.training.data import tracks
from core.training.data.faces import Found
from core.training.golden import golden_logit
from core.training.tables import CALIBRATION, HELD_OUT, INPUT_COMPRESSED
from core.training.tasks import read_task
from tests.media import talking, write_clip


class _Finder:
    """Stands in for the face finder: a face in the middle."""

    def largest_each(self, frames: list[np.ndarray]) -> list[Found]:
        side = min(frames[0].shape[:2])
        points = template(side // 2, 1.0) + side // 4
        box = np.array([side // 4, side // 4, 3 * side // 4, 3 * side // 4], np.float32)
        return [Found(box, points.astype(np.float32), 0.99) for _ in frames]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people to train and to choose by, three to calibrate with, one real and one fake clip to test on."""
    root = tmp_path_factory.mktemp("data")
    lines = ["path,modality,label,method,source,split,licence,sha256"]
    kinds = ["train,real,pristine"] * 6 + ["calib,real,pristine"] * 3 + ["test,real,pristine", "test,fake,Puppet"]
    for i, kind in enumerate(kinds):
        split, label, method = kind.split(",")
        write_clip(root / f"person{i}.mp4", talking(1.6 if split == "calib" else 0.6, 25, 64, i, i % 2), 25)
        lines.append(f"person{i}.mp4,video,{label},{method},s,{split},free,{i:064x}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small training file; weights, cards and documents go to a folder of the test."""
    values = config_values(CONFIGS / "training" / "clips" / "clip-space-time-vit.yaml")
    values |= {
        "processes": 1,
        "fakes": {"flicker": 1, "shuffled": 1},
        "clip": {"frames": 3, "strides": [1], "windows": 3, "looks": 2},
        "options": {"width": 16, "space_layers": 1, "time_layers": 1, "heads": 2, "drop_frames": 0.1},
    }
    values["input"] |= {"size": 32, "via": 64}
    values["model"] = {"architecture": "space-time-vit-slim"}
    values["data"] |= {"split_file": str(tmp_path / "split.json"), "validation_share": 0.4}
    values["optim"] |= {"epochs": 1, "pairs_per_epoch": 4, "pairs_per_batch": 2}
    path = tmp_path / "clip-space-time-vit.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    monkeypatch.setattr(tracks, "Finder", _Finder)
    for module in (clip_commands, clip_evaluate):
        monkeypatch.setattr(module, "SHIPPED_WEIGHTS", tmp_path / "weights")
        monkeypatch.setattr(module, "card_path", lambda name: tmp_path / f"{name}-card.yaml")
    return path


def test_from_training_to_figures(config: Path, data: Path, tmp_path: Path) -> None:
    store, out = tmp_path / "crops", tmp_path / "run"
    clip_commands.run(config, data=data, out=out, store=store)
    made = clip_commands.export(config, out=out)
    _exported(made, tmp_path)
    fitted = clip_commands.calibrate(config, data=data, store=store)
    assert fitted.calibration is not None
    assert fitted.calibration.people == 3 and fitted.calibration.n_real == fitted.calibration.n_fake >= 50
    assert "of 3 people" in fitted.calibration.name
    found = clip_evaluate.measure(read_task(config), data, store, command="evaluate")
    _measured(found.card, found.facts)


def _exported(card: Card, folder: Path) -> None:
    assert card.clip is not None and (card.clip.frames, card.clip.stride, card.clip.windows) == (3, 1, 2)
    assert card.options == {"width": 16, "space_layers": 1, "time_layers": 1, "heads": 2}
    assert card == read_card(folder / f"{card.id}-card.yaml")
    manifest = json.loads((folder / "weights" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest[card.id]["sha256"] == card.weights.sha256
    assert card.golden is not None
    logit = golden_logit(card, folder / "weights" / card.weights.file, card.golden.seed)
    assert logit == pytest.approx(card.golden.logit, abs=card.golden.tolerance)
    assert "windows of real faces" in card.weights.trained_on


def _measured(card: Card, facts: dict[str, object]) -> None:
    files = facts["files"]
    assert isinstance(files, list) and len(files) == 2
    assert all(0.0 <= row["p_fake"] <= 1.0 and row["faces"] == 2 for row in files)
    figures = facts["figures"]
    assert isinstance(figures, list)
    groups = {figure["group"] for figure in figures}
    assert {HELD_OUT, CALIBRATION, INPUT_COMPRESSED, clip_evaluate.ORDER} <= groups
    names = {figure["name"] for figure in figures if figure["group"] == clip_evaluate.ORDER}
    assert "rise of unrest, frames shuffled" in names
    assert any(metric.name == "AUC" and metric.dataset == HELD_OUT for metric in card.measured)
