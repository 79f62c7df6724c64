"""Inputs on which backends are tried: nothing that anybody brought, and the same on every machine."""

from __future__ import annotations

import cv2
import numpy as np

from core.types import RGB

_COUNT = 4
_SEED = 11


def trial_pictures(size: int) -> RGB:
    """Smooth coloured noise with some grain uint8[4, size, size, 3]."""
    rng = np.random.default_rng(_SEED)
    coarse = rng.integers(0, 256, (_COUNT, 8, 8, 3)).astype(np.uint8)
    smooth = np.stack([cv2.resize(c, (size, size), interpolation=cv2.INTER_CUBIC) for c in coarse])
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
