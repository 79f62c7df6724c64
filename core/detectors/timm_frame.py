"""Any network of :mod:`core.networks.frame`, fed with face crops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from core.detectors.base import FrameDetector
from core.errors import WeightsError
from core.networks.frame import create
from core.registry import Card
from core.types import RGB


def load_strictly(network: torch.nn.Module, state: dict[str, torch.Tensor], file: str) -> None:
    """Fill ``network`` from ``state``; every key and shape must fit.

    Raises:
        WeightsError: names what is missing, unexpected or of another shape.
    """
    want = network.state_dict()
    missing, extra = sorted(want.keys() - state.keys()), sorted(state.keys() - want.keys())
    shape = sorted(k for k in want.keys() & state.keys() if want[k].shape != state[k].shape)
    if missing or extra or shape:
        found = [f"{what}: {', '.join(keys[:5])} ({len(keys)} in all)" for what, keys in
                 (("missing", missing), ("unexpected", extra), ("wrong shape", shape)) if keys]  # fmt: skip
        raise WeightsError(
            f"The file {file} does not fit its network: {'; '.join(found)}.",
            hint="Use the file that the card names, or correct the card's architecture.",
        )
    network.load_state_dict(state, strict=True)


class TimmFrameDetector(FrameDetector):
    """The network that ``card.architecture`` names, with one output: the logit of P(fake)."""

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card = card
        self.device = device
        self.network = create(card.architecture)
        try:
            state = load_file(weights)
        except (SafetensorError, OSError) as exc:
            raise WeightsError(f"The file {weights.name} cannot be read.", hint="Fetch it again.") from exc
        load_strictly(self.network, state, weights.name)
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
