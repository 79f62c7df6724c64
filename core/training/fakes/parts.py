"""Parts swap: eyes, nose or mouth of another person in an otherwise true face."""

from __future__ import annotations

import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB

_REGIONS = ("eyes", "left_eye", "right_eye", "nose", "mouth", "lower")


class Parts:
    name = "parts"
    needs_partner = True

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        if partner is None:
            raise ValueError("a parts swap needs a partner")
        unit = geo.face_scale(face.landmarks)
        donor = geo.onto(partner, face)
        out = face.pixels
        for region in rng.choice(_REGIONS, size=int(rng.integers(1, 3)), replace=False):
            mask = geo.region_mask(out.shape, geo.outline(face.landmarks, str(region), rng, 1.0))
            match = geo.match_colour(donor, out, mask, rng.uniform(0.6, 1.0))
            out = geo.blend(match, out, geo.soften(rng, mask, unit, strength=0.4))
        return out
