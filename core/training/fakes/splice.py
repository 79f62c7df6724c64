"""Splice: a random patch of another picture, or of another place, pasted with a hard or soft edge."""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop, Mask
from core.types import RGB


class Splice:
    name = "splice"
    needs_partner = True

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        if partner is None:
            raise ValueError("a splice needs a partner")
        unit = geo.face_scale(face.landmarks)
        mask = _patch(rng, face, unit)
        donor = geo.onto(partner, face) if rng.random() < 0.6 else partner.pixels
        if donor.shape != face.pixels.shape:
            donor = np.asarray(
                cv2.resize(donor, face.pixels.shape[1::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8
            )
        if rng.random() < 0.7:
            donor = geo.match_colour(donor, face.pixels, mask, rng.uniform(0.5, 1.0))
        edge = rng.uniform(0.4, 3.0) * unit
        return geo.blend(donor, face.pixels, np.asarray(cv2.GaussianBlur(mask, (0, 0), edge), dtype=np.float32))


def _patch(rng: np.random.Generator, face: FaceCrop, unit: float) -> Mask:
    """A polygon of 5 to 9 corners somewhere on the face."""
    centre = face.landmarks[2] + rng.normal(0.0, 18.0 * unit, 2)
    angles = np.sort(rng.uniform(0.0, 2.0 * np.pi, int(rng.integers(5, 10))))
    radii = rng.uniform(14.0, 34.0, angles.shape) * unit
    corners = centre + np.column_stack([np.cos(angles), np.sin(angles)]) * radii[:, None]
    return geo.region_mask(face.pixels.shape, corners.astype(np.float32))
