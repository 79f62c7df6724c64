"""Faces to measure on: cut straight from the frames as a detector's card asks, kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.faces.align import crop
from core.registry import InputSpec
from core.training.data.faces import Finder, open_pictures
from core.training.data.manifest import Item
from core.types import Face

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The largest face of each looked-at picture of one file: uint8[N, size, size, 3] (N = 0 where none was found)."""

    item: Item
    pixels: npt.NDArray[np.uint8]
    face_px: npt.NDArray[np.float32]


def load_samples(root: Path, items: Sequence[Item], spec: InputSpec, store: Path, *, frames: int = 16) -> list[Sample]:
    """The faces of ``items``; what was cut before with the same ``spec`` is read from ``store``."""
    key = hashlib.sha256(f"{spec.size} {spec.crop} {spec.scale} {spec.resize} {frames}".encode()).hexdigest()[:12]
    finder: Finder | None = None
    samples = []
    for item in items:
        path = store / f"cut-{key}" / f"{item.sha256}.npz"
        if not path.is_file():
            finder = finder or Finder()
            _cut(root, item, spec, path, finder, frames)
        with np.load(path, allow_pickle=False) as file:
            samples.append(Sample(item, file["pixels"], file["face_px"]))
    return samples


def _cut(root: Path, item: Item, spec: InputSpec, path: Path, finder: Finder, frames: int) -> None:
    pixels, sizes = [], []
    try:
        for _, rgb in open_pictures(root / item.path, item.modality, frames):
            found = finder.largest(rgb)
            if found is not None:
                x0, y0, x1, y1 = (float(v) for v in found.box)
                points = tuple((float(x), float(y)) for x, y in found.points)
                pixels.append(crop(rgb, Face((x0, y0, x1, y1), points, found.confidence), spec))
                sizes.append(found.size_px)
    except (ValueError, OSError) as exc:
        log.warning("%s: %s", item.path, exc)
    path.parent.mkdir(parents=True, exist_ok=True)
    block = np.stack(pixels) if pixels else np.zeros((0, spec.size, spec.size, 3), dtype=np.uint8)
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, pixels=block, face_px=np.asarray(sizes, dtype=np.float32))
    part.replace(path)


def digest(values: dict[str, object]) -> str:
    """sha256 of plain values, independent of the order of keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
