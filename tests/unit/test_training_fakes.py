"""Pseudo-fakes: seeded, of the right shape, different from the original, local where they say so."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from core.errors import NotFoundError
from core.faces.align import template
from core.training.fakes import FaceCrop, all_fakes, fake
from core.training.fakes import geometry as geo

SIZE = 160
METHODS = sorted(all_fakes())
LOCAL = ["low-res", "mouth", "parts", "splice", "swap", "swap-poisson"]


def _face(seed: int) -> FaceCrop:
    """Smooth noise with some grain, and landmarks off the template by a little."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(30, 226, (10, 10, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC) + rng.normal(0, 8, (SIZE, SIZE, 3))
    points = template(SIZE, 1.6) + rng.normal(0, 1.0, (5, 2)).astype(np.float32)
    return FaceCrop(np.clip(smooth, 0, 255).astype(np.uint8), points.astype(np.float32))


@pytest.mark.parametrize("name", METHODS)
def test_equal_seeds_give_equal_pixels_and_others_do_not(name: str) -> None:
    face, partner = _face(1), _face(2)
    first, again, other = (fake(name).make(np.random.default_rng(s), face, partner) for s in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("name", METHODS)
def test_a_fake_differs_from_its_original_and_leaves_it_alone(name: str) -> None:
    face, partner = _face(3), _face(4)
    before = face.pixels.copy()
    changed = 0
    for seed in range(6):
        out = fake(name).make(np.random.default_rng(seed), face, partner)
        assert out.shape == face.pixels.shape
        assert out.dtype == np.uint8
        changed += int(np.abs(out.astype(int) - before).mean() > 0.2)
    assert changed >= 5
    assert np.array_equal(face.pixels, before)


@pytest.mark.parametrize("name", LOCAL)
def test_local_fakes_leave_the_corners_alone(name: str) -> None:
    face, partner = _face(5), _face(6)
    for seed in range(5):
        out = fake(name).make(np.random.default_rng(seed), face, partner)
        for corner in (np.s_[:8, :8], np.s_[:8, -8:]):
            assert np.abs(out[corner].astype(int) - face.pixels[corner]).max() <= 1


@pytest.mark.parametrize("name", [n for n in METHODS if all_fakes()[n].needs_partner])
def test_swaps_need_a_partner(name: str) -> None:
    with pytest.raises(ValueError, match="partner"):
        fake(name).make(np.random.default_rng(0), _face(7))


def test_unknown_methods_are_named() -> None:
    with pytest.raises(NotFoundError, match="no pseudo-fake 'magic'"):
        fake("magic")


def test_up_sampling_leaves_a_periodic_trace() -> None:
    """Energy at half the sampling rate rises against the original smoothed alike."""
    face = _face(8)
    calm = FaceCrop(np.asarray(cv2.GaussianBlur(face.pixels, (0, 0), 2.0), dtype=np.uint8), face.landmarks)

    def nyquist(image: np.ndarray) -> float:
        grey = image.astype(float).mean(axis=2)
        spectrum = np.abs(np.fft.fft2(grey - grey.mean()))
        return float(spectrum[SIZE // 2 - 2 : SIZE // 2 + 3, :].mean())

    made = [fake("up-sampling").make(np.random.default_rng(s), calm) for s in range(8)]
    assert np.median([nyquist(m) for m in made]) > 1.5 * nyquist(calm.pixels)


def test_onto_puts_landmarks_on_landmarks() -> None:
    face, partner = _face(9), _face(10)
    marked = np.zeros_like(partner.pixels)
    for x, y in np.rint(partner.landmarks).astype(int):
        marked[y - 3 : y + 4, x - 3 : x + 4] = 255
    out = geo.onto(FaceCrop(marked, partner.landmarks), face)
    for x, y in np.rint(face.landmarks).astype(int):
        assert out[y, x].mean() > 120


def test_soft_masks_stay_between_zero_and_one() -> None:
    mask = geo.region_mask((SIZE, SIZE), geo.outline(_face(11).landmarks, "face"))
    for seed in range(4):
        soft = geo.soften(np.random.default_rng(seed), mask, 0.9)
        assert soft.min() >= 0.0
        assert soft.max() <= 1.0
        assert 0.05 < soft.mean() < 0.9


def test_a_gradient_domain_blend_changes_the_mask_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    coarse = [rng.integers(60, 200, (cells, cells, 3), dtype=np.uint8) for cells in (6, 12)]
    outside, inside = (np.asarray(cv2.resize(c, (96, 96), interpolation=cv2.INTER_CUBIC), np.uint8) for c in coarse)
    mask = np.zeros((96, 96), dtype=np.float32)
    cv2.circle(mask, (50, 44), 24, 1.0, -1)
    apart = np.abs(geo.poisson(inside, outside, mask).astype(int) - outside).max(axis=2)
    assert apart[mask == 0].max() == 0
    assert apart[40:48, 46:54].mean() > 5
