"""Any network of :mod:`core.networks.frame`, fed with face crops."""

from __future__ import annotations

import torch

from core.detectors.network import NetworkDetector
from core.networks.frame import create


class TimmFrameDetector(NetworkDetector):
    """The network that ``card.architecture`` names, with one output: the logit of P(fake). The card's option
    ``drop_rate`` is the dropout that it was trained with."""

    def build(self) -> torch.nn.Module:
        return create(self.card.architecture, **self.card.options)

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs[:, 0]
