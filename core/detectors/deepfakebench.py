"""The detectors of DeepfakeBench (Yan et al., 2023, arXiv:2307.01426) that this program can run from its files.

All see an aligned face of 256 px, mean and deviation one half; class 1 is fake.
"""

from __future__ import annotations

from typing import ClassVar

import timm
import torch

from core.detectors.network import NetworkDetector
from core.networks.efficientnet_static import efficientnet_b4_static
from core.networks.xception_fad import XceptionFad


class XceptionDetector(NetworkDetector):
    """Xception (Chollet, 2017, arXiv:1610.02357; Rössler et al., 2019, arXiv:1901.08971)."""

    side: ClassVar[int | None] = 256

    def build(self) -> torch.nn.Module:
        net: torch.nn.Module = timm.create_model("legacy_xception", pretrained=False, num_classes=2)
        return net


class EfficientNetB4Detector(NetworkDetector):
    """EfficientNet-B4 whose stem was replaced by a convolution without padding."""

    side: ClassVar[int | None] = 256

    def build(self) -> torch.nn.Module:
        return efficientnet_b4_static(stem_pad=(0, 0, 0, 0))


class F3NetDetector(NetworkDetector):
    """The frequency-aware branch of F3-Net; its transform is a matrix in the file, so 256 px is all it can see."""

    side: ClassVar[int | None] = 256

    def build(self) -> torch.nn.Module:
        return XceptionFad(256)
