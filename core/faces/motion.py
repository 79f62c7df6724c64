"""How a face moves, measured without a trained network: facts for people to weigh, no score."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.windows import FaceWindow
from core.facts import MotionFacts
from core.types import RGB, FaceTrack

Values = npt.NDArray[np.float64]

_STILL = 0.05  # mean grey levels of change below which a new frame repeats the one before
_MOVES = 0.5  # and above which there is enough of it to ask whether flow explains it
_NEAR_S = 0.25  # sightings further apart say nothing about tremor


def motion_facts(track: FaceTrack, windows: Sequence[FaceWindow], unrest: Sequence[float] = ()) -> MotionFacts:
    """What the windows of one person show.

    Args:
        windows: at least one.
        unrest: of each window, in [0, 1], where a network measured it.
    """
    steps = np.concatenate([_steps(window) for window in windows])
    changes, rests = steps[:, 0], steps[:, 1]
    moving = changes > _MOVES
    explained = float(np.clip(1.0 - np.median(rests[moving] / changes[moving]), 0.0, 1.0)) if moving.any() else None
    repeated = float((changes < _STILL).mean()) if len(changes) else None
    shaking = tremor(track)
    return MotionFacts(
        track_id=track.id,
        n=sum(len(window.t_s) for window in windows),
        explained=explained,
        repeated=repeated,
        tremor=shaking,
        summary=_words(explained, repeated, shaking, unrest),
        t_s=tuple(window.middle_s for window in windows) if len(unrest) else (),
        unrest=tuple(float(value) for value in unrest),
    )


def _steps(window: FaceWindow) -> Values:
    """Of each step to a new frame: mean change in grey levels, and what is left of it after optical flow; [K, 2]."""
    grey = [np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)) for crop in window.crops]
    pairs = [(grey[i - 1], grey[i]) for i in range(1, len(grey)) if window.fresh[i]]
    return np.asarray([[_change(a, b), unexplained(a, b)] for a, b in pairs], dtype=np.float64).reshape(-1, 2)


def unexplained(before: RGB, after: RGB) -> float:
    """Mean difference in grey levels of two grey pictures uint8[S, S], the second taken back along the optical flow
    between them (Kroeger et al., 2016, arXiv:1603.03590)."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    moved = flow.calc(before, after, np.zeros((*before.shape, 2), np.float32))
    y, x = np.mgrid[0 : before.shape[0], 0 : before.shape[1]].astype(np.float32)
    back = cv2.remap(after, x + moved[..., 0], y + moved[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _change(before, np.asarray(back))


def _change(a: RGB, b: RGB) -> float:
    return float(np.abs(a.astype(np.float32) - b).mean())


def tremor(track: FaceTrack) -> float | None:
    """How far the landmarks leave an even motion from sighting to sighting, the median over the track, in distances
    between the eyes; None where no three sightings lie within a quarter of a second of each other."""
    points = np.asarray([face.landmarks for face in track.faces], dtype=np.float64)
    times = np.asarray(track.t_s)
    found = []
    for i in range(1, len(times) - 1):
        before, after = times[i] - times[i - 1], times[i + 1] - times[i]
        if max(before, after) <= _NEAR_S:
            line = (points[i - 1] * after + points[i + 1] * before) / (before + after)
            eyes = float(np.linalg.norm(points[i, 1] - points[i, 0]))
            found.append(float(np.linalg.norm(points[i] - line, axis=1).mean()) / max(eyes, 1.0))
    return float(np.median(found)) if found else None


def _words(explained: float | None, repeated: float | None, shaking: float | None, unrest: Sequence[float]) -> str:
    said = []
    if explained is not None:
        said.append(f"Optical flow explains {explained:.0%} of what changes in the face from frame to frame.")
    if repeated:
        said.append(f"In {repeated:.0%} of the new frames the face is the same as in the one before.")
    if shaking is not None:
        said.append(f"The landmarks tremble by {shaking:.1%} of the distance between the eyes.")
    if len(unrest):
        share = float(np.mean(unrest))
        said.append(f"The motion network finds {share:.0%} unrest, on a scale that is not calibrated.")
    return " ".join(said) or "The face hardly moves."
