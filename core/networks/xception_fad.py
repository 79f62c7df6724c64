"""F3-Net's frequency-aware decomposition (Qian et al., 2020, arXiv:2007.09355) before Xception (Chollet, 2017)."""

from __future__ import annotations

import numpy as np
import timm
import torch
from torch import Tensor, nn

BANDS = 4


class _Band(nn.Module):
    """Weights of the frequencies: which belong to the band, and how much was learned to add to or take from each."""

    def __init__(self, low: float, high: float, size: int) -> None:
        super().__init__()
        index = torch.arange(size)
        total = index[:, None] + index[None]
        self.base = nn.Parameter(((total >= low) & (total <= high)).float(), requires_grad=False)
        self.learnable = nn.Parameter(torch.zeros(size, size))

    def forward(self, spectrum: Tensor) -> Tensor:
        return spectrum * (self.base + 2.0 * torch.sigmoid(self.learnable) - 1.0)


class FrequencyDecomposition(nn.Module):
    """Pictures float[N, 3, S, S] to the same pictures in four bands of frequency, float[N, 12, S, S].

    ``size`` is S; the transform is a matrix, so no other size fits.
    """

    def __init__(self, size: int = 256) -> None:
        super().__init__()
        matrix = torch.from_numpy(_dct(size)).float()
        self._DCT_all = nn.Parameter(matrix, requires_grad=False)
        self._DCT_all_T = nn.Parameter(matrix.T.contiguous(), requires_grad=False)
        edges = ((0.0, size // 2.82), (size // 2.82, size // 2), (size // 2, size * 2), (0.0, size * 2))
        self.filters = nn.ModuleList(_Band(low, high, size) for low, high in edges)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = self._DCT_all @ x @ self._DCT_all_T
        return torch.cat([self._DCT_all_T @ band(spectrum) @ self._DCT_all for band in self.filters], dim=1)


def _dct(size: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The orthonormal DCT-II as a matrix float64[size, size]."""
    n = np.arange(size)
    matrix = np.sqrt(2.0 / size) * np.cos((n[None] + 0.5) * np.pi * n[:, None] / size)
    matrix[0] /= np.sqrt(2.0)
    return matrix


class XceptionFad(nn.Module):
    """Xception whose first layer sees the twelve channels of the decomposition; logits float[N, 2]."""

    def __init__(self, size: int = 256) -> None:
        super().__init__()
        self.FAD_head = FrequencyDecomposition(size)
        self.backbone = timm.create_model("legacy_xception", pretrained=False, num_classes=2, in_chans=3 * BANDS)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.backbone(self.FAD_head(x))
        return out
