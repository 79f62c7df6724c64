"""Aligned face crops on disk: one array for all pictures of a collection and one index of where they come from."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.errors import NotFoundError
from core.faces.align import similarity, template, warp
from core.training.data.faces import Finder, Found, open_pictures
from core.training.data.manifest import Item
from core.types import RGB

log = logging.getLogger(__name__)

STORE_PX = 256
STORE_SCALE = 1.6
CHUNK = 64


@dataclass(frozen=True, slots=True)
class CropRow:
    """Where a crop comes from. ``points`` are the five landmarks in px of the stored crop, ``face_px`` is the size
    of the face in the original."""

    sha256: str
    t_s: float
    fake: bool
    method: str
    source: str
    identity: str
    split: str
    modality: str
    face_px: float
    points: tuple[tuple[float, float], ...]

    @property
    def landmarks(self) -> npt.NDArray[np.float32]:
        return np.asarray(self.points, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """``pixels`` uint8[N, 256, 256, 3] RGB (template scale 1.6: room for shifts) and one row for each."""

    pixels: npt.NDArray[np.uint8]
    rows: tuple[CropRow, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: Sequence[int] | npt.NDArray[np.intp]) -> Crops:
        """Those crops, copied into memory."""
        index = np.asarray(which, dtype=np.intp)
        return Crops(np.ascontiguousarray(self.pixels[index]), tuple(self.rows[i] for i in index))


def make_crop(rgb: RGB, face: Found) -> tuple[RGB, npt.NDArray[np.float32]]:
    """Cut a face for the store: uint8[256, 256, 3] and its landmarks there, float32[5, 2]."""
    matrix = similarity(face.points, template(STORE_PX, STORE_SCALE))
    pixels = warp(rgb, matrix, STORE_PX)
    points = face.points @ matrix[:, :2].T + matrix[:, 2]
    return pixels, points.astype(np.float32)


def build(root: Path, items: Sequence[Item], store: Path, *, frames: int = 25) -> Crops:
    """Cut all faces of ``items`` into ``store``; files already there are not read again.

    Args:
        root: data root that the items' paths are relative to.
        store: folder; each file's crops lie in ``<sha256[:2]>/<sha256>.npz``.
        frames: frames taken from each clip.
    """
    finder: Finder | None = None
    parts: list[tuple[Item, Path]] = []
    for number, item in enumerate(items):
        path = store / item.sha256[:2] / f"{item.sha256}-{frames if item.modality == 'video' else 1}.npz"
        if not path.is_file():
            finder = finder or Finder()
            _cut(root, item, path, finder, frames)
        parts.append((item, path))
        if number % 250 == 249:
            log.info("faces: %d of %d files", number + 1, len(items))
    return _gather(parts)


def _cut(root: Path, item: Item, path: Path, finder: Finder, frames: int) -> None:
    pixels, facts = [], []
    try:
        for t_s, rgb in open_pictures(root / item.path, item.modality, frames):
            face = finder.largest(rgb)
            if face is not None:
                crop, points = make_crop(rgb, face)
                pixels.append(cv2.imencode(".png", crop[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1])
                facts.append({"t_s": t_s, "face_px": face.size_px, "points": points.tolist()})
    except (ValueError, OSError) as exc:
        log.warning("%s: %s", item.path, exc)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {f"p{i}": np.asarray(p).reshape(-1) for i, p in enumerate(pixels)}
    part = path.with_suffix(".part.npz")
    np.savez(part, facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), **arrays)
    part.replace(path)


def _gather(parts: Sequence[tuple[Item, Path]]) -> Crops:
    rows: list[CropRow] = []
    pixels: list[RGB] = []
    for item, path in parts:
        for facts, crop in _read_part(path):
            pixels.append(crop)
            rows.append(_row(item, facts))
    if not rows:
        raise NotFoundError("No face was found in the data.", hint="Check the data folder and its manifest.")
    return Crops(np.stack(pixels), tuple(rows))


def _read_part(path: Path) -> Iterator[tuple[dict[str, Any], RGB]]:
    with np.load(path, allow_pickle=False) as file:
        for number, facts in enumerate(json.loads(file["facts"].tobytes())):
            bgr = cv2.imdecode(file[f"p{number}"], cv2.IMREAD_COLOR)
            yield facts, np.ascontiguousarray(np.asarray(bgr)[:, :, ::-1])


def _row(item: Item, facts: dict[str, Any]) -> CropRow:
    points = tuple((float(x), float(y)) for x, y in facts["points"])
    shared = {k: getattr(item, k) for k in ("sha256", "fake", "method", "source", "identity", "split", "modality")}
    return CropRow(t_s=facts["t_s"], face_px=facts["face_px"], points=points, **shared)
