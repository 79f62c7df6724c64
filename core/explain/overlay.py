"""Heat maps drawn over pictures."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from core.types import RGB

OPACITY = 0.6


def overlay(rgb: RGB, heat: npt.NDArray[np.float32], opacity: float = OPACITY) -> RGB:
    """A picture with the heat over it; cold places stay as they are.

    Args:
        rgb: uint8[H, W, 3].
        heat: float32[H, W] in [0, 1].
        opacity: of the hottest places, in [0, 1].

    Returns:
        uint8[H, W, 3].
    """
    if heat.shape != rgb.shape[:2]:
        raise ValueError(f"heat {heat.shape} does not fit a picture {rgb.shape}")
    level = np.clip(heat, 0.0, 1.0)
    colours = cv2.applyColorMap((55 + 200 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = (np.clip(opacity, 0.0, 1.0) * level**0.75)[..., None]
    return np.asarray(np.rint(rgb * (1.0 - share) + colours * share), np.uint8)
