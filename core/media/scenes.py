"""Scene cuts between sampled frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.media.shrinking import shrunk
from core.types import RGB, Frame

_THUMB = (48, 27)
_BINS = (12, 4, 4)
_COLOURS_CHANGED = 0.30
_COLOURS_CHANGED_WHOLLY = 0.75
_LAYOUT_KEPT = 0.60


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """What is compared of a frame: ``colours`` float32[192], an HSV histogram of sum 1, and ``layout``
    float32[27, 48], a blurred grey thumbnail."""

    colours: npt.NDArray[np.float32]
    layout: npt.NDArray[np.float32]


def impression(rgb: RGB) -> Impression:
    """Colours and coarse layout of ``rgb`` uint8[H, W, 3]."""
    small = shrunk(rgb, _THUMB)
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    histogram = cv2.calcHist([hsv], [0, 1, 2], None, list(_BINS), [0, 180, 0, 256, 0, 256]).ravel()
    layout = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    return Impression(np.asarray(histogram / max(1.0, float(histogram.sum())), np.float32), np.asarray(layout))


def is_cut(before: Impression, after: Impression) -> bool:
    """Whether ``after`` shows another scene.

    Both the colours and the layout must have changed, so that a face that moves, or light that goes on, is no cut.
    """
    changed = 0.5 * float(np.abs(before.colours - after.colours).sum())
    kept = _correlation(before.layout, after.layout)
    if changed > _COLOURS_CHANGED_WHOLLY:
        return kept < 0.5 * (1 + _LAYOUT_KEPT)
    return changed > _COLOURS_CHANGED and kept < _LAYOUT_KEPT


def _correlation(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 1e-6 else 0.0


def cut_positions(impressions: Sequence[Impression]) -> list[int]:
    """Positions at which a new scene begins, ascending; 0 is never among them."""
    return [i for i in range(1, len(impressions)) if is_cut(impressions[i - 1], impressions[i])]


def cuts(frames: Sequence[Frame]) -> list[int]:
    """Positions in ``frames`` (in order of time) at which a new scene begins, ascending; 0 is never among them."""
    return cut_positions([impression(frame.rgb) for frame in frames])
