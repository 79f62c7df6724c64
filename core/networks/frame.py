"""Networks that look at one picture: those of timm, and small ones of our own. All give one logit of P(fake)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import timm
import torch
import torch.nn.functional as F
from timm.layers.hybrid_embed import HybridEmbed
from timm.models._efficientnet_builder import decode_arch_def
from timm.models.efficientnet import EfficientNet
from timm.models.resnet import Bottleneck, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from core.errors import ConfigError
from core.networks.dropout import drawable


def create(name: str, **options: Any) -> nn.Module:
    """A network by name: one of :data:`OWN`, else of timm; ``float[N, 3, S, S]`` to logits ``float[N, 1]``.

    Args:
        name: network.
        options: ``drop_rate`` and ``drop_path_rate`` where the network has them.

    Raises:
        ConfigError: there is no such network, or it has no such option.
    """
    try:
        if name in OWN:
            return drawable(OWN[name](**options))
        return drawable(timm.create_model(name, pretrained=False, num_classes=1, **options))
    except RuntimeError as exc:
        raise ConfigError(f"There is no network '{name}'.", hint=f"timm's, or one of {', '.join(OWN)}.") from exc
    except TypeError as exc:
        raise ConfigError(f"The network '{name}' cannot be built: {exc}.", hint="Correct its options.") from exc


def _conv(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


class _Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(x + self.second(self.first(x)))


class FourBlockCnn(nn.Module):
    """Four blocks of two convolutions and a pooling, in the manner of MesoNet (Afchar et al., 2018)."""

    def __init__(self, drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> None:
        super().__init__()
        widths = (3, 16, 32, 64, 128)
        blocks = [nn.Sequential(_conv(a, b), _conv(b, b), nn.MaxPool2d(2)) for a, b in pairwise(widths)]
        self.blocks = nn.Sequential(*blocks)
        self.drop = nn.Dropout(drop_rate)
        self.head = nn.Linear(2 * widths[-1], 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.blocks(x)
        out: torch.Tensor = self.head(self.drop(torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], 1)))
        return out


class PatchGate(nn.Module):
    """Votes of many small patches (9 px seen by each) on the picture's diagonal gradient, averaged; after Tiny-LaDeDa
    (Cavia et al., 2024, arXiv:2406.07398)."""

    def __init__(self, drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv(3, 24), _conv(24, 24, 1), _conv(24, 32, 3, 2), _conv(32, 32, 1), _conv(32, 48), _conv(48, 48, 1)
        )
        self.drop = nn.Dropout(drop_rate)
        self.head = nn.Conv2d(48, 1, 1)

    def patches(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of all patches, float[N, 1, S/2, S/2]."""
        gradient = x - F.pad(x, (0, 1, 0, 1), mode="replicate")[:, :, 1:, 1:]
        out: torch.Tensor = self.head(self.drop(self.body(gradient)))
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.patches(x).mean(dim=(2, 3))


def dct_kernels(size: int = 8) -> torch.Tensor:
    """The orthonormal two-dimensional DCT-II basis as kernels float[size * size, 1, size, size]."""
    n = np.arange(size)
    basis = np.cos(np.pi * (2 * n[None] + 1) * n[:, None] / (2 * size)) * np.sqrt(2 / size)
    basis[0] /= np.sqrt(2)
    kernels = np.einsum("ux,vy->uvxy", basis, basis).reshape(size * size, 1, size, size)
    return torch.from_numpy(kernels.astype(np.float32))


class FrequencyNet(nn.Module):
    """Sees no colours and no shapes, only how strong each frequency is where: log magnitudes of an 8x8 DCT of the
    luma every 4 px, then a small residual network (after Qian et al., 2020, F3-Net, arXiv:2007.09355)."""

    dct: torch.Tensor

    def __init__(self, drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("dct", dct_kernels(), persistent=False)
        self.norm = nn.BatchNorm2d(64)
        self.body = nn.Sequential(
            _conv(64, 96, 1),
            _conv(96, 96, 3, 2),
            _Block(96),
            _Block(96),
            _conv(96, 160, 3, 2),
            _Block(160),
            _Block(160),
        )
        self.drop = nn.Dropout(drop_rate)
        self.head = nn.Linear(160, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        luma = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
        strength = torch.log1p(50.0 * F.conv2d(luma, self.dct, stride=4).abs())
        features = self.body(self.norm(strength))
        out: torch.Tensor = self.head(self.drop(features.mean(dim=(2, 3))))
        return out


class HybridViT(VisionTransformer):
    """ViT-tiny (192 wide, 6 blocks) over the stride-16 features of EfficientNet-Lite0 (Dosovitskiy et al., 2021,
    hybrid); made for 160 px."""

    def __init__(self, drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> None:
        trunk: Any = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(3,))
        trunk.blocks = trunk.blocks[:5]  # what follows is deeper than stride 16
        super().__init__(
            img_size=160,
            patch_size=1,
            embed_layer=partial(HybridEmbed, backbone=trunk),
            embed_dim=192,
            depth=6,
            num_heads=3,
            num_classes=1,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
        )

    @property
    def trunk(self) -> nn.Module:
        """The convolutional part."""
        out: nn.Module = self.patch_embed.backbone
        return out


def slim_efficientnetv2(drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> nn.Module:
    """EfficientNetV2 (Tan and Le, 2021, arXiv:2104.00298) of about half the width and depth of B0."""
    stages = [
        ["cn_r1_k3_s1_e1_c16_skip"],
        ["er_r2_k3_s2_e4_c24"],
        ["er_r2_k3_s2_e4_c40"],
        ["ir_r3_k3_s2_e4_c72_se0.25"],
        ["ir_r3_k3_s1_e4_c88_se0.25"],
        ["ir_r4_k3_s2_e6_c144_se0.25"],
    ]
    net = EfficientNet(
        decode_arch_def(stages),
        num_classes=1,
        num_features=512,
        stem_size=24,
        act_layer=nn.SiLU,
        drop_rate=drop_rate,
        drop_path_rate=drop_path_rate,
    )
    # timm draws the classifier as wide as the number of classes allows: with one, the first logits are far too large.
    nn.init.normal_(net.classifier.weight, std=0.01)
    nn.init.zeros_(net.classifier.bias)
    return net


def slim_resnext(drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> nn.Module:
    """ResNeXt (Xie et al., 2017, arXiv:1611.05431) with eight groups and half the width and depth of ResNeXt-50."""
    bottleneck: Any = Bottleneck
    net: nn.Module = ResNet(
        bottleneck,
        (2, 2, 3, 2),
        num_classes=1,
        channels=(32, 64, 128, 256),
        cardinality=8,
        base_width=8,
        drop_rate=drop_rate,
        drop_path_rate=drop_path_rate,
    )
    return net


OWN: dict[str, Callable[..., nn.Module]] = {
    "cnn4": FourBlockCnn,
    "patch-gate": PatchGate,
    "frequency-net": FrequencyNet,
    "vit-tiny-hybrid": HybridViT,
    "efficientnetv2-slim": slim_efficientnetv2,
    "resnext-slim": slim_resnext,
    # Padded where TensorFlow pads, so that its weights fit.
    "mobilenetv2-tf": partial(timm.create_model, "mobilenetv2_100", num_classes=1, pad_type="same"),
}
