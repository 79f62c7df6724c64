"""Which frames of a clip must be searched whole, and where the faces of the others must be.

Faces found in two frames of a scene tell where they are between these. A frame between needs a whole search only if
one of its faces is not where it should be, or if the picture changed elsewhere, so that somebody may have come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.types import RGB, Box, Face

Grey: TypeAlias = npt.NDArray[np.float32]
Gap: TypeAlias = tuple[int, int]
Pairs: TypeAlias = list[tuple[Face, Face]]
Whole: TypeAlias = Callable[[Sequence[int]], list[list[Face]]]
Near: TypeAlias = Callable[[dict[Gap, Pairs]], dict[int, list[Face]]]

_MOVED = 0.6  # of a face's side: how far its centre may be from where it was to be the same face in the same place
_GREW = 0.7  # smaller side by larger of one face in two frames
_ROOM = 0.45  # of a face's side: how far round both places it is sought between them
_THUMB = 160  # longer side in px of the copies in which changes are sought
_PATCH = 6  # px of these that must have changed together
_CHANGED = 22.0  # grey levels


def followed(frames: Sequence[RGB], cuts: Sequence[int], every: int, whole: Whole, near: Near) -> list[list[Face]]:
    """Faces of each frame of a clip.

    Args:
        frames: uint8[H, W, 3] of one size, in order of time.
        cuts: positions at which a new scene begins.
        every: how many frames lie from one key frame to the next.
        whole: searches the frames at these positions.
        near: searches the frames within these gaps where the pairs of faces at both ends say.
    """
    keys = key_frames(len(frames), cuts, every)
    found = dict(zip(keys, whole(keys), strict=True))
    closed: dict[Gap, Pairs] = {}
    pending = gaps(keys, cuts)
    while pending:
        pairs = {gap: paired(found[gap[0]], found[gap[1]]) for gap in pending}
        closed |= {gap: known for gap, known in pairs.items() if known is not None}
        middles = {gap: sum(gap) // 2 for gap, known in pairs.items() if known is None}
        found |= zip(middles.values(), whole(list(middles.values())), strict=True)
        halves = [half for (a, b), middle in middles.items() for half in ((a, middle), (middle, b))]
        pending = [(a, b) for a, b in halves if b - a > 1]
    between = near(closed)
    for gap, known in closed.items():
        for i in _trusted(frames, gap, known, between):
            found[i] = between[i]
    rest = [i for i in range(len(frames)) if i not in found]
    found |= zip(rest, whole(rest), strict=True)
    return [found[i] for i in range(len(frames))]


def _trusted(frames: Sequence[RGB], gap: Gap, pairs: Pairs, between: dict[int, list[Face]]) -> list[int]:
    """Frames in the gap in which everybody was found, and nobody else can have come."""
    before, after = thumbnail(frames[gap[0]]), thumbnail(frames[gap[1]])
    size = np.array([*frames[gap[0]].shape[1::-1]] * 2, dtype=np.float64)
    known = [np.asarray(room(a.box, b.box)) / size for a, b in pairs]
    within = (i for i in range(gap[0] + 1, gap[1]) if all_there(between[i], pairs))
    return [i for i in within if not changed(thumbnail(frames[i]), before, after, known)]


def key_frames(count: int, cuts: Sequence[int], every: int) -> list[int]:
    """Positions of ``count`` frames that are searched whole: every so many, and both ends of each scene, which begin
    at ``cuts``."""
    starts = sorted({0, *(c for c in cuts if 0 < c < count)})
    keys: set[int] = set()
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        keys.update(range(start, end, every))
        keys.add(end - 1)
    return sorted(keys)


def gaps(keys: Sequence[int], cuts: Sequence[int]) -> list[Gap]:
    """Neighbouring key frames of one scene that have others between them."""
    starts = set(cuts)
    return [(a, b) for a, b in zip(keys, keys[1:], strict=False) if b - a > 1 and b not in starts]


def paired(before: Sequence[Face], after: Sequence[Face]) -> Pairs | None:
    """Each face of one frame with itself in another; None where one came, went, or moved too far to tell."""
    if len(before) != len(after):
        return None
    pairs = [(face, min(after, key=lambda other: _apart(face.box, other.box))) for face in before]
    alike = all(same_place(a.box, b.box) for a, b in pairs)
    return pairs if alike and len({id(b) for _, b in pairs}) == len(pairs) else None


def same_place(a: Box, b: Box) -> bool:
    """Whether two boxes can be those of one face that moved a little."""
    sides = sorted((side(a), side(b)))
    return _apart(a, b) <= _MOVED * sides[1] and sides[0] >= _GREW * sides[1]


def room(a: Box, b: Box) -> Box:
    """Where a face is sought that is at ``a`` before and at ``b`` after."""
    more = _ROOM * max(side(a), side(b))
    return (min(a[0], b[0]) - more, min(a[1], b[1]) - more, max(a[2], b[2]) + more, max(a[3], b[3]) + more)


def all_there(found: Sequence[Face], pairs: Pairs) -> bool:
    """Whether each expected face was found, and nothing besides."""
    if len(found) != len(pairs):
        return False
    free = list(found)
    for a, b in pairs:
        middle: Box = tuple((x + y) / 2 for x, y in zip(a.box, b.box, strict=True))  # type: ignore[assignment]
        here = [f for f in free if any(same_place(f.box, box) for box in (middle, a.box, b.box))]
        if not here:
            return False
        free.remove(min(here, key=lambda f: _apart(f.box, middle)))
    return True


def thumbnail(rgb: RGB) -> Grey:
    """A small blurred grey copy of ``rgb`` uint8[H, W, 3], in which :func:`changed` compares frames."""
    height, width = rgb.shape[:2]
    scale = _THUMB / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY), np.float32)


def changed(frame: Grey, before: Grey, after: Grey, known: Sequence[npt.NDArray[np.float64]]) -> bool:
    """Whether ``frame`` differs from both others, outside the boxes ``known`` (in parts of width and height)."""
    difference = np.minimum(_difference(frame, before), _difference(frame, after))
    patches = cv2.blur(difference, (_PATCH, _PATCH))
    height, width = frame.shape
    for x0, y0, x1, y1 in known:
        rows = slice(max(0, int(y0 * height)), max(0, int(np.ceil(y1 * height))))
        patches[rows, max(0, int(x0 * width)) : max(0, int(np.ceil(x1 * width)))] = 0.0
    return bool(patches.max() > _CHANGED)


def side(box: Box) -> float:
    """Longer side in px."""
    return max(box[2] - box[0], box[3] - box[1])


def _difference(a: Grey, b: Grey) -> Grey:
    """Of each pixel, light that changed everywhere alike left out."""
    difference = a - b
    return np.asarray(np.abs(difference - np.median(difference)), np.float32)


def _apart(a: Box, b: Box) -> float:
    return float(np.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2)
