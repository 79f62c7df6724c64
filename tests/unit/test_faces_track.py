"""Following people: the same person keeps one number, two people never share one."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from core.faces.appearance import describe, likeness
from core.faces.track import track
from core.types import RGB, Face, FaceTrack
from tests.media import head

WIDTH, HEIGHT, SIZE = 720, 260, 200
# Box and points of the head drawn at 256 px, as the finder gives them.
BOX = np.array([[76.0, 58.0], [180.0, 191.0]])
POINTS = np.array([[104.0, 106.0], [154.0, 109.0], [127.0, 138.0], [100.0, 151.0], [152.0, 153.0]])


def third(size: int) -> RGB:
    """A third person: the first with other hair, skin and light."""
    rgb = head(size).astype(np.float32)
    rgb = rgb[..., [2, 0, 1]] * np.array([0.5, 0.7, 0.9]) + 20
    return np.asarray(np.clip(rgb, 0, 255), np.uint8)


PEOPLE = {"a": head(SIZE), "b": head(SIZE, 1), "c": third(SIZE)}


def face_at(name: str, x: float, y: float, size: int = SIZE) -> Face:
    scale = size / 256
    box, points = BOX, POINTS
    if name == "b":  # mirrored
        box = np.array([[256 - 180.0, 58.0], [256 - 76.0, 191.0]])
        points = (np.array([256.0, 0.0]) + POINTS * np.array([-1.0, 1.0]))[[1, 0, 2, 4, 3]]
    (x0, y0), (x1, y1) = box * scale + (x, y)
    landmarks = tuple((float(px), float(py)) for px, py in points * scale + (x, y))
    return Face((float(x0), float(y0), float(x1), float(y1)), landmarks, 0.99)


def scene(*people: tuple[str, float], background: int = 120, seed: int = 0) -> tuple[RGB, list[Face]]:
    """A frame with people at the given x, a little camera noise, and the faces in it."""
    canvas = np.full((HEIGHT, WIDTH, 3), background, np.uint8)
    for name, x in people:
        canvas[30 : 30 + SIZE, round(x) : round(x) + SIZE] = PEOPLE[name]
    noisy = canvas + np.random.default_rng(seed).normal(0, 3, canvas.shape)
    faces = [face_at(name, round(x), 30) for name, x in people]
    return np.asarray(np.clip(noisy, 0, 255), np.uint8), faces


def run(scenes: Sequence[tuple[RGB, list[Face]]], times: Sequence[float], cuts: Sequence[int] = ()) -> list[FaceTrack]:
    return track([faces for _, faces in scenes], times, [rgb for rgb, _ in scenes], cuts)


def names(tracks: Sequence[FaceTrack], layout: Sequence[Sequence[tuple[str, float]]]) -> dict[int, str]:
    """Which people each track holds, in order of its frames, without repetition."""
    result = {}
    for person in tracks:
        seen = [
            min(layout[i], key=lambda who: abs(face_at(who[0], round(who[1]), 30).box[0] - face.box[0]))[0]
            for i, face in zip(person.frame, person.faces, strict=True)
        ]
        result[person.id] = "".join(dict.fromkeys(seen))
    return result


def test_numbers_go_from_left_to_right_and_quality_is_measured():
    scenes = [scene(("b", 420), ("a", 20), seed=i) for i in range(3)]
    tracks = run(scenes, [0, 1, 2])
    assert [t.id for t in tracks] == [1, 2]
    assert tracks[0].faces[0].box[0] < tracks[1].faces[0].box[0]
    for person in tracks:
        assert person.frame == (0, 1, 2)
        assert person.t_s == (0.0, 1.0, 2.0)
        assert len(person.faces) == len(person.quality) == 3
        assert all(q.size_px > 50 and q.blur > 0 for q in person.quality)


@pytest.mark.parametrize("step_s", [0.04, 0.2, 1.0, 5.0])
def test_crossing_people_keep_their_numbers(step_s):
    layout = [[("a", 20 + 55 * i), ("b", 500 - 55 * i)] for i in range(9)]
    # Where they overlap, only the one in front is seen.
    seen = [people if abs(people[0][1] - people[1][1]) > 140 else people[1:] for people in layout]
    scenes = [scene(*people, seed=i) for i, people in enumerate(seen)]
    tracks = run(scenes, [i * step_s for i in range(9)])
    assert names(tracks, seen) == {1: "a", 2: "b"}


@pytest.mark.parametrize("step_s", [0.5, 4.0])
def test_people_who_change_places_between_frames_keep_their_numbers(step_s):
    layout = [[("a", 20), ("b", 420)], [("b", 20), ("a", 420)], [("a", 20), ("b", 420)]]
    tracks = run([scene(*people, seed=i) for i, people in enumerate(layout)], [0, step_s, 2 * step_s])
    assert names(tracks, layout) == {1: "a", 2: "b"}


def test_a_cut_never_joins_different_people_in_the_same_place():
    layout = [[("a", 250)]] * 3 + [[("c", 250)]] * 3
    scenes = [scene(*people, background=120 if i < 3 else 30, seed=i) for i, people in enumerate(layout)]
    tracks = run(scenes, [0.04 * i for i in range(6)], cuts=[3])
    assert names(tracks, layout) == {1: "a", 2: "c"}


def test_the_same_person_after_a_cut_may_return():
    layout = [[("a", 40)]] * 3 + [[("c", 250)]] * 2 + [[("a", 400)]] * 3
    scenes = [scene(*people, seed=i) for i, people in enumerate(layout)]
    tracks = run(scenes, list(range(8)), cuts=[3, 5])
    assert names(tracks, layout) == {1: "a", 2: "c"}
    assert tracks[0].frame == (0, 1, 2, 5, 6, 7)


def test_somebody_else_in_the_same_place_is_somebody_else_even_without_a_known_cut():
    layout = [[("a", 250)]] * 2 + [[("c", 250)]] * 2
    tracks = run([scene(*people, seed=i) for i, people in enumerate(layout)], [0, 3, 6, 9])
    assert names(tracks, layout) == {1: "a", 2: "c"}


def test_a_gap_is_bridged():
    layout: list[list[tuple[str, float]]] = [[("a", 100)], [("a", 104)], [], [], [], [("a", 150)], [("a", 154)]]
    tracks = run([scene(*people, seed=i) for i, people in enumerate(layout)], [0.5 * i for i in range(7)])
    assert [t.frame for t in tracks] == [(0, 1, 5, 6)]


def test_a_flicker_is_kept_as_a_short_track():
    layout = [[("a", 20)], [("a", 22), ("c", 450)], [("a", 24)]]
    tracks = run([scene(*people, seed=i) for i, people in enumerate(layout)], [0, 0.5, 1])
    assert [t.frame for t in tracks] == [(0, 1, 2), (1,)]


def test_every_face_belongs_to_exactly_one_track():
    layout = [[("a", 20), ("b", 250), ("c", 480)][: 1 + i % 3] for i in range(9)]
    tracks = run([scene(*people, seed=i) for i, people in enumerate(layout)], [0.7 * i for i in range(9)])
    held = sorted((i, face.box) for person in tracks for i, face in zip(person.frame, person.faces, strict=True))
    assert held == sorted((i, face_at(n, x, 30).box) for i, people in enumerate(layout) for n, x in people)
    assert all(list(person.frame) == sorted(set(person.frame)) for person in tracks)


def test_a_single_picture_and_nothing():
    assert [t.id for t in run([scene(("a", 20), ("b", 400))], [0.0])] == [1, 2]
    assert run([], []) == []
    assert run([scene()] * 3, [0, 1, 2]) == []


def test_lists_of_unequal_length_are_refused():
    rgb, faces = scene(("a", 20))
    with pytest.raises(ValueError, match="equal number"):
        track([faces], [0.0, 1.0], [rgb])


def test_likeness_survives_light_and_blur_but_not_another_face():
    rgb, (face,) = scene(("a", 20))
    other, (second,) = scene(("c", 300))
    mine = describe(rgb, face)
    dimmed = describe((rgb * 0.7).astype(np.uint8), face)
    soft = describe(np.asarray(cv2.GaussianBlur(rgb, (0, 0), 2), np.uint8), face)
    theirs = describe(other, second)
    assert likeness(mine, mine) == pytest.approx(1)
    assert min(likeness(mine, dimmed), likeness(mine, soft)) > likeness(mine, theirs) + 0.2
    assert likeness(mine, None) == 0
    assert describe(rgb, Face(face.box, ((5.0, 5.0),) * 5, 0.9)) is None
