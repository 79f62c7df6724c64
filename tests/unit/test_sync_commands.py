"""Export, calibration and figures of the network of lips and speech, on drawn data and untrained weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.detectors.lip_sync import LipSyncDetector
from core.errors import WeightsMissingError
from core.networks.lip_sync import LipSync
from core.settings import CONFIGS
from core.sync.lips import FPS, Lips
from core.sync.mouth import MouthMotion
from core.training import lip_sync_card as commands
from core.training import sync_evaluate
from core.training.cards import read_card
from core.training.data.manifest import Item
from core.training.data.talking import Talk
from core.training.lip_sync import fold_file, read_lip_sync
from core.types import AudioClip
from tests.media import loudness, voice

CONFIG = CONFIGS / "training" / "sync" / "lip-sync.yaml"
SECONDS = 20.0


def talk(number: int, *, fake: bool = False) -> Talk:
    """Somebody whose mouth opens as the sound is loud; a forged one does so at random."""
    item = Item(f"{number}.mp4", f"{number:064d}", "video", fake, "m", "s", f"person{number}", "train", "MIT")
    frames = round(SECONDS * FPS)
    times = np.asarray((np.arange(frames) + 0.5) / FPS, np.float64)
    opening = np.asarray(np.gradient(loudness(times, number + 50 * fake)) * FPS, np.float64)[:200]
    crops = np.random.default_rng(number).integers(0, 256, (frames, 80, 80)).astype(np.uint8)
    audio = AudioClip(voice(SECONDS, 16_000, number), 16_000)
    return Talk(item, (Lips(crops, 0.0),), (MouthMotion(times[:200], np.abs(opening), opening, FPS),), audio)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folders of its own for everything that is written, and drawn clips for everything that is read."""
    talks = [talk(i) for i in range(5)]
    folds = {t.item.sha256: i % 5 for i, t in enumerate(talks)}
    shutil.copy(CONFIGS / "detectors" / "lip-sync.yaml", tmp_path / "lip-sync.yaml")
    monkeypatch.setattr(commands, "card_path", lambda name: tmp_path / f"{name}.yaml")
    monkeypatch.setattr(commands, "SHIPPED_WEIGHTS", tmp_path / "weights")
    monkeypatch.setattr(commands, "DOCS", tmp_path)
    monkeypatch.setattr(commands, "talks_of", lambda *_: talks)
    monkeypatch.setattr(commands, "folds_of", lambda _: folds)
    monkeypatch.setattr(commands, "_others", lambda data, store, fake: [talk(8, fake=fake), talk(9, fake=fake)])
    rows = np.random.default_rng(0).normal(size=(2000, 128)).astype(np.float32)
    monkeypatch.setattr(LipSyncDetector, "embed_mouths", lambda self, crops: rows[: len(crops)])
    monkeypatch.setattr(LipSyncDetector, "embed_voices", lambda self, sound: rows[: len(sound) // 640])
    monkeypatch.setattr(sync_evaluate, "SHIFTS_MS", (-280, 400))
    monkeypatch.setattr(sync_evaluate, "FOREIGN", 2)
    return tmp_path


def trained(out: Path) -> Path:
    config = read_lip_sync(CONFIG)
    out.mkdir()
    (out / "data.json").write_text(json.dumps({"text": "3 minutes of drawn clips."}))
    torch.manual_seed(0)
    state = LipSync(config.width, config.kernel).state_dict()
    for file in (out / "best.safetensors", *(fold_file(out, i) for i in range(5))):
        save_file(state, file)
    return out


def test_from_a_run_to_a_measured_card(place):
    trained(place / "lip-sync")
    folders = {"data": place, "store": place / "crops"}
    card = commands.export(CONFIG, out=place / "lip-sync")
    assert card.weights.size_bytes == (place / "weights" / "lip-sync.safetensors").stat().st_size
    assert "drawn clips" in card.weights.trained_on
    assert json.loads((place / "weights" / "manifest.json").read_text())["lip-sync"]["sha256"] == card.weights.sha256
    card = commands.calibrate(CONFIG, **folders)
    assert card.calibration is not None
    assert card.calibration.n_real >= 50
    card = commands.evaluate(CONFIG, **folders, html=place / "x.html")
    assert read_card(place / "lip-sync.yaml") == card
    assert {m.name for m in card.measured} >= {"AUC, sound of other clips", "AUC, new lips (test split)"}
    facts = json.loads((place / "lip-sync.json").read_text())
    plain = {m["name"]: m for m in facts["correlation alone"]}
    assert plain["shifts of up to 400 ms found within one frame"]["value"] > 0.9
    assert plain["AUC, sound of other clips"]["value"] > 0.8
    assert "| Measure | Value | Interval | n | Data |" in (place / "lip-sync.md").read_text()


def test_what_was_not_trained_is_not_exported(place):
    with pytest.raises(WeightsMissingError, match="no trained weights"):
        commands.export(CONFIG, out=place / "nothing")
    with pytest.raises(WeightsMissingError, match="is missing"):
        commands.calibrate(CONFIG, data=place, store=place / "crops")
