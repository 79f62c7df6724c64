"""Landmarks over time without the tremor of the network that found them, as LRNet calibrates them (Sun et al., 2021,
arXiv:2104.04480, section 3.2): optical flow says where a point must have gone, a Kalman filter weighs both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.types import RGB

Points: TypeAlias = npt.NDArray[np.float64]
_Flow: TypeAlias = tuple[Points, npt.NDArray[np.bool_]]

_NOISE = 0.3  # variance that a step of the flow adds
_RETURN_PX = 2.0  # a point that flows there and back and lands farther off was lost
_WINDOW, _LEVELS, _ROUNDS, _PRECISION = (15, 15), 3, 10, 0.03


def calmed(crops: Iterable[RGB], points: npt.ArrayLike) -> Points:
    """The same points, calmer.

    Args:
        crops: T neighbouring pictures uint8[S, S, 3] of one face.
        points: px of these, [T, K, 2].

    Returns:
        float64[T, K, 2]. The first frame's are as given; a point that the flow loses is where it was found.
    """
    found = np.asarray(points, np.float64)
    out, variance = found.copy(), np.zeros(found.shape[1])
    before: npt.NDArray[np.uint8] | None = None
    for i, crop in enumerate(crops):
        here = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
        if before is not None:
            flowed, sure = _there_and_back(before, here, out[i - 1], found[i])
            gain = _gain(found[i] - found[i - 1], flowed - out[i - 1], variance + _NOISE)
            merged = flowed + gain[:, None] * (found[i] - flowed)
            out[i] = np.where(sure[:, None], merged, found[i])
            variance = np.where(sure, (1.0 - gain) * (variance + _NOISE), variance)
        before = here
    return out


def _gain(found: Points, flowed: Points, variance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Trust in the found points: the farther they moved for each px that the flow moved, the less."""
    moved = np.linalg.norm(flowed, axis=1)
    noise = np.linalg.norm(found, axis=1) / np.where(moved > 0.0, moved, 1.0)
    return variance / (variance + noise)


def _there_and_back(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], start: Points, guess: Points) -> _Flow:
    """Where points flow to, and whether they come back from there."""
    there, kept = _flow(before, after, start, guess)
    back, found_back = _flow(after, before, there, start)
    return there, kept & found_back & (np.linalg.norm(back - start, axis=1) <= _RETURN_PX)


def _flow(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], start: Points, guess: Points) -> _Flow:
    """Pyramids of Lucas and Kanade (1981), from a guess."""
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ROUNDS, _PRECISION)
    first, near = (np.array(p, dtype=np.float32).reshape(-1, 1, 2) for p in (start, guess))
    there, status, _ = cv2.calcOpticalFlowPyrLK(
        before, after, first, near, winSize=_WINDOW, maxLevel=_LEVELS, criteria=stop, flags=cv2.OPTFLOW_USE_INITIAL_FLOW
    )
    return np.asarray(there, np.float64).reshape(-1, 2), np.asarray(status).reshape(-1) == 1
