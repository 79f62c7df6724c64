"""Which frames of a clip must be searched whole, and where the faces of the others must be.

Faces found in two frames of a scene tell where they are between these. A frame between needs a whole search only if
a face is not where it should be. Who comes and goes between two frames that are searched whole may be missed: such a
visit is shorter than the distance of the two, and too short to drive a verdict where that is ``faces.min_frames``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from core.types import Box, Face

Gap: TypeAlias = tuple[int, int]
Pairs: TypeAlias = list[tuple[Face, Face]]
Whole: TypeAlias = Callable[[Sequence[int]], list[list[Face]]]
Near: TypeAlias = Callable[[dict[Gap, Pairs]], dict[int, list[Face]]]

_MOVED = 0.6  # of a face's side: how far its centre may be from where it was to be the same face in the same place
_GREW = 0.7  # smaller side by larger of one face in two frames
_ROOM = 0.45  # of a face's side: how far round both places it is sought between them


def followed(count: int, cuts: Sequence[int], every: int, whole: Whole, near: Near) -> list[list[Face]]:
    """Faces of each frame of a clip.

    Args:
        count: how many frames there are.
        cuts: positions at which a new scene begins.
        every: how many frames lie from one key frame to the next.
        whole: searches the frames at these positions.
        near: searches the frames within these gaps where the pairs of faces at both ends say.
    """
    keys = key_frames(count, cuts, every)
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
        found |= {i: between[i] for i in range(gap[0] + 1, gap[1]) if all_there(between[i], known)}
    lost = [i for i in range(count) if i not in found]
    found |= zip(lost, whole(lost), strict=True)
    return [found[i] for i in range(count)]


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
    return [(a, b) for a, b in pairwise(keys) if b - a > 1 and b not in starts]


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


def side(box: Box) -> float:
    """Longer side in px."""
    return max(box[2] - box[0], box[3] - box[1])


def _apart(a: Box, b: Box) -> float:
    return float(np.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2)
