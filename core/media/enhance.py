"""Repairs of the copy of a frame in which faces are sought. Detectors get the untouched frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from core.settings import Enhancement
from core.types import RGB

_MEASURED_SIDE_PX = 640
_BRIGHT_LUMA = 110.0
_MIN_CONTRAST = 2.0
_GAMMA_RANGE = (0.3, 1.0)
_CLAHE = 2.0


def mean_luma(rgb: RGB) -> float:
    """Mean luma of ``rgb`` uint8[H, W, 3] in [0, 255]."""
    return float(_small_luma(rgb).mean())


def blur_variance(rgb: RGB) -> float:
    """Variance of the Laplacian of luma, the longer side brought to 640 px at most; higher is sharper (Pech-Pacheco
    et al., Diatom autofocusing in brightfield microscopy, ICPR 2000)."""
    return float(cv2.Laplacian(_small_luma(rgb), cv2.CV_64F).var())


def enhance_for_faces(rgb: RGB, settings: Enhancement) -> tuple[RGB, str]:
    """Lighten dark frames and sharpen blurred ones so that faces are found in them.

    Args:
        rgb: uint8[H, W, 3]; it is not changed.

    Returns:
        The frame to seek faces in, and what was done in words ("enhancing low light", "sharpening motion blur", both
        joined by " and "); the same frame and "" where nothing was done.
    """
    if not settings.enabled:
        return rgb, ""
    luma = _small_luma(rgb)
    if float(luma.std()) < _MIN_CONTRAST:
        return rgb, ""
    done = []
    if float(luma.mean()) < settings.dark_luma:
        rgb = _lighten(rgb, float(luma.mean()))
        done.append("enhancing low light")
    if blur_variance(rgb) < settings.blur_variance:
        rgb = _sharpen(rgb)
        done.append("sharpening motion blur")
    return rgb, " and ".join(done)


def _small_luma(rgb: RGB) -> npt.NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = _MEASURED_SIDE_PX / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _lighten(rgb: RGB, luma: float) -> RGB:
    """Gamma that brings the mean to a normal level, then local contrast, both on luma so that colours stay."""
    gamma = np.clip(np.log(_BRIGHT_LUMA / 255) / np.log(max(luma, 1.0) / 255), *_GAMMA_RANGE)
    table = (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    ycc = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb))
    ycc[..., 0] = cv2.createCLAHE(_CLAHE, (8, 8)).apply(cv2.LUT(np.ascontiguousarray(ycc[..., 0]), table))
    return np.asarray(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB), np.uint8)


def _sharpen(rgb: RGB) -> RGB:
    """Unsharp mask with a radius that grows with the picture."""
    sigma = max(1.5, max(rgb.shape[:2]) / 400)
    soft = cv2.GaussianBlur(rgb, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(rgb, 2.0, soft, -1.0, 0), np.uint8)
