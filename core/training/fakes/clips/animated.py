"""Portrait animation: one still picture moved along the clip's landmarks by a smooth field that changes with time."""

from __future__ import annotations

import cv2
import numpy as np

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.training.fakes.clips.base import Clip, checked, clip_unit, walk
from core.training.fakes.upsample import _transposed
from core.types import RGB


class Animated:
    """Every frame is the same still of the clip, warped: by landmarks, by a slow smooth motion field, and by an
    opening mouth, then rendered with one generator's traces (the principle of first-order motion models, Siarohin et
    al., 2019, arXiv:2003.00196)."""

    name = "animated"
    needs_partner = False

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        faces = checked(clip, partner)
        unit, size = clip_unit(faces), faces[0].pixels.shape[0]
        still = faces[int(rng.integers(len(faces)))]
        fields = _fields(rng, len(faces), size, float(rng.uniform(0.5, 1.6)) * unit)
        opening = walk(rng, len(faces), float(rng.uniform(0.6, 0.9))) * float(rng.uniform(0.0, 2.5)) * unit
        render = _Renderer(rng, size)
        frames = []
        for face, field, wide in zip(faces, fields, opening, strict=True):
            moved = geo.move(geo.onto(still, face), field + _mouth(face, unit, float(wide)))
            frames.append(render(moved))
        return np.stack(frames)


class _Renderer:
    """Softness or up-sampling traces, the same for all frames."""

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._seed = int(rng.integers(2**63))
        self._traces = rng.random() < 0.5
        self._side = int(size * rng.uniform(0.45, 0.85))
        self._edges = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.4 else 0.0

    def __call__(self, pixels: RGB) -> RGB:
        same = np.random.default_rng(self._seed)
        out = _transposed(same, pixels, 2) if self._traces else geo.shrink_grow(same, pixels, self._side)
        return geo.sharpen(out, 1.2, self._edges) if self._edges > 0 else out


def _fields(rng: np.random.Generator, count: int, size: int, sigma: float) -> list[geo.FloatImage]:
    """A smooth displacement float32[S, S, 2] for each frame, of about ``sigma`` px, that changes slowly."""
    cells = int(rng.integers(4, 9))
    coarse = walk(rng, count, float(rng.uniform(0.85, 0.97)), cells, cells, 2) * sigma
    size_wh = (size, size)
    return [
        np.asarray(cv2.resize(c.astype(np.float32), size_wh, interpolation=cv2.INTER_CUBIC), dtype=np.float32)
        for c in coarse
    ]


def _mouth(face: FaceCrop, unit: float, wide: float) -> geo.FloatImage:
    """The displacement that opens the mouth by ``wide`` px, float32[S, S, 2]."""
    size = face.pixels.shape[0]
    x, y = (float(v) for v in (face.landmarks[3] + face.landmarks[4]) / 2.0)
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    u, v = (xs - x) / (18.0 * unit), (ys - y) / (14.0 * unit)
    drop = -wide * np.tanh(2.0 * v) * np.exp(-(u**2) - v**2)
    return np.dstack([np.zeros_like(drop), drop]).astype(np.float32)
