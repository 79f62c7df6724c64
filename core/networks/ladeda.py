"""Tiny-LaDeDa (Cavia et al., 2024, arXiv:2406.09398): 1,297 parameters that judge many small patches of a picture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Patches(nn.Module):
    """A 1x1 and a strided 3x3 convolution, each with normalisation and rectifier."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=2, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)))


class TinyLaDeDa(nn.Module):
    """Sees the gradient along the diagonal from top left to bottom right, of each colour for itself.

    The head is linear, so the logit is the mean of the patches' logits.
    """

    gradient: Tensor

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        diagonal = torch.tensor([[-2.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 1.0, 2.0]])
        self.register_buffer("gradient", diagonal.expand(3, 1, 3, 3).clone(), persistent=False)
        self.conv1 = nn.Conv2d(3, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(_Patches(width))
        self.fc = nn.Linear(width, 1)

    def patches(self, x: Tensor) -> Tensor:
        """Logits of the patches: pictures float[N, 3, 256, 256] to float[N, 126, 126]."""
        x = F.conv2d(x, self.gradient, padding=1, groups=3)
        x = self.layer1(F.relu(self.bn1(self.conv2(self.conv1(x)))))
        logits: Tensor = self.fc(x.permute(0, 2, 3, 1))[..., 0]
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Logits of P(fake), float[N, 1]."""
        return self.patches(x).mean(dim=(1, 2))[:, None]
