"""MobileFaceNet (Chen et al., 2018, arXiv:1804.07573): whose face it is, as a point among others."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 112
WIDTH = 128

# Growth, width, repeats and stride of the first block of each stage.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def _conv(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU6(),
    )


class _Separable(nn.Module):
    """A depth-wise convolution and a mixing one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.pointwise = nn.Conv2d(width, width, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.pointwise(F.relu(self.bn1(self.depthwise(x))))))


class _Inverted(nn.Module):
    """Widen, look, narrow; beside a shortcut where the shape stays (Sandler et al., 2018, arXiv:1801.04381)."""

    def __init__(self, before: int, after: int, stride: int, growth: int) -> None:
        super().__init__()
        wide = before * growth
        self.conv = nn.Sequential(
            _conv(before, wide, 1),
            _conv(wide, wide, 3, stride, wide),
            nn.Conv2d(wide, after, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.shortcut else y


class _Global(nn.Module):
    """One weight for each place of each map, in place of a mean over places."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, side, groups=width, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn(self.depthwise(x))
        return out


class MobileFaceNet(nn.Module):
    """Aligned faces float[N, 3, 112, 112] to embeddings float[N, 128], not yet of unit length."""

    def __init__(self) -> None:
        super().__init__()
        blocks, width = [], 64
        for growth, after, repeats, stride in _STAGES:
            for i in range(repeats):
                blocks.append(_Inverted(width, after, stride if i == 0 else 1, growth))
                width = after
        self.conv1 = _conv(3, 64, 3, stride=2)
        self.dw_conv = _Separable(64)
        self.features = nn.Sequential(*blocks)
        self.conv2 = _conv(width, 512, 1)
        self.gdconv = _Global(512, SIDE // 16)
        self.conv3 = nn.Conv2d(512, WIDTH, 1)
        self.bn = nn.BatchNorm2d(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.conv2(self.features(self.dw_conv(self.conv1(x))))
        out: Tensor = self.bn(self.conv3(self.gdconv(maps))).flatten(1)
        return out
