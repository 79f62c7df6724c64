"""LRNet (Sun et al., 2021, arXiv:2104.04480): a recurrent network over the landmarks of a face."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LANDMARKS = 68


class _FeedForward(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.5), nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fn = _FeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.fn(x)
        return out


class LrNet(nn.Module):
    """Landmarks of a block of frames float[N, T, 136] (x, y of 68 points, one after the other) to logits float[N, 2]
    (real, fake)."""

    def __init__(self, hidden: int = 32) -> None:
        super().__init__()
        self.hidden_state = nn.Parameter(torch.zeros(2, 1, hidden))
        self.gru = nn.GRU(2 * LANDMARKS, hidden, batch_first=True, bidirectional=True)
        width = 2 * hidden
        self.dense = nn.Sequential(nn.Dropout(0.5), _Residual(width), nn.Dropout(0.5), nn.Linear(width, 2))

    def forward(self, x: Tensor) -> Tensor:
        _, last = self.gru(x, self.hidden_state.repeat(1, x.shape[0], 1))
        out: Tensor = self.dense(torch.cat([last[0], last[1]], dim=1))
        return out
