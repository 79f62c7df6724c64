"""What a frame detector makes of a face before it decides: the input of the networks over embeddings."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from core.errors import ConfigError

_PARTS = ("forward_features", "forward_head", "get_classifier")


class FrameEmbedder(nn.Module):
    """A frame detector that gives its last features and its logit: normalised frames float[M, 3, S, S] to float[M, D],
    the logit last. Features are those of the timm network that it is, or that is its ``trunk``.

    Raises:
        ConfigError: the network does not show its features.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.eval()
        trunk = getattr(net, "trunk", None)
        self._inner = isinstance(trunk, nn.Module)
        shown = all(callable(getattr(self._body, part, None)) for part in _PARTS)
        if not shown:
            raise ConfigError("This network does not show its features.", hint="Choose a frame detector of timm.")
        self.width = int(self._body.get_classifier().in_features) + 1

    @property
    def _body(self) -> Any:
        return self.net.trunk if self._inner else self.net

    @torch.no_grad()
    def forward(self, frames: Tensor) -> Tensor:
        self.net.eval()
        features = self._body.forward_head(self._body.forward_features(frames), pre_logits=True)
        logit = self.net(frames).reshape(-1, 1) if self._inner else self._body.get_classifier()(features)
        return torch.cat([features, logit], dim=1)
