"""The commands on training files of voices."""

from __future__ import annotations

import json
from pathlib import Path

from core.registry import AudioSpec, Card
from core.settings import SHIPPED_WEIGHTS
from core.training.cards import card_path, read_card, update_card
from core.training.export import ship_card, ship_weights
from core.training.tasks import TaskConfig, read_task, run
from core.types import Modality

__all__ = ["calibrate", "evaluate", "export", "run"]

IMPLEMENTATION = "core.detectors.own_audio:VoiceDetector"
LICENCE = "MIT; the licences of the training voices are named under trained_on"


def export(config_path: Path, *, out: Path) -> Card:
    """Write weights, manifest entry and card of the run in ``out``."""
    config = read_task(config_path)
    spec = ship_weights(config, out, licence=LICENCE, config_file=config_path.as_posix())
    return ship_card(_card(config, spec.model_copy(update={"trained_on": _trained_on(config, out)})))


def _card(config: TaskConfig, spec: object) -> Card:
    return Card.model_validate(
        {
            "id": config.id,
            "title": config.title,
            "family": "voice",
            "modality": Modality.AUDIO,
            "implementation": IMPLEMENTATION,
            "architecture": config.model.architecture,
            "options": config.options,
            "summary": config.summary,
            "audio": AudioSpec(samples=config.samples, overlap=0.5),
            "weights": spec,
        }
    )


def _trained_on(config: TaskConfig, out: Path) -> str:
    """What it heard, of which fakes, and for how long."""
    data = out / "data.json"
    text = json.loads(data.read_text(encoding="utf-8"))["text"] if data.is_file() else "Real voices."
    history = out / "history.json"
    rows = json.loads(history.read_text(encoding="utf-8")) if history.is_file() else []
    share = sum(config.fakes.values())
    fakes = ", ".join(f"{name} {weight / share:.0%}" for name, weight in config.fakes.items())
    best = max(rows, key=lambda row: row["auc"], default=None)
    done = f"{best['epoch'] + 1} epochs of {config.optim.pairs_per_epoch} pairs" if best else "unknown epochs"
    return f"{text} Fakes: {fakes}. {done}."


def calibrate(config_path: Path, *, data: Path, store: Path) -> Card:
    """Fit the calibration of the exported detector on the calibration split and write it into its card."""
    from core.training.audio_evaluate import calibration_voices, fit

    config = read_task(config_path)
    path = card_path(config.id)
    card = read_card(path)
    found = fit(card, SHIPPED_WEIGHTS, calibration_voices(config, data, store))
    return update_card(path, calibration=found.model_dump(mode="json"))


def evaluate(config_path: Path, *, data: Path, store: Path, html: Path) -> Card:
    """Measure the exported detector; writes its card, ``docs/measured/<id>.{json,md}`` and the report ``html``."""
    from core.training.audio_evaluate import measure
    from core.training.evaluate import write

    command = f"python -m core.cli evaluate {config_path.as_posix()}"
    found = measure(read_task(config_path), data, store, command=command)
    write(found, html)
    return found.card
