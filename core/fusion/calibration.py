"""From raw logits to probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.registry import Calibration


def sigmoid(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Logistic function that does not overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float64))))


def calibrated(logits: npt.NDArray[np.floating], fit: Calibration | None) -> npt.NDArray[np.float64]:
    """P(fake) from logits: Platt scaling where a fit is there (Platt 1999), the plain sigmoid elsewhere."""
    return sigmoid(logits) if fit is None else sigmoid(fit.a * np.asarray(logits, np.float64) + fit.b)
