"""Nuisances treat real and fake alike and keep the shape."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.training import nuisance


def _picture(seed: int, size: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def test_equal_generators_do_the_same_to_any_picture() -> None:
    """The chain depends on the generator alone, never on the pixels: two pictures draw the same random numbers."""
    for seed in range(30):
        one, two = np.random.default_rng(seed), np.random.default_rng(seed)
        nuisance.degrade(one, _picture(1))
        nuisance.degrade(two, _picture(2))
        assert one.bit_generator.state == two.bit_generator.state


def test_degrade_is_seeded_and_keeps_the_shape() -> None:
    picture = _picture(3, 121)
    results = [nuisance.degrade(np.random.default_rng(seed), picture) for seed in range(30)]
    again = [nuisance.degrade(np.random.default_rng(seed), picture) for seed in range(30)]
    assert all(np.array_equal(a, b) for a, b in zip(results, again, strict=True))
    assert all(r.shape == picture.shape and r.dtype == np.uint8 for r in results)
    assert sum(not np.array_equal(r, picture) for r in results) > 20


def test_strength_zero_changes_nothing() -> None:
    picture = _picture(4)
    for seed in range(10):
        assert np.array_equal(nuisance.degrade(np.random.default_rng(seed), picture, 0.0), picture)


@pytest.mark.parametrize("codec", ["jpeg", "webp", "h264"])
def test_codecs_lose_more_at_lower_quality(codec: str) -> None:
    rng = np.random.default_rng(5)
    picture = np.clip(_picture(5).astype(int) + rng.integers(-20, 21, (120, 120, 3)), 0, 255).astype(np.uint8)
    good, poor = {"jpeg": (95, 20), "webp": (95, 20), "h264": (15, 40)}[codec]
    call = getattr(nuisance, codec)
    errors = [float(np.abs(call(picture, q).astype(int) - picture).mean()) for q in (good, poor)]
    assert 0 < errors[0] < errors[1] < 40


def test_h264_keeps_odd_sizes() -> None:
    picture = _picture(6, 97)
    out = nuisance.h264(picture, 20)
    assert out.shape == picture.shape
    assert np.abs(out[:96, :96].astype(int) - picture[:96, :96]).mean() < 8


def test_finishing_compresses_the_asked_share() -> None:
    picture = _picture(7)
    generators = [np.random.default_rng(seed) for seed in range(40)]
    assert all(np.array_equal(nuisance.finish(g, picture, 0.0), picture) for g in generators)
    changed = sum(not np.array_equal(nuisance.finish(g, picture, 1.0), picture) for g in generators)
    assert 25 <= changed < 40
