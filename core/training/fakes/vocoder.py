"""Small neural vocoders of our own: they draw a voice anew out of its mel spectrum, or out of a few quantised codes, as
speech synthesisers and cloners do in their last step."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.settings import SHIPPED_WEIGHTS
from core.training.fakes.base import by_name
from core.training.fakes.speech import SR_HZ
from core.training.fakes.trained import load_trained
from core.types import PCM

FOLDER = SHIPPED_WEIGHTS / "vocoders"
HOP = 256
BANDS = 80
CODES, LEVELS = 12, 9
WIDTH = 96
Source: TypeAlias = Literal["mel", "codes"]
Drawing: TypeAlias = Literal["transposed", "nearest", "istft"]
# Name: what the voice is drawn from, and how samples come out of frames.
VARIANTS: dict[str, tuple[Source, Drawing]] = {
    "vocoder-transposed": ("mel", "transposed"),
    "vocoder-nearest": ("mel", "nearest"),
    "vocoder-istft": ("mel", "istft"),
    "codec": ("codes", "transposed"),
}
# Root mean square that voices are brought to before they are drawn: the middle of what the networks have heard.
LOUDNESS = 0.07
_STEPS = (8, 8, 4)
_N_FFT = 1024


class LogMel(nn.Module):
    """float[N, L] to the log mel spectrum float[N, 80, L // 256]; L is a multiple of 256."""

    def __init__(self) -> None:
        super().__init__()
        import librosa

        bank = librosa.filters.mel(sr=SR_HZ, n_fft=_N_FFT, n_mels=BANDS)
        self.register_buffer("bank", torch.from_numpy(bank), persistent=False)
        self.register_buffer("window", torch.hann_window(_N_FFT), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(x, _N_FFT, HOP, window=cast(Tensor, self.window), return_complex=True)[..., :-1]
        return torch.log(cast(Tensor, self.bank) @ spectrum.abs() + 1e-4)


class Codes(nn.Module):
    """float[N, L] to float[N, 12, L // 256], each of nine levels in [-1, 1]: finite scalar quantisation (Mentzer et
    al., 2023, arXiv:2309.15505), through which gradients pass as they are."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for step, after in zip(reversed(_STEPS), (24, 48, WIDTH), strict=True):
            layers += [nn.Conv1d(before, after, 2 * step, step, padding=step // 2), nn.LeakyReLU(0.1)]
            layers += [Residual(after)]
            before = after
        self.layers = nn.Sequential(*layers, nn.Conv1d(before, CODES, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        half = (LEVELS - 1) / 2
        code = torch.tanh(self.layers(x[:, None]))
        return code + (torch.round(code * half) / half - code).detach()


class Residual(nn.Module):
    """Dilated convolutions with shortcuts, float[N, C, T]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.Conv1d(channels, channels, 7, padding=3 * dilation, dilation=dilation) for dilation in (1, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        for step in self.steps:
            x = x + step(F.leaky_relu(x, 0.1))
        return x


class _Up(nn.Module):
    """Samples by growing the frames step by step (Kong et al., 2020, arXiv:2010.05646)."""

    def __init__(self, before: int, how: Literal["transposed", "nearest"]) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(before, WIDTH, 7, padding=3)]
        width = WIDTH
        for step in _STEPS:
            after = width // 2
            layers.append(nn.LeakyReLU(0.1))
            if how == "transposed":
                layers.append(nn.ConvTranspose1d(width, after, 2 * step, step, padding=step // 2))
            else:
                layers += [nn.Upsample(scale_factor=step), nn.Conv1d(width, after, 7, padding=3)]
            layers.append(Residual(after))
            width = after
        self.layers = nn.Sequential(*layers, nn.LeakyReLU(0.1), nn.Conv1d(width, 1, 7, padding=3))

    def forward(self, frames: Tensor) -> Tensor:
        return torch.tanh(self.layers(frames))[:, 0]


class _Spectral(nn.Module):
    """Magnitude and phase of each frame, and the inverse transform (Siuzdak, 2023, arXiv:2306.00814)."""

    def __init__(self, before: int, width: int = 160, blocks: int = 5) -> None:
        super().__init__()
        self.enter = nn.Conv1d(before, width, 7, padding=3)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(width, width, 7, padding=3, groups=width),
                nn.GroupNorm(1, width),
                nn.Conv1d(width, 2 * width, 1),
                nn.GELU(),
                nn.Conv1d(2 * width, width, 1),
            )
            for _ in range(blocks)
        )
        self.leave = nn.Conv1d(width, 2 * (_N_FFT // 2 + 1), 1)
        self.register_buffer("window", torch.hann_window(_N_FFT), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        x = self.enter(frames)
        for block in self.blocks:
            x = x + block(x)
        magnitude, phase = self.leave(x).chunk(2, dim=1)
        spectrum = torch.polar(magnitude.clamp(max=6.0).exp(), phase)
        spectrum = torch.cat([spectrum, spectrum[..., -1:]], dim=-1)
        window = cast(Tensor, self.window)
        return torch.istft(spectrum, _N_FFT, HOP, window=window, length=frames.shape[-1] * HOP)


class Vocoder(nn.Module):
    """A voice float[N, L] in [-1, 1] at 16 kHz to the same voice drawn anew; L is a multiple of 256."""

    def __init__(self, source: Source, drawing: Drawing) -> None:
        super().__init__()
        self.source = LogMel() if source == "mel" else Codes()
        before = BANDS if source == "mel" else CODES
        self.drawing = _Spectral(before) if drawing == "istft" else _Up(before, drawing)

    def forward(self, x: Tensor, blur: int = 1) -> Tensor:
        """``blur`` is how many frames are averaged before they are drawn, odd: synthesisers pass on smooth spectra."""
        frames = self.source(x)
        if blur > 1:
            frames = F.avg_pool1d(frames, blur, 1, blur // 2, count_include_pad=False)
        return cast(Tensor, self.drawing(frames))


@lru_cache(maxsize=len(VARIANTS))
def load_vocoder(variant: str, folder: Path = FOLDER) -> Vocoder:
    """A trained vocoder.

    Raises:
        NotFoundError: no such variant.
        WeightsMissingError: it has not been trained yet.
    """
    net = Vocoder(*by_name("vocoder", VARIANTS, variant))
    return load_trained(net, "vocoder", variant, folder, "voices/audio-lfcc-lcnn.yaml")


def drawn_anew(rng: np.random.Generator, pcm: PCM, variant: str) -> PCM:
    """A voice float32[L] through a vocoder, at an even loudness, a third of the time with its spectrum blurred.

    Raises:
        WeightsMissingError: the vocoder has not been trained.
    """
    blur = int(rng.choice([1, 1, 3])) if variant.startswith("vocoder") else 1
    gain = LOUDNESS / max(float(np.sqrt(np.mean(np.square(pcm, dtype=np.float64)))), 1e-4)
    padded = np.pad(pcm * np.float32(gain), (0, -len(pcm) % HOP + 4 * HOP))
    with torch.inference_mode():
        made = load_vocoder(variant)(torch.from_numpy(padded)[None], blur)[0]
    return np.asarray(made.numpy()[: len(pcm)], dtype=np.float32)
