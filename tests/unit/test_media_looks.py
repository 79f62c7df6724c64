"""Scene cuts, enhancement, and the synthetic media themselves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.media.enhance import blur_variance, enhance_for_faces, mean_luma
from core.media.guard import identify
from core.media.probe import probe
from core.media.scenes import cuts
from core.media.video import read_frames
from core.settings import Enhancement, Limits, Sampling
from core.types import RGB, Frame
from tests import media
from tests.media import Samples

ENHANCEMENT = Enhancement()


def frames_of(*pictures: RGB) -> list[Frame]:
    return [Frame(i, i / 25, picture) for i, picture in enumerate(pictures)]


def test_the_cut_between_two_scenes_is_found(samples: Samples):
    ref = identify(samples("two_people_clip", "a.mp4"), Limits())
    frames, _ = read_frames(ref, probe(ref, Limits()), Sampling(strategy="uniform", frames=16))
    found = cuts(frames)
    assert len(found) == 1
    assert frames[found[0] - 1].t_s < 2.0 <= frames[found[0]].t_s


def test_a_moving_face_is_no_cut(samples: Samples):
    ref = identify(samples("talking_clip", "a.mp4"), Limits())
    info = probe(ref, Limits())
    for count in (4, 32):
        assert cuts(read_frames(ref, info, Sampling(strategy="uniform", frames=count))[0]) == []


def test_light_that_goes_on_is_no_cut():
    head = media.head(256)
    assert cuts(frames_of(head, (head * 0.5).astype(np.uint8), head)) == []


def test_cuts_between_different_pictures():
    head, meadow = media.head(256), media.meadow(256, 256)
    black = np.zeros_like(head)
    assert cuts(frames_of(head, head, meadow, meadow, head)) == [2, 4]
    assert cuts(frames_of(head, black, head)) == [1, 2]
    assert cuts(frames_of(black, black)) == []
    assert cuts([]) == []


def test_a_good_frame_is_left_alone():
    head = media.head(256)
    result, note = enhance_for_faces(head, ENHANCEMENT)
    assert result is head
    assert note == ""


def test_a_dark_frame_is_lightened():
    dark = (media.head(256) * 0.12).astype(np.uint8)
    before = dark.copy()
    result, note = enhance_for_faces(dark, ENHANCEMENT)
    assert "low light" in note
    assert 80 < mean_luma(result) < 150
    assert np.array_equal(dark, before)
    assert np.corrcoef(result.mean(2).ravel(), media.head(256).mean(2).ravel())[0, 1] > 0.8


def test_a_blurred_frame_is_sharpened():
    blurred = np.asarray(cv2.GaussianBlur(media.head(256), (0, 0), 4), np.uint8)
    result, note = enhance_for_faces(blurred, ENHANCEMENT)
    assert note == "sharpening motion blur"
    assert blur_variance(result) > 1.5 * blur_variance(blurred)


def test_dark_and_blurred():
    frame = np.asarray(cv2.GaussianBlur((media.head(256) * 0.35).astype(np.uint8), (0, 0), 5), np.uint8)
    assert enhance_for_faces(frame, ENHANCEMENT)[1] == "enhancing low light and sharpening motion blur"


@pytest.mark.parametrize("value", [0, 20, 255])
def test_a_blank_frame_is_left_alone(value: int):
    assert enhance_for_faces(np.full((64, 64, 3), value, np.uint8), ENHANCEMENT)[1] == ""


def test_enhancement_can_be_switched_off():
    dark = (media.head(64) * 0.1).astype(np.uint8)
    assert enhance_for_faces(dark, Enhancement(enabled=False)) == (dark, "")


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (2000, 9)])
def test_odd_shapes(shape: tuple[int, int]):
    rgb = np.random.default_rng(0).integers(0, 30, (*shape, 3)).astype(np.uint8)
    assert enhance_for_faces(rgb, ENHANCEMENT)[0].shape == rgb.shape
    assert cuts(frames_of(rgb, rgb)) == []


def test_the_synthetic_mouth_moves_with_the_synthetic_sound():
    frames = np.stack(list(media.talking(3.0, 25, 128))).astype(float)
    loud = media.loudness(np.arange(75) / 25 + 0.02)
    mouth = frames[:, 76:90, 54:74].mean(axis=(1, 2, 3))
    assert np.corrcoef(mouth, loud)[0, 1] < -0.6  # an open mouth is dark
    pcm = media.voice(3.0, 16_000)
    energy = np.sqrt((pcm.reshape(75, -1) ** 2).mean(axis=1))
    assert np.corrcoef(energy, loud)[0, 1] > 0.9


def test_synthetic_media_are_the_same_every_time():
    assert np.array_equal(media.voice(0.5, 8000, seed=3), media.voice(0.5, 8000, seed=3))
    assert not np.array_equal(media.voice(0.5, 8000, seed=3), media.voice(0.5, 8000, seed=4))
    assert all(media.frame_number(media.numbered(n)) == n for n in range(256))
