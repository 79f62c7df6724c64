"""Multi-task detection and segmentation (Nguyen et al., 2019, arXiv:1906.06876): an autoencoder in the shape of a Y.

The encoder's features are two halves: the one whose mean magnitude is larger says whether a face is altered or
original. The decoder draws where it was altered from the half that is left on.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Pictures float[N, 3, 256, 256] to features float[N, 128, 16, 16]."""

    def __init__(self) -> None:
        super().__init__()
        plan = ((3, 8, 1), (8, 8, 2), (8, 16, 1), (16, 16, 2), (16, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2))
        layers: list[nn.Module] = []
        for before, after, stride in (*plan, (64, 128, 1)):
            layers += [nn.Conv2d(before, after, 3, stride, 1), nn.BatchNorm2d(after), nn.ReLU()]
        self.encoder = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.encoder(x)
        return out


def activations(features: Tensor) -> Tensor:
    """Mean magnitude of both halves, float[N, 2]: (altered, original)."""
    return features.unflatten(1, (2, -1)).abs().mean(dim=(2, 3, 4))


class Decoder(nn.Module):
    """Features float[N, 128, 16, 16] to P(altered) of each pixel and the picture built again."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Sequential(*_up((128, 64, 1), (64, 64, 2), (64, 32, 1), (32, 32, 2)))
        plan = ((32, 16, 1), (16, 16, 2), (16, 8, 1), (8, 8, 2))
        self.segmenter = nn.Sequential(*_up(*plan), nn.ConvTranspose2d(8, 2, 3, 1, 1), nn.Softmax(dim=1))
        self.decoder = nn.Sequential(*_up(*plan), nn.ConvTranspose2d(8, 3, 3, 1, 1), nn.Tanh())

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The map float[N, 256, 256] and the picture float[N, 3, 256, 256].

        Only the half with the larger magnitude is looked at; the other is switched off, as in training.
        """
        latent = self.shared(_louder_half(features))
        return self.segmenter(latent)[:, 1], self.decoder(latent)


def _louder_half(features: Tensor) -> Tensor:
    keep = torch.nn.functional.one_hot(activations(features).argmax(dim=1), 2)
    halves = features.unflatten(1, (2, -1)) * keep[:, :, None, None, None]
    return halves.flatten(1, 2)


def _up(*plan: tuple[int, int, int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after, stride in plan:
        grow = nn.ConvTranspose2d(before, after, 3, stride, 1, output_padding=stride - 1)
        layers += [grow, nn.BatchNorm2d(after), nn.ReLU()]
    return layers
