"""AASIST (Jung et al., 2022, arXiv:2110.01200): graphs over the bands and the moments of a raw waveform."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SR_HZ = 16_000
_BANDS = 70
_TAPS = 129


class MelBands(nn.Module):
    """Fixed band-pass filters, evenly spaced in mel: samples float[N, L] to float[N, 70, L - 128].

    A windowed difference of two sincs each (Ravanelli and Bengio, 2018, arXiv:1808.00158), not trained further.
    """

    def __init__(self) -> None:
        super().__init__()
        top = 2595.0 * math.log10(1.0 + SR_HZ / 2 / 700.0)
        edges = 700.0 * (10.0 ** (np.linspace(0.0, top, _BANDS + 1) / 2595.0) - 1.0)
        time = np.arange(_TAPS) - _TAPS // 2
        low_pass = np.stack([2 * f / SR_HZ * np.sinc(2 * f * time / SR_HZ) for f in edges])
        filters = np.diff(low_pass, axis=0) * np.hamming(_TAPS)
        self.register_buffer("filters", torch.from_numpy(filters).float()[:, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv1d(x[:, None], cast(Tensor, self.filters))


class ConvBlock(nn.Module):
    """Two convolutions over bands and time, a shortcut, and pooling over time by three."""

    def __init__(self, before: int, after: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, (2, 3), padding=(1, 1))
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, (2, 3), padding=(0, 1))
        self.conv_downsample = nn.Conv2d(before, after, (1, 3), padding=(0, 1)) if project else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.selu(self.bn2(self.conv1(x))))
        shortcut = x if self.conv_downsample is None else self.conv_downsample(x)
        return F.max_pool2d(y + shortcut, (1, 3))


def encoder(widths: Sequence[int], *, project_first: bool) -> nn.Sequential:
    """Blocks from one map to ``widths``; a shortcut is projected where the width changes."""
    steps = list(pairwise((1, *widths)))
    return nn.Sequential(
        *(ConvBlock(a, b, project=a != b and (i > 0 or project_first)) for i, (a, b) in enumerate(steps))
    )


class GraphAttention(nn.Module):
    """Nodes float[N, M, before] to float[N, M, after]: each takes in the others by a weight of the pair's product."""

    def __init__(self, before: int, after: int, temperature: float = 1.0) -> None:
        super().__init__()
        self.att_proj = nn.Linear(before, after)
        self.att_weight = nn.Parameter(torch.zeros(after, 1))
        self.proj_with_att = nn.Linear(before, after)
        self.proj_without_att = nn.Linear(before, after)
        self.bn = nn.BatchNorm1d(after)
        self.temperature = temperature

    def forward(self, x: Tensor) -> Tensor:
        pairs = torch.tanh(self.att_proj(x[:, :, None] * x[:, None]))
        weights = ((pairs @ self.att_weight).squeeze(-1) / self.temperature).softmax(dim=2)
        mixed = self.proj_with_att(weights @ x) + self.proj_without_att(x)
        return F.selu(self.bn(mixed.transpose(1, 2)).transpose(1, 2))


class MixedGraphAttention(nn.Module):
    """Attention among nodes of two kinds, with weights of their own for pairs within and across the kinds, and one
    further node that collects from all."""

    def __init__(self, before: int, after: int, temperature: float) -> None:
        super().__init__()
        self.proj_type1, self.proj_type2 = nn.Linear(before, before), nn.Linear(before, before)
        self.att_proj, self.att_projM = nn.Linear(before, after), nn.Linear(before, after)
        for name in ("11", "22", "12", "M"):
            self.register_parameter(f"att_weight{name}", nn.Parameter(torch.zeros(after, 1)))
        self.proj_with_att, self.proj_without_att = nn.Linear(before, after), nn.Linear(before, after)
        self.proj_with_attM, self.proj_without_attM = nn.Linear(before, after), nn.Linear(before, after)
        self.bn = nn.BatchNorm1d(after)
        self.temperature = temperature

    def forward(self, first: Tensor, second: Tensor, collector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = first.shape[1]
        x = torch.cat([self.proj_type1(first), self.proj_type2(second)], dim=1)
        collected = self._collect(x, collector)
        weights = (self._pairs(x, count) / self.temperature).softmax(dim=2)
        mixed = self.proj_with_att(weights @ x) + self.proj_without_att(x)
        nodes = F.selu(self.bn(mixed.transpose(1, 2)).transpose(1, 2))
        return nodes[:, :count], nodes[:, count:], collected

    def _pairs(self, x: Tensor, count: int) -> Tensor:
        """Attention before the softmax, float[N, M, M]; the first ``count`` nodes are of the first kind."""
        pairs = torch.tanh(self.att_proj(x[:, :, None] * x[:, None]))
        same1, same2, across = (
            (pairs @ cast(Tensor, getattr(self, f"att_weight{n}"))).squeeze(-1) for n in ("11", "22", "12")
        )
        kind = torch.arange(x.shape[1], device=x.device) >= count
        both_first, both_second = ~kind[:, None] & ~kind, kind[:, None] & kind
        return torch.where(both_first, same1, torch.where(both_second, same2, across))

    def _collect(self, x: Tensor, collector: Tensor) -> Tensor:
        seen = torch.tanh(self.att_projM(x * collector)) @ cast(Tensor, self.att_weightM)
        weights = (seen / self.temperature).softmax(dim=1).transpose(1, 2)
        return self.proj_with_attM(weights @ x) + self.proj_without_attM(collector)


class GraphPool(nn.Module):
    """The ``share`` of nodes with the highest learned score, scaled by it, best first."""

    def __init__(self, width: int, share: float, least: int = 1) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 1)
        self.share, self.least = share, least

    def forward(self, x: Tensor) -> Tensor:
        score = torch.sigmoid(self.proj(x))
        keep = max(self.least, int(x.shape[1] * self.share))
        best = score.topk(keep, dim=1).indices.expand(-1, -1, x.shape[2])
        return (x * score).gather(1, best)


class Aasist(nn.Module):
    """Samples float[N, 64600] at 16 kHz to logits float[N, 2] (spoofed, bona fide).

    Args:
        width: maps of the later blocks and width of the first graphs' nodes.
        shares: of nodes kept in the graph of bands, of moments, and in both mixed ones.
    """

    def __init__(self, width: int = 64, shares: tuple[float, float, float] = (0.5, 0.7, 0.5)) -> None:
        super().__init__()
        self.bands = MelBands()
        self.first_bn = nn.BatchNorm2d(1)
        self.encoder = encoder((32, 32, width, width, width, width), project_first=True)
        self.pos_S = nn.Parameter(torch.zeros(1, _BANDS // 3, width))
        self.master1, self.master2 = (nn.Parameter(torch.zeros(1, 1, width)) for _ in range(2))
        self.GAT_layer_S, self.GAT_layer_T = GraphAttention(width, width, 2.0), GraphAttention(width, width, 2.0)
        self.pool_S, self.pool_T = GraphPool(width, shares[0]), GraphPool(width, shares[1])
        for way in "12":
            self.add_module(f"HtrgGAT_layer_ST{way}1", MixedGraphAttention(width, 32, 100.0))
            self.add_module(f"HtrgGAT_layer_ST{way}2", MixedGraphAttention(32, 32, 100.0))
            self.add_module(f"pool_hS{way}", GraphPool(32, shares[2]))
            self.add_module(f"pool_hT{way}", GraphPool(32, shares[2]))
        self.out_layer = nn.Linear(5 * 32, 2)

    def forward(self, x: Tensor) -> Tensor:
        maps = F.max_pool2d(self.bands(x)[:, None].abs(), 3)
        maps = self.encoder(F.selu(self.first_bn(maps))).abs()
        bands = self.pool_S(self.GAT_layer_S(maps.amax(dim=3).transpose(1, 2) + self.pos_S))
        moments = self.pool_T(self.GAT_layer_T(maps.amax(dim=2).transpose(1, 2)))
        one = self._way("1", moments, bands, self.master1)
        other = self._way("2", moments, bands, self.master2)
        moments, bands, collector = (torch.maximum(a, b) for a, b in zip(one, other, strict=True))
        parts = [moments.abs().amax(dim=1), moments.mean(dim=1), bands.abs().amax(dim=1), bands.mean(dim=1)]
        out: Tensor = self.out_layer(torch.cat([*parts, collector[:, 0]], dim=1))
        return out

    def _way(self, way: str, moments: Tensor, bands: Tensor, collector: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """One of the two ways through the mixed graphs: moments, bands and the collecting node."""
        start = collector.expand(len(bands), -1, -1)
        moments, bands, start = getattr(self, f"HtrgGAT_layer_ST{way}1")(moments, bands, start)
        bands, moments = getattr(self, f"pool_hS{way}")(bands), getattr(self, f"pool_hT{way}")(moments)
        more = getattr(self, f"HtrgGAT_layer_ST{way}2")(moments, bands, start)
        return moments + more[0], bands + more[1], start + more[2]
