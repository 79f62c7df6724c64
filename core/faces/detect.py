"""Finding faces: boxes and five landmarks in the full-size frame."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.follow import Gap, Pairs, followed, room, side
from core.faces.mtcnn import Candidates, Cascade, Region
from core.settings import FaceSettings, Settings
from core.types import RGB, Box, Face, Landmarks

Points: TypeAlias = npt.NDArray[np.float64]

_MIN_WORKING_PX = 20.0  # shortest face sought, in the working copy
_TINY_PX = 64  # pictures whose shorter side is below this are doubled first
_CHUNK = 8  # frames in one pass: bounds memory, and is how often progress is told
_SAME_FACE = 0.6  # two boxes are one face when they share this part of the smaller
_MAX_ROLL_DEG = 60.0
_PROBES = 4  # frames in which a medium that shows no upright face is tried sideways and upside down
_TURNED_CONFIDENCE = 0.97  # three more passes give chance three more tries: they must convince more


class FaceFinder:
    """MTCNN on a working-size copy of each frame; safe to share between threads.

    Faces turned by up to about 60 degrees in the picture plane are found; beyond that the five points are no longer
    reliable and the face is left out rather than misaligned. When not one frame of a call shows a face, the picture
    may lie on its side: a few frames are tried in quarter turns, and if that finds faces, all are sought that way.
    """

    turned_confidence = _TURNED_CONFIDENCE
    follows = True  # whether looking where a face should be is cheaper than searching the whole frame

    def __init__(self, settings: FaceSettings, device: str) -> None:
        self.settings = settings
        self._cascade = Cascade(device)
        self._lock = threading.Lock()

    @property
    def memory_bytes(self) -> int:
        return self._cascade.memory_bytes

    def find(
        self,
        frames: Sequence[RGB],
        on_done: Callable[[int], None] | None = None,
        *,
        cuts: Sequence[int] | None = None,
    ) -> list[list[Face]]:
        """Faces of each frame uint8[H, W, 3], largest first, at most ``max_faces`` of them.

        ``on_done`` is told how many frames are finished. ``confidence`` is the mean of the last network's probability
        over shifted, scaled and mirrored looks at the same place, which chance resemblances do not survive. ``cuts``
        says that the frames are those of a clip, in order, and at which positions a new scene begins: then most are
        only searched where their faces must be (``search_every``).
        """
        found = self._search(frames, cuts, self.settings.min_confidence, on_done)
        if not frames or any(found):
            return found
        turns = self._turns(frames)
        if not turns:
            return found
        turned = self._search([_turn(frame, turns) for frame in frames], cuts, self._turned_limit(), None)
        return [[_turn_back(face, turns, frame) for face in faces] for faces, frame in zip(turned, frames, strict=True)]

    def _turns(self, frames: Sequence[RGB]) -> int:
        """By how many quarter turns, counter-clockwise, the frames must be turned to show faces; 0 where none does."""
        places = np.unique(np.linspace(0, len(frames) - 1, _PROBES).astype(int))
        limit = self._turned_limit()
        certainty = {}
        for turns in (1, 3, 2):
            probes = self._find([_turn(frames[i], turns) for i in places], limit, None)
            certainty[turns] = sum(max((f.confidence for f in faces), default=0.0) for faces in probes)
        best = max(certainty, key=lambda turns: certainty[turns])
        return best if certainty[best] > 0 else 0

    def _turned_limit(self) -> float:
        return max(self.settings.min_confidence, self.turned_confidence)

    def _search(
        self,
        frames: Sequence[RGB],
        cuts: Sequence[int] | None,
        min_confidence: float,
        on_done: Callable[[int], None] | None,
    ) -> list[list[Face]]:
        every = self.settings.search_every
        alike = len({frame.shape for frame in frames}) == 1
        if cuts is None or every == 1 or len(frames) <= 2 * every or not alike or not self.follows:
            return self._find(frames, min_confidence, on_done)
        searched = 0

        def tell(count: int) -> None:
            nonlocal searched
            searched += count
            if on_done is not None:
                on_done(min(searched, len(frames)))

        def whole(places: Sequence[int]) -> list[list[Face]]:
            done = [0]

            def more(count: int) -> None:
                tell(count - done[0])
                done[0] = count

            return self._find([frames[i] for i in places], min_confidence, more)

        def near(closed: dict[Gap, Pairs]) -> dict[int, list[Face]]:
            return self._near(frames, closed, min_confidence, tell)

        return followed(len(frames), cuts, every, whole, near)

    def _near(
        self,
        frames: Sequence[RGB],
        closed: dict[Gap, Pairs],
        min_confidence: float,
        tell: Callable[[int], None],
    ) -> dict[int, list[Face]]:
        """Faces of the frames within gaps, sought only where they must be."""
        found: dict[int, list[Face]] = {}
        for gap, pairs in closed.items():
            places = range(gap[0] + 1, gap[1])
            copies = [_working_copy(frames[i], self.settings.working_px) for i in places]
            full, copy = frames[gap[0]].shape[:2], copies[0].shape[:2]
            regions = [_region(a.box, b.box, len(copies), copy[1] / full[1]) for a, b in pairs]
            with self._lock:
                candidates = self._cascade.near(copies, regions, _MIN_WORKING_PX)
            for place, i in enumerate(places):
                here = candidates.pick(candidates.picture == place)
                found[i] = chosen(here, full, copy, min_confidence, self.settings.max_faces)
            tell(len(places))
        return found

    def _find(
        self, frames: Sequence[RGB], min_confidence: float, on_done: Callable[[int], None] | None
    ) -> list[list[Face]]:
        found: list[list[Face]] = [[] for _ in frames]
        done = 0
        for chunk in _chunks([_working_size(f.shape[:2], self.settings.working_px) for f in frames]):
            copies = [_working_copy(frames[i], self.settings.working_px) for i in chunk]
            with self._lock:
                candidates = self._cascade(copies, _MIN_WORKING_PX)
            for place, i in enumerate(chunk):
                here = candidates.pick(candidates.picture == place)
                full, copy = frames[i].shape[:2], copies[place].shape[:2]
                found[i] = chosen(here, full, copy, min_confidence, self.settings.max_faces)
            done += len(chunk)
            if on_done is not None:
                on_done(done)
        return found


def face_finder(settings: Settings, device: str) -> FaceFinder:
    """The finder that the settings name.

    Raises:
        WeightsMissingError: it needs weights that are not on this machine.
        WeightsError: they are not the right ones.
    """
    if settings.faces.finder == "mtcnn":
        return FaceFinder(settings.faces, device)
    from core.faces.yunet import YuNetFinder
    from core.registry import card
    from core.weights.files import verified

    return YuNetFinder(settings.faces, verified(card("yunet"), settings))


def chosen(
    found: Candidates, full: tuple[int, ...], copy: tuple[int, ...], min_confidence: float, most: int
) -> list[Face]:
    """The plausible and sure ones of one picture's candidates, each face once, largest first, at most ``most``.

    ``full`` and ``copy`` are (height, width) of the frame and of the copy that the candidates lie in.
    """
    sure = [face for face in _faces(found, full, copy) if face.confidence >= min_confidence]
    return _distinct(sure)[:most]


def plausible(face: Face) -> bool:
    """Whether the five points can be those of a face inside its box: eyes above mouth along the face's own axis, not
    mirrored, not turned by more than 60 degrees, not collapsed."""
    left, right, nose, mouth_left, mouth_right = np.asarray(face.landmarks, dtype=np.float64)
    x0, y0, x1, y1 = face.box
    side = max(x1 - x0, y1 - y0)
    down = (mouth_left + mouth_right - left - right) / 2.0
    length = float(np.linalg.norm(down))
    if side <= 0 or not 0.15 * side <= length <= 0.8 * side:
        return False
    down_unit = down / length
    across_unit = np.array([down_unit[1], -down_unit[0]])
    roll = abs(np.degrees(np.arctan2(down_unit[0], down_unit[1])))
    eyes, mouth = float((right - left) @ across_unit), float((mouth_right - mouth_left) @ across_unit)
    nose_drop = float((nose - (left + right) / 2.0) @ down_unit) / length
    # In profile the points of the far side fold over the near one by a little.
    unfolded = min(eyes, mouth) > -0.15 * length and max(eyes, mouth) > 0.1 * length
    return bool(roll <= _MAX_ROLL_DEG and unfolded and max(eyes, mouth) <= 2.0 * length and 0.0 < nose_drop < 1.1)


def _region(a: Box, b: Box, pictures: int, scale: float) -> Region:
    """Where to look in the working copies between two frames in which a face is at ``a`` and at ``b``."""
    x0, y0, x1, y1 = room(a, b)
    sides = sorted((side(a) * scale, side(b) * scale))
    return Region(tuple(range(pictures)), (x0 * scale, y0 * scale, x1 * scale, y1 * scale), *sides)


def _working_size(shape: tuple[int, ...], working_px: int) -> tuple[int, int]:
    """(width, height) of the copy in which faces are sought: never larger than the frame unless that is tiny."""
    height, width = shape[:2]
    scale = 2.0 if min(height, width) < _TINY_PX else 1.0
    scale = min(scale, working_px / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _working_copy(rgb: RGB, working_px: int) -> RGB:
    size = _working_size(rgb.shape[:2], working_px)
    if size == (rgb.shape[1], rgb.shape[0]):
        return np.ascontiguousarray(rgb)
    how = cv2.INTER_AREA if size[0] < rgb.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=how), dtype=np.uint8)


def _chunks(sizes: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """Positions of frames of equal size, a few at a time."""
    by_size: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for i, size in enumerate(sizes):
        by_size[size].append(i)
    for places in by_size.values():
        yield from (places[i : i + _CHUNK] for i in range(0, len(places), _CHUNK))


def _faces(found: Candidates, full: tuple[int, ...], copy: tuple[int, ...]) -> list[Face]:
    """Plausible candidates in px of the full frame, boxes clipped to it."""
    height, width = full[:2]
    scale = np.array([width / copy[1], height / copy[0]])
    faces = []
    for box, score, points in zip(found.boxes, found.scores, found.landmarks, strict=True):
        corners = np.asarray(box, dtype=np.float64).reshape(2, 2) * scale
        landmarks = _landmarks(np.asarray(points, dtype=np.float64) * scale)
        if plausible(Face(_box(corners), landmarks, float(score))):
            clipped = np.clip(corners, 0.0, [width, height])
            if (clipped[1] > clipped[0]).all():
                faces.append(Face(_box(clipped), landmarks, float(np.clip(score, 0.0, 1.0))))
    return faces


def _distinct(faces: list[Face]) -> list[Face]:
    """One box a face, the surest, largest first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.confidence):
        if all(_shared(face.box, other.box) < _SAME_FACE for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda f: (-_area(f.box), f.box))


def _shared(a: Box, b: Box) -> float:
    """Intersection over the smaller area."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0.0) * max(height, 0.0) / max(min(_area(a), _area(b)), 1e-9)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _turn(rgb: RGB, turns: int) -> RGB:
    return np.ascontiguousarray(np.rot90(rgb, turns))


def _turn_back(face: Face, turns: int, frame: RGB) -> Face:
    """A face found in the frame turned counter-clockwise, where it lies in the frame as it is."""
    height, width = frame.shape[:2]
    corners = _unturned(np.asarray(face.box, dtype=np.float64).reshape(2, 2), turns, width, height)
    points = _unturned(np.asarray(face.landmarks, dtype=np.float64), turns, width, height)
    box = _box(np.stack([corners.min(axis=0), corners.max(axis=0)]))
    return Face(box, _landmarks(points), face.confidence)


def _unturned(points: Points, turns: int, width: int, height: int) -> Points:
    x, y = points[:, 0], points[:, 1]
    return np.stack({1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[turns], axis=1)


def _box(corners: Points) -> Box:
    return (float(corners[0, 0]), float(corners[0, 1]), float(corners[1, 0]), float(corners[1, 1]))


def _landmarks(points: Points) -> Landmarks:
    return tuple((float(x), float(y)) for x, y in points)
