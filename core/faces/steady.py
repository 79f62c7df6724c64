"""Crops of a face over time that do not shake with the finder: one smooth path of similarity transforms a track."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.faces.align import resized, similarity, template, warp
from core.registry import InputSpec
from core.types import RGB

Track: TypeAlias = npt.NDArray[np.float64]

SIGMA_S = 0.5


def smoothed(points: npt.ArrayLike, t_s: npt.ArrayLike, sigma_s: float = SIGMA_S) -> Track:
    """Landmarks smoothed over time by a Gaussian that knows the moments: float64[T, 5, 2] to the same shape.

    At both ends a line is fitted with the same weights, so that a head that moves is not held back there.

    Args:
        points: px [T, 5, 2], T >= 1.
        t_s: seconds [T].
        sigma_s: width in seconds. Half a second lets the crop follow a head and not a finder's jitter.
    """
    track, times = np.asarray(points, dtype=np.float64), np.asarray(t_s, dtype=np.float64)
    apart = times[None, :] - times[:, None]
    weights = np.exp(-0.5 * (apart / sigma_s) ** 2)
    moments = [(weights * apart**k).sum(axis=1) for k in range(3)]
    spread = moments[0] * moments[2] - moments[1] ** 2
    lined = spread > 1e-9
    divisor = np.where(lined, spread, moments[0])[:, None]
    straight = weights * (moments[2][:, None] - moments[1][:, None] * apart)
    kernel = np.where(lined[:, None], straight, weights) / divisor
    return np.asarray(np.tensordot(kernel, track, axes=1))


def steady(points: npt.ArrayLike, t_s: npt.ArrayLike, size: int, scale: float) -> Track:
    """Transforms float64[T, 2, 3] that put a track's smoothed landmarks onto the template of a ``size`` px crop.

    Raises:
        ValueError: the landmarks of a frame coincide.
    """
    target = template(size, scale)
    return np.stack([similarity(face, target) for face in smoothed(points, t_s)])


def steady_crops(frames: Sequence[RGB], points: npt.ArrayLike, t_s: npt.ArrayLike, spec: InputSpec) -> RGB:
    """The input of a clip detector: uint8[T, size, size, 3] of T frames, their landmarks [T, 5, 2] and moments [T]."""
    side = spec.via or spec.size
    matrices = steady(points, t_s, side, spec.scale)
    cubic = spec.resize == "bicubic"
    cut = (warp(f, m, side, cubic=cubic) for f, m in zip(frames, matrices, strict=True))
    return np.stack([resized(crop, spec.size, spec.resize) for crop in cut])
