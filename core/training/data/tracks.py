"""Tracks of real faces on disk: windows of consecutive frames, cut along one smooth path so that they do not shake."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.errors import NotFoundError
from core.faces.align import warp
from core.faces.steady import steady
from core.training.data.crops import STORE_PX, STORE_SCALE, CropRow
from core.training.data.faces import Finder
from core.training.data.manifest import Item
from core.training.fakes.base import FaceCrop
from core.types import RGB

log = logging.getLogger(__name__)

FPS = 25.0
# The finder looks at every fifth frame; between two looks landmarks move along a line.
LOOK_EVERY = 5
# A face that jumps further than this between two looks, in its own size, is another one or a cut.
MAX_JUMP = 0.5
MAX_GROWTH = 1.4
_FACE_IN_STORE = 0.78 * STORE_PX / STORE_SCALE
_SMALLEST_PX = 96
_TICK_S = 1e-6
# Looks that are held in memory at a time.
_CHUNK = 17

Points: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Consecutive frames of one face at 25 frames a second: ``pictures`` are PNG files, ``points`` float32[L, 5, 2] the
    landmarks in px of the stored crop, ``row`` says where the first frame comes from."""

    row: CropRow
    pictures: tuple[npt.NDArray[np.uint8], ...]
    points: Points

    def __len__(self) -> int:
        return len(self.pictures)

    def faces(self, which: Sequence[int], side: int | None = None) -> list[FaceCrop]:
        """Those frames at about the resolution they were taken at, or with ``side`` px."""
        side = side or self.side
        return [_resized(self._decode(i), self.points[i], side) for i in which]

    @property
    def side(self) -> int:
        """Px a side at which the face has the resolution it was taken at, at most the stored one."""
        return int(np.clip(STORE_PX * self.row.face_px / _FACE_IN_STORE, _SMALLEST_PX, STORE_PX))

    def _decode(self, number: int) -> RGB:
        bgr = cv2.imdecode(self.pictures[number], cv2.IMREAD_COLOR)
        return np.ascontiguousarray(np.asarray(bgr, dtype=np.uint8)[:, :, ::-1])


def _resized(pixels: RGB, points: Points, side: int) -> FaceCrop:
    before = pixels.shape[0]
    if side == before:
        return FaceCrop(pixels, points)
    how = cv2.INTER_AREA if side < before else cv2.INTER_CUBIC
    small = cv2.resize(pixels, (side, side), interpolation=how)
    return FaceCrop(np.asarray(small, dtype=np.uint8), points * (side / before))


@dataclass(frozen=True, slots=True, eq=False)
class _Sight:
    """What a look at a clip found: place on the 25 Hz grid, seconds, landmarks in px of the frame, face size."""

    step: int
    points: Points
    face_px: float


def build(root: Path, items: Sequence[Item], store: Path, *, windows: int, length: int) -> list[Window]:
    """Cut windows of all clips among ``items`` into ``store``; files already there are not read again.

    Args:
        root: data root that the items' paths are relative to.
        store: folder; each file's windows lie in ``<sha256[:2]>/<sha256>-clip<windows>x<length>.npz``.
        windows: taken from each clip at most, evenly spread over where the face stays.
        length: frames of a window.

    Raises:
        NotFoundError: no clip shows a face for so long.
    """
    finder: Finder | None = None
    found: list[Window] = []
    clips = [item for item in items if item.modality == "video"]
    for number, item in enumerate(clips, 1):
        path = store / item.sha256[:2] / f"{item.sha256}-clip{windows}x{length}.npz"
        if not path.is_file():
            finder = finder or Finder()
            _cut(root / item.path, path, finder, windows, length)
        found.extend(_read(path, item))
        if number % 20 == 0:
            log.info("clips: %d of %d files", number, len(clips))
    if not found:
        raise NotFoundError(
            f"No clip shows a face for {length / FPS:.1f} s.", hint="Check the data folder, or ask for shorter windows."
        )
    return found


def grid_frames(path: Path, every: int = 1) -> Iterator[tuple[int, RGB]]:
    """Frames on a grid of 25 a second, by time stamps: (step, uint8[H, W, 3]) is what is shown at step / 25 s after the
    first frame. Steps that are no multiple of ``every`` are left out."""
    import av

    with av.open(str(path)) as box:
        stream = box.streams.video[0]
        stream.thread_type = "AUTO"
        stamped = ((frame, float(frame.time)) for frame in box.decode(stream) if frame.pts is not None)
        first = next(stamped, None)
        if first is None:
            return
        step, (held, start_s), since_s = 0, first, 0.0
        for frame, time_s in stamped:
            shown: RGB | None = None
            while step / FPS < time_s - start_s - _TICK_S:
                shown = _rgb(held) if shown is None else shown
                yield step, shown
                step += every
            held, since_s = frame, time_s - start_s
        if step / FPS <= since_s + _TICK_S:
            yield step, _rgb(held)


def _rgb(frame: Any) -> RGB:
    return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def _cut(source: Path, path: Path, finder: Finder, windows: int, length: int) -> None:
    """Two passes over the clip, so that its frames need not be kept: find, then cut."""
    try:
        starts = _starts(_spans(_look(source, finder)), windows, length)
        facts, arrays = _pictures(source, [_plan(sights, start, length) for start, sights in starts])
    except (OSError, ValueError) as exc:
        log.warning("%s: %s", source.name, exc)
        facts, arrays = [], {}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, facts=np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8), **arrays)
    part.replace(path)


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """A window to be cut: first step, face size, landmarks in px of the frames, and the transforms."""

    start: int
    face_px: float
    points: npt.NDArray[np.float64]
    matrices: npt.NDArray[np.float64]

    @property
    def facts(self) -> dict[str, Any]:
        inside = np.einsum("tpx,tyx->tpy", self.points, self.matrices[:, :, :2]) + self.matrices[:, None, :, 2]
        return {"step": self.start, "face_px": self.face_px, "points": np.round(inside, 2).tolist()}


def _plan(sights: Sequence[_Sight], start: int, length: int) -> _Plan:
    points, face_px = _between(sights, start, length)
    return _Plan(start, face_px, points, steady(points, np.arange(length) / FPS, STORE_PX, STORE_SCALE))


def _pictures(source: Path, plans: Sequence[_Plan]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Facts of the windows and their frames as PNG, by name ``p<window>-<frame>``."""
    arrays: dict[str, Any] = {}
    last = max((plan.start + len(plan.matrices) for plan in plans), default=0)
    for step, rgb in grid_frames(source):
        if step >= last:
            break
        for number, plan in enumerate(plans):
            if 0 <= step - plan.start < len(plan.matrices):
                arrays[f"p{number}-{step - plan.start}"] = _png(warp(rgb, plan.matrices[step - plan.start], STORE_PX))
    return [plan.facts for plan in plans], arrays


def _png(rgb: RGB) -> npt.NDArray[np.uint8]:
    encoded = cv2.imencode(".png", rgb[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    return np.asarray(encoded, dtype=np.uint8).reshape(-1)


def _look(source: Path, finder: Finder) -> list[_Sight | None]:
    """The largest face of every fifth step, None where there is none."""
    sights: list[_Sight | None] = []
    frames = grid_frames(source, LOOK_EVERY)
    while chunk := list(islice(frames, _CHUNK)):
        faces = finder.largest_each([rgb for _, rgb in chunk])
        for (step, _), face in zip(chunk, faces, strict=True):
            sights.append(None if face is None else _Sight(step, face.points, face.size_px))
    return sights


def _spans(sights: Sequence[_Sight | None]) -> list[list[_Sight]]:
    """Runs of looks that all found the same face."""
    spans: list[list[_Sight]] = [[]]
    for sight in sights:
        if sight is None:
            spans.append([])
        elif spans[-1] and _jumps(spans[-1][-1], sight):
            spans.append([sight])
        else:
            spans[-1].append(sight)
    return [span for span in spans if span]


def _jumps(before: _Sight, after: _Sight) -> bool:
    moved = float(np.linalg.norm(after.points.mean(axis=0) - before.points.mean(axis=0)))
    size = min(before.face_px, after.face_px)
    return moved > MAX_JUMP * size or max(before.face_px, after.face_px) > MAX_GROWTH * size


def _starts(spans: Sequence[list[_Sight]], windows: int, length: int) -> list[tuple[int, list[_Sight]]]:
    """First step and span of at most ``windows`` windows, evenly spread over all places where one begins and on average
    no closer than half a window."""
    places = [(step, span) for span in spans for step in range(span[0].step, span[-1].step - length + 2)]
    if not places:
        return []
    count = min(windows, 1 + (len(places) - 1) // max(1, length // 2))
    chosen = sorted({round(i) for i in np.linspace(0, len(places) - 1, count).tolist()})
    return [places[i] for i in chosen]


def _between(sights: Sequence[_Sight], start: int, length: int) -> tuple[npt.NDArray[np.float64], float]:
    """Landmarks float64[length, 5, 2] along lines between the looks, and the median size of the face in px."""
    steps = np.arange(start, start + length, dtype=np.float64)
    known = np.asarray([s.step for s in sights], dtype=np.float64)
    flat = np.stack([s.points.reshape(-1) for s in sights]).astype(np.float64)
    points = np.stack([np.interp(steps, known, column) for column in flat.T], axis=1)
    return points.reshape(length, 5, 2), float(np.median([s.face_px for s in sights]))


def _read(path: Path, item: Item) -> Iterator[Window]:
    shared = {k: getattr(item, k) for k in ("sha256", "fake", "method", "source", "identity", "split", "modality")}
    with np.load(path, allow_pickle=False) as file:
        for number, facts in enumerate(json.loads(file["facts"].tobytes())):
            points = np.asarray(facts["points"], dtype=np.float32)
            first = tuple((float(x), float(y)) for x, y in points[0])
            row = CropRow(t_s=facts["step"] / FPS, face_px=facts["face_px"], points=first, **shared)
            yield Window(row, tuple(file[f"p{number}-{i}"] for i in range(len(points))), points)
