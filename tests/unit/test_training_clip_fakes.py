"""Pseudo-fakes of clips: seeded, local, and out of step in time in the way each says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.errors import NotFoundError
from core.faces.align import template
from core.training.fakes import FaceCrop
from core.training.fakes import geometry as geo
from core.training.fakes.clips import all_clip_fakes, clip_fake
from core.training.fakes.clips.base import checked, masks, walk
from core.training.fakes.clips.framed import FrameWise, Tracked
from core.training.fakes.clips.timed import _clock, _holds, _stretch

SIZE, FRAMES = 128, 10
METHODS = sorted(all_clip_fakes())
LOCAL = ["averaged", "flicker", "jitter", "retimed-mouth", "stutter", "time-splice", "tracked-swap"]


def _clip(seed: int, count: int = FRAMES, size: int = SIZE) -> list[FaceCrop]:
    """A picture of smooth noise that sways and whose lower half opens and closes; landmarks go along."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (10, 10, 3)).astype(np.float32)
    still = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) + rng.normal(0, 6, (size, size, 3))
    still = np.clip(still, 0, 255).astype(np.uint8)
    frames = []
    for t in range(count):
        shift = np.array([2.0 * np.sin(0.7 * t + seed), 1.5 * np.cos(0.5 * t)])
        ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
        bend = 3.0 * np.sin(1.1 * t) * np.clip((ys - 0.6 * size) / (0.4 * size), 0, 1)
        pixels = cv2.remap(still, xs - np.float32(shift[0]), ys - np.float32(shift[1]) - bend.astype(np.float32),
                           cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)  # fmt: skip
        frames.append(FaceCrop(np.asarray(pixels, np.uint8), (template(size, 1.6) + shift).astype(np.float32)))
    return frames


def _pixels(clip: list[FaceCrop]) -> np.ndarray:
    return np.stack([face.pixels for face in clip])


def _restless(made: np.ndarray, clip: list[FaceCrop]) -> float:
    """Mean change from frame to frame of what the fake has changed."""
    difference = made.astype(float) - _pixels(clip)
    return float(np.abs(np.diff(difference, axis=0)).mean() / (np.abs(difference).mean() + 0.05))


@pytest.mark.parametrize("name", METHODS)
def test_equal_seeds_give_equal_clips_and_others_do_not(name: str) -> None:
    clip, partner = _clip(1), _clip(2)
    first, again, other = (clip_fake(name).make(np.random.default_rng(s), clip, partner) for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", METHODS)
def test_a_fake_clip_has_the_shape_of_its_original_and_leaves_it_alone(name: str) -> None:
    clip, partner = _clip(3), _clip(4, count=3)
    before = _pixels(clip)
    changed = 0
    for seed in range(5):
        made = clip_fake(name).make(np.random.default_rng(seed), clip, partner)
        assert made.shape == (FRAMES, SIZE, SIZE, 3)
        assert made.dtype == np.uint8
        changed += int(np.abs(made.astype(int) - before).mean() > 0.1)
    assert changed >= 4
    assert np.array_equal(_pixels(clip), before)


@pytest.mark.parametrize("name", LOCAL)
def test_nothing_changes_outside_the_face(name: str) -> None:
    clip, partner = _clip(5), _clip(6)
    for seed in range(5):
        made = clip_fake(name).make(np.random.default_rng(seed), clip, partner)
        for corner in (np.s_[:, :6, :6], np.s_[:, :6, -6:]):
            assert np.array_equal(made[corner], _pixels(clip)[corner])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("count", [1, 2])
def test_the_shortest_clips_pass(name: str, count: int) -> None:
    made = clip_fake(name).make(np.random.default_rng(0), _clip(7, count), _clip(8, 1))
    assert made.shape == (count, SIZE, SIZE, 3)


@pytest.mark.parametrize("name", METHODS)
def test_constant_pictures_pass(name: str) -> None:
    grey = [FaceCrop(np.full((97, 97, 3), 128, np.uint8), template(97, 1.6)) for _ in range(4)]
    assert clip_fake(name).make(np.random.default_rng(0), grey, grey).shape == (4, 97, 97, 3)


@pytest.mark.parametrize("name", METHODS)
def test_empty_and_mixed_clips_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="needs a frame"):
        clip_fake(name).make(np.random.default_rng(0), [], _clip(9, 1))
    with pytest.raises(ValueError, match="one size"):
        clip_fake(name).make(np.random.default_rng(0), [*_clip(9, 2), *_clip(9, 1, 64)], _clip(9, 1))


@pytest.mark.parametrize("name", [n for n in METHODS if all_clip_fakes()[n].needs_partner])
def test_swaps_need_a_partner(name: str) -> None:
    with pytest.raises(ValueError, match="partner"):
        clip_fake(name).make(np.random.default_rng(0), _clip(10))


def test_unknown_methods_are_named() -> None:
    with pytest.raises(NotFoundError, match="clips 'magic'"):
        clip_fake("magic")


@pytest.mark.parametrize("seed", range(6))
def test_a_tracked_fake_is_calmer_than_a_frame_wise_one(seed: int) -> None:
    """On a still clip a tracked fake does not change at all; on a moving one it changes less."""
    still, moving = [_clip(11, 1)[0]] * 6, _clip(12)
    made = [m.make(np.random.default_rng(seed), still) for m in (Tracked(), FrameWise())]
    assert _restless(made[0], still) == 0.0
    assert _restless(made[1], still) > 0.05
    pairs = [[_restless(m.make(np.random.default_rng(s), moving), moving) for m in (Tracked(), FrameWise())]
             for s in range(10 * seed, 10 * seed + 4)]  # fmt: skip
    assert np.mean([p[0] for p in pairs]) < np.mean([p[1] for p in pairs])


@pytest.mark.parametrize("name", ["flicker", "jitter", "animated"])
def test_seams_that_do_not_hold_still_change_on_a_still_clip(name: str) -> None:
    still = [_clip(13, 1)[0]] * 6
    for seed in range(4):
        assert _restless(clip_fake(name).make(np.random.default_rng(seed), still), still) > 0.02


@pytest.mark.parametrize("name", ["averaged", "stutter", "time-splice"])
def test_faces_out_of_time_cannot_be_told_from_a_still_clip(name: str) -> None:
    still = [_clip(14, 1)[0]] * 6
    made = clip_fake(name).make(np.random.default_rng(1), still)
    assert np.abs(made.astype(int) - _pixels(still)).max() <= 1


def test_a_stutter_freezes_the_face_where_it_says() -> None:
    """With the landmarks at rest, a held frame repeats the middle of the face of the frame before."""
    clip = [FaceCrop(face.pixels, template(SIZE, 1.6)) for face in _clip(15)]
    y, x = (int(v) for v in clip[0].landmarks[2][::-1])
    nose = np.s_[:, y - 2 : y + 3, x - 2 : x + 3]
    moved = [float(np.abs(np.diff(_pixels(clip)[nose].astype(float), axis=0)).mean())]
    held = []
    for seed in range(6):
        made = clip_fake("stutter").make(np.random.default_rng(seed), clip)[nose].astype(float)
        held.append(np.abs(np.diff(made, axis=0)).mean(axis=(1, 2, 3)).min())
    assert np.median(held) < 0.4 * moved[0]


def test_a_retimed_mouth_leaves_the_eyes_alone() -> None:
    clip = _clip(19)
    eyes = int(max(face.landmarks[:2, 1].max() for face in clip)) + 3
    for seed in range(5):
        made = clip_fake("retimed-mouth").make(np.random.default_rng(seed), clip)
        assert np.array_equal(made[:, :eyes], _pixels(clip)[:, :eyes])
        assert not np.array_equal(made[:, eyes:], _pixels(clip)[:, eyes:])


def test_a_time_splice_is_one_stretch_of_the_clip() -> None:
    clip = _clip(20, 12)
    for seed in range(8):
        made = clip_fake("time-splice").make(np.random.default_rng(seed), clip)
        changed = np.flatnonzero((made != _pixels(clip)).any(axis=(1, 2, 3)))
        assert 1 <= len(changed) <= 7
        assert np.ptp(changed) <= 6


def test_averaging_takes_motion_out_of_the_face() -> None:
    clip = _clip(16)
    for seed in range(4):
        made = clip_fake("averaged").make(np.random.default_rng(seed), clip)
        y, x = (int(v) for v in clip[0].landmarks[2][::-1])
        part = np.s_[:, y - 12 : y + 13, x - 12 : x + 13]
        assert cv2.Laplacian(made[part][5], cv2.CV_64F).std() < cv2.Laplacian(_pixels(clip)[part][5], cv2.CV_64F).std()


def test_schedules_stay_in_the_clip_and_leave_it_somewhere() -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        for count in (2, 3, 8, 16):
            for schedule in (_holds(rng, count, 0.4), _stretch(rng, count)):
                assert schedule.min() >= 0 and schedule.max() < count
                assert not np.array_equal(schedule, np.arange(count))
            clock = _clock(rng, count)
            assert clock.shape == (count,)
            assert clock.min() >= 0 and clock.max() < count


def test_tracked_masks_follow_the_face() -> None:
    clip = _clip(17)
    moved = [FaceCrop(f.pixels, f.landmarks + np.float32(4.0 * (i > 4))) for i, f in enumerate(clip)]
    made = masks(np.random.default_rng(0), checked(moved), "face")
    first, last = (np.argwhere(m > 0.5).mean(axis=0) for m in (made[0], made[-1]))
    wanted = (checked(moved)[-1].landmarks.mean(axis=0) - checked(moved)[0].landmarks.mean(axis=0))[::-1]
    assert np.abs(last - first - wanted).max() < 1.5


def test_walks_have_unit_variance_and_the_memory_asked_for() -> None:
    for memory in (0.0, 0.9):
        steps = walk(np.random.default_rng(0), 4000, memory, 3)
        assert steps.std() == pytest.approx(1.0, abs=0.15)
        assert np.corrcoef(steps[1:, 0], steps[:-1, 0])[0, 1] == pytest.approx(memory, abs=0.06)


def test_smoothing_keeps_landmarks_that_rest() -> None:
    clip = [FaceCrop(f.pixels, template(SIZE, 1.6)) for f in _clip(18, 4)]
    assert all(np.allclose(f.landmarks, template(SIZE, 1.6), atol=1e-4) for f in checked(clip))
    assert geo.face_scale(checked(clip)[0].landmarks) == pytest.approx(SIZE / 112 / 1.6, rel=1e-3)
