"""LRNet (Sun et al., 2021, arXiv:2104.04480): how 68 landmarks of a face move, in two networks.

One sees where the points are, the other how they differ from frame to frame; the score is the mean of both. The points
have to be those of a face that is cut out steadily, 400 px wide, in every frame of the clip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.errors import ConfigError
from core.networks.lrnet import LANDMARKS, LrNet
from core.registry import Card
from core.weights.files import companion
from core.weights.loading import loaded, memory_bytes

SIDE_PX = 400.0


class LandmarkDetector:
    """``options.block`` of the card is how many frames are looked at together."""

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        block = card.options.get("block")
        if not isinstance(block, int) or block < 2:
            raise ConfigError(f"The card of {card.title} needs options.block.", hint="It is a number of frames.")
        self.card, self.device, self.block = card, device, block
        self.places = loaded(LrNet(), card, weights, device)
        self.moves = loaded(LrNet(), card, companion(card, weights, card.weights.more[0].file), device)

    @property
    def memory_bytes(self) -> int:
        return memory_bytes(self.places, self.moves)

    @torch.inference_mode()
    def p_fake(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """P(fake) of each whole block of frames, float32[T // block].

        Args:
            points: 68 landmarks a frame in px of the steady 400 px crop, [T, 68, 2], frames in their order.
        """
        count = len(points) // self.block
        if points.shape[1:] != (LANDMARKS, 2):
            raise ValueError(f"landmarks are [T, {LANDMARKS}, 2]")
        if not count:
            return np.zeros(0, np.float32)
        rows = torch.from_numpy(np.asarray(points[: count * self.block], np.float32)).flatten(1)
        blocks = ((rows - SIDE_PX / 2) / (SIDE_PX / 2)).unflatten(0, (count, self.block)).to(self.device)
        both = [self.places(blocks), self.moves(blocks[:, 1:] - blocks[:, :-1])]
        out: npt.NDArray[np.float32] = torch.stack([x.softmax(dim=1)[:, 1] for x in both]).mean(dim=0).cpu().numpy()
        return out
