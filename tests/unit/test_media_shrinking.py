"""Shrinking by area in steps of a half."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.media.shrinking import shrunk


@pytest.mark.parametrize("size", [(640, 360), (273, 154), (48, 27), (13, 7)])
@pytest.mark.parametrize("channels", [0, 3])
def test_it_is_the_mean_over_areas(size: tuple[int, int], channels: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (720, 1280, 3) if channels else (720, 1280)).astype(np.uint8)
    picture = cv2.GaussianBlur(noise, (0, 0), 4)
    small = shrunk(np.asarray(picture, np.uint8), size)
    whole = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    assert small.shape == whole.shape
    assert np.abs(small.astype(int) - whole).max() <= 4


def test_a_picture_of_that_size_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.uint8)
    assert np.array_equal(shrunk(picture, (12, 9)), picture)
