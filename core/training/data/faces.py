"""Faces for data sets: frames of an item and the five landmarks in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.detect import FaceFinder
from core.media.scenes import cuts
from core.settings import FaceSettings
from core.types import RGB, Face, Frame

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The largest face of a picture: ``box`` float32[4] px, ``points`` float32[5, 2] px, ``confidence`` in [0, 1]."""

    box: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    confidence: float

    @property
    def size_px(self) -> float:
        return float(min(self.box[2] - self.box[0], self.box[3] - self.box[1]))


def read_image(path: Path) -> RGB:
    """A picture as uint8[H, W, 3] RGB, upright."""
    data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"not a readable picture: {path.name}")
    return np.ascontiguousarray(bgr[:, :, ::-1])


def read_frames(path: Path, count: int) -> list[tuple[float, RGB]]:
    """About ``count`` frames spread over a clip as (seconds, uint8[H, W, 3]); each bin's middle frame."""
    import av

    with av.open(str(path)) as box:
        stream = box.streams.video[0]
        stream.thread_type = "AUTO"
        total = stream.frames or sum(1 for _ in box.decode(stream))
        box.seek(0)
        wanted = {int((i + 0.5) * total / count) for i in range(count)}
        frames = []
        for index, frame in enumerate(box.decode(stream)):
            if index in wanted:
                frames.append((float(frame.time or 0.0), np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)))
        return frames


def open_pictures(path: Path, modality: str, frames: int) -> Iterator[tuple[float, RGB]]:
    """(seconds, picture) of an item; one at 0.0 for a still."""
    if modality == "image":
        yield 0.0, read_image(path)
    else:
        yield from read_frames(path, frames)


class Finder:
    """The largest face of a picture, by the finder of the workbench: trained on is what is analysed."""

    def __init__(self, settings: FaceSettings | None = None, device: str = "cpu") -> None:
        self._finder = FaceFinder(settings or FaceSettings(), device)

    def largest(self, rgb: RGB) -> Found | None:
        """The largest face of uint8[H, W, 3], None where there is none."""
        return self.largest_each([rgb])[0]

    def largest_each(self, frames: Sequence[RGB]) -> list[Found | None]:
        """The largest face of each frame of a stretch of a clip, where most are only searched where it must be."""
        found = self._finder.find(frames, cuts=cuts([Frame(i, float(i), rgb) for i, rgb in enumerate(frames)]))
        return [_found(faces[0]) if faces else None for faces in found]


def _found(face: Face) -> Found:
    return Found(np.asarray(face.box, np.float32), np.asarray(face.landmarks, np.float32), face.confidence)
