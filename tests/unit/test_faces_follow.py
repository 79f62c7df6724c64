"""Following faces between frames that are searched whole: few whole searches, the same faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from core.faces.detect import FaceFinder
from core.faces.follow import Gap, Pairs, all_there, followed, gaps, key_frames, paired
from core.settings import FaceSettings
from core.types import Face
from tests.media import RGB, head, place


def face(x: float, y: float = 100.0, side: float = 100.0) -> Face:
    return Face((x, y, x + side, y + side), ((0.0, 0.0),) * 5, 0.99)


class Clip:
    """True faces by frame; counts what is searched whole, and loses those in ``lost`` when followed."""

    def __init__(self, faces: Sequence[list[Face]], lost: Sequence[int] = ()) -> None:
        self.faces, self.lost, self.searched = faces, lost, list[int]()

    def whole(self, places: Sequence[int]) -> list[list[Face]]:
        self.searched += places
        return [self.faces[i] for i in places]

    def near(self, closed: dict[Gap, Pairs]) -> dict[int, list[Face]]:
        inside = [i for a, b in closed for i in range(a + 1, b)]
        return {i: [] if i in self.lost else self.faces[i] for i in inside}

    def run(self, cuts: Sequence[int] = (), every: int = 4) -> list[list[Face]]:
        return followed(len(self.faces), cuts, every, self.whole, self.near)


def test_key_frames_are_every_so_many_and_both_ends_of_each_scene() -> None:
    assert key_frames(10, (), 4) == [0, 4, 8, 9]
    assert key_frames(10, (3,), 4) == [0, 2, 3, 7, 9]
    assert gaps([0, 2, 3, 7, 9], (3,)) == [(0, 2), (3, 7), (7, 9)]
    assert key_frames(1, (0, 5), 4) == [0]


def test_a_calm_clip_is_searched_in_key_frames_only() -> None:
    clip = Clip([[face(100 + 3 * i), face(600)] for i in range(17)])
    assert clip.run() == list(clip.faces)
    assert clip.searched == [0, 4, 8, 12, 16]


def test_a_lost_face_is_searched_for() -> None:
    clip = Clip([[face(100)] for _ in range(9)], lost=[5])
    assert clip.run() == list(clip.faces)
    assert clip.searched == [0, 4, 8, 5]


@pytest.mark.parametrize("comes", range(1, 9))
def test_who_comes_is_found_from_the_first_frame_on(comes: int) -> None:
    clip = Clip([[face(100)] + ([face(600)] if i >= comes else []) for i in range(9)])
    assert clip.run() == list(clip.faces)


def test_a_leap_is_searched_through() -> None:
    clip = Clip([[face(100 if i < 6 else 500)] for i in range(13)])
    assert clip.run() == list(clip.faces)
    assert set(clip.searched) >= {5, 6}


def test_faces_are_paired_with_themselves() -> None:
    a, b = face(100), face(190)
    assert paired([a, b], [face(195), face(104)]) == [(a, face(104)), (b, face(195))]
    assert paired([a], []) is None
    assert paired([a], [face(100, side=200)]) is None
    assert paired([a, face(110)], [face(105), face(800)]) is None
    assert all_there([face(102)], [(a, face(104))])
    assert not all_there([face(102), b], [(a, face(104))])
    assert not all_there([b, face(102)], [(a, face(104)), (a, face(104))])


def test_followed_faces_are_those_of_a_whole_search() -> None:
    frames: list[RGB] = []
    for i in range(11):
        canvas = np.random.default_rng(i).integers(90, 130, (240, 420, 3)).astype(np.uint8)
        place(head(150, 0), canvas, 20 + 4 * i, 30 + i)
        place(head(130, 1), canvas, 260 - 2 * i, 60)
        frames.append(canvas)
    finder = FaceFinder(FaceSettings(search_every=5), "cpu")
    told: list[int] = []
    fast, slow = finder.find(frames, told.append, cuts=()), finder.find(frames)
    assert told == sorted(told) and told[-1] == len(frames)
    for a, b in zip(fast, slow, strict=True):
        assert len(a) == len(b) == 2
        for ours, theirs in zip(a, b, strict=True):
            side = theirs.box[2] - theirs.box[0]
            assert np.abs(np.array(ours.landmarks) - theirs.landmarks).max() < 0.01 * side
            assert abs(ours.confidence - theirs.confidence) < 0.01
