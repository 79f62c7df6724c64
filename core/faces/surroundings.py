"""The part of the picture that people stay in for a while, so that nothing else need be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.types import FaceTrack, Region

_ROOM = 0.6
"""How far round a face it may get, and what is cut may reach, in widths of the face, while it is looked at often."""
_OFTEN_S = 1.0


def surroundings(tracks: Sequence[FaceTrack], start_s: float, end_s: float, size: tuple[int, int]) -> Region:
    """What holds all ``tracks`` between two times, within a frame of ``size`` (width, height) px; the whole frame
    where nobody is seen then."""
    boxes, widest = [], 0.0
    for track in tracks:
        seen = [
            (t_s, face.box)
            for t_s, face in zip(track.t_s, track.faces, strict=True)
            if start_s - _OFTEN_S <= t_s <= end_s + _OFTEN_S
        ]
        gaps = np.diff([start_s, *(t for t, _ in seen), end_s])
        # Between rare sightings a head gets further.
        room = _ROOM * max(1.0, float(gaps.max(initial=0.0)) / _OFTEN_S)
        for _, (left, top, right, bottom) in seen:
            boxes.append((left, top, right, bottom))
            widest = max(widest, room * max(right - left, bottom - top))
    if not boxes:
        return 0, 0, *size
    low, high = np.min(boxes, axis=0)[:2] - widest, np.max(boxes, axis=0)[2:] + widest
    left, top = (int(max(0, np.floor(v))) for v in low)
    right, bottom = (int(min(most, np.ceil(v))) for v, most in zip(high, size, strict=True))
    return (left, top, right, bottom) if right > left and bottom > top else (0, 0, *size)


def within(track: FaceTrack, region: Region) -> FaceTrack:
    """``track`` in px of ``region`` instead of the whole frame."""
    x, y = region[:2]
    faces = tuple(
        replace(
            face,
            box=(face.box[0] - x, face.box[1] - y, face.box[2] - x, face.box[3] - y),
            landmarks=tuple((px - x, py - y) for px, py in face.landmarks),
        )
        for face in track.faces
    )
    return replace(track, faces=faces)
