"""Thresholds of a preset, fitted on the calibration split: real faces and pseudo-fakes made of them.

True generators are never tuned on: how the thresholds do on them is only measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from core.detectors.base import load_detector
from core.errors import ConfigError, NotFoundError
from core.fusion.calibration import calibrated
from core.registry import Card, Ensemble, ThresholdFit
from core.runtime.batching import run_batched
from core.settings import CONFIGS, SHIPPED_WEIGHTS
from core.training.calibrate import BATCH, MIN_PER_CLASS, TooFewError, calibration_crops
from core.training.cards import card_path, read_card
from core.training.config import TrainConfig, read_config
from core.training.data.testset import digest
from core.training.fused import fused_all, restricted
from core.training.heldout import neutral
from core.training.validation import ValidationSet, make_validation
from core.types import Modality

SEED = 4
# Thresholds are written with four digits; a bound is moved by one of them where an item would stand on it.
_STEP = 1e-4


@dataclass(frozen=True, slots=True)
class Band:
    """P(fake) >= ``fake`` reads fake, <= ``real`` reads real. ``false_alarms`` and ``misses`` are the shares of reals
    called fake and of fakes called real among the items of the fit, ``uncertain`` the share between."""

    fake: float
    real: float
    false_alarms: float
    misses: float
    uncertain: float


def fit_band(fake: npt.NDArray[np.bool_], p: npt.NDArray[np.float64], *, false_alarms: float, alpha: float) -> Band:
    """Split-conformal prediction per class (Vovk, 2012; Sadinle et al., 2019).

    A file is called fake where "real" is rejected at level ``false_alarms`` and "fake" is not at ``alpha``; real where
    it is the other way round; uncertain where both labels fit, or neither does. With exchangeable files at most that
    share of reals is called fake, and of fakes real. Where a class is too small for the level (fewer than 1 / level
    items), the bound is beyond its most extreme item: no such error among those at hand, but no promise.

    Args:
        fake: bool[N].
        p: float64[N], P(fake).

    Raises:
        TooFewError: fewer than 50 items of a class.
    """
    reals, fakes = np.sort(p[~fake])[::-1], np.sort(p[fake])
    if min(len(reals), len(fakes)) < MIN_PER_CLASS:
        raise TooFewError(
            f"Thresholds need {MIN_PER_CLASS} real and {MIN_PER_CLASS} fake items; there are {len(reals)} and "
            f"{len(fakes)}.",
            hint="Give more data.",
        )
    not_real = _above(float(reals[_rank(len(reals), false_alarms)]))
    not_fake = _below(float(fakes[_rank(len(fakes), alpha)]))
    upper, lower = max(not_real, not_fake), min(not_real, not_fake)
    return Band(
        fake=upper,
        real=lower,
        false_alarms=float(np.mean(reals >= upper)),
        misses=float(np.mean(fakes <= lower)),
        uncertain=float(np.mean((p > lower) & (p < upper))),
    )


def _rank(n: int, level: float) -> int:
    """Position, from the extreme end, of the item beyond which a label is rejected: its rank + 1 <= level (n + 1)."""
    return max(math.floor(level * (n + 1) + 1e-9) - 1, 0)


def _above(value: float) -> float:
    """The next threshold of four digits that ``value`` does not reach; at most 1."""
    up = round(math.ceil(value / _STEP) * _STEP, 4)
    return min(up if up > value else round(up + _STEP, 4), 1.0)


def _below(value: float) -> float:
    """The next threshold of four digits below ``value``; at least 0."""
    down = round(math.floor(value / _STEP) * _STEP, 4)
    return max(down if down < value else round(down - _STEP, 4), 0.0)


# --- the preset's answers ------------------------------------------------------------------------------------------


def frame_members(preset: Ensemble) -> list[Card]:
    """Cards of the members that look at faces; the others hear or watch and cannot answer on pictures."""
    cards = [read_card(card_path(m.detector)) for m in preset.members]
    return [card for card in cards if card.modality is Modality.IMAGE]


def calibration_sets(
    cards: Sequence[Card], configs: Sequence[TrainConfig], data: Path, store: Path
) -> dict[str, ValidationSet]:
    """The same calibration pictures, cut for each detector; pseudo-fakes of all methods that any was trained on."""
    methods = tuple(sorted({name for config in configs for name in config.fakes}))
    crops = calibration_crops(data, store, configs[0].data.frames_per_clip)
    sizes = {card.input: make_validation(crops, neutral(configs[0], card.input), seed=SEED, methods=methods)
             for card in cards}  # fmt: skip
    return {card.id: sizes[card.input] for card in cards}


def training_config(detector: str, folder: Path = CONFIGS / "training") -> TrainConfig:
    """The configuration that a detector was trained with.

    Raises:
        NotFoundError: there is none of that name.
    """
    path = folder / f"{detector}.yaml"
    if not path.is_file():
        raise NotFoundError(f"There is no training configuration for '{detector}'.", hint=f"It should be {path}.")
    return read_config(path)


def answers(cards: Sequence[Card], sets: Mapping[str, ValidationSet], weights: Path) -> dict[str, list[float]]:
    """Calibrated P(fake) of every picture by detector."""
    made = {}
    for card in cards:
        pixels = sets[card.id].pixels
        detector = load_detector(card, weights / card.weights.file, "cpu")
        logits = run_batched(detector.logits, pixels, BATCH)
        made[card.id] = calibrated(logits, card.calibration, pixels).tolist()
    return made


def fit(preset: Ensemble, data: Path, store: Path, *, false_alarms: float, alpha: float) -> tuple[Band, ThresholdFit]:
    """Thresholds of ``preset`` and what they were fitted on.

    Raises:
        ConfigError: the preset has a fitted fusion, or no member looks at pictures.
    """
    if preset.fusion != "weighted_mean":
        raise ConfigError(
            f"The thresholds of '{preset.id}' are fitted with its fusion.", hint=f"python -m core.cli fuse {preset.id}"
        )
    cards = frame_members(preset)
    preset = restricted(preset, [card.id for card in cards])
    configs = [training_config(card.id) for card in cards]
    sets = calibration_sets(cards, configs, data, store)
    by_detector = answers(cards, sets, SHIPPED_WEIGHTS)
    p, fake = fused_all(preset, by_detector), sets[cards[0].id].fake
    band = fit_band(fake, p, false_alarms=false_alarms, alpha=alpha)
    sha = digest(
        {
            "members": [m.model_dump(mode="json") for m in preset.members],
            "weights": {card.id: card.weights.sha256 for card in cards},
            "fake": fake.tolist(),
            "p": np.round(p, 4).tolist(),
        }
    )
    n_fake = int(fake.sum())
    return band, ThresholdFit(
        n_real=len(fake) - n_fake, n_fake=n_fake, false_alarms=false_alarms, alpha=alpha, sha256=sha
    )


# --- the file ------------------------------------------------------------------------------------------------------


def write_thresholds(path: Path, thresholds: Mapping[str, float], found: ThresholdFit) -> Ensemble:
    """Put thresholds and their origin into the file of a preset; the result is validated before it is written."""
    facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    facts |= {"thresholds": dict(thresholds), "fit": found.model_dump(mode="json")}
    preset = Ensemble.model_validate(facts)
    text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=118, default_flow_style=None)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
    return preset
