"""Faces marked in a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from core import wording
from core.figures.style import PALETTES, label_at
from core.types import RGB, Analysis, Box, Thresholds

_LIGHT = PALETTES["light"]
_SAME_S = 1e-4


@dataclass(frozen=True, slots=True)
class Marked:
    """A face at one moment: whose it is, where, and P(fake) there as the mean of the models that scored it."""

    track_id: int
    box: Box
    p_fake: float | None


def faces_at(analysis: Analysis, t_s: float) -> tuple[Marked, ...]:
    """The faces that were found in the looked-at frame at ``t_s`` (a time of ``analysis.frames``)."""
    found = []
    for track in analysis.tracks:
        for t, face in zip(track.t_s, track.faces, strict=True):
            if abs(t - t_s) < _SAME_S:
                found.append(Marked(track.id, face.box, _p_fake_at(analysis, track.id, t)))
    return tuple(found)


def annotate(analysis: Analysis, rgb: RGB, t_s: float) -> RGB:
    """The picture of the moment ``t_s`` with all its faces drawn in, uint8[H, W, 3]."""
    faces = faces_at(analysis, t_s)
    names = [wording.person(face.track_id) for face in faces]
    return draw_faces(rgb, [f.box for f in faces], names, [f.p_fake for f in faces], analysis.verdict.thresholds)


def nearest_moment(analysis: Analysis, t_s: float) -> float:
    """The time of the looked-at frame closest to ``t_s``; ``t_s`` itself where no frame was looked at."""
    return min((frame.t_s for frame in analysis.frames), key=lambda t: abs(t - t_s), default=t_s)


def telling_moment(analysis: Analysis) -> float:
    """The moment that speaks most for a fake, of the person who drives the verdict where there is one."""
    lines = [line for line in analysis.timelines if line.track_id == analysis.verdict.track_id]
    points = [(p, t) for line in lines for t, p in zip(line.t_s, line.p_fake, strict=True)]
    if points:
        return max(points)[1]
    faces = [t for track in analysis.tracks for t in track.t_s]
    return nearest_moment(analysis, faces[0] if faces else 0.0)


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


def _p_fake_at(analysis: Analysis, track_id: int, t_s: float) -> float | None:
    lines = [line for line in analysis.timelines if line.track_id == track_id]
    points = [p for line in lines for t, p in zip(line.t_s, line.p_fake, strict=True) if abs(t - t_s) < _SAME_S]
    return sum(points) / len(points) if points else None


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
