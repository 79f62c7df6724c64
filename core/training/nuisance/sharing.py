"""What happens on the way to the viewer: resizing, screenshots, social media. All on uint8[H, W, 3]."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from core.training.nuisance.codecs import jpeg, webp
from core.types import RGB

_MIN_PX = 24
# Widths that services serve, over the widths that phones take or send.
_SOCIAL = (720 / 1920, 640 / 1280, 1080 / 1920, 720 / 1280, 1280 / 1920, 1080 / 1440)
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], dtype=np.float32) / 16.0


def rescale(rng: np.random.Generator, rgb: RGB, factor: float) -> RGB:
    """Resize by ``factor`` in (0, 1] and back, filters at random."""
    down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    up = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
    return _resize(_resize(rgb, _scaled(rgb, factor), down), _size(rgb), up)


def screenshot(rng: np.random.Generator, rgb: RGB, strength: float) -> RGB:
    """Shown on a screen at an odd scale, with its gamma and at times its dithering, and taken off it again.

    PNG loses nothing; a JPEG follows in most cases.
    """
    factor = float(rng.uniform(1.0 - 0.35 * strength, 1.0 + 0.6 * strength))
    show = int(rng.choice([cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC], p=[0.2, 0.5, 0.3]))
    gamma = float(np.exp(rng.normal(0.0, 0.1 * strength)))
    bits, quality = int(rng.integers(5, 8)), int(rng.integers(70, 97))
    dithered, lossy = rng.random() < 0.2, rng.random() < 0.7
    curve = np.rint(255.0 * (np.arange(256) / 255.0) ** gamma).astype(np.uint8)
    shown = cv2.LUT(_resize(rgb, _scaled(rgb, factor), show), curve)
    if dithered:
        shown = _dither(np.asarray(shown, dtype=np.uint8), bits)
    taken = _resize(np.asarray(shown, dtype=np.uint8), _size(rgb), cv2.INTER_LINEAR)
    return jpeg(taken, quality) if lossy else taken


def social(rng: np.random.Generator, rgb: RGB, strength: float) -> RGB:
    """Uploaded and passed on: resized to a service's width and compressed at q 70 to 85, then compressed again."""
    factor = 1.0 - strength * (1.0 - float(rng.choice(_SOCIAL)))
    first, second = (int(v) for v in rng.integers(70, 86, 2))
    grown, modern = rng.random() < 0.5, rng.random() < 0.25
    small = jpeg(_resize(rgb, _scaled(rgb, factor), cv2.INTER_AREA), first)
    again = webp if modern else jpeg
    if grown:
        return again(_resize(small, _size(rgb), cv2.INTER_CUBIC), second)
    return _resize(again(small, second), _size(rgb), cv2.INTER_LINEAR)


def _dither(rgb: RGB, bits: int) -> RGB:
    """Ordered dithering to ``bits`` per channel (Bayer, 1973)."""
    step = 255.0 / (2**bits - 1)
    height, width = rgb.shape[:2]
    tile: npt.NDArray[np.float32] = np.tile(_BAYER, (-(-height // 4), -(-width // 4)))[:height, :width, None]
    return np.clip(np.floor(rgb / step + tile) * step, 0, 255).astype(np.uint8)


def _size(rgb: RGB) -> tuple[int, int]:
    return rgb.shape[1], rgb.shape[0]


def _scaled(rgb: RGB, factor: float) -> tuple[int, int]:
    """(width, height) times ``factor``, kept above what still shows anything."""
    width, height = (max(_MIN_PX, round(side * factor)) for side in _size(rgb))
    return width, height


def _resize(rgb: RGB, size: tuple[int, int], how: int) -> RGB:
    return np.asarray(cv2.resize(rgb, size, interpolation=how), dtype=np.uint8)
