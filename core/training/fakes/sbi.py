"""Self-blended images: a face blended into a slightly changed copy of itself (Shiohara and Yamasaki, 2022,
arXiv:2204.08376)."""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB

_OPACITY = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
_REGIONS = ("face", "inner", "head", "lower", "eyes")
_ODDS = (0.45, 0.3, 0.1, 0.1, 0.05)


class SelfBlend:
    name = "self-blend"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        unit = geo.face_scale(face.landmarks)
        region = str(rng.choice(_REGIONS, p=_ODDS))
        mask = geo.region_mask(face.pixels.shape, geo.outline(face.landmarks, region, rng, 2.0))
        inside, outside = face.pixels, face.pixels
        if rng.random() < 0.5:
            inside = _differ(rng, inside)
        else:
            outside = _differ(rng, outside)
        matrix = _shift(rng, face)
        size = (mask.shape[1], mask.shape[0])
        moved = cv2.warpAffine(inside, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        mask = np.asarray(cv2.warpAffine(mask, matrix, size), dtype=np.float32)
        mask = geo.soften(rng, mask, unit) * float(rng.choice(_OPACITY))
        return geo.blend(np.asarray(moved, dtype=np.uint8), outside, mask)


def _differ(rng: np.random.Generator, image: RGB) -> RGB:
    out = geo.tint(rng, image) if rng.random() < 0.8 else image
    size = image.shape[0]
    kind = rng.random()
    if kind < 0.4:
        return geo.shrink_grow(rng, out, int(size / rng.uniform(1.3, 3.0)))
    if kind < 0.8:
        return geo.sharpen(out, rng.uniform(0.8, 2.0), rng.uniform(0.3, 1.0))
    return out


def _shift(rng: np.random.Generator, face: FaceCrop) -> np.ndarray:
    """A small shift, scale and turn round the nose."""
    span = 112.0 * geo.face_scale(face.landmarks)
    x, y = (float(v) for v in face.landmarks[2])
    matrix = cv2.getRotationMatrix2D((x, y), rng.uniform(-2.0, 2.0), rng.uniform(0.95, 1.05))
    shift = np.array([rng.uniform(-0.03, 0.03), rng.uniform(-0.015, 0.015)]) * span
    return np.column_stack([matrix[:, :2], matrix[:, 2] + shift])
