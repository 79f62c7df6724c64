"""YuNet (Wu et al., 2023, doi:10.1007/s11633-023-1423-y) as a faster way to find faces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.errors import WeightsError
from core.faces.detect import FaceFinder, chosen
from core.faces.mtcnn import Candidates
from core.settings import FaceSettings
from core.types import RGB, Face

_SIDE = 640
_OVERLAP = 0.3
_CANDIDATES = 512


class YuNetFinder(FaceFinder):
    """As :class:`~core.faces.detect.FaceFinder`, by OpenCV on the CPU. The file takes pictures of 640 px, so a larger
    ``working_px`` changes nothing."""

    follows = False
    turned_confidence = 0.0  # its scores of true faces lie lower; the settings' limit holds for turned pictures too

    def __init__(self, settings: FaceSettings, weights: Path) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._size = weights.stat().st_size
        try:
            self._net = cv2.FaceDetectorYN.create(
                str(weights), "", (_SIDE, _SIDE), settings.min_confidence, _OVERLAP, _CANDIDATES
            )
        except cv2.error as exc:
            raise WeightsError(
                f"The file {weights.name} cannot be read as a face finder.",
                hint="Fetch it again: python -m core.cli weights pull yunet",
            ) from exc

    @property
    def memory_bytes(self) -> int:
        return self._size

    def _find(
        self, frames: Sequence[RGB], min_confidence: float, on_done: Callable[[int], None] | None
    ) -> list[list[Face]]:
        found = []
        for done, frame in enumerate(frames, 1):
            found.append(self._faces(frame, min_confidence))
            if on_done is not None:
                on_done(done)
        return found

    def _faces(self, frame: RGB, min_confidence: float) -> list[Face]:
        height, width = frame.shape[:2]
        scale = min(self.settings.working_px, _SIDE) / max(height, width)
        scale = min(scale, 2.0 if min(height, width) < 64 else 1.0)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        canvas = np.zeros((_SIDE, _SIDE, 3), np.uint8)
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas[: size[1], : size[0]] = cv2.resize(frame, size, interpolation=how)[..., ::-1]
        with self._lock:
            answer: Any = self._net.detect(canvas)[1]
        if answer is None:
            return []
        rows: npt.NDArray[np.float32] = np.asarray(answer, np.float32)
        boxes = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], axis=1)
        candidates = Candidates(boxes, rows[:, 14], np.zeros(len(rows), np.intp), rows[:, 4:14].reshape(-1, 5, 2))
        return chosen(candidates, (height, width), (size[1], size[0]), min_confidence, self.settings.max_faces)
