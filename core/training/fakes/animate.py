"""Portrait animation: the whole crop bent by a smooth motion field, with the soft texture and the up-sampling traces
of a warping generator."""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.training.fakes.upsample import _transposed
from core.types import RGB


class Animate:
    name = "animate"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        unit = geo.face_scale(face.landmarks)
        size = face.pixels.shape[0]
        out = face.pixels
        for _ in range(int(rng.integers(1, 3))):
            field = geo.smooth_field(rng, size, int(rng.integers(5, 14)), rng.uniform(0.6, 2.2) * unit)
            out = np.asarray(geo.move(out, field), dtype=np.uint8)
        out = _smooth(rng, out)
        out = (
            _transposed(rng, out, 2)
            if rng.random() < 0.6
            else geo.shrink_grow(rng, out, int(size * rng.uniform(0.45, 0.8)))
        )
        if rng.random() < 0.5:
            out = geo.sharpen(out, rng.uniform(0.8, 2.5), rng.uniform(0.3, 1.2))
        return out


def _smooth(rng: np.random.Generator, image: RGB) -> RGB:
    """Edges kept, skin texture gone."""
    kind = rng.random()
    if kind < 0.5:
        return np.asarray(cv2.bilateralFilter(image, 7, rng.uniform(12, 40), 4.0), dtype=np.uint8)
    if kind < 0.8:
        return np.asarray(cv2.medianBlur(image, 3), dtype=np.uint8)
    return image
