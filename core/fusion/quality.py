"""Quality bins: how much detail a detector's input holds, by which calibration and figures are told apart."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.quality import sharpness

QualityBin = Literal["blurred", "soft", "fair", "sharp"]
QUALITY_BINS: tuple[QualityBin, ...] = ("blurred", "soft", "fair", "sharp")
# Variance of the Laplacian at 128 px from which on an input counts as soft, fair and sharp: out of focus, very dark or
# enlarged three times is blurred; small or heavily compressed faces are soft, those of a good camera at 200 px and more
# are sharp.
_EDGES = (25.0, 60.0, 150.0)


def detail(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Sharpness float64[N] (see :func:`core.faces.quality.sharpness`) of inputs uint8[N, S, S, 3]."""
    greys = (np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.uint8) for crop in crops)
    return np.array([sharpness(grey) for grey in greys], dtype=np.float64)


def bin_of(value: float) -> QualityBin:
    """The bin of one sharpness."""
    return QUALITY_BINS[int(np.searchsorted(_EDGES, value, side="right"))]


def quality_bins(crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.str_]:
    """The bin of each input uint8[N, S, S, 3]."""
    return np.array([bin_of(value) for value in detail(crops)], dtype=np.str_)
