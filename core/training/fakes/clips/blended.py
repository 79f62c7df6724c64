"""Faces blended into a changed copy of themselves whose seam does not hold still: it shakes, drifts or flickers."""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop, Mask, Points
from core.training.fakes.clips.base import Clip, Walk, blend_all, checked, clip_unit, masks, walk
from core.types import RGB

_REGIONS = ("face", "inner", "lower", "eyes")
_ODDS = (0.4, 0.35, 0.15, 0.1)


class Jitter:
    """The blended face shifts, turns and breathes a little from frame to frame, and its mask with it; between white
    and slow noise: video-level blending with drifting features (Yan et al., 2024, arXiv:2408.17065)."""

    name = "jitter"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        unit = clip_unit(faces)
        region = str(rng.choice(_REGIONS, p=_ODDS))
        inside = _changed(rng, faces)
        weights = masks(rng, faces, region)
        pose = walk(rng, len(faces), float(rng.uniform(0.0, 0.9)), 4) * float(rng.uniform(0.5, 1.5))
        seam = walk(rng, len(faces), float(rng.uniform(0.0, 0.8)), 2) * float(rng.uniform(0.3, 1.2)) * unit
        moved = [_moved(i, f.landmarks, p, unit) for i, f, p in zip(inside, faces, pose, strict=True)]
        shaken = [_shifted(w, s) for w, s in zip(weights, seam, strict=True)]
        return blend_all(moved, faces, shaken)


class Flicker:
    """Colour and opacity of the blended face change from frame to frame, as where colour is matched picture by
    picture."""

    name = "flicker"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        region = str(rng.choice(_REGIONS, p=_ODDS))
        inside = _changed(rng, faces)
        weights = masks(rng, faces, region)
        memory = float(rng.uniform(0.0, 0.7))
        gains = 1.0 + walk(rng, len(faces), memory, 3) * float(rng.uniform(0.005, 0.03))
        shifts = walk(rng, len(faces), memory, 1) * float(rng.uniform(1.0, 4.0))
        depth = float(rng.uniform(0.0, 0.5))
        opacity = 1.0 - depth * np.abs(walk(rng, len(faces), memory)) / 2.0
        lit = [_lit(i, g, float(s[0])) for i, g, s in zip(inside, gains, shifts, strict=True)]
        faded = [
            (w * np.float32(np.clip(o, 0.3, 1.0))).astype(np.float32) for w, o in zip(weights, opacity, strict=True)
        ]
        return blend_all(lit, faces, faded)


def _changed(rng: np.random.Generator, faces: list[FaceCrop]) -> list[RGB]:
    """Every frame tinted, softened or sharpened by the same amount."""
    seed, kind = int(rng.integers(2**63)), rng.random()
    softness, edge = float(rng.uniform(1.2, 2.4)), float(rng.uniform(0.3, 0.9))
    out = []
    for face in faces:
        same = np.random.default_rng(seed)
        image = geo.tint(same, face.pixels, 0.6)
        if kind < 0.45:
            image = geo.shrink_grow(same, image, int(image.shape[0] / softness))
        elif kind < 0.8:
            image = geo.sharpen(image, 1.2, edge)
        out.append(image)
    return out


def _moved(image: RGB, landmarks: Points, pose: Walk, unit: float) -> RGB:
    """Turn (0.6 degrees), scale (0.8 %) and shift (0.6 template px) about the nose by ``pose`` standard deviations."""
    x, y = (float(v) for v in landmarks[2])
    turn = cv2.getRotationMatrix2D((x, y), 0.6 * float(pose[0]), 1.0 + 0.008 * float(pose[1]))
    matrix = np.column_stack([turn[:, :2], turn[:, 2] + 0.6 * unit * pose[2:]])
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REFLECT_101), dtype=np.uint8)


def _shifted(mask: Mask, by: Walk) -> Mask:
    matrix = np.array([[1.0, 0.0, by[0]], [0.0, 1.0, by[1]]])
    return np.asarray(cv2.warpAffine(mask, matrix, mask.shape[::-1]), dtype=np.float32)


def _lit(image: RGB, gain: Walk, shift: float) -> RGB:
    return np.clip(np.rint(image * gain + shift), 0, 255).astype(np.uint8)
