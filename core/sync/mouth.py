"""How a mouth moves, apart from how its head moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.align import similarity, warp
from core.types import FaceTrack, Frame, Grey, GreyFrame, Landmarks

Points: TypeAlias = npt.NDArray[np.float64]
Series: TypeAlias = npt.NDArray[np.float64]

_SIDE = 112
# Eyes, nose and corners of the mouth in the square in which motion is measured.
_LAYOUT = ((38.0, 36.0), (74.0, 36.0), (56.0, 57.0), (43.0, 78.0), (69.0, 78.0))
_FACE_PX = 42.0  # from eyes to mouth in that square: motion is told in parts of this length
_PLACES = np.stack(np.meshgrid(np.arange(float(_SIDE)), np.arange(float(_SIDE))), axis=-1)  # [row, column] of (x, y)
_RIGID = (slice(18, 64, 3), slice(20, 92, 3))  # brows to nose: moves with the head alone
_MOUTH = (slice(66, 106, 2), slice(36, 76, 2))
_UPPER_LIP = (slice(62, 74), slice(46, 66))
_LOWER_LIP = (slice(84, 104), slice(44, 68))
_STILL = 0.04  # spread of the lips' parting speed, in eye-to-mouth distances a second, of a mouth that does not move
_KEPT = 0.55  # correlation with the last sure sight of the face below which it is lost
_MAX_STEP_S = 0.25  # frames further apart show no motion
_MIN_STEP_S = 1e-4
_TOLERANCE_S = 0.06  # a face found in a sampled frame belongs to the decoded frame this near in time


@dataclass(frozen=True, slots=True, eq=False)
class MouthMotion:
    """Evenly sampled at ``fps`` Hz: times ``t_s`` float64[N] on the medium's clock, ``motion`` float64[N] the mean
    speed of the mouth region against the head, ``opening`` float64[N] how fast the lips part (negative: close); both in
    eye-to-mouth distances a second. NaN where the face was not seen. ``landmarks`` float64[M, 5, 2] are the face's
    points in px of those frames, at ``shown_s`` float64[M] seconds, in which it was followed."""

    t_s: Series
    motion: Series
    opening: Series
    fps: float
    shown_s: Series = field(default_factory=lambda: np.zeros(0))
    landmarks: Series = field(default_factory=lambda: np.zeros((0, 5, 2)))

    @property
    def seen_s(self) -> float:
        return float(np.isfinite(self.motion).sum() / self.fps)

    @property
    def moves(self) -> bool:
        """Whether the lips part and close enough for somebody who speaks."""
        return bool(np.isfinite(self.opening).any()) and float(np.nanstd(self.opening)) >= _STILL


@dataclass(frozen=True, slots=True)
class _Step:
    """Motion between two frames; times in seconds, speeds in eye-to-mouth distances a second."""

    start_s: float
    end_s: float
    motion: float
    opening: float


def mouth_motion(frames: Iterable[Frame | GreyFrame], track: FaceTrack, fps_out: float = 25.0) -> MouthMotion:
    """Measure the mouth of ``track`` in densely decoded frames of one window.

    Starting from the frames in which the face was found, its five points are carried forwards and backwards by optical
    flow (Kroeger et al., 2016, arXiv:1603.03590) between neighbouring frames; the part of the flow that the upper face
    shares is taken off, what is left around the mouth is its own motion. The face counts as lost where it no longer
    resembles the last sure sight of it, for instance after a cut.

    Args:
        frames: frames in order of time; their rate may vary.
        track: the person, at least one of whose sightings should lie in the window.
        fps_out: rate of the result in Hz.
    """
    shots = list(frames)
    anchors = _anchors([shot.t_s for shot in shots], track)
    steps: list[_Step] = []
    path: dict[float, Points] = {}
    for number, (place, landmarks) in enumerate(anchors):
        if number == 0:
            steps += _follow(shots[: place + 1][::-1], landmarks, path)
        until = anchors[number + 1][0] if number + 1 < len(anchors) else len(shots) - 1
        steps += _follow(shots[place : until + 1], landmarks, path)
    moments = sorted(path)
    return replace(
        _resampled(sorted(steps, key=lambda step: step.start_s), shots, fps_out),
        shown_s=np.asarray(moments, dtype=np.float64),
        landmarks=np.asarray([path[t] for t in moments], dtype=np.float64).reshape(-1, 5, 2),
    )


def _anchors(times_s: Sequence[float], track: FaceTrack) -> list[tuple[int, Landmarks]]:
    """Frames of the window in which the face was found, in order, with its landmarks there."""
    found: dict[int, Landmarks] = {}
    for t_s, face in zip(track.t_s, track.faces, strict=True):
        if times_s:
            place = int(np.argmin(np.abs(np.asarray(times_s) - t_s)))
            if abs(times_s[place] - t_s) <= _TOLERANCE_S:
                found[place] = face.landmarks
    return sorted(found.items())


def _follow(shots: Sequence[Frame | GreyFrame], landmarks: Landmarks, path: dict[float, Points]) -> list[_Step]:
    """Motion from frame to frame, beginning at the first with known landmarks; backwards in time if they are. Where the
    landmarks were, by time, is added to ``path``."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    points, steps = np.asarray(landmarks, dtype=np.float64), list[_Step]()
    matrix = _upright(points)
    if matrix is None:
        return steps
    path[shots[0].t_s] = points
    here = sure = _square(grey_of(shots[0]), matrix)
    for before, after in pairwise(shots):
        if not _MIN_STEP_S <= abs(after.t_s - before.t_s) <= _MAX_STEP_S:
            break
        whole = grey_of(after)
        there = _square(whole, matrix)
        moved = np.asarray(flow.calc(here, there, np.zeros((_SIDE, _SIDE, 2), np.float32)), dtype=np.float64)
        rigid = _shared_motion(moved)
        points = _applied(cv2.invertAffineTransform(matrix), _applied(rigid, _applied(matrix, points)))
        matrix = _upright(points)
        if matrix is None:
            break
        here = _square(whole, matrix)
        if not _resembles(sure, here):
            break
        path[after.t_s] = points
        steps.append(_step(moved, rigid, before.t_s, after.t_s))
    return steps


def _upright(points: Points) -> Points | None:
    """The transform of a frame that puts the five points where motion is measured; None where they coincide."""
    try:
        return similarity(points, np.asarray(_LAYOUT))
    except ValueError:
        return None


def _step(moved: Points, rigid: Points, before_s: float, after_s: float) -> _Step:
    passed = after_s - before_s
    speed = float(np.linalg.norm(_own(moved, rigid, _MOUTH), axis=-1).mean()) / _FACE_PX / abs(passed)
    lower, upper = (float(_own(moved, rigid, lip)[..., 1].mean()) for lip in (_LOWER_LIP, _UPPER_LIP))
    parting = (lower - upper) / _FACE_PX / passed
    return _Step(min(before_s, after_s), max(before_s, after_s), speed, parting)


def _own(moved: Points, rigid: Points, where: tuple[slice, slice]) -> Points:
    """Motion float64[H, W, 2] of a part of the square that is not the head's."""
    places = _PLACES[where]
    return np.asarray(moved[where] - (_applied(rigid, places) - places))


def _shared_motion(moved: Points) -> Points:
    """The similarity float64[2, 3] by which most of the upper face moves; two rounds, the second without outliers."""
    source, shift = _PLACES[_RIGID].reshape(-1, 2), moved[_RIGID].reshape(-1, 2)
    fit = similarity(source, source + shift)
    away = np.linalg.norm(_applied(fit, source) - source - shift, axis=1)
    near = away <= np.quantile(away, 0.7)
    return similarity(source[near], (source + shift)[near])


def _applied(matrix: npt.NDArray[np.generic], points: Points) -> Points:
    m = np.asarray(matrix, dtype=np.float64)
    return np.asarray(points @ m[:, :2].T + m[:, 2], dtype=np.float64)


def grey_of(frame: Frame | GreyFrame) -> Grey:
    """Its brightness, uint8[H, W]."""
    if isinstance(frame, GreyFrame):
        return frame.grey
    return np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _square(grey: Grey, matrix: Points) -> Grey:
    return warp(grey, matrix, _SIDE, reflect=True)


def _resembles(sure: Grey, now: Grey) -> bool:
    """Whether the upper face still looks as it did; it hardly changes while the mouth speaks."""
    a, b = sure[:66].astype(np.float64).ravel(), now[:66].astype(np.float64).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return norm > 1e-9 and float(a @ b) / norm >= _KEPT


def _resampled(steps: Sequence[_Step], shots: Sequence[Frame | GreyFrame], fps: float) -> MouthMotion:
    """Means over even bins. A frame stands for the time until the next, so what happens between two frames is dated
    from the middle of the first to the middle of the second."""
    if not shots:
        return MouthMotion(np.zeros(0), np.zeros(0), np.zeros(0), fps)
    edges = shots[0].t_s + np.arange(int((shots[-1].t_s - shots[0].t_s) * fps + 1e-6) + 1) / fps
    weight, motion, opening = (np.zeros(max(len(edges) - 1, 0)) for _ in range(3))
    for step in steps:
        late = (step.end_s - step.start_s) / 2.0
        shared = np.minimum(edges[1:], step.end_s + late) - np.maximum(edges[:-1], step.start_s + late)
        shared = np.maximum(shared, 0.0)
        weight += shared
        motion += shared * step.motion
        opening += shared * step.opening
    known = weight >= 0.5 / fps
    with np.errstate(invalid="ignore", divide="ignore"):
        motion, opening = np.where(known, motion / weight, np.nan), np.where(known, opening / weight, np.nan)
    return MouthMotion((edges[:-1] + edges[1:]) / 2.0, motion, opening, fps)
