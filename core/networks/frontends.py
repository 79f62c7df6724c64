"""What the networks of sound look at: constant-Q and linear cepstra, computed in torch from samples.

All take samples float[N, L] at 16 kHz, are deterministic, keep no weights in the state dict, and run in float32 even
under autocast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SR_HZ = 16_000
_FLOOR = 1e-7


def level(x: Tensor) -> Tensor:
    """Samples without offset and at unit power, so that loudness tells nothing; silence stays silence."""
    x = x.float()
    x = x - x.mean(dim=-1, keepdim=True)
    power = x.square().mean(dim=-1, keepdim=True)
    return x * torch.rsqrt(power + 1e-10)


def standardised(x: Tensor) -> Tensor:
    """Zero mean and unit variance over time of each coefficient, float[..., T]."""
    return (x - x.mean(dim=-1, keepdim=True)) / (x.std(dim=-1, keepdim=True, correction=0) + 1e-4)


def dct_matrix(count: int, size: int) -> Tensor:
    """The first ``count`` rows of the orthonormal DCT-II of ``size`` points, float[count, size]."""
    n, k = torch.arange(size, dtype=torch.float64), torch.arange(count, dtype=torch.float64)[:, None]
    matrix = torch.cos(math.pi / size * (n + 0.5) * k) * math.sqrt(2.0 / size)
    matrix[0] /= math.sqrt(2.0)
    return matrix.float()


def deltas(x: Tensor, reach: int = 2) -> Tensor:
    """Regression slope over ``2 * reach + 1`` frames along the last axis, edges repeated; same shape."""
    steps = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = steps / steps.square().sum()
    flat = x.reshape(-1, 1, x.shape[-1])
    padded = F.pad(flat, (reach, reach), mode="replicate")
    return F.conv1d(padded, kernel[None, None]).reshape(x.shape)


class FrontEnd(nn.Module):
    """Keeps ``compute`` out of reduced precision, in which spectra of quiet sound vanish."""

    def compute(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.compute(x.float())


@dataclass(frozen=True, slots=True)
class _Octave:
    """``first`` and ``last`` bin of the FFT of ``n_fft`` points that its filters reach."""

    n_fft: int
    first: int
    last: int


class ConstantQ(FrontEnd):
    """Constant-Q magnitude float[N, bins, 1 + L // hop] (Brown and Puckette, 1992, doi:10.1121/1.404385).

    The filters are librosa's; each octave has an FFT of its own length, and only those of its bins that the filters
    reach are summed. Scaled as ``librosa.cqt``.

    Args:
        fmin_hz: centre of the lowest bin.
        octaves: up to ``fmin_hz * 2**octaves``, below half the sample rate.
        per_octave: bins an octave.
        hop: samples between frames.
    """

    def __init__(self, fmin_hz: float = 62.0, octaves: int = 7, per_octave: int = 24, hop: int = 256) -> None:
        super().__init__()
        if fmin_hz * 2.0**octaves > SR_HZ / 2:
            raise ValueError("the highest octave lies above half the sample rate")
        self.hop = hop
        self.bins = octaves * per_octave
        self._octaves: list[_Octave] = []
        for number in range(octaves):
            freqs = fmin_hz * 2.0 ** (number + np.arange(per_octave) / per_octave)
            octave, kernel = _octave(freqs, 1.0 / per_octave)
            self._octaves.append(octave)
            self.register_buffer(f"kernel{number}", kernel, persistent=False)

    def compute(self, x: Tensor) -> Tensor:
        return torch.cat([self._magnitude(x, i, octave) for i, octave in enumerate(self._octaves)], dim=1)

    def _magnitude(self, x: Tensor, number: int, octave: _Octave) -> Tensor:
        kernel = cast(Tensor, getattr(self, f"kernel{number}"))
        box = torch.ones(octave.n_fft, device=x.device)
        spectrum = torch.stft(
            F.pad(x, (octave.n_fft // 2,) * 2), octave.n_fft, self.hop, window=box, center=False, return_complex=True
        )[:, octave.first : octave.last]
        parts = torch.cat([spectrum.real, spectrum.imag], dim=1)
        real, imaginary = torch.matmul(kernel, parts).chunk(2, dim=1)
        return (real.square() + imaginary.square() + 1e-20).sqrt()


def _octave(freqs: npt.NDArray[np.float64], spacing: float) -> tuple[_Octave, Tensor]:
    """FFT of an octave and its filters as a real matrix float[2 * bins, 2 * reached] over stacked parts."""
    import librosa

    # Twice the width of the band that a constant-Q filter of this spacing has, as librosa.cqt takes it.
    alpha = (2.0 ** (2.0 * spacing) - 1.0) / (2.0 ** (2.0 * spacing) + 1.0)
    filters, lengths = librosa.filters.wavelet(freqs=freqs, sr=SR_HZ, window="hann", norm=1, pad_fft=True, alpha=alpha)
    n_fft = filters.shape[1]
    spectra = np.fft.fft(filters, axis=1)[:, : n_fft // 2 + 1] * (np.sqrt(lengths)[:, None] / n_fft)
    strength = np.abs(spectra).max(axis=0)
    reached = np.nonzero(strength > 1e-4 * strength.max())[0]
    first, last = int(reached[0]), int(reached[-1]) + 1
    part = spectra[:, first:last]
    matrix = np.block([[part.real, -part.imag], [part.imag, part.real]])
    return _Octave(n_fft, first, last), torch.from_numpy(matrix.astype(np.float32))


class Cqcc(FrontEnd):
    """Constant-Q cepstral coefficients (Todisco et al., 2017, doi:10.1016/j.csl.2017.01.001) and their first two
    derivatives, float[N, 3, coefficients, frames], each coefficient standardised over time.

    The log power spectrum is resampled from a geometric to a linear scale of frequency before the cosine transform.
    """

    def __init__(self, coefficients: int = 40, linear: int = 256, **constant_q: float) -> None:
        super().__init__()
        self.spectrum = ConstantQ(**constant_q)  # type: ignore[arg-type]
        scale = 2.0 ** (np.arange(self.spectrum.bins) / self.spectrum.bins * _octaves(self.spectrum))
        self.register_buffer("resample", _interpolation(scale, linear), persistent=False)
        self.register_buffer("dct", dct_matrix(coefficients, linear), persistent=False)

    def compute(self, x: Tensor) -> Tensor:
        power = self.spectrum.compute(level(x)).square()
        line = torch.matmul(cast(Tensor, self.resample), torch.log(power + _FLOOR))
        static = torch.matmul(cast(Tensor, self.dct), line)
        slope = deltas(static)
        return standardised(torch.stack([static, slope, deltas(slope)], dim=1))


def _octaves(spectrum: ConstantQ) -> int:
    return len(spectrum._octaves)


def _interpolation(positions: npt.NDArray[np.float64], count: int) -> Tensor:
    """Linear interpolation from values at rising ``positions`` to ``count`` even places, float[count, positions]."""
    places = np.linspace(positions[0], positions[-1], count)
    after = np.clip(np.searchsorted(positions, places), 1, len(positions) - 1)
    share = (places - positions[after - 1]) / (positions[after] - positions[after - 1])
    matrix = np.zeros((count, len(positions)), dtype=np.float32)
    matrix[np.arange(count), after - 1] = 1.0 - share
    matrix[np.arange(count), after] = share
    return torch.from_numpy(matrix)


class Lfcc(FrontEnd):
    """Linear-frequency cepstral coefficients with both derivatives, float[N, 3 * coefficients, 1 + L // 160]: windows
    of 20 ms every 10 ms, FFT of 512 (Sahidullah et al., 2015; the baseline of ASVspoof 2019)."""

    def __init__(self, coefficients: int = 20, filters: int = 20) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(320), persistent=False)
        self.register_buffer("bank", _triangles(filters, 257), persistent=False)
        self.register_buffer("dct", dct_matrix(coefficients, filters), persistent=False)

    def compute(self, x: Tensor) -> Tensor:
        spectrum = torch.stft(
            level(x), 512, 160, 320, cast(Tensor, self.window), pad_mode="constant", return_complex=True
        )
        bands = torch.matmul(cast(Tensor, self.bank), spectrum.abs().square())
        static = torch.matmul(cast(Tensor, self.dct), torch.log(bands + _FLOOR))
        slope = deltas(static)
        return standardised(torch.cat([static, slope, deltas(slope)], dim=1))


def _triangles(count: int, bins: int) -> Tensor:
    """Evenly spaced overlapping triangles over the bins of a spectrum, float[count, bins]."""
    edges = np.linspace(0, bins - 1, count + 2)
    place = np.arange(bins)
    rows: Sequence[npt.NDArray[np.float64]] = [
        np.clip(np.minimum((place - low) / (mid - low), (high - place) / (high - mid)), 0.0, None)
        for low, mid, high in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return torch.from_numpy(np.stack(rows).astype(np.float32))
