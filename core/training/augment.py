"""Cheap changes of finished pairs, the same for a real and its fake, so that pictures are not learned by heart."""

from __future__ import annotations

import torch


def augment(
    pixels: torch.Tensor, changed: torch.Tensor | None, strength: float
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Mirror, re-colour and cover parts of pairs; draws from torch's global generator.

    Args:
        pixels: uint8[N, 2, S, S, 3], or of clips uint8[N, 2, T, S, S, 3], all frames of which are changed alike.
        changed: maps uint8[N, h, w] of what was forged; follow their pictures.
        strength: in (0, 1].

    Returns:
        float32 of the same shape in 0..255, and the maps.
    """
    count, size = len(pixels), pixels.shape[-2]
    ones = [1] * (pixels.ndim - 2)
    out = pixels.float()
    gain = 1.0 + strength * 0.25 * (2 * torch.rand(count, *ones, 3) - 1)
    shift = strength * 25.0 * (2 * torch.rand(count, *ones, 3) - 1)
    contrast = 1.0 + strength * 0.25 * (2 * torch.rand(count, *ones, 1) - 1)
    out = ((out * gain + shift - 128.0) * contrast + 128.0).clamp(0, 255)
    maps = None if changed is None else changed.clone()
    for i in range(count):
        if torch.rand(()) < 0.5:
            out[i] = out[i].flip(-2)
            if maps is not None:
                maps[i] = maps[i].flip(1)
        if torch.rand(()) < 0.3 * strength:
            _cover(out[i], None if maps is None else maps[i], size)
    return out, maps


def _cover(pair: torch.Tensor, where: torch.Tensor | None, size: int) -> None:
    """Fill a rectangle of up to a third of the side with one grey, in place."""
    height, width = (int(v) for v in torch.randint(size // 8, size // 3, (2,)))
    y, x = int(torch.randint(0, size - height, ())), int(torch.randint(0, size - width, ()))
    pair[..., y : y + height, x : x + width, :] = float(torch.rand(()) * 255)
    if where is not None:
        cell = size / where.shape[0]
        where[int(y / cell) : int((y + height) / cell), int(x / cell) : int((x + width) / cell)] = 0
