"""Who is who: faces of sampled frames joined to one track a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from core.faces.appearance import Appearance, describe, likeness
from core.faces.quality import measure
from core.types import RGB, Box, Face, FaceTrack

Centre: TypeAlias = npt.NDArray[np.float64]

_REMEMBERED = 5  # latest appearances kept of a person
_TRUST_S = 1.2  # after this many seconds unseen, a place counts 1/e of what it did
_MOTION_S = 0.6  # two sightings closer than this tell how the face moves
_ENOUGH = 0.42  # joint score from which a face continues a track
_LOOKS_ALONE = 0.90  # likeness that joins with no help from the place: across a cut, or after a long gap
_LOOKS_AT_ALL = 0.55  # likeness below which not even the same place joins
_UNLIKE, _ALIKE = 0.5, 0.9  # likeness that speaks wholly against and wholly for one person


@dataclass(slots=True)
class _Sighting:
    frame: int
    t_s: float
    face: Face
    look: Appearance | None


@dataclass(slots=True)
class _Person:
    sightings: list[_Sighting] = field(default_factory=list)

    @property
    def last(self) -> _Sighting:
        return self.sightings[-1]

    def likeness(self, look: Appearance | None) -> float:
        return max(likeness(s.look, look) for s in self.sightings[-_REMEMBERED:])

    def expected(self, t_s: float) -> Box:
        """Where the face should be: moving on as it did between its last two sightings, for as long as these tell."""
        if len(self.sightings) < 2:
            return self.last.face.box
        before, last = self.sightings[-2], self.last
        passed = last.t_s - before.t_s
        if not 0 < passed <= _MOTION_S:
            return last.face.box
        step = (_centre(last.face.box) - _centre(before.face.box)) * min(t_s - last.t_s, passed) / passed
        x0, y0, x1, y1 = last.face.box
        return (x0 + float(step[0]), y0 + float(step[1]), x1 + float(step[0]), y1 + float(step[1]))


def track(
    faces_per_frame: Sequence[Sequence[Face]], t_s: Sequence[float], frames: Sequence[RGB], cuts: Sequence[int] = ()
) -> list[FaceTrack]:
    """Join faces to people, numbered from 1 by first appearance, then from left to right.

    Each frame's faces are assigned to the people known so far by the Hungarian method over a score of place (overlap,
    distance and size, against where the face should be by now) and appearance. The longer ago a person was seen, the
    less the place counts. Across a cut the place counts nothing: only a strong likeness joins, else it is a new person.
    Somebody seen once is a track of length one.

    Args:
        faces_per_frame: the faces of each sampled frame.
        t_s: times of the frames in seconds, ascending.
        frames: the frames uint8[H, W, 3].
        cuts: positions in the list of frames at which a new scene begins.

    Raises:
        ValueError: the lists differ in length.
    """
    if not len(faces_per_frame) == len(t_s) == len(frames):
        raise ValueError("faces, times and frames must be of equal number")
    people: list[_Person] = []
    scene = np.searchsorted(np.sort(np.asarray(cuts, dtype=int)), np.arange(len(frames)), side="right")
    for i, faces in enumerate(faces_per_frame):
        seen = [_Sighting(i, float(t_s[i]), face, describe(frames[i], face)) for face in faces]
        taken = _assign(people, seen, scene)
        for place in sorted(range(len(seen)), key=lambda k: _centre(seen[k].face.box)[0]):
            if place in taken:
                people[taken[place]].sightings.append(seen[place])
            else:
                people.append(_Person([seen[place]]))
    return [_finished(number, person, frames) for number, person in enumerate(people, start=1)]


def _assign(people: Sequence[_Person], seen: Sequence[_Sighting], scene: npt.NDArray[np.intp]) -> dict[int, int]:
    """Which person each sighting belongs to, by position; those that fit nobody are left out."""
    if not people or not seen:
        return {}
    score = np.array([[_score(p, s, bool(scene[p.last.frame] == scene[s.frame])) for s in seen] for p in people])
    rows, columns = linear_sum_assignment(np.where(score > 0, score, -1.0), maximize=True)
    return {int(c): int(r) for r, c in zip(rows, columns, strict=True) if score[r, c] > 0}


def _score(person: _Person, sighting: _Sighting, same_scene: bool) -> float:
    """How well the sighting continues the person in [0, 1]; 0 where it must not."""
    looks = person.likeness(sighting.look)
    if not same_scene:
        return looks if looks >= _LOOKS_ALONE else 0.0
    unseen_s = max(sighting.t_s - person.last.t_s, 0.0)
    trust = 0.6 * float(np.exp(-unseen_s / _TRUST_S))
    nearness = _nearness(person.expected(sighting.t_s), sighting.face.box)
    alike = float(np.clip((looks - _UNLIKE) / (_ALIKE - _UNLIKE), 0.0, 1.0))
    score = trust * nearness + (1.0 - trust) * alike
    by_place = nearness > 0.1 and looks >= _LOOKS_AT_ALL and score >= _ENOUGH
    return score if by_place or looks >= _LOOKS_ALONE else 0.0


def _nearness(a: Box, b: Box) -> float:
    """Overlap, distance in face widths and agreement of size, in [0, 1]."""
    side_a, side_b = _side(a), _side(b)
    apart = float(np.linalg.norm(_centre(a) - _centre(b))) / max((side_a + side_b) / 2.0, 1e-6)
    sizes = min(side_a, side_b) / max(side_a, side_b, 1e-6)
    return (0.5 * _overlap(a, b) + 0.5 * float(np.exp(-(apart**2)))) * sizes**0.5


def _overlap(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / max(whole, 1e-9)


def _centre(box: Box) -> Centre:
    return np.array([(box[0] + box[2]) / 2.0, (box[1] + box[3]) / 2.0])


def _side(box: Box) -> float:
    return float(np.sqrt(max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)))


def _finished(number: int, person: _Person, frames: Sequence[RGB]) -> FaceTrack:
    sightings = person.sightings
    return FaceTrack(
        id=number,
        frame=tuple(s.frame for s in sightings),
        t_s=tuple(s.t_s for s in sightings),
        faces=tuple(s.face for s in sightings),
        quality=tuple(measure(frames[s.frame], s.face) for s in sightings),
    )
