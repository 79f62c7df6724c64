"""Any network of :mod:`core.networks.frame`, fed with face crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.detectors.base import FrameDetector
from core.networks.frame import create
from core.registry import Card
from core.types import RGB
from core.weights.keymap import key_map
from core.weights.keys import load_file_strictly


class TimmFrameDetector(FrameDetector):
    """The network that ``card.architecture`` names, with one output: the logit of P(fake)."""

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card = card
        self.device = device
        self.network = create(card.architecture)
        load_file_strictly(self.network, weights, key_map(card.weights.key_map))
        self.network.float().eval().to(device)
        self._mean = torch.tensor(card.input.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(card.input.std, device=device).view(1, 3, 1, 1)

    @property
    def memory_bytes(self) -> int:
        tensors = [*self.network.parameters(), *self.network.buffers()]
        return sum(t.numel() * t.element_size() for t in tensors)

    @torch.inference_mode()
    def logits(self, crops: RGB) -> npt.NDArray[np.float32]:
        x = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device).permute(0, 3, 1, 2).float() / 255.0
        out: npt.NDArray[np.float32] = self.network((x - self._mean) / self._std)[:, 0].float().cpu().numpy()
        return out
