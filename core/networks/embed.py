"""What a frame detector makes of a face before it decides: the input of the networks over embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from core.errors import ConfigError


class FrameEmbedder(nn.Module):
    """A timm frame detector that gives its last features and its logit: normalised frames float[M, 3, S, S] to
    float[M, D], the logit last.

    Raises:
        ConfigError: the network does not show its features.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        shown = all(
            callable(getattr(net, part, None)) for part in ("forward_features", "forward_head", "get_classifier")
        )
        if not shown:
            raise ConfigError("This network does not show its features.", hint="Choose a frame detector of timm.")
        detector: Any = net.eval()
        self.net = detector
        self.width = int(detector.get_classifier().in_features) + 1

    @torch.no_grad()
    def forward(self, frames: Tensor) -> Tensor:
        net: Any = self.net.eval()
        features = net.forward_head(net.forward_features(frames), pre_logits=True)
        return torch.cat([features, net.get_classifier()(features)], dim=1)
