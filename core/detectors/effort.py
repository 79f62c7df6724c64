"""Effort (Yan et al., 2024, arXiv:2411.15633): CLIP ViT-L/14 with a rank-one correction of every attention matrix.

The correction is folded into the matrices when the file is loaded (its key map says how), so what runs is a plain CLIP
encoder with a linear head. Nothing of CLIP is downloaded: the file holds all of it.
"""

from __future__ import annotations

import torch

from core.detectors.network import NetworkDetector
from core.errors import ConfigError
from core.networks.clip_vision import LARGE_14, ClipClassifier


class EffortDetector(NetworkDetector):
    """``options`` of the card replace parts of the encoder's configuration."""

    def build(self) -> torch.nn.Module:
        unknown = sorted(self.card.options.keys() - LARGE_14.keys())
        if unknown:
            raise ConfigError(
                f"The card of {self.card.title} has options that do not exist: {', '.join(unknown)}.",
                hint=f"There are: {', '.join(LARGE_14)}.",
            )
        return ClipClassifier(**self.card.options)
