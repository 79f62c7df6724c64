"""A light CNN over linear-frequency cepstra with an angular softmax (Wang and Yamagishi, 2021, arXiv:2103.11326;
Lavrentyeva et al., 2019, arXiv:1904.05576)."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAMES = 750
_HOP = 160
SAMPLES = FRAMES * _HOP
_WINDOW, _FFT, _FILTERS = 320, 512, 20
_FLOOR = float(torch.finfo(torch.float32).eps)


class Lfcc(nn.Module):
    """Samples float[N, L] to float[N, 60, 1 + L // 160]: 20 cepstra, the first of them replaced by the energy, and
    their first and second differences. Bank and cosine transform lie in the file."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = nn.Parameter(torch.zeros(_FFT // 2 + 1, _FILTERS), requires_grad=False)
        self.dct = nn.Linear(_FILTERS, _FILTERS, bias=False)
        self.register_buffer("window", torch.hamming_window(_WINDOW), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x[:, :1], x[:, 1:] - 0.97 * x[:, :-1]], dim=1)
        window = cast(Tensor, self.window)
        spectrum = torch.stft(x, _FFT, _HOP, _WINDOW, window, pad_mode="constant", return_complex=True)
        power = spectrum.abs().square().transpose(1, 2)
        cepstra = self.dct(torch.log10(power @ self.bank + _FLOOR))
        energy = torch.log10(power.sum(dim=2, keepdim=True) / _FFT + _FLOOR)
        static = torch.cat([energy, cepstra[..., 1:]], dim=2).transpose(1, 2)
        slope = _difference(static)
        return torch.cat([static, slope, _difference(slope)], dim=1)


def _difference(x: Tensor) -> Tensor:
    """The next frame minus the one before, edges repeated."""
    padded = F.pad(x, (1, 1), mode="replicate")
    return padded[..., 2:] - padded[..., :-2]


class MaxHalves(nn.Module):
    """The larger of two halves of the channels (Wu et al., 2018, arXiv:1511.02683)."""

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.maximum(first, second)


def _conv(before: int, after: int, kernel: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, kernel, padding=kernel // 2), MaxHalves()


def _norm(width: int) -> nn.Module:
    return nn.BatchNorm2d(width, affine=False)


class LfccLcnnAngular(nn.Module):
    """Samples float[N, 120000] at 16 kHz to logits float[N, 2] (spoofed, bona fide): the cosines to both classes, times
    the length of the embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.front = Lfcc()
        self.trunk = nn.Sequential(
            *_conv(1, 64, 5), nn.MaxPool2d(2), *_conv(32, 64, 1), _norm(32), *_conv(32, 96, 3), nn.MaxPool2d(2),
            _norm(48), *_conv(48, 96, 1), _norm(48), *_conv(48, 128, 3), nn.MaxPool2d(2), *_conv(64, 128, 1),
            _norm(64), *_conv(64, 64, 3), _norm(32), *_conv(32, 64, 1), _norm(32), *_conv(32, 64, 3), nn.MaxPool2d(2),
        )  # fmt: skip
        self.head = nn.Sequential(
            nn.Dropout(0.7), nn.Linear(32 * (FRAMES // 16) * (60 // 16), 160), MaxHalves(), nn.Linear(80, 2)
        )
        self.classes = nn.Parameter(torch.zeros(2, 2))

    def forward(self, x: Tensor) -> Tensor:
        frames = self.front(x)[..., :FRAMES].transpose(1, 2)
        embedding = self.head(self.trunk(frames[:, None]).flatten(1))
        return cast(Tensor, embedding @ F.normalize(self.classes, dim=0))
