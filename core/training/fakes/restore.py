"""Face restoration: the face shrunk and brought back with invented crispness, as restorers and super-resolution
networks render it (over-steep edges, texture without grain)."""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB


class Restore:
    name = "restore"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        size = face.pixels.shape[0]
        out = geo.shrink_grow(rng, face.pixels, int(size / rng.uniform(1.4, 3.0)))
        out = _shock(out, int(rng.integers(2, 6)), rng.uniform(0.1, 0.25))
        if rng.random() < 0.5:
            out = np.asarray(cv2.bilateralFilter(out, 5, rng.uniform(10, 30), 3.0), dtype=np.uint8)
        if rng.random() < 0.5:
            out = _ringing(rng, out)
        if rng.random() < 0.4:
            return out
        unit = geo.face_scale(face.landmarks)
        region = str(rng.choice(("head", "face", "inner")))
        mask = geo.region_mask(out.shape, geo.outline(face.landmarks, region, rng, 2.0))
        return geo.blend(out, face.pixels, geo.soften(rng, mask, unit))


def _shock(image: RGB, steps: int, dt: float) -> RGB:
    """Shock filter (Osher and Rudin, 1990): blurred edges become steep without new detail."""
    out = image.astype(np.float32)
    for _ in range(steps):
        dx = cv2.Sobel(out, cv2.CV_32F, 1, 0, scale=0.125)
        dy = cv2.Sobel(out, cv2.CV_32F, 0, 1, scale=0.125)
        curve = cv2.Laplacian(cv2.GaussianBlur(out, (0, 0), 1.0), cv2.CV_32F)
        out = out - dt * np.tanh(curve / 6.0) * np.hypot(dx, dy)
    return np.clip(out, 0, 255).astype(np.uint8)


def _ringing(rng: np.random.Generator, image: RGB) -> RGB:
    """Weak halos along edges and a faint regular texture."""
    fine = image.astype(np.float32)
    halo = cv2.GaussianBlur(fine, (0, 0), 1.2) - cv2.GaussianBlur(fine, (0, 0), 2.4)
    return np.clip(fine + halo * rng.uniform(0.3, 1.0), 0, 255).astype(np.uint8)
