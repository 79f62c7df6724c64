"""What an asked detector leaves: a row, and where it has one a curve over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.facts import Attention, Head
from core.fusion.calibration import calibrated, sigmoid
from core.fusion.spread import spread, trimmed_mean
from core.registry import Card
from core.stages.asking.looks import Again, told
from core.stages.context import Context
from core.stages.reading import Material
from core.types import RGB, FaceTrack, Modality, Score, Status, Timeline


@dataclass(frozen=True, slots=True)
class Answer:
    """About one person (``score.track_id``) or the whole medium."""

    score: Score
    line: Timeline | None = None


Asker: TypeAlias = Callable[[Card, Path, Material, Sequence[FaceTrack], Context], list[Answer]]
"""Asks the detector of a card, whose weights were verified, about a medium and the people in it."""


def silent(card: Card, status: Status, reason: str, track_id: int | None = None) -> Answer:
    """A row without a figure, and why."""
    return Answer(Score(card.id, card.title, card.modality, status, track_id=track_id, reason=reason))


def spoken(
    card: Card,
    logits: npt.NDArray[np.floating],
    t_s: Sequence[float],
    track_id: int | None = None,
    crops: RGB | None = None,
    *,
    n: int | None = None,
    again: Sequence[Again] = (),
    heads: Sequence[tuple[str, npt.NDArray[np.floating]]] = (),
    attention: Attention | None = None,
) -> Answer:
    """The mean over frames or windows at ``t_s`` of calibrated P(fake), and the curve. Of single pictures the extreme
    ones are left out of the mean (:func:`core.fusion.spread.trimmed_mean`); ``raw`` is the plain mean.

    Args:
        logits: float[N], N >= 1, raw.
        crops: uint8[N, S, S, 3] behind them, for calibrations that differ by quality.
        n: frames that were looked at, where these are not the N.
        again: second looks at some of them.
        heads: names and raw logits float[N] of the network's heads, where it has several.
        attention: which frames it attended to.
    """
    p = calibrated(logits, card.calibration, crops)
    if not np.isfinite(p).all():
        return silent(card, Status.ERROR, "it answered with something that is not a number", track_id)
    looks = tuple(told(card, p, look) for look in again if np.isfinite(look.logits).all())
    score = Score(
        detector=card.id,
        title=card.title,
        modality=card.modality,
        status=Status.OK,
        p_fake=trimmed_mean(p) if card.modality is Modality.IMAGE else float(p.mean()),
        raw=float(sigmoid(logits).mean()),
        track_id=track_id,
        n=n or len(p),
        calibration=card.calibration.name if card.calibration else None,
        weights_sha256=card.weights.sha256,
        spread=spread(looks),
        looks=looks,
        heads=tuple(_head(name, values, t_s) for name, values in heads),
        attention=attention,
    )
    return Answer(score, Timeline(card.id, track_id, tuple(t_s), tuple(float(v) for v in p)))


def _head(name: str, logits: npt.NDArray[np.floating], t_s: Sequence[float]) -> Head:
    p = sigmoid(logits)
    return Head(name, float(p.mean()), tuple(t_s), tuple(float(v) for v in p))
