"""Small face generators of our own: convolutional autoencoders whose decoders up-sample in different ways, and whose
codes can be moved by a flow before decoding (the principle of first-order motion models, Siarohin et al., 2019)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from core.settings import SHIPPED_WEIGHTS
from core.training.fakes.base import by_name
from core.training.fakes.trained import load_trained

FOLDER = SHIPPED_WEIGHTS / "generators"
UpSampling = Literal["transposed", "nearest", "bilinear", "shuffle"]
# Name: number of halvings, channels of the code, way of up-sampling.
VARIANTS: dict[str, tuple[int, int, UpSampling]] = {
    "transposed-8": (3, 48, "transposed"),
    "nearest-8": (3, 48, "nearest"),
    "bilinear-4": (2, 12, "bilinear"),
    "shuffle-4": (2, 12, "shuffle"),
}
WIDTH = 24


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LeakyReLU(0.1),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + 0.3 * self.body(x)
        return out


def _up(kind: UpSampling, before: int, after: int) -> nn.Module:
    if kind == "transposed":
        return nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
    if kind == "shuffle":
        return nn.Sequential(nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2))
    grow = nn.Upsample(scale_factor=2, mode=kind, align_corners=False if kind == "bilinear" else None)
    return nn.Sequential(grow, nn.Conv2d(before, after, 3, padding=1))


class Autoencoder(nn.Module):
    """RGB float[N, 3, H, W] in [-1, 1] to the same; H and W are multiples of ``2 ** halvings``."""

    def __init__(self, halvings: int, code: int, up: UpSampling) -> None:
        super().__init__()
        widths = [WIDTH * 2**i for i in range(halvings)]
        down: list[nn.Module] = []
        grow: list[nn.Module] = []
        before = 3
        for width in widths:
            down += [nn.Conv2d(before, width, 4, stride=2, padding=1), _Residual(width)]
            before = width
        self.encoder = nn.Sequential(*down, nn.Conv2d(before, code, 1))
        self.enter = nn.Conv2d(code, before, 1)
        for width in [*reversed(widths[:-1]), WIDTH]:
            grow += [_Residual(before), _up(up, before, width)]
            before = width
        self.decoder = nn.Sequential(*grow, nn.LeakyReLU(0.1), nn.Conv2d(before, 3, 3, padding=1))

    def forward(self, x: torch.Tensor, flow: torch.Tensor | None = None) -> torch.Tensor:
        """Decode what was encoded; ``flow`` float[N, H, W, 2] in [-1, 1] coordinates says where each place looks."""
        code = torch.tanh(self.encoder(x))
        if flow is not None:
            code = warp(code, flow)
        out: torch.Tensor = self.decoder(self.enter(code))
        return out.clamp(-1.2, 1.2)


def warp(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
    """Sample ``image`` [N, C, h, w] at its places plus ``flow`` [N, H, W, 2]."""
    moved = F.interpolate(flow.permute(0, 3, 1, 2), image.shape[-2:], mode="bilinear", align_corners=False)
    unit = torch.eye(2, 3, device=image.device).expand(len(image), 2, 3)
    grid = F.affine_grid(unit, list(image.shape), align_corners=False) + moved.permute(0, 2, 3, 1)
    return F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)


@lru_cache(maxsize=len(VARIANTS))
def load_generator(variant: str, folder: Path = FOLDER) -> Autoencoder:
    """A trained generator.

    Raises:
        NotFoundError: no such variant.
        WeightsMissingError: it has not been trained yet.
    """
    net = Autoencoder(*by_name("generator", VARIANTS, variant))
    return load_trained(net, "generator", variant, folder, "face-lite.yaml")
