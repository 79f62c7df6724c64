"""RawNetLite (Di Pierno et al., 2025, arXiv:2504.20923): convolutions over the waveform and a recurrent reader."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

_WIDTH = 64


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv1d(_WIDTH, _WIDTH, 3, padding=1) for _ in range(2))
        self.bn1, self.bn2 = nn.BatchNorm1d(_WIDTH), nn.BatchNorm1d(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class RawNetLite(nn.Module):
    """Samples float[N, 48000] at 16 kHz to the logit of P(fake), float[N, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_pre, self.bn_pre = nn.Conv1d(1, _WIDTH, 3, padding=1), nn.BatchNorm1d(_WIDTH)
        self.resblock1, self.resblock2, self.resblock3 = _Residual(), _Residual(), _Residual()
        self.gru = nn.GRU(_WIDTH, 128, batch_first=True, bidirectional=True)
        self.fc1, self.fc2 = nn.Linear(256, 64), nn.Linear(64, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn_pre(self.conv_pre(x[:, None])))
        x = self.resblock3(self.resblock2(self.resblock1(x)))
        states, _ = self.gru(F.adaptive_avg_pool1d(x, 64).transpose(1, 2))
        out: Tensor = self.fc2(self.fc1(states[:, -1]))
        return out
