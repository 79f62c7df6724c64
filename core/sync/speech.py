"""How loud speech is from moment to moment."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.types import AudioClip

Series: TypeAlias = npt.NDArray[np.float64]

_RATE_HZ = 100.0
_BANDS = 24
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 5000.0
_RANGE_DB = 60.0  # what lies this far under the loudest moment is silence
_SPEECH_DB = 35.0  # and within this range of it somebody speaks
_SILENT = 1e-4  # root mean square of samples in [-1, 1] below which there is nothing to hear


def envelope(audio: AudioClip) -> tuple[Series, Series]:
    """Energy of sound in speech's range of pitch, in 24 mel bands, 100 times a second.

    Returns:
        Times float64[N] in seconds on the medium's clock (middles of the analysis windows) and loudness float64[N] in
        [0, 1]: the mean of the bands' levels, 1 = the loudest level in the clip, 0 = 60 dB below it or less. Both
        are empty for a sound shorter than one analysis window (about 30 ms).
    """
    import librosa  # slow to import, and only a clip with sound needs it

    hop = max(1, round(audio.sr_hz / _RATE_HZ))
    window = 1 << int(np.ceil(np.log2(2.5 * hop)))
    if len(audio.pcm) < window:
        return np.zeros(0), np.zeros(0)
    bands = librosa.feature.melspectrogram(
        y=audio.pcm,
        sr=audio.sr_hz,
        n_fft=window,
        hop_length=hop,
        n_mels=_BANDS,
        fmin=_LOWEST_HZ,
        fmax=min(_HIGHEST_HZ, audio.sr_hz / 2),
        center=True,
    )
    times = audio.start_s + np.arange(bands.shape[1], dtype=np.float64) * (hop / audio.sr_hz)
    level = 10.0 * np.log10(np.maximum(np.asarray(bands, dtype=np.float64), 1e-12))
    level = np.maximum(level - float(level.max(initial=-120.0)), -_RANGE_DB)
    return times, np.asarray((level.mean(axis=0) + _RANGE_DB) / _RANGE_DB, dtype=np.float64)


def voiced(audio: AudioClip) -> tuple[Series, npt.NDArray[np.bool_]]:
    """Times and whether there is sound as loud as speech would be: within 35 dB of the clip's loud moments. A measure
    of energy only; it does not tell speech from music."""
    hop = max(1, round(audio.sr_hz / _RATE_HZ))
    count = len(audio.pcm) // hop
    power = np.square(audio.pcm[: count * hop].astype(np.float64)).reshape(count, hop).mean(axis=1)
    times = audio.start_s + (np.arange(count, dtype=np.float64) + 0.5) * (hop / audio.sr_hz)
    if not count or is_silent(audio):
        return times, np.zeros(count, dtype=bool)
    limit = float(np.quantile(power, 0.95)) * 10.0 ** (-_SPEECH_DB / 10.0)
    return times, np.asarray(power >= limit, dtype=np.bool_)


def is_silent(audio: AudioClip) -> bool:
    """Whether there is nothing to hear."""
    return not len(audio.pcm) or float(np.sqrt(np.mean(np.square(audio.pcm, dtype=np.float64)))) < _SILENT
