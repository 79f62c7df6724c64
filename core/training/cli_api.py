"""What the command line calls: train, export, calibrate, evaluate."""

from __future__ import annotations

import json
from pathlib import Path

from core.registry import Card
from core.settings import SHIPPED_WEIGHTS
from core.training.calibrate import calibrate as fit
from core.training.calibrate import calibration_set
from core.training.cards import card_path, read_card, update_card
from core.training.config import read_config
from core.training.evaluate import DOCS, markdown
from core.training.evaluate import evaluate as measure
from core.training.export import export as write
from core.training.prepare import prepare
from core.training.train import train


def run(config_path: Path, *, data: Path, out: Path, resume: bool = True) -> Path:
    """Train a configuration; returns the best weights (float32 safetensors in ``out``).

    Args:
        config_path: a file of ``configs/training``.
        data: data root with ``manifest.csv``.
        out: folder of the run (checkpoint, history, weights); face crops are kept beside it.
        resume: go on from the checkpoint in ``out`` if there is one.
    """
    config = read_config(config_path)
    return train(config, prepare(config, data, store_of(out)), out, resume=resume)


def store_of(out: Path) -> Path:
    """Where face crops are kept for a run folder: shared by all runs beside it."""
    return out.parent / "crops"


def export(config_path: Path, *, out: Path) -> Card:
    """Write weights, manifest entry and card of the run in ``out``."""
    return write(read_config(config_path), out, config_file=config_path.as_posix())


def calibrate(config_path: Path, *, data: Path, out: Path) -> Card:
    """Fit the calibration of the exported detector and write it into its card."""
    config = read_config(config_path)
    path = card_path(config.id)
    known = calibration_set(config, data, store_of(out))
    return update_card(path, calibration=fit(read_card(path), known, SHIPPED_WEIGHTS).model_dump(mode="json"))


def evaluate(config_path: Path, *, data: Path, out: Path) -> Card:
    """Measure the exported detector; writes its card and ``docs/measured/<id>.{json,md}``."""
    command = f"python -m core.cli evaluate {config_path.as_posix()}"
    card, facts = measure(read_config(config_path), data, store_of(out), command=command)
    DOCS.mkdir(parents=True, exist_ok=True)
    (DOCS / f"{card.id}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    (DOCS / f"{card.id}.md").write_text(markdown(card, facts), encoding="utf-8")
    return card
