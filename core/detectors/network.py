"""What detectors of single crops share: a torch network, strict weights, the card's normalisation, one logit."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from core.detectors.base import FrameDetector
from core.errors import ConfigError
from core.fusion.calibration import calibrated
from core.networks.dropout import drawn
from core.registry import Card
from core.runtime.backends import Scored, Subject
from core.runtime.engines import Forward
from core.runtime.trials import trial_pictures
from core.types import RGB
from core.weights.files import file_sha256
from core.weights.keymap import key_map
from core.weights.keys import load_file_strictly
from core.weights.loading import memory_bytes


class NetworkDetector(FrameDetector):
    """A network fed with normalised crops. Subclasses say which network, and which of its outputs is fake.

    ``side`` is the only size in px that the network takes; None where it takes any.

    Raises:
        ConfigError: the card asks for a network, size or option that there is not.
        WeightsError: the file does not fit the network after the card's key map.
    """

    side: ClassVar[int | None] = None

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        if self.side not in (None, card.input.size):
            raise ConfigError(
                f"{card.title} looks at {self.side} px, its card says {card.input.size}.",
                hint=f"Correct input.size in configs/detectors/{card.id}.yaml.",
            )
        self.card = card
        self.device = device
        self.network = self.build()
        self.fill(weights)
        self.network.float().eval().to(device)
        self._mean = torch.tensor(card.input.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(card.input.std, device=device).view(1, 3, 1, 1)
        self.weights_sha256 = file_sha256(weights)
        self.ask: Forward = self._scored_once

    @abstractmethod
    def build(self) -> torch.nn.Module:
        """The network without its weights."""

    def fill(self, weights: Path) -> None:
        """Load the weights strictly."""
        load_file_strictly(self.network, weights, key_map(self.card.weights.key_map))

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        """The network's outputs as logits float[N] of P(fake); here of two classes, the second of which is fake."""
        return outputs[:, 1] - outputs[:, 0]

    def normalised(self, crops: RGB) -> torch.Tensor:
        """Crops uint8[N, S, S, 3] as float[N, 3, S, S] on the device."""
        x = torch.from_numpy(np.array(crops)).to(self.device).permute(0, 3, 1, 2).float() / 255.0
        return (x - self._mean) / self._std

    def scored(self, x: torch.Tensor) -> torch.Tensor:
        """Logits float[N] of P(fake) of normalised crops float[N, 3, S, S]."""
        return self.fake_logit(self.network(x))

    @torch.inference_mode()
    def logits(self, crops: RGB) -> npt.NDArray[np.float32]:
        out: npt.NDArray[np.float32] = self.ask(self.normalised(crops))[0].float().cpu().numpy()
        return out

    @torch.inference_mode()
    def draws(self, crops: RGB, passes: int) -> npt.NDArray[np.float32] | None:
        out = drawn(self.network, self.scored, self.normalised(crops), passes)
        return None if out is None else np.asarray(out.float().cpu().numpy(), np.float32)

    def subject(self) -> Subject:
        """What other backends than torch are tried on."""
        crops = trial_pictures(self.card.input.size)
        return Subject(
            title=self.card.title,
            weights_sha256=self.weights_sha256,
            module=Scored(self.network, self.scored),
            example=self.normalised(crops),
            judge=lambda outputs: calibrated(outputs[0].numpy(), self.card.calibration, crops),
        )

    def _scored_once(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (self.scored(x),)

    @property
    def memory_bytes(self) -> int:
        return memory_bytes(self.network)
