"""Mouth re-enactment: the lower face is pulled into another mouth shape and rendered at a generator's resolution, as
lip-sync generators do."""

from __future__ import annotations

import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB


class Mouth:
    name = "mouth"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        unit = geo.face_scale(face.landmarks)
        size = face.pixels.shape[0]
        moved = np.asarray(geo.move(face.pixels, _mouth_field(rng, face, unit)), dtype=np.uint8)
        if rng.random() < 0.8:
            side = int(size / (unit * 112.0 / rng.uniform(48.0, 110.0))) if unit > 0 else size
            moved = geo.shrink_grow(rng, moved, int(np.clip(side, 24, size)))
        if rng.random() < 0.5:
            moved = geo.tint(rng, moved, 0.4)
        region = "mouth" if rng.random() < 0.4 else "lower"
        mask = geo.region_mask(face.pixels.shape, geo.outline(face.landmarks, region, rng, 1.5))
        return geo.blend(moved, face.pixels, geo.soften(rng, mask, unit, strength=0.5))


def _mouth_field(rng: np.random.Generator, face: FaceCrop, unit: float) -> np.ndarray:
    """Displacement that opens or closes, widens or narrows the mouth and lowers the chin."""
    size = face.pixels.shape[0]
    centre = (face.landmarks[3] + face.landmarks[4]) / 2.0
    across = (face.landmarks[4] - face.landmarks[3]) / (np.linalg.norm(face.landmarks[4] - face.landmarks[3]) + 1e-6)
    down = np.array([-across[1], across[0]], dtype=np.float32)
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    u = ((xs - centre[0]) * across[0] + (ys - centre[1]) * across[1]) / unit
    v = ((xs - centre[0]) * down[0] + (ys - centre[1]) * down[1]) / unit
    weight = np.exp(-((u / 20.0) ** 2) - ((v / 14.0) ** 2))
    du = -u * weight * rng.uniform(-0.3, 0.3)
    dv = -v * weight * rng.uniform(-0.45, 0.45) - weight * rng.uniform(-3.0, 3.0)
    field = unit * (du[:, :, None] * across + dv[:, :, None] * down)
    return field.astype(np.float32) + geo.smooth_field(rng, size, 8, 0.5 * unit)
