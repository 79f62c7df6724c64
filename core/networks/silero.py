"""Silero VAD (Silero Team, 2021, https://github.com/snakers4/silero-vad, MIT): the network for 16 kHz of its fifth and
sixth edition. What has no memory is run over all steps at once; the LSTM then goes through them in order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEP, CONTEXT = 512, 64
_FFT, _HOP = 256, 128


class SileroVad(nn.Module):
    """Samples float[T] in [-1, 1] at 16 kHz to P(speech) float[T // 512]."""

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, _FFT + 2, _FFT, stride=_HOP, bias=False)
        self.conv1 = nn.Conv1d(_FFT // 2 + 1, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def encode(self, steps: Tensor) -> Tensor:
        """What is heard in steps float[N, 64 + 512], each with the samples before it: float[N, 128]."""
        x = self.stft_conv(F.pad(steps, (0, CONTEXT), mode="reflect")[:, None])
        real, imaginary = x.chunk(2, dim=1)
        x = torch.sqrt(real**2 + imaginary**2)
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = F.relu(conv(x))
        return x[:, :, 0]

    def decode(self, heard: Tensor) -> Tensor:
        """P(speech) float[N] of all steps in order."""
        states, _ = self.lstm(heard)
        return torch.sigmoid(self.final_conv(F.relu(states)[:, :, None]))[:, 0, 0]


def torch_keys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The keys of the package's file as those of :class:`SileroVad`."""
    cell = "lstm_cell."
    return {(f"lstm.{k[len(cell) :]}_l0" if k.startswith(cell) else k): v for k, v in state.items()}
