"""Second looks of detectors of pictures, at a few that stand for all: in the mirror, at other scales, with dropout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.detectors.base import FrameDetector
from core.facts import Look, LookKind
from core.fusion.calibration import calibrated
from core.fusion.spread import telling
from core.registry import Card
from core.runtime.batching import run_batched
from core.stages.context import Context
from core.types import RGB

Recut: TypeAlias = Callable[[int, float], RGB]
"""Crop number i again, with so many times as much room round the face."""

ROOM = {LookKind.CLOSER: 0.85, LookKind.WIDER: 1.2}
_DROPPED = 2  # pictures that dropout is drawn for: they tell how far passes differ, and pictures differ anyway


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """A second look at those of N pictures or windows that ``which`` names: raw logits float[P, M] of P passes, and the
    ``crops`` uint8[M, S, S, 3] as they were seen, None where calibration does not differ by them."""

    kind: LookKind
    which: tuple[int, ...]
    logits: npt.NDArray[np.floating]
    crops: RGB | None = None


def told(card: Card, p: npt.NDArray[np.float64], again: Again) -> Look:
    """What a second look says beside the first one, P(fake) float[N]."""
    answers = np.stack([calibrated(row, card.calibration, again.crops) for row in again.logits])
    first = p[list(again.which)]
    if again.kind is LookKind.DROPOUT:
        difference = float(answers.std(axis=0).mean())
    else:
        difference = float(np.abs(answers - first).mean())
    return Look(again.kind, len(first), float(answers.mean()), float(first.mean()), difference)


def second_looks(
    detector: FrameDetector, crops: RGB, logits: npt.NDArray[np.floating], recut: Recut | None, context: Context
) -> tuple[Again, ...]:
    """As many as the settings ask for.

    Args:
        crops: uint8[N, S, S, 3] of the first look.
        logits: float[N] that it gave.
        recut: cuts at other scales; None where there is nothing to cut out.
    """
    wanted, values = context.settings.uncertainty, np.asarray(logits, np.float64)
    views = [*_mirrored(crops, telling(values, wanted.mirrored))]
    views += _scaled(crops, telling(values, wanted.scales), recut)
    found = _asked(detector, views, context) if views else []
    chosen = telling(values, _DROPPED)
    seen = np.ascontiguousarray(crops[list(chosen)])
    drawn = detector.draws(seen, wanted.dropout) if wanted.dropout else None
    return (*found, *([] if drawn is None else [Again(LookKind.DROPOUT, chosen, drawn, seen)]))


_View: TypeAlias = tuple[LookKind, tuple[int, ...], RGB]


def _mirrored(crops: RGB, which: tuple[int, ...]) -> list[_View]:
    return [(LookKind.MIRROR, which, np.ascontiguousarray(crops[list(which), :, ::-1]))] if which else []


def _scaled(crops: RGB, which: tuple[int, ...], recut: Recut | None) -> list[_View]:
    if not which:
        return []
    views = [(LookKind.HALF, which, np.stack([_coarse(crops[i]) for i in which]))]
    if recut is None:
        return views
    return [(kind, which, np.stack([recut(i, room) for i in which])) for kind, room in ROOM.items()] + views


def _coarse(crop: RGB) -> RGB:
    """At half the resolution, enlarged again."""
    side = crop.shape[0]
    small = cv2.resize(crop, (max(1, side // 2), max(1, side // 2)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _asked(detector: FrameDetector, views: Sequence[_View], context: Context) -> list[Again]:
    """All views in as few batches as they fit into."""
    crops = np.concatenate([view for _, _, view in views])
    logits = run_batched(detector.logits, crops, context.settings.runtime.batch, lambda _: context.still_wanted())
    parts = np.split(logits, np.cumsum([len(which) for _, which, _ in views])[:-1])
    return [Again(kind, which, part[None], view) for (kind, which, view), part in zip(views, parts, strict=True)]
