"""What every pseudo-fake of a clip is, and what they share: tracks of landmarks, tracked masks, slow random walks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop, Mask
from core.types import RGB

Clip: TypeAlias = Sequence[FaceCrop]
Walk: TypeAlias = npt.NDArray[np.float64]

_BINOMIAL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0


class ClipFake(Protocol):
    """A way to make a fake clip out of a real one.

    ``name`` is the method in every table; ``needs_partner`` says that a clip of another person is needed.
    """

    name: str
    needs_partner: bool

    def make(self, rng: np.random.Generator, clip: Clip, partner: Clip | None = None) -> RGB:
        """The fake as uint8[T, S, S, 3].

        Args:
            rng: equal generators give equal pixels.
            clip: T consecutive frames of one track, crops of one size S.
            partner: frames of another person, crops of the same size, any number of them.

        Raises:
            ValueError: the clip is empty or its crops differ in size, or a partner is needed and absent.
        """
        ...


def checked(clip: Clip, partner: Clip | None = None, *, needed: bool = False) -> list[FaceCrop]:
    """The clip, its landmarks smoothed along time, so that what is fixed to the face does not shake with them.

    Raises:
        ValueError: as said at :meth:`ClipFake.make`.
    """
    if not clip:
        raise ValueError("a clip needs a frame")
    if needed and not partner:
        raise ValueError("this method needs a partner")
    if len({face.pixels.shape for face in (*clip, *(partner or ()))}) > 1:
        raise ValueError("all crops of a clip must have one size")
    points = np.stack([face.landmarks for face in clip]).astype(np.float64)
    padded = np.concatenate([points[:1], points[:1], points, points[-1:], points[-1:]])
    smooth = sum(weight * padded[i : i + len(points)] for i, weight in enumerate(_BINOMIAL))
    return [FaceCrop(face.pixels, s.astype(np.float32)) for face, s in zip(clip, np.asarray(smooth), strict=True)]


def masks(rng: np.random.Generator, clip: Clip, region: str, *, shake: float = 1.5, soft: float = 0.6) -> list[Mask]:
    """The same randomly deformed, softened region on the face of every frame, each float32[S, S] in [0, 1].

    ``shake`` moves the corners of the outline by so many template px, once for the whole clip.
    """
    seed, unit = int(rng.integers(2**63)), clip_unit(clip)
    out = []
    for face in clip:
        same = np.random.default_rng(seed)
        polygon = geo.outline(face.landmarks, region, same, shake)
        out.append(geo.soften(same, geo.region_mask(face.pixels.shape, polygon), unit, strength=soft))
    return out


def clip_unit(clip: Clip) -> float:
    """Px of the crop for one px of the 112 px template, the median over the frames."""
    return float(np.median([geo.face_scale(face.landmarks) for face in clip]))


def blend_all(inside: Sequence[RGB], clip: Clip, weights: Sequence[Mask]) -> RGB:
    """Frame by frame mask * inside + (1 - mask) * clip: uint8[T, S, S, 3]."""
    frames = (geo.blend(i, face.pixels, w) for i, face, w in zip(inside, clip, weights, strict=True))
    return np.stack(list(frames))


def walk(rng: np.random.Generator, count: int, memory: float, *columns: int) -> Walk:
    """A random walk that keeps near zero, float64[count, *columns] with unit variance; ``memory`` in [0, 1) is its
    correlation from frame to frame (0 shakes, 0.95 drifts)."""
    steps = rng.standard_normal((count, *columns))
    out = steps.copy()
    for t in range(1, count):
        out[t] = memory * out[t - 1] + np.sqrt(1.0 - memory**2) * steps[t]
    return np.asarray(out, dtype=np.float64)
