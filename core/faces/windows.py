"""Short dense windows of one person: where they lie in a track, and where the face is in each of their frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.faces.steady import steady_crops
from core.media.scenes import cuts
from core.media.shrinking import shrunk
from core.registry import ClipSpec, InputSpec
from core.types import RGB, Box, Face, FaceTrack, Frame, Landmarks

Times: TypeAlias = npt.NDArray[np.float64]
Points: TypeAlias = npt.NDArray[np.float64]
Find: TypeAlias = Callable[[Sequence[RGB]], list[list[Face]]]

FPS = 25.0
LOOK_EVERY = 5  # steps of the grid from one look at the landmarks to the next, as in training
_ROOM = 2.2  # of the face's side: how wide a square is searched for it
_SEARCHED_PX = 256  # of that square's longer side at most: larger faces are found as well in a smaller copy
_STRAY = 0.6  # of the face's side: how far from where it should be it may be found
_GROWTH = 1.5
_TICK_S = 1e-6
_LONGEST_STEP_S = 2 / FPS


@dataclass(frozen=True, slots=True, eq=False)
class FaceWindow:
    """Crops uint8[T, S, S, 3] of one face, shown at ``t_s`` float64[T] seconds, with its landmarks in px of what was
    read (float64[T, 5, 2]). ``fresh`` bool[T] tells where another frame is on screen than one step before."""

    crops: RGB
    t_s: Times
    points: Points
    fresh: npt.NDArray[np.bool_]

    @property
    def middle_s(self) -> float:
        return float((self.t_s[0] + self.t_s[-1]) / 2)


def step_s(fps: float | None) -> float:
    """From one frame of a window to the next at a stride of one, in seconds: 1/25, or as long as a slower clip shows
    each frame, for a frame seen twice looks like one that was held. At most 2/25: detectors know no longer steps."""
    return float(np.clip(1 / fps, 1 / FPS, _LONGEST_STEP_S)) if fps else 1 / FPS


def starts(track: FaceTrack, scenes: Sequence[int], spec: ClipSpec, step: float = 1 / FPS) -> list[float]:
    """When at most ``spec.windows`` windows begin, in seconds: evenly spread over the stretches in which the person is
    there, none reaching over a cut. Nothing where no stretch is as long as a window.

    Args:
        scenes: positions in the list of sampled frames at which a new scene begins.
        step: as of :func:`step_s`.
    """
    length = window_s(spec, step)
    spans = [(a, b - length) for a, b in stays(track, scenes) if b - a >= length - _TICK_S]
    total = sum(b - a for a, b in spans)
    if not spans:
        return []
    count = int(min(len(spans) + total // length, spec.windows))
    places = np.linspace(0.0, total, count + 2)[1:-1]
    found = sorted({round(_place(spans, float(p)), 4) for p in places})
    return [t for i, t in enumerate(found) if i == 0 or t - found[i - 1] >= length / 2]


def window_s(spec: ClipSpec, step: float = 1 / FPS) -> float:
    """From the first frame of a window to the last, in seconds."""
    return (spec.frames - 1) * spec.stride * step


def _place(spans: Sequence[tuple[float, float]], way: float) -> float:
    """Where one is after ``way`` seconds through the spans."""
    for start, end in spans:
        if way <= end - start:
            return start + way
        way -= end - start
    return spans[-1][1]


def stays(track: FaceTrack, scenes: Sequence[int]) -> list[tuple[float, float]]:
    """Stretches (first, last) in seconds in which sampled frames of one scene, one after the other, show the person."""
    frames = np.asarray(track.frame)
    scene = np.searchsorted(np.sort(np.asarray(scenes, dtype=int)), frames, side="right")
    breaks = np.flatnonzero((np.diff(frames) > 1) | (np.diff(scene) > 0)) + 1
    runs = np.split(np.asarray(track.t_s, dtype=np.float64), breaks)
    return [(float(run[0]), float(run[-1])) for run in runs if len(run)]


def cut_window(
    frames: Sequence[Frame], track: FaceTrack, clip: ClipSpec, spec: InputSpec, find: Find, step: float = 1 / FPS
) -> FaceWindow:
    """The crops of one window, steady as those of training: what is shown on a grid of a frame a ``step`` (as of
    :func:`step_s`), landmarks looked for every fifth of a second and on a line between.

    Args:
        frames: all frames of the medium from the window's first moment on, or the same part of each, in order of time.
        track: says where in these the face should be; others in the picture are not looked at.
        find: faces of pictures, as :meth:`core.faces.detect.FaceFinder.find`.

    Raises:
        LookupError: the window is too short, a cut lies in it, or the face is not where it should be; the message says
            which.
    """
    steps = np.arange(clip.frames if frames else 0, dtype=np.float64)
    moments = (frames[0].t_s if frames else 0.0) + steps * (clip.stride * step)
    shots = shown(frames, moments, _TICK_S if step <= 1 / FPS else step / 4)
    seen = list({id(shot): shot for shot in shots}.values())
    if cuts(seen):
        raise LookupError("a scene ends within the window")
    known_s, known = _looks(frames, moments, track, find)
    flat = known.reshape(len(known), -1)
    points = np.stack([np.interp(moments, known_s, column) for column in flat.T], axis=1).reshape(-1, 5, 2)
    fresh = np.diff([shot.t_s for shot in shots], prepend=-np.inf) > 0
    return FaceWindow(steady_crops([shot.rgb for shot in shots], points, moments, spec), moments, points, fresh)


def shown(frames: Sequence[Frame], moments: Times, ahead: float = _TICK_S) -> list[Frame]:
    """The frame that is on screen at each moment, or comes within ``ahead`` seconds.

    Raises:
        LookupError: the frames end before the last moment.
    """
    times = np.asarray([frame.t_s for frame in frames])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if not len(times) or times[-1] + max(step, 1 / FPS) < moments[-1]:
        raise LookupError("the clip ends within the window")
    return [frames[i] for i in np.searchsorted(times, moments + ahead, side="right") - 1]


def _looks(frames: Sequence[Frame], moments: Times, track: FaceTrack, find: Find) -> tuple[Times, Points]:
    """Moments and landmarks float64[K, 5, 2] of looks at the window: the track's own where they lie close enough."""
    reach = LOOK_EVERY / FPS
    times = np.asarray(track.t_s, dtype=np.float64)
    near = np.flatnonzero((times >= moments[0] - reach) & (times <= moments[-1] + reach))
    gaps = np.diff(np.concatenate([moments[:1] - reach, times[near], moments[-1:] + reach]))
    if len(near) and gaps.max() <= reach + _TICK_S:
        return times[near], np.asarray([track.faces[i].landmarks for i in near], dtype=np.float64)
    grid = moments[0] + np.arange(0.0, moments[-1] - moments[0] + reach, reach)
    grid = np.minimum(grid, moments[-1])
    shots = shown(frames, grid)
    return grid, np.stack([_sought(shot.rgb, expected(track, shot.t_s), find) for shot in shots])


def expected(track: FaceTrack, t_s: float) -> Box:
    """Where the person's face is between two sightings, if it moves evenly."""
    corners = np.asarray([face.box for face in track.faces], dtype=np.float64)
    x0, y0, x1, y1 = (float(np.interp(t_s, track.t_s, column)) for column in corners.T)
    return (x0, y0, x1, y1)


def _sought(rgb: RGB, box: Box, find: Find) -> npt.NDArray[np.float64]:
    """Landmarks float64[5, 2] of the face that is found where ``box`` says."""
    side = max(box[2] - box[0], box[3] - box[1], 1.0)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    height, width = rgb.shape[:2]
    half = _ROOM * side / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    part = np.ascontiguousarray(rgb[top : min(height, int(y + half) + 1), left : min(width, int(x + half) + 1)])
    zoom = min(1.0, _SEARCHED_PX / max(*part.shape[:2], 1))
    if zoom < 1.0:
        part = shrunk(part, (max(1, round(part.shape[1] * zoom)), max(1, round(part.shape[0] * zoom))))
    faces = find([part])[0] if part.size else []
    place = (zoom * (x - left), zoom * (y - top), zoom * side)
    fitting = [(apart, face) for face in faces if (apart := _apart(face, *place)) is not None]
    if not fitting:
        raise LookupError("the face is not where it should be")
    landmarks: Landmarks = min(fitting, key=lambda one: one[0])[1].landmarks
    return np.asarray(landmarks, dtype=np.float64) / zoom + np.array([left, top])


def _apart(face: Face, x: float, y: float, side: float) -> float | None:
    """Distance of a face from where it should be; None where it cannot be that face."""
    x0, y0, x1, y1 = face.box
    own = max(x1 - x0, y1 - y0)
    away = float(np.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y))
    alike = 1 / _GROWTH <= own / side <= _GROWTH
    return away if alike and away <= _STRAY * side else None
