"""Real files at their own resolution: the part round the largest face as it stands in the file, before it is cut.

What happens to a user's file (another JPEG, another upload) happens here, not at the detector's small input.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from core.faces.align import crop
from core.registry import InputSpec
from core.training.data.faces import Finder, Found, open_pictures
from core.training.data.manifest import Item
from core.types import RGB, Face

log = logging.getLogger(__name__)

# Sides of the part in sides of the face: the widest crop (template scale 1.6) with the jitter of a tilted head.
_ROOM = 2.4
# JPEG and H.264 code blocks of 16 px: a part whose corner lies on their grid is coded as within the whole picture.
_GRID = 16


@dataclass(frozen=True, slots=True, eq=False)
class Native:
    """A face in its surroundings: ``rgb`` uint8[H, W, 3] at the file's resolution, ``face`` in px of it."""

    item: Item
    rgb: RGB
    face: Face

    def input(self, rgb: RGB, spec: InputSpec) -> RGB:
        """The detector's input uint8[size, size, 3] cut out of ``rgb``, a changed copy of the part."""
        return crop(rgb, self.face, spec)


def part_of(rgb: RGB, found: Found) -> tuple[RGB, Face]:
    """The part of uint8[H, W, 3] round a face, its corner on the coding grid, and the face in px of the part."""
    height, width = rgb.shape[:2]
    x0, y0, x1, y1 = (float(v) for v in found.box)
    half = _ROOM * max(x1 - x0, y1 - y0) / 2.0
    left = max(0, int((x0 + x1) / 2.0 - half)) // _GRID * _GRID
    top = max(0, int((y0 + y1) / 2.0 - half)) // _GRID * _GRID
    right = min(width, int((x0 + x1) / 2.0 + half) + _GRID)
    bottom = min(height, int((y0 + y1) / 2.0 + half) + _GRID)
    points = tuple((float(x) - left, float(y) - top) for x, y in found.points)
    face = Face((x0 - left, y0 - top, x1 - left, y1 - top), points, found.confidence)
    return np.ascontiguousarray(rgb[top:bottom, left:right]), face


def load_natives(root: Path, items: Sequence[Item], store: Path, *, frames: int = 4) -> list[Native]:
    """The largest face of each item (of ``frames`` spaced frames of a clip); what was found before is read from
    ``store``. Files without a face or that cannot be read are left out."""
    finder: Finder | None = None
    made: list[Native] = []
    for item in items:
        path = store / "native" / f"{item.sha256}-{frames if item.modality == 'video' else 1}.npz"
        if not path.is_file():
            finder = finder or Finder()
            _find(root, item, path, finder, frames)
        made += _read(item, path)
    return made


def _find(root: Path, item: Item, path: Path, finder: Finder, frames: int) -> None:
    arrays: dict[str, Any] = {}
    faces: list[dict[str, Any]] = []
    try:
        for _, rgb in open_pictures(root / item.path, item.modality, frames):
            found = finder.largest(rgb)
            if found is not None:
                part, face = part_of(rgb, found)
                arrays[f"p{len(faces)}"] = cv2.imencode(".png", part[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
                faces.append({"box": face.box, "landmarks": face.landmarks, "confidence": face.confidence})
    except (ValueError, OSError) as exc:
        log.warning("%s: %s", item.path, exc)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.npz")
    np.savez(temporary, faces=np.frombuffer(json.dumps(faces).encode(), dtype=np.uint8), **arrays)
    temporary.replace(path)


def _read(item: Item, path: Path) -> list[Native]:
    with np.load(path, allow_pickle=False) as file:
        made = []
        for number, facts in enumerate(json.loads(file["faces"].tobytes())):
            bgr = np.asarray(cv2.imdecode(file[f"p{number}"], cv2.IMREAD_COLOR), dtype=np.uint8)
            points = tuple((x, y) for x, y in facts["landmarks"])
            x0, y0, x1, y1 = facts["box"]
            face = Face((x0, y0, x1, y1), points, facts["confidence"])
            made.append(Native(item, np.ascontiguousarray(bgr[:, :, ::-1]), face))
    return made
