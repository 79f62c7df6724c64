"""Views of a picture that make traces visible to a trained eye. Aids, never scores: none of them enters a verdict.

Each takes uint8[H, W, 3] and gives uint8[H, W, 3] (the spectrum a square).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from core.types import RGB

Aid: TypeAlias = Literal["spectrum", "error-level", "noise"]

_SPECTRUM_PX = 512
_ELA_QUALITY = 90
_ELA_GAIN = 20.0
_NOISE_GAIN = 12.0


@dataclass(frozen=True, slots=True)
class AidView:
    """``title`` for menus, ``says`` what to look for and what else looks the same."""

    title: str
    says: str
    make: Callable[[RGB], RGB]


def spectrum(rgb: RGB) -> RGB:
    """Strength of all frequencies of the noise residual, zero in the middle (Durall et al., 2020, arXiv:2003.01826).

    The centre of the picture up to 512 px is taken as it is, not resized, since resizing would write its own traces.
    """
    residual = _residual(rgb)
    height, width = residual.shape
    side = min(_SPECTRUM_PX, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    part = residual[top : top + side, left : left + side]
    window = np.hanning(side)
    strength = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(part * window[:, None] * window[None]))))
    low, high = np.percentile(strength, (1.0, 99.8))
    level = np.clip((strength - low) / max(float(high - low), 1e-6), 0.0, 1.0)
    return np.asarray(cv2.applyColorMap((255 * level).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[..., ::-1], np.uint8)


def error_level(rgb: RGB) -> RGB:
    """What changes when the picture is saved once more as a JPEG of quality 90, twenty times as strong (Krawetz, A
    picture's worth, 2007)."""
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=_ELA_QUALITY)
    again = np.asarray(Image.open(out).convert("RGB"), np.int16)
    return np.asarray(np.clip(np.abs(again - rgb) * _ELA_GAIN, 0, 255), np.uint8)


def noise(rgb: RGB) -> RGB:
    """What a median filter takes away from the brightness, twelve times as strong round a middle grey."""
    level = np.clip(128.0 + _NOISE_GAIN * _residual(rgb), 0, 255).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def _residual(rgb: RGB) -> npt.NDArray[np.float32]:
    luma = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return luma.astype(np.float32) - cv2.medianBlur(luma, 3).astype(np.float32)


AIDS: MappingProxyType[Aid, AidView] = MappingProxyType(
    {
        "spectrum": AidView(
            "Spectrum of the noise",
            "Bright dots or a grid away from the centre can come from up-sampling in a generator, and just as well "
            "from JPEG blocks, resizing, screens and fabrics.",
            spectrum,
        ),
        "error-level": AidView(
            "Error level",
            "A part that was pasted in and saved more or less often may stand out from its surroundings. Sharp edges "
            "and bright colours always do; after an upload nothing may be left.",
            error_level,
        ),
        "noise": AidView(
            "Noise residual",
            "A part whose grain is smoother or coarser than the rest may come from elsewhere, and just as well from "
            "retouching, blur, or the noise filter of a phone.",
            noise,
        ),
    }
)
NO_SCORE = "These views are aids for your eye. They are no scores and do not enter the verdict."
