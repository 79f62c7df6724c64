"""Files of the published layouts, filled with seeded values, and the little that the references share.

A reference computes a network from the names and shapes of its published file, written down here from its description.
The first pass over a picture calibrates it: every normalisation takes the statistics it meets, so that no activation
grows or dies.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.registry import Card, card
from core.types import RGB

State = dict[str, Tensor]


def pictures(count: int, size: int, seed: int = 0) -> RGB:
    """Smooth coloured noise with some grain, uint8[count, size, size, 3]."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, 9, 9)).astype(np.float32))
    smooth = F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False).numpy()
    grain = rng.normal(0, 12, smooth.shape)
    return np.clip(smooth + grain, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1).copy()


def fed(crops: RGB, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Crops as the networks get them, float[N, 3, S, S]."""
    return (torch.from_numpy(crops.transpose(0, 3, 1, 2).astype(np.float32)) / 255.0 - mean) / std


def card_for(name: str, file: Path, **changes: Any) -> Card:
    """A shipped card that vouches for ``file``."""
    known = card(name)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    weights = known.weights.model_copy(update={"file": file.name, "sha256": sha256})
    return known.model_copy(update={"weights": weights, **changes})


class Reference:
    """Tensors under their published names, made as the description asks for them."""

    eps = 1e-5

    def __init__(self, seed: int = 0) -> None:
        self.state: State = {}
        self.calibrating = False
        self._random = torch.Generator().manual_seed(seed)

    def normal(self, name: str, *shape: int, std: float) -> None:
        self.state[name] = torch.randn(shape, generator=self._random) * std

    def kernel(self, name: str, *shape: int, gain: float = 2.0) -> None:
        """A convolution's or a matrix' weights, scaled so that variances stay."""
        self.normal(f"{name}.weight", *shape, std=math.sqrt(gain / math.prod(shape[1:])))

    def bias(self, name: str, width: int) -> None:
        self.normal(f"{name}.bias", width, std=0.1)

    def norm(self, name: str, width: int) -> None:
        """A normalisation, in the order in which torch names its parts."""
        self.state[f"{name}.weight"] = torch.rand(width, generator=self._random) * 0.4 + 0.8
        self.bias(name, width)
        self.state[f"{name}.running_mean"] = torch.zeros(width)
        self.state[f"{name}.running_var"] = torch.ones(width)
        self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def conv(self, name: str, x: Tensor, **options: Any) -> Tensor:
        return F.conv2d(x, self.state[f"{name}.weight"], self.state.get(f"{name}.bias"), **options)

    def bn(self, name: str, x: Tensor) -> Tensor:
        s = self.state
        if self.calibrating:
            s[f"{name}.running_mean"] = x.mean(dim=(0, 2, 3))
            s[f"{name}.running_var"] = x.var(dim=(0, 2, 3), unbiased=False) + 1e-2
        scale = s[f"{name}.weight"] / (s[f"{name}.running_var"] + self.eps).sqrt()
        return (x - s[f"{name}.running_mean"][:, None, None]) * scale[:, None, None] + s[f"{name}.bias"][:, None, None]

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"])

    def forward(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    @torch.no_grad()
    def logits(self, x: Tensor, *, calibrate: bool = False) -> np.ndarray:
        self.calibrating = calibrate
        out = self.forward(x)
        self.calibrating = False
        assert torch.isfinite(out).all()
        return out.numpy()

    def save(self, path: Path, **around: Any) -> Path:
        torch.save({**around, "model": self.state} if around else self.state, path)
        return path


class Xception(Reference):
    """DeepfakeBench's Xception; ``channels`` and the head's name differ in F3-Net."""

    def __init__(self, channels: int = 3, head: str = "last_linear", seed: int = 0) -> None:
        super().__init__(seed)
        self.head = f"backbone.{head}"
        self.blocks = [(64, 128, 2, 2, False, True), (128, 256, 2, 2, True, True), (256, 728, 2, 2, True, True)]
        self.blocks += [(728, 728, 3, 1, True, True)] * 8 + [(728, 1024, 2, 2, True, False)]
        self.kernel("backbone.conv1", 32, channels, 3, 3)
        self.norm("backbone.bn1", 32)
        self.kernel("backbone.conv2", 64, 32, 3, 3)
        self.norm("backbone.bn2", 64)
        for i, block in enumerate(self.blocks, 1):
            self._make_block(f"backbone.block{i}", *block)
        for i, before, after in ((3, 1024, 1536), (4, 1536, 2048)):
            self._make_separable(f"backbone.conv{i}", before, after)
            self.norm(f"backbone.bn{i}", after)
        self.kernel(self.head, 2, 2048)
        self.bias(self.head, 2)
        self.kernel("backbone.adjust_channel.0", 512, 2048, 1, 1)
        self.bias("backbone.adjust_channel.0", 512)
        self.norm("backbone.adjust_channel.1", 512)

    def _make_separable(self, name: str, before: int, after: int) -> None:
        self.kernel(f"{name}.conv1", before, 1, 3, 3, gain=1.0)
        self.kernel(f"{name}.pointwise", after, before, 1, 1)

    @staticmethod
    def plan(before: int, after: int, count: int, first: bool, grow: bool) -> list[tuple[int, int, int]]:
        """Place in the sequence, width before and after of a block's separable convolutions; each is followed by its
        normalisation and, but for the first of a block that begins without one, preceded by a rectifier."""
        widths = [(before, after)] + [(after, after)] * (count - 1)
        if not grow:
            widths = [(before, before)] * (count - 1) + [(before, after)]
        return [(3 * i + (1 if first else 0), a, b) for i, (a, b) in enumerate(widths)]

    def _make_block(self, name: str, before: int, after: int, count: int, stride: int, first: bool, grow: bool) -> None:
        if before != after or stride != 1:
            self.kernel(f"{name}.skip", after, before, 1, 1, gain=1.0)
            self.norm(f"{name}.skipbn", after)
        for at, a, b in self.plan(before, after, count, first, grow):
            self._make_separable(f"{name}.rep.{at}", a, b)
            self.norm(f"{name}.rep.{at + 1}", b)

    def _separable(self, name: str, x: Tensor) -> Tensor:
        return self.conv(f"{name}.pointwise", self.conv(f"{name}.conv1", x, padding=1, groups=x.shape[1]))

    def _block(self, name: str, x: Tensor, shape: tuple[int, int, int, int, bool, bool]) -> Tensor:
        before, after, count, stride, first, grow = shape
        y = x
        for i, (at, _, _) in enumerate(self.plan(before, after, count, first, grow)):
            y = F.relu(y) if first or i else y
            y = self.bn(f"{name}.rep.{at + 1}", self._separable(f"{name}.rep.{at}", y))
        if stride != 1:
            y = F.max_pool2d(y, 3, stride, 1)
        if f"{name}.skip.weight" in self.state:
            x = self.bn(f"{name}.skipbn", self.conv(f"{name}.skip", x, stride=stride))
        return x + y

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn("backbone.bn1", self.conv("backbone.conv1", x, stride=2)))
        x = F.relu(self.bn("backbone.bn2", self.conv("backbone.conv2", x)))
        for i, block in enumerate(self.blocks, 1):
            x = self._block(f"backbone.block{i}", x, block)
        x = F.relu(self.bn("backbone.bn3", self._separable("backbone.conv3", x)))
        x = F.relu(self.bn("backbone.bn4", self._separable("backbone.conv4", x)))
        return self.linear(self.head, x.mean(dim=(2, 3)))


class EfficientNetB4(Reference):
    """EfficientNet-B4 as efficientnet_pytorch names, orders and pads it: everything "same" for a picture of 380 px.

    ``head`` is the last layer's name and ``trunk`` the prefix of the others; ``padded_stem`` is false where the stem
    was replaced by a convolution without padding.
    """

    eps = 1e-3

    def __init__(self, trunk: str, head: str, *, padded_stem: bool, seed: int = 0) -> None:
        super().__init__(seed)
        self.trunk, self.head, self.padded_stem = trunk, head, padded_stem
        # Kernel, stride, growth, width and repeats of B0's stages; B4 is 1.4 times as wide and 1.8 times as deep.
        stages = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3)]
        stages += [(5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
        self.blocks: list[tuple[int, int, int, int, int]] = []
        before = self._wider(32)
        for kernel, stride, growth, width, repeats in stages:
            for i in range(math.ceil(1.8 * repeats)):
                self.blocks.append((kernel, stride if i == 0 else 1, growth, before, self._wider(width)))
                before = self._wider(width)
        self._make()

    @staticmethod
    def _wider(width: int) -> int:
        """Rounded to a multiple of eight, never down by more than a tenth."""
        wide = width * 1.4
        rounded = max(8, int(wide + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wide else rounded

    def _make(self) -> None:
        t = self.trunk
        self.kernel(f"{t}_conv_stem", self._wider(32), 3, 3, 3)
        self.norm(f"{t}_bn0", self._wider(32))
        for i, (kernel, _, growth, before, after) in enumerate(self.blocks):
            name, inside = f"{t}_blocks.{i}", before * growth
            if growth > 1:
                self.kernel(f"{name}._expand_conv", inside, before, 1, 1)
                self.norm(f"{name}._bn0", inside)
            self.kernel(f"{name}._depthwise_conv", inside, 1, kernel, kernel)
            self.norm(f"{name}._bn1", inside)
            for part, a, b in (
                ("_se_reduce", inside, max(1, before // 4)),
                ("_se_expand", max(1, before // 4), inside),
            ):
                self.kernel(f"{name}.{part}", b, a, 1, 1)
                self.bias(f"{name}.{part}", b)
            self.kernel(f"{name}._project_conv", after, inside, 1, 1)
            self.norm(f"{name}._bn2", after)
        self.kernel(f"{t}_conv_head", 1792, 448, 1, 1)
        self.norm(f"{t}_bn1", 1792)
        self.kernel(self.head, 2, 1792)
        self.bias(self.head, 2)

    @staticmethod
    def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
        pad = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        return pad // 2, pad - pad // 2

    def _block(self, i: int, x: Tensor, size: int) -> Tensor:
        kernel, stride, growth, before, after = self.blocks[i]
        name, y = f"{self.trunk}_blocks.{i}", x
        if growth > 1:
            y = F.silu(self.bn(f"{name}._bn0", self.conv(f"{name}._expand_conv", y)))
        pad = self.same(size, kernel, stride)
        y = self.conv(f"{name}._depthwise_conv", F.pad(y, (*pad, *pad)), stride=stride, groups=y.shape[1])
        y = F.silu(self.bn(f"{name}._bn1", y))
        gate = F.silu(self.conv(f"{name}._se_reduce", y.mean(dim=(2, 3), keepdim=True)))
        y = y * torch.sigmoid(self.conv(f"{name}._se_expand", gate))
        y = self.bn(f"{name}._bn2", self.conv(f"{name}._project_conv", y))
        return x + y if stride == 1 and before == after else y

    def forward(self, x: Tensor) -> Tensor:
        pad = self.same(380, 3, 2) if self.padded_stem else (0, 0)
        x = self.conv(f"{self.trunk}_conv_stem", F.pad(x, (*pad, *pad)), stride=2)
        x, size = F.silu(self.bn(f"{self.trunk}_bn0", x)), 190
        for i, block in enumerate(self.blocks):
            x = self._block(i, x, size)
            size = math.ceil(size / block[1])
        x = F.silu(self.bn(f"{self.trunk}_bn1", self.conv(f"{self.trunk}_conv_head", x)))
        return self.linear(self.head, x.mean(dim=(2, 3)))
