"""ClassNSeg (Nguyen et al., 2019, arXiv:1906.06876), trained on Face2Face: a score, and a map of what was altered."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from core.detectors.network import NetworkDetector
from core.networks.classnseg import Decoder, Encoder, activations
from core.types import RGB
from core.weights.files import companion
from core.weights.keymap import key_map
from core.weights.keys import load_file_strictly


class ClassNSegDetector(NetworkDetector):
    """The encoder's two halves are (altered, original). The decoder lies in the card's further file."""

    side: ClassVar[int | None] = 256
    network: torch.nn.ModuleDict

    def build(self) -> torch.nn.Module:
        return torch.nn.ModuleDict({"encoder": Encoder(), "decoder": Decoder()})

    def fill(self, weights: Path) -> None:
        names = key_map(self.card.weights.key_map)
        load_file_strictly(self.network["encoder"], weights, names)
        for more in self.card.weights.more:
            load_file_strictly(self.network["decoder"], companion(self.card, weights, more.file), names)

    def scored(self, x: torch.Tensor) -> torch.Tensor:
        altered, original = activations(self.network["encoder"](x)).unbind(dim=1)
        return altered - original

    @torch.inference_mode()
    def alteration_map(self, crops: RGB) -> npt.NDArray[np.float32]:
        """P(altered) of every pixel, float32[N, 256, 256]."""
        features = self.network["encoder"](self.normalised(crops))
        out: npt.NDArray[np.float32] = self.network["decoder"](features)[0].float().cpu().numpy()
        return out
