"""Order of frames: a clip that moves evenly becomes suspicious when its frames are shuffled."""

from __future__ import annotations

from typing import cast

import numpy as np
import torch

from core import networks
from core.networks.clip import SpaceTimeVit

FRAMES, SIDE = 6, 32


def _sliding(seed: int) -> torch.Tensor:
    """Something smooth, of as little contrast as skin, that moves on by two px a frame, float[T, 3, S, S]."""
    rng = np.random.default_rng(seed)
    coarse = 0.2 * torch.from_numpy(rng.normal(size=(1, 3, 8, 8))).float()
    whole = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic")[0]
    return torch.stack([whole[:, 8 : 8 + SIDE, 2 * i : 2 * i + SIDE] for i in range(FRAMES)])


def _shuffled(clip: torch.Tensor, seed: int) -> torch.Tensor:
    orders = (np.random.default_rng(1000 * seed + i).permutation(FRAMES) for i in range(100))
    order = next(order for order in orders if np.abs(np.diff(order)).mean() > 1.8)
    return clip[torch.from_numpy(order)]


def test_shuffled_frames_raise_the_unrest_of_clips_that_were_never_seen() -> None:
    """Taught on some clips that shuffled frames are fake, the measure tells them apart on others, clip by clip."""
    torch.manual_seed(0)
    net = cast(
        SpaceTimeVit,
        networks.build("space-time-vit-slim", width=16, space_layers=1, time_layers=1, heads=2, drop=0.0),
    )
    optimiser = torch.optim.Adam(net.parameters(), lr=8e-3)
    label = torch.cat([torch.zeros(8), torch.ones(8)])
    for step in range(24):
        clips = [_sliding(100 + 8 * step + i) for i in range(8)]
        x = torch.stack([*clips, *(_shuffled(clip, i) for i, clip in enumerate(clips))])
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    unseen = [_sliding(seed) for seed in range(20)]
    with torch.inference_mode():
        even = net.look(torch.stack(unseen)).unrest
        mixed = net.look(torch.stack([_shuffled(clip, i) for i, clip in enumerate(unseen)])).unrest
        assert even is not None and mixed is not None
        assert torch.allclose(even, 1 - net.motion_consistency(torch.stack(unseen)).mean(dim=1), atol=1e-6)
    assert float((mixed > even).float().mean()) >= 0.9
    assert float((mixed - even).mean()) > 0.5
