"""Nuisances of sound: what happens to honest and forged voices alike on their way (rooms, noise, codecs, telephones).

All take and give float32[L] in [-1, 1] at 16 kHz. What is drawn depends on the generator and the length alone, so equal
generators do the same to a real voice and to its fake.
"""

from __future__ import annotations

import io
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.types import PCM

SR_HZ = 16_000
Codec = Literal["mp3", "aac", "opus"]

_ENCODERS: dict[Codec, tuple[str, str, str, int]] = {
    "mp3": ("libmp3lame", "mp3", "fltp", 16_000),
    "aac": ("aac", "adts", "fltp", 16_000),
    "opus": ("libopus", "ogg", "flt", 48_000),
}


def degrade_sound(rng: np.random.Generator, pcm: PCM, strength: float = 1.0) -> PCM:
    """A random chain; ``strength`` in [0, 1] scales how likely and how hard each step is."""
    out = pcm
    if rng.random() < 0.2 * strength:
        out = room(rng, out, strength)
    kind = rng.random()
    if kind < 0.2 * strength:
        out = convolutive(rng, out)
    elif kind < 0.35 * strength:
        out = impulsive(rng, out, strength)
    if rng.random() < 0.4 * strength:
        out = stationary(rng, out, rng.uniform(40.0 - 28.0 * strength, 45.0))
    if rng.random() < 0.3 * strength:
        out = band_limit(out, float(rng.uniform(3_000.0, 7_600.0)))
    out = _send(rng, out, strength)
    return volume(out, float(rng.uniform(-24.0, 0.0)) * strength)


def _send(rng: np.random.Generator, pcm: PCM, strength: float) -> PCM:
    kind = rng.random()
    if kind < 0.15 * strength:
        return coded(pcm, "mp3", int(rng.choice([24, 32, 48, 64, 96])))
    if kind < 0.3 * strength:
        return coded(pcm, "aac", int(rng.choice([24, 32, 48, 64])))
    if kind < 0.45 * strength:
        return coded(pcm, "opus", int(rng.choice([8, 12, 16, 24, 32])))
    if kind < 0.6 * strength:
        return telephone(pcm)
    return pcm


def convolutive(rng: np.random.Generator, pcm: PCM, orders: int = 5) -> PCM:
    """Linear and non-linear convolutive noise of RawBoost (Tak et al., 2022, arXiv:2111.04433): powers of the signal,
    each through notches of its own."""
    out = np.zeros(len(pcm), np.float64)
    for order in range(1, orders + 1):
        gain_db = 0.0 if order == 1 else float(rng.uniform(-20.0, -5.0)) - 3.0 * (order - 2)
        out += 10.0 ** (gain_db / 20.0) * _filtered(
            _notches(rng), np.sign(pcm) * np.abs(pcm, dtype=np.float64) ** order
        )
    return _like(out - out.mean(), pcm)


def impulsive(rng: np.random.Generator, pcm: PCM, strength: float = 1.0) -> PCM:
    """Impulsive signal-dependent noise of RawBoost: single samples thrown off in proportion to the signal."""
    hit = rng.random(len(pcm)) < rng.uniform(0.0, 0.1) * strength
    thrown = rng.uniform(-1.0, 1.0, len(pcm)) * rng.uniform(-1.0, 1.0, len(pcm)) * 2.0 * strength
    return _like(pcm * (1.0 + hit * thrown), pcm)


def stationary(rng: np.random.Generator, pcm: PCM, snr_db: float) -> PCM:
    """Stationary signal-independent noise of RawBoost: coloured noise at ``snr_db`` below the signal."""
    hiss = _filtered(_notches(rng), rng.standard_normal(len(pcm)))
    tilt = float(rng.uniform(0.0, 0.95))
    from scipy.signal import lfilter

    hiss = lfilter([1.0], [1.0, -tilt], hiss)
    power, own = (float(np.mean(np.square(x, dtype=np.float64))) for x in (pcm, hiss))
    scaled = hiss * np.sqrt((power + 1e-10) / (own + 1e-12)) * 10.0 ** (-snr_db / 20.0)
    return np.clip(pcm + scaled, -1.0, 1.0).astype(np.float32)


def room(rng: np.random.Generator, pcm: PCM, strength: float = 1.0) -> PCM:
    """Reverberation of a small room: noise that dies away, 60 dB in 0.1 to 0.6 s."""
    decay_s = float(rng.uniform(0.1, 0.1 + 0.5 * strength))
    t = np.arange(round(decay_s * SR_HZ)) / SR_HZ
    tail = rng.standard_normal(len(t)) * np.exp(-6.9 * t / decay_s) * float(rng.uniform(0.01, 0.08))
    tail[0] = 1.0
    return _like(_filtered(tail, pcm.astype(np.float64)), pcm)


def band_limit(pcm: PCM, edge_hz: float) -> PCM:
    """Nothing above ``edge_hz``, in (0, 8000)."""
    from scipy.signal import firwin

    return _filtered(firwin(129, edge_hz, fs=SR_HZ), pcm.astype(np.float64), centred=True).astype(np.float32)


def telephone(pcm: PCM) -> PCM:
    """A telephone line: 300 to 3400 Hz at 8 kHz, 8 bit µ-law (ITU-T G.711)."""
    from scipy.signal import firwin, resample_poly

    line = np.asarray(resample_poly(pcm, 1, 2), dtype=np.float64)
    line = _filtered(firwin(101, [300.0, 3400.0], pass_zero=False, fs=8_000), line, centred=True)
    line = np.clip(line, -1.0, 1.0)
    pressed = np.sign(line) * np.log1p(255.0 * np.abs(line)) / np.log(256.0)
    steps = np.round(pressed * 127.0) / 127.0
    heard = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256.0)) / 255.0
    return _length(np.asarray(resample_poly(heard, 2, 1)), len(pcm))


def coded(pcm: PCM, codec: Codec, kbit_s: int) -> PCM:
    """Encoded and decoded as MP3, AAC or Opus at ``kbit_s``."""
    import av

    encoder, container, layout, rate_hz = _ENCODERS[codec]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as box:
        stream: Any = box.add_stream(encoder, rate=rate_hz, layout="mono")
        stream.bit_rate = 1000 * kbit_s
        resampler = av.AudioResampler(layout, "mono", rate_hz)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None]), "fltp", "mono")
        frame.sample_rate = SR_HZ
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            box.mux(stream.encode(part))
        box.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        back = av.AudioResampler("fltp", "mono", SR_HZ)
        parts = [p.to_ndarray()[0] for f in source.decode(audio=0) for p in back.resample(f)]
        parts += [p.to_ndarray()[0] for p in back.resample(None)]
    return _length(np.concatenate(parts), len(pcm))


def volume(pcm: PCM, gain_db: float) -> PCM:
    """Louder or softer; what exceeds full scale is clipped."""
    return np.clip(pcm * 10.0 ** (gain_db / 20.0), -1.0, 1.0).astype(np.float32)


def _notches(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """One to five bands taken out, as a FIR filter."""
    from scipy.signal import firwin

    taps = np.ones(1)
    for _ in range(int(rng.integers(1, 6))):
        width = float(rng.uniform(100.0, 1000.0))
        centre = float(rng.uniform(width / 2 + 20.0, SR_HZ / 2 - width / 2 - 20.0))
        count = 2 * int(rng.integers(5, 51)) + 1
        edges = [max(centre - width / 2, 1.0), min(centre + width / 2, SR_HZ / 2 - 1.0)]
        taps = np.convolve(taps, firwin(count, edges, fs=SR_HZ))
    return np.asarray(taps, dtype=np.float64)


def _filtered(
    taps: npt.NDArray[np.float64], sound: npt.NDArray[np.float64], *, centred: bool = False
) -> npt.NDArray[np.float64]:
    from scipy.signal import fftconvolve

    begin = len(taps) // 2 if centred else 0
    return np.asarray(fftconvolve(sound, taps)[begin : begin + len(sound)])


def _like(sound: npt.NDArray[np.float64], pcm: PCM) -> PCM:
    """At the power of ``pcm``."""
    gain = np.sqrt((np.mean(np.square(pcm, dtype=np.float64)) + 1e-12) / (np.mean(sound**2) + 1e-12))
    return np.clip(sound * min(gain, 100.0), -1.0, 1.0).astype(np.float32)


def _length(sound: npt.NDArray[np.floating], length: int) -> PCM:
    """The last ``length`` samples (coders put their delay in front), filled with silence where there are fewer."""
    kept = np.clip(sound[max(0, len(sound) - length) :], -1.0, 1.0).astype(np.float32)
    return np.pad(kept, (0, length - len(kept)))
