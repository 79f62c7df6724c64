"""EfficientNet-B4 as the ``efficientnet_pytorch`` package computes it, on timm's module (Tan and Le, 2019).

That package keeps TensorFlow's epsilon and its "same" padding, fixed for pictures of 380 px whatever is fed later;
where a strided layer pads unevenly, timm's symmetric padding gives other logits.
"""

from __future__ import annotations

from typing import Any

import timm
from torch import nn

# Left, right, top, bottom of the strided depthwise convolutions, by stage.
_PADS = {1: (0, 1, 0, 1), 2: (2, 2, 2, 2), 3: (0, 1, 0, 1), 5: (1, 2, 1, 2)}
_EPS = 1e-3


def efficientnet_b4_static(*, stem_pad: tuple[int, int, int, int], num_classes: int = 2) -> nn.Module:
    """The network; ``stem_pad`` is what the stem adds left, right, top and bottom (none where it was replaced by a
    plain convolution)."""
    net: Any = timm.create_model("efficientnet_b4", pretrained=False, num_classes=num_classes)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = _EPS
    _pad(net.conv_stem, stem_pad)
    for stage, sides in _PADS.items():
        _pad(net.blocks[stage][0].conv_dw, sides)
    made: nn.Module = net
    return made


def _pad(conv: nn.Module, sides: tuple[int, int, int, int]) -> None:
    """Let a convolution pad unevenly without a module of its own, so that no name changes."""
    assert isinstance(conv, nn.Conv2d), "timm's EfficientNet is made of plain convolutions"
    conv.padding = (0, 0)
    if any(sides):
        conv.register_forward_pre_hook(lambda _, inputs: (nn.functional.pad(inputs[0], sides), *inputs[1:]))
