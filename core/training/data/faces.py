"""Faces for data sets: frames of an item and the five landmarks in them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from core.types import RGB

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
    """The largest face by MTCNN (Zhang et al., 2016) with the weights of the facenet-pytorch wheel."""

    def __init__(self, *, working_px: int = 640, min_confidence: float = 0.9) -> None:
        from facenet_pytorch import MTCNN

        self._net = MTCNN(keep_all=True, device="cpu", min_face_size=20, post_process=False)
        self._working_px = working_px
        self._min_confidence = min_confidence

    def largest(self, rgb: RGB) -> Found | None:
        """The largest face surer than the limit, else None. Sought in a copy of at most ``working_px``, not smaller
        than 300 px (small pictures are enlarged)."""
        zoom = _zoom(max(rgb.shape[:2]), self._working_px)
        small = rgb if zoom == 1.0 else cv2.resize(rgb, None, fx=zoom, fy=zoom, interpolation=_how(zoom))
        boxes, scores, points = self._net.detect(np.ascontiguousarray(small), landmarks=True)
        faces = _found(boxes, scores, points, zoom)
        good = [f for f in faces if f.confidence >= self._min_confidence]
        return max(good, key=lambda f: f.size_px, default=None)


def _zoom(longer: int, working_px: int) -> float:
    if longer > working_px:
        return working_px / longer
    return 300.0 / longer if longer < 300 else 1.0


def _how(zoom: float) -> int:
    return cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR


def _found(boxes: object, scores: Sequence[float], points: object, zoom: float) -> list[Found]:
    if boxes is None:
        return []
    return [
        Found((np.asarray(b) / zoom).astype(np.float32), (np.asarray(p) / zoom).astype(np.float32), float(s))
        for b, s, p in zip(np.asarray(boxes), scores, np.asarray(points), strict=True)
    ]
