"""Pseudo-fakes of speech: a real voice taken apart and put together again as vocoders do (copy-synthesis).

All take and give float32[L] in [-1, 1] at 16 kHz; equal generators give equal samples. What is lost is what a generator
has to invent: the phase, the fine structure of the spectrum, the excitation, or the upper band.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.training.fakes.base import by_name
from core.types import PCM

SR_HZ = 16_000
Spectrum: TypeAlias = npt.NDArray[np.complex64]

# Networks of core.training.fakes.vocoder, which is imported with torch only where one is asked.
VOCODERS = ("vocoder-transposed", "vocoder-nearest", "vocoder-istft", "codec")
_FLOOR = 1e-6


class SpeechFake(Protocol):
    """A way to make a fake voice out of a real one; ``name`` is the method in every table."""

    name: str

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        """The fake, float32 of the same length. Needs a tenth of a second."""
        ...


class GriffinLim:
    """The magnitudes are kept, the phase is found again (Griffin and Lim, 1984; Perraudin et al., 2013)."""

    name = "griffin-lim"

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        n_fft = int(rng.choice([400, 512, 1024]))
        return _invert(rng, np.abs(_stft(pcm, n_fft)), n_fft, int(rng.integers(8, 49)), pcm)


class MelGriffinLim:
    """Only a mel spectrum is kept, as text-to-speech systems pass it on: fine structure and phase are invented."""

    name = "mel-griffin-lim"

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        import librosa

        n_fft, bands = int(rng.choice([512, 1024])), int(rng.choice([40, 64, 80]))
        bank = librosa.filters.mel(sr=SR_HZ, n_fft=n_fft, n_mels=bands)
        mel = bank @ np.abs(_stft(pcm, n_fft)) ** 2
        power = np.maximum(np.linalg.pinv(bank) @ mel, 0.0)
        return _invert(rng, np.sqrt(power).astype(np.float32), n_fft, int(rng.integers(16, 49)), pcm)


class PhaseNoise:
    """The phase is disturbed above a frequency, or replaced there by noise."""

    name = "phase-noise"

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        n_fft = int(rng.choice([320, 512, 1024]))
        spectrum = _stft(pcm, n_fft)
        lowest = int(len(spectrum) * rng.choice([0.0, 0.25, 0.5]))
        width = float(rng.uniform(0.5, np.pi))
        turn = np.zeros(spectrum.shape)
        turn[lowest:] = rng.uniform(-width, width, (len(spectrum) - lowest, spectrum.shape[1]))
        return _fit(_istft(spectrum * np.exp(1j * turn), n_fft, len(pcm)), pcm)


class Shifted:
    """Slower or faster by a phase vocoder and back by another: smeared onsets, phases that do not hang together."""

    name = "shifted"

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        import librosa

        n_fft = int(rng.choice([512, 1024]))
        rate = float(np.exp(rng.uniform(0.08, 0.35) * rng.choice([-1, 1])))
        spectrum = _stft(pcm, n_fft)
        there = librosa.phase_vocoder(spectrum, rate=rate, hop_length=n_fft // 4)
        back = librosa.phase_vocoder(there, rate=1.0 / rate, hop_length=n_fft // 4)
        return _fit(_istft(back, n_fft, len(pcm)), pcm)


class SourceFilter:
    """A parametric vocoder: pitch, smooth envelope and voicing are measured, pulses and noise are filtered by the
    envelope (the principle of STRAIGHT and WORLD, Morise et al., 2016)."""

    name = "source-filter"

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        n_fft = 512
        spectrum = _stft(pcm, n_fft)
        envelope = _envelope(np.abs(spectrum), int(rng.integers(18, 40)))
        pitch, voiced = _pitch(pcm, spectrum.shape[1], n_fft // 4)
        pitch = pitch * float(np.exp(rng.uniform(-0.15, 0.15)))
        if rng.random() < 0.5:
            pitch = _smooth(pitch, int(rng.integers(3, 15)))
        excitation = _excitation(rng, pitch, voiced, n_fft // 4, len(pcm))
        drive = _stft(excitation, n_fft)[:, : spectrum.shape[1]]
        flat = drive / (_envelope(np.abs(drive), 30) + _FLOOR)
        return _fit(_istft((flat * envelope).astype(np.complex64), n_fft, len(pcm)), pcm)


class World:
    """Taken apart and put together by WORLD (Morise et al., 2016, doi:10.1587/transinf.2015EDP7457). Needs the package
    pyworld, which the program does not bring along."""

    name = "world"

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        vocoder = _pyworld()
        sound = np.pad(pcm.astype(np.float64), (0, max(0, 4 * 1024 - len(pcm))))
        pitch, moments = vocoder.dio(sound, SR_HZ)
        pitch = vocoder.stonemask(sound, pitch, moments, SR_HZ)
        envelope = vocoder.cheaptrick(sound, pitch, moments, SR_HZ)
        breath = vocoder.d4c(sound, pitch, moments, SR_HZ)
        pitch = pitch * float(np.exp(rng.uniform(-0.15, 0.15)))
        return _fit(vocoder.synthesize(pitch, envelope, breath, SR_HZ), pcm)


def _pyworld() -> Any:
    try:
        return importlib.import_module("pyworld")
    except ImportError as exc:
        raise ConfigError(
            "The pseudo-fake 'world' needs the package pyworld.",
            hint="pip install pyworld 'setuptools<81', or take it out of fakes.",
        ) from exc


class Images:
    """Transposed convolution: the upper band is not the voice's own but images of the lower one, as generators that
    up-sample leave them (Pons et al., 2021, arXiv:2010.14356)."""

    name = "images"

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        from scipy.signal import firwin, resample_poly

        factor = int(rng.choice([2, 2, 4]))
        low = resample_poly(pcm, 1, factor).astype(np.float32)
        stuffed = np.zeros(len(low) * factor, np.float32)
        stuffed[::factor] = low * factor
        taps = firwin(int(rng.choice([5, 7, 9, 13])), min(0.98, float(rng.uniform(1.1, 1.8)) / factor))
        return _fit(np.convolve(stuffed, taps, mode="same"), pcm)


class DrawnAnew:
    """A small neural vocoder of our own draws the voice anew out of a mel spectrum or of codes
    (:mod:`core.training.fakes.vocoder`)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def make(self, rng: np.random.Generator, pcm: PCM) -> PCM:
        from core.training.fakes.vocoder import drawn_anew

        return _fit(drawn_anew(rng, pcm, self.name), pcm)


def all_speech_fakes() -> dict[str, SpeechFake]:
    """Every method by its name."""
    made: tuple[SpeechFake, ...] = (
        GriffinLim(),
        MelGriffinLim(),
        PhaseNoise(),
        Shifted(),
        SourceFilter(),
        World(),
        Images(),
        *(DrawnAnew(name) for name in VOCODERS),
    )
    return {method.name: method for method in made}


def speech_fake(name: str) -> SpeechFake:
    """A method by name.

    Raises:
        NotFoundError: no such method.
    """
    return by_name("pseudo-fake of speech", all_speech_fakes(), name)


# --- parts -------------------------------------------------------------------------------------------------------


def _stft(pcm: PCM, n_fft: int) -> Spectrum:
    import librosa

    return np.asarray(librosa.stft(pcm, n_fft=n_fft, hop_length=n_fft // 4), dtype=np.complex64)


def _istft(spectrum: npt.NDArray[np.complexfloating], n_fft: int, length: int) -> npt.NDArray[np.float64]:
    import librosa

    return np.asarray(librosa.istft(spectrum, n_fft=n_fft, hop_length=n_fft // 4, length=length), dtype=np.float64)


def _invert(rng: np.random.Generator, magnitude: npt.NDArray[np.float32], n_fft: int, rounds: int, pcm: PCM) -> PCM:
    import librosa

    sound = librosa.griffinlim(
        magnitude,
        n_iter=rounds,
        n_fft=n_fft,
        hop_length=n_fft // 4,
        length=len(pcm),
        random_state=int(rng.integers(2**31)),
    )
    return _fit(np.asarray(sound), pcm)


def _fit(sound: npt.NDArray[np.floating], pcm: PCM) -> PCM:
    """To the length and the power of the real voice, so that neither tells."""
    out = np.zeros(len(pcm), np.float64)
    count = min(len(pcm), len(sound))
    out[:count] = np.nan_to_num(sound[:count])
    gain = np.sqrt((np.mean(np.square(pcm, dtype=np.float64)) + 1e-12) / (np.mean(out**2) + 1e-12))
    return np.clip(out * min(gain, 100.0), -1.0, 1.0).astype(np.float32)


def _envelope(magnitude: npt.NDArray[np.floating], order: int) -> npt.NDArray[np.float64]:
    """The spectrum without its fine structure: the first ``order`` cepstral coefficients; float[bins, frames]."""
    cepstrum = np.fft.irfft(np.log(magnitude + _FLOOR), axis=0)
    cepstrum[order : len(cepstrum) - order + 1] = 0.0
    return np.asarray(np.exp(np.fft.rfft(cepstrum, axis=0).real))


def _pitch(pcm: PCM, frames: int, hop: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Fundamental in Hz and whether there is one, for each frame, by the peak of the normalised autocorrelation."""
    size, shortest, longest = 1024, SR_HZ // 400, SR_HZ // 70
    padded = np.pad(pcm.astype(np.float64), (size // 2, size + frames * hop))
    view = np.lib.stride_tricks.sliding_window_view(padded, size)[: frames * hop : hop] * np.hanning(size)
    power = np.abs(np.fft.rfft(view, 2 * size, axis=1)) ** 2
    likeness = np.fft.irfft(power, axis=1)[:, : longest + 1]
    likeness = likeness / (likeness[:, :1] + 1e-9)
    lag = shortest + likeness[:, shortest:].argmax(axis=1)
    strength = np.take_along_axis(likeness, lag[:, None], axis=1)[:, 0]
    loudness = (view**2).mean(axis=1)
    voiced = (strength > 0.35) & (loudness > 1e-3 * (loudness.max() + 1e-9))
    return _smooth(SR_HZ / lag.astype(np.float64), 5), np.asarray(voiced)


def _smooth(values: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Running median."""
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(values, size=width, mode="nearest"), dtype=np.float64)


def _excitation(
    rng: np.random.Generator,
    pitch: npt.NDArray[np.float64],
    voiced: npt.NDArray[np.bool_],
    hop: int,
    length: int,
) -> PCM:
    """Pulses where there is a voice, noise elsewhere, float32[length]."""
    places = np.arange(length) / hop
    steps = np.interp(places, np.arange(len(pitch)), pitch) / SR_HZ
    sung = np.interp(places, np.arange(len(pitch)), voiced.astype(np.float64))
    turns = np.floor(np.cumsum(steps))
    pulses = np.diff(turns, prepend=0.0) / np.sqrt(np.maximum(steps, 1e-4))
    hiss = rng.standard_normal(length)
    share = float(rng.uniform(0.02, 0.25))
    return (sung * ((1 - share) * pulses + share * hiss) + (1 - sung) * hiss).astype(np.float32)
