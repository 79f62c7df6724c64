"""Networks that listen. Input: samples float[N, L] at 16 kHz in [-1, 1] (64,000 in training, any length of at least a
second). Output: one logit, sigmoid(logit) = P(fake), and a curve whose steps are evenly spread over the input.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.blocks import Readout, TransformerLayer
from core.networks.frontends import SR_HZ, Cqcc, FrontEnd, Lfcc, level, standardised

MIN_SAMPLES = SR_HZ


class AudioNetwork(nn.Module):
    """What every network of sound is."""

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logit float[N] and curve float[N, T] of a checked input."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Logit of P(fake) of each item, float[N]."""
        return self.evidence(_checked(x))[0]

    def curve(self, x: Tensor) -> Tensor:
        """Logit of P(fake) over time, float[N, T]; step i lies at (i + 0.5) / T of the input."""
        return self.evidence(_checked(x))[1]


def _checked(x: Tensor) -> Tensor:
    if x.ndim != 2 or x.shape[1] < MIN_SAMPLES:
        raise ValueError(f"float[N, L] with L >= {MIN_SAMPLES} is needed, not {tuple(x.shape)}")
    return x


class CqccCnn(AudioNetwork):
    """A 2-D CNN over constant-Q cepstral coefficients and their derivatives."""

    def __init__(
        self, channels: tuple[int, ...] = (32, 64, 96, 128), coefficients: int = 40, drop: float = 0.3
    ) -> None:
        super().__init__()
        self.front = Cqcc(coefficients)
        steps: list[nn.Module] = []
        for number, (before, after) in enumerate(pairwise((3, *channels))):
            steps += [_conv_bn(before, after), _conv_bn(after, after), nn.MaxPool2d((2, 2 if number < 3 else 1))]
        self.cnn = nn.Sequential(*steps)
        self.readout = Readout(2 * channels[-1], drop)

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.cnn(self.front(x))
        states = torch.cat([maps.mean(dim=2), maps.amax(dim=2)], dim=1).transpose(1, 2)
        return cast(tuple[Tensor, Tensor], self.readout(states))


def _conv_bn(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


class MaxFeatureMap(nn.Module):
    """A convolution of which the larger of two halves goes on (Wu et al., 2018, arXiv:1511.02683)."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, 2 * after, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.conv(x).chunk(2, dim=1)
        return torch.maximum(first, second)


class LfccLcnn(AudioNetwork):
    """A light CNN over linear-frequency cepstral coefficients (Lavrentyeva et al., 2019, arXiv:1904.05576).

    Args:
        width: maps of the first layer; the others follow.
    """

    def __init__(self, width: int = 32, drop: float = 0.4) -> None:
        super().__init__()
        self.front = Lfcc()
        deep = 3 * width // 2
        self.cnn = nn.Sequential(
            MaxFeatureMap(1, width, 5),
            nn.MaxPool2d(2),
            *_light(width, deep),
            nn.MaxPool2d(2),
            *_light(deep, 2 * width),
            nn.MaxPool2d(2),
            *_light(2 * width, width),
            nn.MaxPool2d((2, 1)),
        )
        self.readout = Readout(width * (60 // 16), drop)

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.cnn(self.front(x)[:, None])
        return cast(tuple[Tensor, Tensor], self.readout(maps.flatten(1, 2).transpose(1, 2)))


def _light(before: int, after: int) -> tuple[nn.Module, ...]:
    return (
        MaxFeatureMap(before, before, 1),
        nn.BatchNorm2d(before),
        MaxFeatureMap(before, after, 3),
        nn.BatchNorm2d(after),
    )


class SincFilters(FrontEnd):
    """Band-pass filters whose edges are learned, mel-spaced at first (Ravanelli and Bengio, 2018, arXiv:1808.00158):
    float[N, L] to float[N, filters, L // stride]."""

    def __init__(self, filters: int, kernel: int = 129, stride: int = 1) -> None:
        super().__init__()
        top = 2595.0 * math.log10(1.0 + (SR_HZ / 2 - 100.0) / 700.0)
        edges = 700.0 * (10.0 ** (torch.linspace(20.0, top, filters + 1) / 2595.0) - 1.0)
        self.low_hz = nn.Parameter(edges[:-1])
        self.band_hz = nn.Parameter(edges[1:] - edges[:-1])
        time = torch.arange(-(kernel // 2), kernel // 2 + 1, dtype=torch.float32) / SR_HZ
        self.register_buffer("time", time, persistent=False)
        self.register_buffer("window", torch.hamming_window(kernel, periodic=False), persistent=False)
        self.stride = stride

    def compute(self, x: Tensor) -> Tensor:
        low = (10.0 + self.low_hz.abs()).clamp(max=SR_HZ / 2 - 60.0)
        high = (low + 30.0 + self.band_hz.abs()).clamp(max=SR_HZ / 2)
        kernels = (self._low_pass(high) - self._low_pass(low)) * cast(Tensor, self.window)
        kernels = kernels / kernels.abs().sum(dim=1, keepdim=True)
        pad = kernels.shape[1] // 2
        return F.conv1d(level(x)[:, None], kernels[:, None], stride=self.stride, padding=pad)

    def _low_pass(self, edge_hz: Tensor) -> Tensor:
        doubled = 2.0 * edge_hz[:, None]
        return doubled * torch.sinc(doubled * cast(Tensor, self.time))


class ResidualBlock(nn.Module):
    """Two convolutions over frequency and time with a shortcut, and pooling over time."""

    def __init__(self, before: int, after: int, pool: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(before), nn.BatchNorm2d(after)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.skip = nn.Identity() if before == after else nn.Conv2d(before, after, 1, bias=False)
        self.pool = nn.MaxPool2d((1, pool))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.selu(self.norm1(x)))
        y = self.conv2(F.selu(self.norm2(y)))
        out: Tensor = self.pool(y + self.skip(x))
        return out


class GraphAttention(nn.Module):
    """Each node takes in all others by the likeness of the pair (as in Jung et al., 2022, arXiv:2110.01200):
    float[N, M, before] to float[N, M, after]."""

    def __init__(self, before: int, after: int, temperature: float = 2.0) -> None:
        super().__init__()
        self.pair = nn.Linear(before, after)
        self.weigh = nn.Linear(after, 1, bias=False)
        self.others = nn.Linear(before, after)
        self.itself = nn.Linear(before, after, bias=False)
        self.norm = nn.LayerNorm(after)
        self.temperature = temperature

    def forward(self, nodes: Tensor) -> Tensor:
        pairs = torch.tanh(self.pair(nodes[:, :, None] * nodes[:, None]))
        weights = (self.weigh(pairs).squeeze(-1) / self.temperature).softmax(dim=-1)
        return F.selu(self.norm(self.others(weights @ nodes) + self.itself(nodes)))


class NodePool(nn.Module):
    """The better half of the nodes by a learned score, each scaled by it (Gao and Ji, 2019, arXiv:1905.05178)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, nodes: Tensor) -> Tensor:
        score = torch.sigmoid(self.score(nodes))
        keep = max(1, nodes.shape[1] // 2)
        best = score.topk(keep, dim=1).indices.expand(-1, -1, nodes.shape[2])
        return (nodes * score).gather(1, best)


class RawGraph(AudioNetwork):
    """Waveform in: learned band-pass filters, residual blocks, then graph attention among the bands, among the moments,
    and among both with one node that collects (of the kind of AASIST, Jung et al., 2022, arXiv:2110.01200).

    Args:
        filters: of the first layer; every three neighbours are pooled.
        stride: of the first layer, in samples.
        channels: of the residual blocks.
        nodes: width of the graph's nodes.
    """

    def __init__(
        self,
        filters: int = 70,
        stride: int = 1,
        channels: tuple[int, ...] = (32, 32, 64, 64, 64, 64),
        nodes: int = 64,
        drop: float = 0.3,
    ) -> None:
        super().__init__()
        self.front = SincFilters(filters, stride=stride)
        self.norm = nn.BatchNorm2d(1)
        pool = 3 if len(channels) > 4 else 4
        self.blocks = nn.Sequential(*(ResidualBlock(a, b, pool) for a, b in pairwise((1, *channels))))
        width = channels[-1]
        self.band_place = nn.Parameter(torch.randn(1, filters // 3, width) * 0.02)
        self.bands, self.moments = GraphAttention(width, nodes), GraphAttention(width, nodes)
        self.band_pool = NodePool(nodes)
        self.kind = nn.Parameter(torch.randn(3, 1, nodes) * 0.02)
        self.both = GraphAttention(nodes, nodes)
        self.drop = nn.Dropout(drop)
        self.rest = nn.Linear(3 * nodes, 1)
        self.readout = Readout(nodes, drop)

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = F.max_pool2d(self.front(x).abs()[:, None], 3)
        maps = self.blocks(F.selu(self.norm(maps)))
        bands = self.band_pool(self.bands(maps.amax(dim=3).transpose(1, 2) + self.band_place))
        moments = self.moments(maps.amax(dim=2).transpose(1, 2))
        collector = self.kind[2].expand(len(x), 1, -1)
        nodes = torch.cat([collector, bands + self.kind[0], moments + self.kind[1]], dim=1)
        collector, bands, moments = self.both(nodes).split([1, bands.shape[1], moments.shape[1]], dim=1)
        rest = self.rest(self.drop(torch.cat([collector[:, 0], bands.mean(dim=1), bands.amax(dim=1)], dim=1)))
        logit, curve = self.readout(moments)
        return logit + rest[:, 0], curve + rest


class WaveTransformer(AudioNetwork):
    """Strided convolutions over the waveform (one state each 20 ms), a transformer over the states and attentive
    pooling: the form of wav2vec 2.0 (Baevski et al., 2020, arXiv:2006.11477), small enough to train from scratch."""

    def __init__(
        self, channels: int = 256, width: int = 384, layers: int = 6, heads: int = 6, drop: float = 0.1
    ) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        shape = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
        for before, (kernel, stride) in zip((1, *[channels] * 6), shape, strict=True):
            steps += [nn.Conv1d(before, channels, kernel, stride, bias=False), nn.GroupNorm(8, channels), nn.GELU()]
        self.encoder = nn.Sequential(*steps)
        self.project = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width), nn.Dropout(drop))
        self.place = nn.Conv1d(width, width, 31, padding=15, groups=16)
        self.layers = nn.ModuleList(TransformerLayer(width, heads, drop=drop) for _ in range(layers))
        self.readout = Readout(width, drop)

    def evidence(self, x: Tensor) -> tuple[Tensor, Tensor]:
        states = self.project(self.encoder(standardised(x.float())[:, None]).transpose(1, 2))
        states = states + F.gelu(self.place(states.transpose(1, 2))).transpose(1, 2)
        for layer in self.layers:
            states = layer(states)
        return cast(tuple[Tensor, Tensor], self.readout(states))
