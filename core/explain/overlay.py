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
    colours, strength = _coloured(heat)
    share = (np.clip(opacity, 0.0, 1.0) * strength)[..., None]
    return np.asarray(np.rint(rgb * (1.0 - share) + colours * share), np.uint8)


def layer(heat: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """The heat alone, to be laid over a picture by whoever shows it: uint8[H, W, 4], red, green, blue and alpha. Shown
    at some opacity over the picture it looks as :func:`overlay` does at that opacity."""
    colours, strength = _coloured(heat)
    return np.dstack([colours, np.rint(255 * strength).astype(np.uint8)])


def _coloured(heat: npt.NDArray[np.float32]) -> tuple[RGB, npt.NDArray[np.float32]]:
    """Colours uint8[H, W, 3] and how strongly they cover, float32[H, W] in [0, 1]."""
    level = np.clip(heat, 0.0, 1.0)
    colours = cv2.applyColorMap((55 + 200 * level).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    return np.asarray(colours, np.uint8), level**0.75
