"""The commands on training files of clips and of what a frame detector makes of their frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.detectors.clip import load_clip_detector
from core.registry import Card, ClipSpec, WeightsFile
from core.runtime.batching import run_batched
from core.settings import SHIPPED_WEIGHTS
from core.training.calibrate import calibrate_plainly
from core.training.cards import card_path, read_card, update_card
from core.training.export import ship_card, ship_weights
from core.training.tasks import TaskConfig, read_task, run
from core.types import Modality

__all__ = ["calibrate", "evaluate", "export", "run"]

IMPLEMENTATION = "core.detectors.clip:ClipDetector"
_BATCH = 8
# Options of a network that only its training knows.
_TRAINING_ONLY = {"trunk_file", "drop_frames", "frozen"}


def export(config_path: Path, *, out: Path) -> Card:
    """Write weights, manifest entry and card of the run in ``out``.

    Raises:
        WeightsMissingError: the run has no weights yet.
    """
    config = read_task(config_path)
    spec = ship_weights(config, out, SHIPPED_WEIGHTS, licence=_licence(config), config_file=config_path.as_posix())
    frame = read_card(card_path(config.frame_detector)).weights if config.frame_detector else None
    if frame is not None:
        file = WeightsFile(file=frame.file, sha256=frame.sha256, size_bytes=frame.size_bytes)
        spec = spec.model_copy(update={"more": (file,)})
    card = Card(
        id=config.id,
        title=config.title,
        family="face over time",
        modality=Modality.CLIP,
        implementation=IMPLEMENTATION,
        architecture=config.model.architecture,
        options={key: value for key, value in config.options.items() if key not in _TRAINING_ONLY},
        summary=config.summary,
        input=config.input,
        clip=clip_spec(config),
        weights=spec,
    )
    return ship_card(card, SHIPPED_WEIGHTS, card_path(config.id))


def clip_spec(config: TaskConfig) -> ClipSpec:
    """How a detector is fed that was trained by ``config``."""
    clip = config.clip
    return ClipSpec(
        frames=clip.frames, stride=min(clip.strides), windows=clip.looks, frame_detector=config.frame_detector
    )


def _licence(config: TaskConfig) -> str:
    text = "MIT"
    trunk = config.options.get("trunk_file")
    if trunk is not None:
        frames = read_card(card_path(Path(str(trunk)).stem))
        text += (
            f"; frames are seen with the weights of {frames.id} ({frames.weights.licence.split('; the licences')[0]})"
        )
    return text + "; the licences of the training clips are named under trained_on"


def calibrate(config_path: Path, *, data: Path, store: Path) -> Card:
    """Fit the calibration of the exported detector and write it into its card.

    Raises:
        TooFewError: the calibration split has fewer than 50 windows.
    """
    from core.training.clip_sets import calibration_set, for_input

    config = read_task(config_path)
    path = card_path(config.id)
    card = read_card(path)
    known = for_input(calibration_set(config, data, store), config.input)
    detector = load_clip_detector(card, SHIPPED_WEIGHTS / card.weights.file, "cpu")
    logit = run_batched(detector.logits, known.pixels, _BATCH)
    fit = calibrate_plainly(card, logit.astype(np.float64), known)
    return update_card(path, calibration=fit.model_dump(mode="json"))


def evaluate(config_path: Path, *, data: Path, store: Path, html: Path) -> Card:
    """Measure the exported detector; writes its card, ``docs/measured/<id>.{json,md}`` and the report ``html``."""
    from core.training.clip_evaluate import measure
    from core.training.evaluate import write

    command = f"python -m core.cli evaluate {config_path.as_posix()}"
    found = measure(read_task(config_path), data, store, command=command)
    write(found, html)
    return found.card
