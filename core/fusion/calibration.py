"""From raw logits to probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.fusion.quality import quality_bins
from core.registry import Calibration
from core.types import RGB


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Logistic function that does not overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float64))))


def calibrated(
    logits: npt.NDArray[np.floating], fit: Calibration | None, crops: RGB | None = None
) -> npt.NDArray[np.float64]:
    """P(fake) from logits: Platt scaling where a fit is there (Platt 1999), the plain sigmoid elsewhere.

    Args:
        logits: float[N].
        fit: of the detector's card.
        crops: the inputs uint8[N, S, S, 3] behind the logits, for fits that differ by quality.
    """
    values = np.asarray(logits, np.float64)
    if fit is None:
        return sigmoid(values)
    z = fit.a * values + fit.b
    if fit.by_quality and crops is not None:
        bins = quality_bins(crops)
        for name, part in fit.by_quality.items():
            z = np.where(bins == name, part.a * values + part.b, z)
    return sigmoid(z)
