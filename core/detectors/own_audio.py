"""Detectors that listen with the networks of this project."""

from __future__ import annotations

import torch

from core import networks
from core.detectors.audio import AudioDetector
from core.errors import ConfigError


class VoiceDetector(AudioDetector):
    """A network of :mod:`core.networks` that takes sound; the card's ``architecture`` names it, its ``options`` are the
    network's."""

    def build(self) -> torch.nn.Module:
        name = self.card.architecture
        if networks.entry(name).task != "audio":
            raise ConfigError(
                f"The network {name} does not listen.", hint=f"Those that do: {', '.join(networks.names('audio'))}."
            )
        return networks.build(name, **self.card.options)

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs
