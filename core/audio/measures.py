"""Level, clipping, noise and bandwidth of sound. Samples are mono float32[T] in [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.audio.spans import Span
from core.types import PCM

SILENT_DB = -100.0
_CLIPPED = 0.985
_RUN = 3
_FRAME_S = 0.02
_FFT = 1024
_MOST_FRAMES = 400
_DROP_DB = 55.0
_PAUSE_S = 0.3


def level_db(pcm: PCM) -> float:
    """Root mean square in dB of full scale; -100 for silence."""
    return _db(float(np.mean(np.square(pcm, dtype=np.float64)))) if len(pcm) else SILENT_DB


def peak_db(pcm: PCM) -> float:
    """Largest magnitude in dB of full scale; -100 for silence."""
    return _db(float(np.abs(pcm).max(initial=0.0)) ** 2)


def _db(power: float) -> float:
    return max(SILENT_DB, 10.0 * float(np.log10(max(power, 1e-12))))


def clipped_share(pcm: PCM) -> float:
    """Share of samples in runs of three or more at the largest magnitude, where that is close to full scale."""
    top = float(np.abs(pcm).max(initial=0.0))
    if top < _CLIPPED:
        return 0.0
    flat = np.abs(pcm) >= top - 1e-4
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat, [False]]).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= _RUN].sum() / len(pcm))


def snr_db(pcm: PCM, sr_hz: int, speech: Sequence[Span]) -> float | None:
    """How far speech stands above what is heard in its pauses, in dB; None without speech.

    Args:
        pcm: samples.
        sr_hz: their rate.
        speech: stretches in s from the first sample on. Without pauses the quietest moments within it stand for them.
    """
    power = _powers(pcm, sr_hz)
    if not speech or not len(power):
        return None
    middles = (np.arange(len(power)) + 0.5) * _FRAME_S
    spoken = np.zeros(len(power), dtype=bool)
    for begin, end in speech:
        spoken |= (middles >= begin) & (middles < end)
    if not spoken.any():
        return None
    pauses = power[~spoken & (power > 1e-10)]
    if len(pauses) * _FRAME_S < _PAUSE_S:
        pauses = np.sort(power[spoken])[: max(1, spoken.sum() // 20)]
    noise, loud = float(np.median(pauses)), float(power[spoken].mean())
    return float(np.clip(10.0 * np.log10(max(loud - noise, 1e-12) / max(noise, 1e-12)), -10.0, 80.0))


def _powers(pcm: PCM, sr_hz: int) -> npt.NDArray[np.float64]:
    size = round(_FRAME_S * sr_hz)
    count = len(pcm) // size
    return np.square(pcm[: count * size], dtype=np.float64).reshape(count, size).mean(axis=1)


def bandwidth_hz(pcm: PCM, sr_hz: int, speech: Sequence[Span]) -> float | None:
    """Highest frequency of speech: above it there is nothing within 55 dB of the loudest band. None where there is too
    little to tell. Nothing above half of ``sr_hz`` is ever heard.

    Args:
        pcm: samples.
        sr_hz: their rate.
        speech: stretches in s from the first sample on.
    """
    begins = [b for a, e in speech for b in range(round(a * sr_hz), round(e * sr_hz) - _FFT, _FFT)]
    begins = [b for b in begins if 0 <= b <= len(pcm) - _FFT]
    if len(begins) < 10:
        return None
    chosen = np.asarray(begins)[np.linspace(0, len(begins) - 1, min(_MOST_FRAMES, len(begins))).round().astype(int)]
    frames = np.stack([pcm[b : b + _FFT] for b in chosen.tolist()]) * np.hanning(_FFT)
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0)
    smooth = np.convolve(power, np.ones(5) / 5.0, mode="same")
    there = np.flatnonzero(smooth > smooth.max() * 10.0 ** (-_DROP_DB / 10.0))
    return float(min(there[-1] * sr_hz / _FFT, sr_hz / 2))
