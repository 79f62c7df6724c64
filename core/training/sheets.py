"""Contact sheets of the worst errors on held-out people: what to look at before training again."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from core.detectors.base import load_detector
from core.fusion.calibration import calibrated
from core.runtime.batching import run_batched
from core.settings import SHIPPED_WEIGHTS
from core.training.calibrate import BATCH
from core.training.cards import card_path, read_card
from core.training.config import TrainConfig
from core.training.heldout import held_out, thinned
from core.training.validation import ValidationSet, make_validation

_CAPTION_PX = 14
PICTURES = 600


def worst(known: ValidationSet, p: npt.NDArray[np.float64], count: int) -> tuple[list[int], list[int]]:
    """(reals with the highest, fakes with the lowest P(fake)), the worst first."""
    order = np.argsort(p)
    reals = [int(i) for i in order[::-1] if not known.fake[i]]
    fakes = [int(i) for i in order if known.fake[i]]
    return reals[:count], fakes[:count]


def sheet(
    known: ValidationSet, p: npt.NDArray[np.float64], chosen: list[int], columns: int = 8
) -> npt.NDArray[np.uint8]:
    """The chosen pictures with P(fake), method and source below each, as one uint8[H, W, 3]."""
    size = known.pixels.shape[1]
    rows = -(-len(chosen) // columns)
    out = np.full((rows * (size + 2 * _CAPTION_PX), columns * size, 3), 255, dtype=np.uint8)
    for number, index in enumerate(chosen):
        y, x = (number // columns) * (size + 2 * _CAPTION_PX), (number % columns) * size
        out[y : y + size, x : x + size] = known.pixels[index]
        for line, text in enumerate((f"{p[index]:.2f} {known.method[index]}", str(known.source[index]))):
            place = (x + 2, y + size + _CAPTION_PX * (line + 1) - 4)
            cv2.putText(out, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return out


def write_sheets(config: TrainConfig, data: Path, store: Path, out: Path, count: int = 32) -> list[Path]:
    """Write ``false-alarms.png`` and ``misses.png`` of the shipped detector of ``config`` into ``out``."""
    card = read_card(card_path(config.id))
    known = make_validation(thinned(held_out(config, data, store), PICTURES), config)
    detector = load_detector(card, SHIPPED_WEIGHTS / card.weights.file, "cpu")
    p = calibrated(run_batched(detector.logits, known.pixels, BATCH), card.calibration, known.pixels)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, chosen in zip(("false-alarms", "misses"), worst(known, p, count), strict=True):
        written.append(out / f"{name}.png")
        cv2.imwrite(str(written[-1]), sheet(known, p, chosen)[:, :, ::-1])
    return written
