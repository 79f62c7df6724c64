"""Low-resolution re-synthesis: the face region at the few pixels an autoencoder renders, scaled up and blended in."""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB


class LowRes:
    name = "low-res"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        unit = geo.face_scale(face.landmarks)
        size = face.pixels.shape[0]
        rendered_px = rng.uniform(36.0, 84.0)
        side = int(np.clip(size * min(rendered_px / (112.0 * unit), 0.8), 24, size))
        soft = geo.shrink_grow(rng, _denoise(rng, face.pixels), side)
        if rng.random() < 0.5:
            soft = geo.sharpen(soft, rng.uniform(1.0, 2.5), rng.uniform(0.3, 1.0))
        if rng.random() < 0.4:
            field = geo.smooth_field(rng, size, 6, 0.8 * unit)
            soft = np.asarray(geo.move(soft, field), dtype=np.uint8)
        region = str(rng.choice(("face", "inner", "lower"), p=(0.5, 0.35, 0.15)))
        mask = geo.region_mask(face.pixels.shape, geo.outline(face.landmarks, region, rng, 2.0))
        return geo.blend(soft, face.pixels, geo.soften(rng, mask, unit))


def _denoise(rng: np.random.Generator, image: RGB) -> RGB:
    if rng.random() < 0.5:
        return np.asarray(cv2.bilateralFilter(image, 5, rng.uniform(15, 45), 3.0), dtype=np.uint8)
    return image
