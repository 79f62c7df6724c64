"""Crops: template values, similarity, anti-aliasing and the three crop rules."""

from __future__ import annotations

import numpy as np
import pytest

from core.faces.align import align, crop, crop_box, similarity, template, warp
from core.registry import InputSpec
from core.types import Face

AT_256 = [(96.87, 120.43), (158.82, 120.09), (128.04, 155.67), (102.59, 191.94), (153.90, 191.66)]
AT_224 = [(84.76, 105.38), (138.97, 105.08), (112.04, 136.21), (89.77, 167.95), (134.66, 167.70)]


@pytest.mark.parametrize(("size", "points"), [(256, AT_256), (224, AT_224)])
def test_template_is_that_of_deepfakebench(size: int, points: list[tuple[float, float]]) -> None:
    assert np.abs(template(size, 1.3) - np.array(points)).max() < 0.02


def test_similarity_recovers_a_known_transform() -> None:
    angle, scale, shift = 0.4, 1.7, np.array([12.0, -5.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    source = np.random.default_rng(0).uniform(0, 100, (5, 2))
    matrix = similarity(source, source @ turn.T + shift)
    assert np.allclose(matrix[:, :2], turn, atol=1e-9)
    assert np.allclose(matrix[:, 2], shift, atol=1e-9)


def test_similarity_never_mirrors() -> None:
    source = template(100).astype(float)
    matrix = similarity(source, source * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) > 0


def test_similarity_refuses_one_point() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 2)), template(64))


def test_align_brings_landmarks_to_the_template() -> None:
    image = np.zeros((300, 400, 3), dtype=np.uint8)
    points = template(150, 1.5) @ np.array([[0.96, -0.28], [0.28, 0.96]]).T + [140, 20]
    for x, y in np.rint(points).astype(int):
        image[y - 2 : y + 3, x - 2 : x + 3] = 255
    out = align(image, np.rint(points), InputSpec(size=128))
    for x, y in np.rint(template(128, 1.3)).astype(int):
        assert out[y, x].mean() > 150


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((800, 800, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    out = warp(stripes, np.array([[0.125, 0.0, 0.0], [0.0, 0.125, 0.0]]), 96).astype(float)
    inner = out[8:-8, 8:-8]
    assert abs(inner.mean() - 127.5) < 3
    assert inner.std() < 6


def test_wide_pictures_beyond_opencvs_limit_can_be_cut() -> None:
    wide = np.full((64, 40_000, 3), 90, dtype=np.uint8)
    out = crop_box(wide, (39_000.0, 0.0, 39_060.0, 60.0), InputSpec(size=64, crop="box", scale=1.0))
    assert np.abs(out.astype(int) - 90).max() <= 1


@pytest.mark.parametrize("rule", ["aligned", "box", "whole"])
def test_crop_dispatches_by_rule(rule: str) -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    points = tuple((float(x) + 40, float(y) + 20) for x, y in template(80, 1.0))
    out = crop(rgb, Face((40, 20, 120, 100), points, 0.99), InputSpec.model_validate({"size": 48, "crop": rule}))
    assert out.shape == (48, 48, 3)
    assert out.dtype == np.uint8
    assert out.std() > 1


def test_box_crop_at_unit_zoom_is_a_copy() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    out = crop_box(rgb, (10.0, 20.0, 74.0, 84.0), InputSpec(size=64, crop="box", scale=1.0))
    assert np.array_equal(out, rgb[20:84, 10:74])
