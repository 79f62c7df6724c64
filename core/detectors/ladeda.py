"""Tiny-LaDeDa (Cavia et al., 2024, arXiv:2406.09398): for pictures that were generated as a whole, not for swaps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from core.detectors.network import NetworkDetector
from core.networks.ladeda import TinyLaDeDa
from core.types import RGB


class TinyLaDeDaDetector(NetworkDetector):
    """The whole picture at 256 px; its one output is the logit of P(fake)."""

    network: TinyLaDeDa

    def build(self) -> torch.nn.Module:
        return TinyLaDeDa()

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs[:, 0]

    @torch.inference_mode()
    def patch_map(self, crops: RGB) -> npt.NDArray[np.float32]:
        """P(fake) of every patch, float32[N, 126, 126] at 256 px: what a heat map shows."""
        out: npt.NDArray[np.float32] = self.network.patches(self.normalised(crops)).sigmoid().cpu().numpy()
        return out
