"""RawGAT-ST (Tak et al., 2021, arXiv:2107.12710): a graph of bands and a graph of moments, multiplied."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.aasist import GraphAttention, GraphPool, MelBands, encoder

_WIDTHS = (32, 32, 64, 64, 64, 64)


class RawGatSt(nn.Module):
    """Samples float[N, 64600] at 16 kHz to logits float[N, 2] (spoofed, bona fide)."""

    def __init__(self) -> None:
        super().__init__()
        self.bands = MelBands()
        self.first_bn = nn.BatchNorm2d(1)
        self.encoder1, self.encoder2 = (encoder(_WIDTHS, project_first=False) for _ in range(2))
        self.GAT_layer1, self.GAT_layer2 = GraphAttention(64, 32), GraphAttention(64, 32)
        self.GAT_layer3 = GraphAttention(32, 16)
        self.pool1, self.pool2 = GraphPool(32, 0.64, 2), GraphPool(32, 0.81, 2)
        self.pool3 = GraphPool(16, 0.64, 2)
        self.proj1, self.proj2 = nn.Linear(14, 12), nn.Linear(23, 12)
        self.proj, self.proj_node = nn.Linear(16, 1), nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        maps = F.selu(self.first_bn(F.max_pool2d(self.bands(x)[:, None].abs(), 3)))
        bands = self.encoder1(maps).abs().amax(dim=3).transpose(1, 2)
        moments = self.encoder2(maps).abs().amax(dim=2).transpose(1, 2)
        bands = self.proj1(self.pool1(self.GAT_layer1(bands)).transpose(1, 2))
        moments = self.proj2(self.pool2(self.GAT_layer2(moments)).transpose(1, 2))
        nodes = self.pool3(self.GAT_layer3((bands * moments).transpose(1, 2)))
        out: Tensor = self.proj_node(self.proj(nodes)[:, :, 0])
        return out
