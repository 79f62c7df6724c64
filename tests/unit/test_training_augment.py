"""Augmentation does the same to a real and to its fake, and maps follow their pictures."""

from __future__ import annotations

import pytest
import torch

from core.training.augment import augment


def _pairs(count: int = 24, size: int = 32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    real = torch.randint(0, 256, (count, 1, size, size, 3), dtype=torch.uint8, generator=generator)
    return torch.cat([real, real], dim=1)


def test_equal_pictures_stay_equal() -> None:
    torch.manual_seed(0)
    out, _ = augment(_pairs(), None, 1.0)
    assert out.dtype == torch.float32
    assert torch.equal(out[:, 0], out[:, 1])
    assert 0 <= float(out.min()) <= float(out.max()) <= 255


def test_it_changes_pictures_and_follows_the_seed() -> None:
    pairs = _pairs()
    torch.manual_seed(0)
    one, _ = augment(pairs, None, 1.0)
    torch.manual_seed(0)
    two, _ = augment(pairs, None, 1.0)
    assert torch.equal(one, two)
    assert all(not torch.equal(a, b) for a, b in zip(one, pairs.float(), strict=True))


def test_maps_follow_their_pictures() -> None:
    """Where the forged half is marked by bright pixels, the map still marks them, unless they were covered."""
    torch.manual_seed(3)
    pairs = torch.full((40, 2, 32, 32, 3), 60, dtype=torch.uint8)
    pairs[:, 1, :16, :16] = 200
    maps = torch.zeros(40, 4, 4, dtype=torch.uint8)
    maps[:, :2, :2] = 255
    out, moved = augment(pairs, maps, 1.0)
    assert moved is not None
    apart = (out[:, 1] - out[:, 0]).mean(dim=-1)
    mirrored = 0
    for change, where in zip(apart, moved, strict=True):
        cells = torch.nn.functional.avg_pool2d(change[None], 8)[0]
        assert bool((cells[where == 255] > 0).all())
        mirrored += bool(where[:2, 2:].any())
    assert 8 <= mirrored <= 32
    assert torch.equal(maps[0, :2, :2], torch.full((2, 2), 255, dtype=torch.uint8))


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_strength_scales_the_change(strength: float) -> None:
    torch.manual_seed(0)
    pairs = torch.full((16, 2, 32, 32, 3), 128, dtype=torch.uint8)
    out, _ = augment(pairs, None, strength)
    most = (out - 128).abs().mean(dim=(1, 2, 3, 4)).max()
    assert float(most) < 80 * strength
