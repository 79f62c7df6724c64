"""Faces of one person cut out steadily, as the public networks of speech and lips were fed with them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from core.types import RGB, Box

SIDE = 224
_GROW = 0.40
_FILL = 110
_STEADY_FRAMES = 13


def steady_faces(frames: Sequence[RGB], boxes: Sequence[Box]) -> RGB:
    """One face in each frame uint8[H, W, 3] as uint8[T, 224, 224, 3] RGB; grey (110) where it leaves the frame.

    The boxes' centre and size are smoothed by a median over 13 frames. The square is 1.4 times as wide as the face and
    reaches further below it than above, so that the mouth lies inside also while the jaw drops.
    """
    if len(frames) != len(boxes):
        raise ValueError("one box a frame is needed")
    if not frames:
        return np.zeros((0, SIDE, SIDE, 3), np.uint8)
    return np.stack([_cut(frame, *row) for frame, row in zip(frames, _smoothed(boxes), strict=True)])


def _smoothed(boxes: Sequence[Box]) -> npt.NDArray[np.float64]:
    """Centre x, centre y and half the longer side of each box, float64[T, 3]."""
    from scipy.ndimage import median_filter

    rows = np.asarray(boxes, np.float64)
    half = (rows[:, 2:] - rows[:, :2]).max(axis=1) / 2
    centre = (rows[:, :2] + rows[:, 2:]) / 2
    track = np.column_stack([centre, half])
    return np.asarray(median_filter(track, size=(_STEADY_FRAMES, 1), mode="nearest"))


def _cut(frame: RGB, x: float, y: float, half: float) -> RGB:
    side = 2 * max(half, 1.0) * (1 + _GROW)
    left, top = x - side / 2, y - max(half, 1.0)
    if side > 2 * SIDE:
        # Warping does not average; large faces are shrunk first.
        shrink = 2 * SIDE / side
        frame = np.asarray(cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
        left, top, side = left * shrink, top * shrink, side * shrink
    scale = SIDE / side
    matrix = np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]])
    out = cv2.warpAffine(
        frame, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(_FILL,) * 3
    )
    return np.asarray(out, np.uint8)
