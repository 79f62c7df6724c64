"""Two-identity swap: another person's face warped onto this one, coloured alike, blended in (feathered or Poisson)."""

from __future__ import annotations

import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB


class Swap:
    """``gradient`` chooses Poisson instead of feathered blending."""

    needs_partner = True

    def __init__(self, *, gradient: bool = False) -> None:
        self.name = "swap-poisson" if gradient else "swap"
        self._gradient = gradient

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        if partner is None:
            raise ValueError("a swap needs a partner")
        unit = geo.face_scale(face.landmarks)
        region = "face" if rng.random() < 0.5 else "inner"
        mask = geo.region_mask(face.pixels.shape, geo.outline(face.landmarks, region, rng, 1.5))
        donor = geo.onto(partner, face)
        donor = geo.match_colour(donor, face.pixels, mask, rng.uniform(0.7, 1.0))
        if rng.random() < 0.6:
            side = int(np.clip(112.0 * unit / rng.uniform(1.0, 2.2), 24, face.pixels.shape[0]))
            donor = geo.shrink_grow(rng, donor, max(32, int(side * face.pixels.shape[0] / (112.0 * unit))))
        if self._gradient:
            return geo.poisson(donor, face.pixels, mask)
        return geo.blend(donor, face.pixels, geo.soften(rng, mask, unit, strength=0.6))
