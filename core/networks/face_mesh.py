"""The 468-point face mesh (Kartynnik et al., 2019, arXiv:1907.06724)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

POINTS = 468
SIDE = 192


class _Block(nn.Module):
    """A depth-wise convolution and a mixing one beside a shortcut, which is pooled and gets empty maps where the shape
    changes."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.more = stride, after - before
        self.convs = nn.Sequential(
            nn.Conv2d(before, before, 3, stride, padding=1 if stride == 1 else 0, groups=before),
            nn.Conv2d(before, after, 1),
        )
        self.act = nn.PReLU(after)

    def forward(self, x: Tensor) -> Tensor:
        # The network was made where a strided convolution pads only at the far edges.
        y = self.convs(x if self.stride == 1 else F.pad(x, (0, 2, 0, 2)))
        shortcut = x if self.stride == 1 else F.max_pool2d(x, 2)
        out: Tensor = self.act(y + F.pad(shortcut, (0, 0, 0, 0, 0, self.more)))
        return out


def _stage(before: int, after: int) -> tuple[nn.Module, ...]:
    return _Block(before, after, 2), _Block(after, after), _Block(after, after)


class FaceMeshNet(nn.Module):
    """Pictures float[N, 3, 192, 192] in [-1, 1] to coordinates float[N, 468, 3] in px of that picture (x, y, depth) and
    the logit that there is a face, float[N]."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2), nn.PReLU(16), _Block(16, 16), _Block(16, 16),
            *_stage(16, 32), *_stage(32, 64), *_stage(64, 128), *_stage(128, 128),
        )  # fmt: skip
        self.coord_head = nn.Sequential(
            *_stage(128, 128), nn.Conv2d(128, 32, 1), nn.PReLU(32), _Block(32, 32), nn.Conv2d(32, 3 * POINTS, 3)
        )
        self.conf_head = nn.Sequential(
            _Block(128, 128, 2), nn.Conv2d(128, 32, 1), nn.PReLU(32), _Block(32, 32), nn.Conv2d(32, 1, 3)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(F.pad(x, (1, 0, 1, 0), mode="reflect"))
        return self.coord_head(features).flatten(1).unflatten(1, (POINTS, 3)), self.conf_head(features).flatten()
