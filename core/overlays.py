"""Faces marked in a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from core import wording
from core.figures.style import PALETTES, label_at
from core.types import RGB, Box, Thresholds

_LIGHT = PALETTES["light"]


def draw_faces(
    rgb: RGB,
    boxes: Sequence[Box],
    labels: Sequence[str],
    scores: Sequence[float | None],
    thresholds: Thresholds | None = None,
) -> RGB:
    """A copy of the picture with a box, a name and P(fake) at every face.

    Line width and text grow with the picture, so that they can be read at any resolution.

    Args:
        rgb: uint8[H, W, 3], left as it is.
        boxes: (x0, y0, x1, y1) px, may reach beyond the picture.
        labels: a name for each box; letters outside Latin-1 cannot be drawn and show as "?".
        scores: P(fake) of each box; None draws it grey and without a number.
        thresholds: where a box turns the colour of fake or real; without them all are grey.

    Returns:
        uint8[H, W, 3].

    Raises:
        ValueError: the sequences differ in length.
    """
    out = np.ascontiguousarray(rgb).copy()
    unit = max(1.0, min(out.shape[:2]) / 360.0)
    for box, label, score in zip(boxes, labels, scores, strict=True):
        colour = _colour(score, thresholds)
        corners = _corners(box, out.shape[1], out.shape[0])
        cv2.rectangle(out, corners[:2], corners[2:], (255, 255, 255), round(unit * 4), cv2.LINE_AA)
        cv2.rectangle(out, corners[:2], corners[2:], colour, round(unit * 2), cv2.LINE_AA)
        _tag(out, corners, label if score is None else f"{label}  {wording.percent(score)}", colour, unit)
    return out


def _colour(score: float | None, thresholds: Thresholds | None) -> tuple[int, int, int]:
    code = _LIGHT.muted if score is None or thresholds is None else _LIGHT.of(label_at(score, thresholds))
    return (int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16))


def _corners(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = (round(v) for v in box)
    return max(x0, 0), max(y0, 0), min(x1, width - 1), min(y1, height - 1)


def _tag(out: RGB, corners: tuple[int, int, int, int], text: str, colour: tuple[int, int, int], unit: float) -> None:
    """White text on the box's colour, above the box or, where there is no room, inside its upper edge."""
    plain = text.encode("latin-1", "replace").decode("latin-1")
    scale, thick = 0.5 * unit, max(1, round(1.2 * unit))
    (width, height), base = cv2.getTextSize(plain, cv2.FONT_HERSHEY_SIMPLEX, scale, thick)
    pad = round(4 * unit)
    x = max(0, min(corners[0], out.shape[1] - width - 2 * pad))
    top = corners[1] - height - base - 2 * pad
    top = corners[1] if top < 0 else top
    cv2.rectangle(out, (x, top), (x + width + 2 * pad, top + height + base + 2 * pad), colour, cv2.FILLED)
    at = (x + pad, top + pad + height)
    cv2.putText(out, plain, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), thick, cv2.LINE_AA)
