"""Mel cepstra as the public networks of speech and lips were fed with them (Davis and Mermelstein, 1980,
doi:10.1109/TASSP.1980.1163420)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.types import PCM

SR_HZ = 16_000
PER_SECOND = 100
_WINDOW, _HOP, _FFT = 400, 160, 512
_BANDS, _CEPSTRA, _LIFTER = 26, 13, 22
_FULL_SCALE = 32767.0


def cepstra(pcm: PCM) -> npt.NDArray[np.float32]:
    """13 coefficients every 10 ms of samples float32[T] in [-1, 1] at 16 kHz, float32[F, 13]; the first is the log
    energy.

    Rectangular windows of 25 ms, pre-emphasis .97, 26 bands in mel, a lifter of 22; levels are those of 16-bit samples.
    The last window is filled up with zeros.
    """
    if pcm.ndim != 1:
        raise ValueError(f"mono samples are needed, not {pcm.shape}")
    if not len(pcm):
        return np.zeros((0, _CEPSTRA), np.float32)
    x = np.rint(np.clip(pcm, -1.0, 1.0).astype(np.float64) * _FULL_SCALE)
    x = np.append(x[:1], x[1:] - 0.97 * x[:-1])
    frames = 1 + max(0, -(-(len(x) - _WINDOW) // _HOP))
    x = np.pad(x, (0, (frames - 1) * _HOP + _WINDOW - min(len(x), (frames - 1) * _HOP + _WINDOW)))
    windows = np.lib.stride_tricks.sliding_window_view(x, _WINDOW)[::_HOP][:frames]
    power = np.abs(np.fft.rfft(windows, _FFT)) ** 2 / _FFT
    energy = np.log(_positive(power.sum(axis=1)))
    bands = np.log(_positive(power @ _mel_bands().T))
    coefficients = bands @ _cosines().T
    coefficients *= 1.0 + _LIFTER / 2.0 * np.sin(np.pi * np.arange(_CEPSTRA) / _LIFTER)
    coefficients[:, 0] = energy
    return coefficients.astype(np.float32)


def _positive(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(x == 0.0, np.finfo(np.float64).eps, x)


def _mel_bands() -> npt.NDArray[np.float64]:
    """Triangles between bins of the spectrum that are evenly spaced in mel, float64[26, 257]."""
    top = 2595.0 * np.log10(1.0 + SR_HZ / 2 / 700.0)
    hz = 700.0 * (10.0 ** (np.linspace(0.0, top, _BANDS + 2) / 2595.0) - 1.0)
    edges = np.floor((_FFT + 1) * hz / SR_HZ)
    bins = np.arange(_FFT // 2 + 1)
    rows = []
    for low, mid, high in zip(edges, edges[1:], edges[2:], strict=False):
        rise, fall = (bins - low) / (mid - low), (high - bins) / (high - mid)
        rows.append(np.where(bins < mid, rise, fall).clip(0.0))
    return np.stack(rows)


def _cosines() -> npt.NDArray[np.float64]:
    """Rows of the orthonormal cosine transform, float64[13, 26]."""
    n, k = np.arange(_BANDS), np.arange(_CEPSTRA)[:, None]
    matrix = np.sqrt(2.0 / _BANDS) * np.cos(np.pi * k * (2 * n + 1) / (2 * _BANDS))
    matrix[0] /= np.sqrt(2.0)
    return np.asarray(matrix)
