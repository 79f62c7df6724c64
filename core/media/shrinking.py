"""Shrinking by area."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

_Pixels = npt.NDArray[np.uint8]


def shrunk(pixels: _Pixels, size: tuple[int, int]) -> _Pixels:
    """``pixels`` uint8[H, W] or [H, W, C] averaged over areas down to ``size`` (width, height), neither longer.

    They are halved first as often as that goes: several times as fast, and alike but for the rounding.
    """
    while pixels.shape[1] >= 2 * size[0] and pixels.shape[0] >= 2 * size[1]:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
