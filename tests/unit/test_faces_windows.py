"""Windows of one person: where they lie, what they show, and when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.faces.align import template
from core.faces.windows import cut_window, expected, shown, starts, stays, step_s, window_s
from core.registry import ClipSpec, InputSpec
from core.types import RGB, Face, FaceQuality, FaceTrack, Frame
from tests.media import talking

SPEC = ClipSpec(frames=8, stride=2, windows=4)
INPUT = InputSpec(size=32)
GOOD = FaceQuality(100.0, 100.0, 120.0, 0.0, 0.0)


def _face(x: float = 60.0, y: float = 40.0, side: float = 80.0) -> Face:
    points = template(80, 1.0) * side / 80 + np.array([x, y])
    return Face((x, y, x + side, y + side), tuple((float(a), float(b)) for a, b in points), 0.99)


def _track(times: Sequence[float], frames: Sequence[int] | None = None, **face: float) -> FaceTrack:
    count = len(times)
    places = tuple(frames if frames is not None else range(count))
    return FaceTrack(1, places, tuple(times), (_face(**face),) * count, (GOOD,) * count)


def _frames(count: int, fps: float = 25.0, start_s: float = 0.0) -> list[Frame]:
    pictures = talking(count / fps, fps, 160)
    return [Frame(i, start_s + i / fps, rgb) for i, rgb in enumerate(pictures)]


def _never(frames: Sequence[RGB]) -> list[list[Face]]:
    raise AssertionError("the finder was asked")


def test_windows_spread_over_the_time_a_person_is_there() -> None:
    found = starts(_track([i * 0.4 for i in range(26)]), [], SPEC)
    assert len(found) == 4
    assert found[0] >= 0.0 and found[-1] + window_s(SPEC) <= 10.0
    gaps = np.diff(found)
    assert gaps.min() > 1.0 and np.allclose(gaps, gaps[0], atol=0.01)


def test_short_stays_give_one_window_or_none() -> None:
    assert starts(_track([0.0, 0.3, window_s(SPEC)]), [], SPEC) == [0.0]
    assert starts(_track([0.0, 0.3]), [], SPEC) == []
    assert starts(_track([1.0]), [], SPEC) == []


def test_no_window_reaches_over_a_cut_or_a_gap() -> None:
    times = [i * 0.5 for i in range(12)]
    assert stays(_track(times), [6]) == [(0.0, 2.5), (3.0, 5.5)]
    assert stays(_track(times, [*range(6), *range(8, 14)]), []) == [(0.0, 2.5), (3.0, 5.5)]
    for begin in starts(_track(times), [6], SPEC):
        assert not begin < 3.0 <= begin + window_s(SPEC)


@pytest.mark.parametrize("fps", [10.0, 25.0, 60.0])
def test_what_is_on_screen_is_shown_whatever_the_rate(fps: float) -> None:
    frames = [Frame(i, 5.0 + i / fps, np.full((2, 2, 3), i, np.uint8)) for i in range(int(2 * fps))]
    moments = 5.0 + np.arange(10) / 25
    assert [f.index for f in shown(frames, moments)] == [int((t - 5.0) * fps + 1e-6) for t in moments]


@pytest.mark.parametrize(
    ("fps", "step"),
    [(None, 0.04), (60.0, 0.04), (29.97, 0.04), (25.0, 0.04), (20.0, 0.05), (12.5, 0.08), (10.0, 0.08), (1.0, 0.08)],
)
def test_a_step_is_a_frame_of_a_slow_clip(fps: float | None, step: float) -> None:
    assert step_s(fps) == pytest.approx(step)
    assert window_s(SPEC, step_s(fps)) == pytest.approx(7 * 2 * step)


@pytest.mark.parametrize("fps", [12.5, 15.0, 50 / 3, 20.0, 24000 / 1001])
def test_no_frame_of_a_slow_clip_is_taken_twice(fps: float) -> None:
    """Also where the container tells times in whole milliseconds."""
    frames = [replace(f, t_s=round(f.t_s, 3)) for f in _frames(48, fps)]
    track = _track([i * 0.2 for i in range(20)])
    one = ClipSpec(frames=16, stride=1)
    window = cut_window(frames, track, one, INPUT, _never, step_s(fps))
    assert window.fresh.all()
    assert np.allclose(np.diff(window.t_s), 1 / fps)
    held = cut_window(frames, track, one, INPUT, _never)
    assert not held.fresh.all(), "on a grid of 1/25 s some frame is shown twice"


def test_known_landmarks_are_used_and_crops_are_steady() -> None:
    track = _track([i * 0.2 for i in range(6)])
    window = cut_window(_frames(20), track, SPEC, INPUT, _never)
    assert window.crops.shape == (8, 32, 32, 3) and window.crops.dtype == np.uint8
    assert np.allclose(np.diff(window.t_s), 2 / 25)
    assert window.middle_s == pytest.approx(0.28)
    assert np.allclose(window.points, np.asarray(_face().landmarks), atol=1e-6)


def test_the_finder_is_asked_near_the_face_where_sightings_are_far_apart() -> None:
    asked: list[tuple[int, ...]] = []

    def find(frames: Sequence[RGB]) -> list[list[Face]]:
        asked.append(frames[0].shape)
        inside, stranger = _face(48.0, 40.0), _face(0.0, 0.0, 20.0)  # the part begins 12 px right of the frame's edge
        return [[stranger, inside]]

    window = cut_window(_frames(20), _track([0.0, 2.0]), SPEC, INPUT, find)
    assert len(asked) == 4
    assert all(shape[0] <= 160 and shape[1] <= 160 for shape in asked)
    assert np.allclose(window.points, np.asarray(_face().landmarks), atol=1.0)


def test_large_faces_are_sought_in_a_smaller_copy() -> None:
    asked: list[tuple[int, ...]] = []

    def find(frames: Sequence[RGB]) -> list[list[Face]]:
        asked.append(frames[0].shape)
        return [[_face(0.4 * (240.0 - 48.0), 0.4 * 160.0, 0.4 * 320.0)]]  # the part begins 48 px right of the edge

    frames = [Frame(i, i / 25.0, rgb) for i, rgb in enumerate(talking(0.8, 25.0, 640))]
    window = cut_window(frames, _track([0.0, 2.0], x=240.0, y=160.0, side=320.0), SPEC, INPUT, find)
    assert {max(shape) for shape in asked} == {256}
    assert np.allclose(window.points, np.asarray(_face(240.0, 160.0, 320.0).landmarks), atol=2.0)


def test_reasons_why_a_window_is_none() -> None:
    sparse, frames = _track([0.0, 2.0]), _frames(20)
    with pytest.raises(LookupError, match="not where it should be"):
        cut_window(frames, sparse, SPEC, INPUT, lambda parts: [[] for _ in parts])
    with pytest.raises(LookupError, match="not where it should be"):
        cut_window(frames, sparse, SPEC, INPUT, lambda parts: [[_face(100.0, 100.0, 40.0)] for _ in parts])
    with pytest.raises(LookupError, match="ends within"):
        cut_window(frames[:8], sparse, SPEC, INPUT, _never)
    with pytest.raises(LookupError, match="ends within"):
        cut_window([], sparse, SPEC, INPUT, _never)
    other = [replace(f, rgb=np.roll(255 - f.rgb, 60, axis=1)) if f.index >= 8 else f for f in frames]
    with pytest.raises(LookupError, match="scene ends"):
        cut_window(other, _track([i * 0.2 for i in range(6)]), SPEC, INPUT, _never)


def test_a_face_is_expected_on_the_way_between_two_sightings() -> None:
    track = replace(_track([0.0, 1.0]), faces=(_face(0.0, 0.0), _face(100.0, 20.0)))
    assert expected(track, 0.5) == pytest.approx((50.0, 10.0, 130.0, 90.0))
    assert expected(track, 9.0) == pytest.approx((100.0, 20.0, 180.0, 100.0))
