"""Quality measures move the way their names say."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.faces.quality import grain, measure, sharpness, yaw
from core.types import Face
from tests.media import RGB, head

# The head at 256 px: box and points as the finder gives them.
FACE = Face(
    (76.0, 58.0, 180.0, 191.0), ((104.0, 106.0), (154.0, 109.0), (127.0, 138.0), (100.0, 151.0), (152.0, 153.0)), 1.0
)
FRONTAL = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))


def blurred(rgb: RGB, sigma: float) -> RGB:
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), np.uint8)


def with_nose(x: float) -> tuple[tuple[float, float], ...]:
    return (*FRONTAL[:2], (x, 60.0), *FRONTAL[3:])


def test_blurring_lowers_sharpness_step_by_step():
    values = [measure(head(256), FACE).blur] + [measure(blurred(head(256), s), FACE).blur for s in (1, 2, 4, 8)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 10 * values[-1]


@pytest.mark.parametrize("sigma", [3.0, 6.0, 12.0])
@pytest.mark.parametrize("side", [110, 128, 512])
def test_grain_is_told_in_grey_levels_as_it_is_seen_at_128_px(side, sigma):
    smooth = cv2.GaussianBlur(cv2.cvtColor(head(side), cv2.COLOR_RGB2GRAY), (0, 0), side / 60)
    noisy = smooth + np.random.default_rng(0).normal(0, sigma, smooth.shape)
    seen = sigma * min(1.0, 128 / side)
    assert grain(np.clip(noisy, 0, 255).astype(np.uint8)) == pytest.approx(seen, rel=0.25, abs=0.5)


def test_a_clean_face_has_no_grain_to_speak_of_and_a_noisy_one_has():
    noisy = np.clip(head(256) + np.random.default_rng(0).normal(0, 12, (256, 256, 3)), 0, 255).astype(np.uint8)
    assert measure(head(256), FACE).noise < 3
    assert measure(noisy, FACE).noise > 4.5


def test_sharpness_compares_across_sizes():
    grey = np.asarray(cv2.cvtColor(head(512), cv2.COLOR_RGB2GRAY), np.uint8)
    small = np.asarray(cv2.resize(grey, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
    assert sharpness(small) == pytest.approx(sharpness(grey), rel=0.25)


def test_dimming_lowers_luma_and_nothing_else_much():
    bright = measure(head(256), FACE)
    dark = measure((head(256) * 0.4).astype(np.uint8), FACE)
    assert dark.luma == pytest.approx(0.4 * bright.luma, rel=0.03)
    assert dark.yaw == bright.yaw
    assert dark.size_px == bright.size_px == 104


def test_yaw_is_zero_in_front_and_follows_the_nose():
    values = [yaw(with_nose(x)) for x in (30, 40, 50, 60, 70)]
    assert values[2] == pytest.approx(0)
    assert values == sorted(values)
    assert values[0] == pytest.approx(-values[-1])
    assert all(-1 <= v <= 1 for v in values)


@pytest.mark.parametrize("degrees", [-40, 25, 40])
def test_holding_the_head_askew_is_no_turn(degrees):
    matrix = cv2.getRotationMatrix2D((50, 60), degrees, 1)
    for x in (50.0, 58.0):
        points = np.array(with_nose(x)) @ matrix[:, :2].T + matrix[:, 2]
        assert yaw(tuple((float(a), float(b)) for a, b in points)) == pytest.approx(yaw(with_nose(x)), abs=1e-6)


def test_yaw_is_mirrored_with_the_picture():
    points = with_nose(60.0)
    mirrored = tuple((100 - points[i][0], points[i][1]) for i in (1, 0, 2, 4, 3))
    assert yaw(mirrored) == pytest.approx(-yaw(points))


def test_a_mask_or_dark_glasses_raise_occlusion():
    free = measure(head(256), FACE).occlusion
    masked, shaded = head(256).copy(), head(256).copy()
    masked[135:195, 70:185] = (90, 140, 210)
    shaded[95:122, 80:175] = (20, 20, 24)
    assert free < 0.2
    assert measure(masked, FACE).occlusion > free + 0.3
    assert measure(shaded, FACE).occlusion > free + 0.2


def test_grey_pictures_tell_nothing_of_occlusion():
    grey = np.repeat(head(256).mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert measure(grey, FACE).occlusion == 0


def test_odd_faces_are_measured_without_failing():
    collapsed = Face((10.0, 10.0, 10.4, 10.4), ((10.0, 10.0),) * 5, 0.9)
    edge = replace(FACE, box=(255.5, 255.5, 256.0, 256.0))
    for face in (collapsed, edge):
        quality = measure(head(256), face)
        assert np.isfinite([quality.blur, quality.luma, quality.yaw, quality.occlusion]).all()
    assert measure(head(256), collapsed).occlusion == 1
