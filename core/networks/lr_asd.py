"""LR-ASD (Liao et al., 2025, doi:10.1007/s11263-025-02399-2): who is speaking, from a face and the sound."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_EPS = 1e-3
_WIDTHS = ((1, 32), (32, 64), (64, 128))


class _SeenBlock(nn.Module):
    """Convolutions over the picture, then over time, of 5 and 3."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        half = after // 2
        self.s_1 = nn.Conv3d(before, half, (1, 5, 5), (1, stride, stride), (0, 2, 2), bias=False)
        self.s_2 = nn.Conv3d(half, after, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.t_1 = nn.Conv3d(after, after, (5, 1, 1), padding=(2, 0, 0), bias=False)
        self.t_2 = nn.Conv3d(after, after, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.s_norm_1 = nn.BatchNorm3d(half, eps=_EPS)
        self.s_norm_2, self.t_norm_1, self.t_norm_2 = (nn.BatchNorm3d(after, eps=_EPS) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.s_norm_2(self.s_2(F.relu(self.s_norm_1(self.s_1(x))))))
        return F.relu(self.t_norm_2(self.t_2(F.relu(self.t_norm_1(self.t_1(x))))))


class _HeardBlock(nn.Module):
    """Convolutions over the cepstra, then over time, of 5 and 3."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        half = after // 2
        self.m_1 = nn.Conv2d(before, half, (5, 1), padding=(2, 0), bias=False)
        self.m_2 = nn.Conv2d(half, after, (3, 1), padding=(1, 0), bias=False)
        self.t_1 = nn.Conv2d(after, after, (1, 5), padding=(0, 2), bias=False)
        self.t_2 = nn.Conv2d(after, after, (1, 3), padding=(0, 1), bias=False)
        self.m_norm_1 = nn.BatchNorm2d(half, eps=_EPS)
        self.m_norm_2, self.t_norm_1, self.t_norm_2 = (nn.BatchNorm2d(after, eps=_EPS) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.m_norm_2(self.m_2(F.relu(self.m_norm_1(self.m_1(x))))))
        return F.relu(self.t_norm_2(self.t_2(F.relu(self.t_norm_1(self.t_1(x))))))


class _Seen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = (_SeenBlock(a, b, 2 if a == 1 else 1) for a, b in _WIDTHS)

    def forward(self, x: Tensor) -> Tensor:
        """float[N, T, S, S] to float[N, T, 128]."""
        x = self.block1(x[:, None])
        for block in (self.block2, self.block3):
            x = block(F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1)))
        return x.amax(dim=(3, 4)).transpose(1, 2)


class _Heard(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = (_HeardBlock(a, b) for a, b in _WIDTHS)

    def forward(self, x: Tensor) -> Tensor:
        """Cepstra float[N, 4 T, 13] to float[N, T, 128]."""
        x = self.block1(x[:, None].transpose(2, 3))
        for block in (self.block2, self.block3):
            x = block(F.max_pool2d(x, (1, 3), (1, 2), (0, 1)))
        return x.mean(dim=2).transpose(1, 2)


class _Gate(nn.Module):
    """Every number of a state scaled by what the whole state says."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Conv1d(width, width, 1, bias=False)
        self.bn = nn.BatchNorm1d(width, eps=_EPS)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        states = torch.cat([first, second], dim=2).transpose(1, 2)
        return (states * torch.sigmoid(self.bn(self.attention(states)))).transpose(1, 2)


class _Reader(nn.Module):
    """Reads the states forwards and backwards."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru_forward, self.gru_backward = (nn.GRU(width, width // 4, batch_first=True) for _ in range(2))
        self.attention = _Gate(width // 2)

    def forward(self, x: Tensor) -> Tensor:
        ahead, back = self.gru_forward(x)[0], self.gru_backward(x.flip(1))[0].flip(1)
        out: Tensor = self.attention(ahead, back)
        return out


class LrAsd(nn.Module):
    """Grey faces float[N, T, 112, 112] in [0, 255] at 25 Hz and cepstra float[N, 4 T, 13] to logits float[N, T, 2]
    (silent, speaking)."""

    def __init__(self) -> None:
        super().__init__()
        self.visualEncoder, self.audioEncoder = _Seen(), _Heard()
        self.fusion, self.detector = _Gate(256), _Reader(256)
        self.head = nn.Linear(128, 2)

    def forward(self, faces: Tensor, cepstra: Tensor) -> Tensor:
        seen = self.visualEncoder((faces / 255.0 - 0.4161) / 0.1688)
        out: Tensor = self.head(self.detector(self.fusion(self.audioEncoder(cepstra), seen)))
        return out
