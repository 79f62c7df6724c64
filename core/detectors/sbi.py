"""EfficientNet-B4 trained on Self-Blended Images (Shiohara and Yamasaki, 2022, arXiv:2204.08376); class 1 is fake.

It sees colours in [0, 1] without normalisation, at the size the network was designed for, so its stem pads as designed.
"""

from __future__ import annotations

from typing import ClassVar

import torch

from core.detectors.network import NetworkDetector
from core.networks.efficientnet_static import efficientnet_b4_static


class SbiDetector(NetworkDetector):
    """The published network, ``FFraw`` or ``FFc23``."""

    side: ClassVar[int | None] = 380

    def build(self) -> torch.nn.Module:
        return efficientnet_b4_static(stem_pad=(0, 1, 0, 1))
