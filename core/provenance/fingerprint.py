"""Perceptual hashes: 64 bits that stay nearly the same when a picture is resized, re-compressed or lightened a little.

The sign of the lowest 8 x 8 frequencies of a 32 x 32 copy (Zauner, Implementation and benchmarking of perceptual image
hash functions, 2010, DCT-based hash), the mean left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from core.types import RGB, Frame

_SIDE = 32
_KEPT = 8
_FLAT = 4.0
_MOST_FRAMES = 8


def perceptual_hash(rgb: RGB) -> str | None:
    """16 hexadecimal digits of a picture uint8[H, W, 3]; None where it is too even to be told from others."""
    luma = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(small.std()) < _FLAT:
        return None
    low = cv2.dct(small)[: _KEPT + 1, : _KEPT + 1].ravel()[1 : _KEPT * _KEPT + 1]
    bits = low > np.median(low)
    return bytes(np.packbits(bits)).hex()


def fingerprints(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Hashes of up to eight frames spread over a medium, each only once."""
    count = min(_MOST_FRAMES, len(frames))
    places = [round((i + 0.5) * len(frames) / count - 0.5) for i in range(count)]
    return tuple(dict.fromkeys(h for i in places if (h := perceptual_hash(frames[i].rgb))))
