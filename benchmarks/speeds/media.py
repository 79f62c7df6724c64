"""Media of the speed benches, drawn and encoded on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.long_video import FPS, scene
from core.types import RGB
from tests.media import SOUND_HZ, head, place, voice, write_clip


def clip_720p(path: Path, length_s: float = 10.0) -> Path:
    """A face that moves over a noisy wall, with a voice."""
    frames = (f for f, _ in zip(scene(), range(round(length_s * FPS)), strict=False))
    return write_clip(path, frames, FPS, voice(length_s, SOUND_HZ))


def people(path: Path, count: int, length_s: float = 6.0) -> Path:
    """``count`` heads in 720p that sway."""
    side = 560 if count == 1 else 400 if count <= 3 else 240
    columns = min(count, 1280 // side)

    def frames() -> Iterator[RGB]:
        for i in range(round(length_s * FPS)):
            canvas = np.full((720, 1280, 3), 120, np.uint8)
            for k in range(count):
                x, y = (k % columns) * (1280 // columns), (k // columns) * side
                place(head(side - 20, k % 2), canvas, x + round(8 * np.sin(i / 20 + k)) + 8, y + 8)
            yield canvas

    return write_clip(path, frames(), FPS, voice(length_s, SOUND_HZ))


def resized(path: Path, height: int, length_s: float = 4.0) -> Path:
    """The moving face in another size, 16 : 9."""
    size = (height * 16 // 9 // 2 * 2, height)
    frames = (
        np.asarray(cv2.resize(f, size, interpolation=cv2.INTER_AREA), np.uint8)
        for f, _ in zip(scene(), range(round(length_s * FPS)), strict=False)
    )
    return write_clip(path, frames, FPS, voice(length_s, SOUND_HZ))
