"""Mouths and speech in one space, over the encoders of LR-ASD (Liao et al., 2025, doi:10.1007/s11263-025-02399-2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.lr_asd import LrAsd

WIDTH = 128
SIDE = 64
ROWS = 4
"""Rows of cepstra in a frame."""
COEFFICIENTS = 13
_STATES = 128
_MEAN, _STD = 0.4161, 0.1688
_SPREAD = 12.0  # of cepstra


class _Head(nn.Module):
    """Convolutions over time to unit vectors, float[N, C, T] to float[N, T, 128]."""

    def __init__(self, before: int, width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv1d(before, width, kernel, padding=kernel // 2)
        self.second = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.norm_1, self.norm_2 = nn.GroupNorm(1, width), nn.GroupNorm(1, width)
        self.last = nn.Conv1d(width, WIDTH, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.first(self.dropout(x)))
        x = F.gelu(self.second(self.dropout(x)))
        return F.normalize(self.last(self.dropout(x)).transpose(1, 2), dim=2)


class LipSync(nn.Module):
    """Two streams at 25 Hz; the larger the product of a mouth's and a sound's vector, the better they fit."""

    def __init__(self, width: int = 192, kernel: int = 5, dropout: float = 0.0) -> None:
        super().__init__()
        base = LrAsd()
        self.visualEncoder, self.audioEncoder = base.visualEncoder, base.audioEncoder
        self.mouth = _Head(_STATES, width, kernel, dropout)
        self.voice = _Head(_STATES + ROWS * COEFFICIENTS, width, kernel, dropout)
        self.scale = nn.Parameter(torch.tensor(10.0))

    def mouth_states(self, crops: Tensor) -> Tensor:
        """What the encoder sees in grey mouths float[N, T, 64, 64] in [0, 255], float[N, T, 128]."""
        out: Tensor = self.visualEncoder((crops / 255.0 - _MEAN) / _STD)
        return out

    def voice_states(self, cepstra: Tensor) -> Tensor:
        """What is heard in cepstra float[N, 4 T, 13], float[N, T, 180]: the encoder's states and the cepstra."""
        rows = (cepstra - cepstra.mean(dim=1, keepdim=True)) / _SPREAD
        stacked = rows.reshape(rows.shape[0], -1, ROWS * COEFFICIENTS)
        return torch.cat([self.audioEncoder(cepstra), stacked], dim=2)

    def embed_mouths(self, states: Tensor) -> Tensor:
        """Unit vectors float[N, T, 128] of :meth:`mouth_states`."""
        out: Tensor = self.mouth(states.transpose(1, 2))
        return out

    def embed_voices(self, states: Tensor) -> Tensor:
        """Unit vectors float[N, T, 128] of :meth:`voice_states`."""
        out: Tensor = self.voice(states.transpose(1, 2))
        return out

    def forward(self, crops: Tensor, cepstra: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors float[N, T, 128] of mouths and of voices."""
        return self.embed_mouths(self.mouth_states(crops)), self.embed_voices(self.voice_states(cepstra))


def products(mouths: Tensor, voices: Tensor, reach: int) -> Tensor:
    """Products of mouths float[..., T, W] with voices float[..., T + 2 * reach, W] that begin ``reach`` frames earlier,
    float[..., T, 2 * reach + 1]; entry ``reach + k`` is with the sound k frames later."""
    windows = voices.unfold(-2, 2 * reach + 1, 1)
    return torch.einsum("...tw,...twk->...tk", mouths, windows)
