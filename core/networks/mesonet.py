"""MesoNet (Afchar et al., 2018, arXiv:1809.00888): two small networks that look at faces at a middle scale.

Layers stand in the order in which they were created, convolutions, normalisations and dense layers each for
themselves: that is how the published files count them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_EPS = 1e-3  # Keras' default, not torch's
_SIDE = 8  # of the last feature map, for pictures of 256 px


class _Meso(nn.Module):
    """The head that both share, and the convention of the output: sigmoid(output) = P(real)."""

    convs: nn.ModuleList
    norms: nn.ModuleList

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(width, eps=_EPS) for width in widths)
        self.dense = nn.ModuleList([nn.Linear(widths[-1] * _SIDE * _SIDE, 16), nn.Linear(16, 1)])

    def features(self, x: Tensor) -> Tensor:
        """Pictures float[N, 3, 256, 256] in [0, 1] to float[N, 16, 8, 8]."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logits of P(real), float[N, 1]."""
        rows = self.features(x).permute(0, 2, 3, 1).flatten(1)  # Keras flattens height, width, channels
        out: Tensor = self.dense[1](F.leaky_relu(self.dense[0](rows), 0.1))
        return out

    def _closed(self, x: Tensor, stage: int) -> Tensor:
        return F.max_pool2d(self.norms[stage](x), 4 if stage == len(self.norms) - 1 else 2)


class Meso4(_Meso):
    """Four convolutions, each followed by normalisation and pooling."""

    def __init__(self) -> None:
        super().__init__((8, 8, 16, 16))
        shapes = ((3, 8, 3), (8, 8, 5), (8, 16, 5), (16, 16, 5))
        self.convs = nn.ModuleList(nn.Conv2d(a, b, k, padding=k // 2) for a, b, k in shapes)

    def features(self, x: Tensor) -> Tensor:
        for stage, conv in enumerate(self.convs):
            x = self._closed(F.relu(conv(x)), stage)
        return x


class MesoInception4(_Meso):
    """Two inception blocks of dilated convolutions, then two convolutions as in Meso4."""

    def __init__(self) -> None:
        super().__init__((11, 12, 16, 16))
        convs = [*_inception(3, 1, 4, 4, 2), *_inception(11, 2, 4, 4, 2)]
        convs += [nn.Conv2d(12, 16, 5, padding=2), nn.Conv2d(16, 16, 5, padding=2)]
        self.convs = nn.ModuleList(convs)

    def features(self, x: Tensor) -> Tensor:
        for stage in (0, 1):
            x = self._closed(self._mixed(x, 7 * stage), stage)
        for stage in (2, 3):
            x = self._closed(F.relu(self.convs[12 + stage](x)), stage)
        return x

    def _mixed(self, x: Tensor, first: int) -> Tensor:
        convs = self.convs[first : first + 7]
        branches = [F.relu(convs[0](x))]
        branches += [F.relu(convs[i + 1](F.relu(convs[i](x)))) for i in (1, 3, 5)]
        return torch.cat(branches, dim=1)


def _inception(before: int, a: int, b: int, c: int, d: int) -> list[nn.Conv2d]:
    convs = [nn.Conv2d(before, a, 1)]
    for width, dilation in ((b, 1), (c, 2), (d, 3)):
        convs += [nn.Conv2d(before, width, 1), nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)]
    return convs
