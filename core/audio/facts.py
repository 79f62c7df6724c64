"""Everything that is told about a recording beside the verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.audio import measures
from core.audio.spans import Span, method, spoken_s
from core.facts import SoundFacts
from core.types import PCM, AudioClip, MediaInfo

ENVELOPE_POINTS = 800
BANDS, COLUMNS = 64, 600
FLOOR_DB = -80
_FFT, _LOOKS = 1024, 4
_LOWEST_HZ = 50.0
_SILENT_DB = -65.0
_TELEPHONE_HZ, _NARROW_HZ = 4700.0, 7000.0
_LOSSY = {
    "mp3": "MP3",
    "mp3float": "MP3",
    "aac": "AAC",
    "opus": "Opus",
    "libopus": "Opus",
    "vorbis": "Vorbis",
    "wmav2": "WMA",
    "ac3": "AC-3",
    "eac3": "E-AC-3",
    "amrnb": "AMR",
    "amr_nb": "AMR",
    "amrwb": "AMR-WB",
    "amr_wb": "AMR-WB",
    "gsm_ms": "GSM",
    "pcm_mulaw": "G.711",
    "pcm_alaw": "G.711",
}


def sound_facts(audio: AudioClip, speech: Sequence[Span], info: MediaInfo) -> SoundFacts:
    """What can be measured of ``audio``.

    Args:
        audio: mono sound at any rate.
        speech: stretches in s on the medium's clock.
        info: of the medium it comes from.
    """
    pcm, rate = audio.pcm, audio.sr_hz
    local = [(begin - audio.start_s, end - audio.start_s) for begin, end in speech]
    level, total = measures.level_db(pcm), spoken_s(speech)
    width = measures.bandwidth_hz(pcm, rate, local)
    snr = measures.snr_db(pcm, rate, local)
    return SoundFacts(
        start_s=audio.start_s,
        duration_s=audio.duration_s,
        kind="speech" if speech else "silence" if level < _SILENT_DB else "other",
        speech=tuple((round(a, 3), round(b, 3)) for a, b in speech),
        speech_s=round(total, 3),
        found_by=method(),
        level_db=round(level, 1),
        peak_db=round(measures.peak_db(pcm), 1),
        clipped=round(measures.clipped_share(pcm), 6),
        snr_db=None if snr is None else round(snr, 1),
        bandwidth_hz=None if width is None else round(width),
        traces=traces(info, width),
        envelope=envelope(pcm),
        mel=mel(pcm, rate),
    )


def traces(info: MediaInfo, bandwidth_hz: float | None) -> tuple[str, ...]:
    """What codecs and lines have left, in words: from the container's codec and from where the sound ends."""
    told = []
    codec = info.audio_codec or ""
    lossy = _LOSSY.get(codec)
    if lossy:
        told.append(f"stored as {lossy}, which leaves out what is hard to hear")
    if bandwidth_hz is None:
        return tuple(told)
    ends = f"nothing above {bandwidth_hz / 1000:.1f} kHz"
    if bandwidth_hz < _TELEPHONE_HZ:
        told.append(f"{ends}: as after a telephone line or a recording at 8 kHz")
    elif bandwidth_hz < _NARROW_HZ:
        why = "as lossy codecs at low bit rates leave it" if lossy else "it was narrowed before it was stored like this"
        told.append(f"{ends}: {why}")
    return tuple(told)


def envelope(pcm: PCM, points: int = ENVELOPE_POINTS) -> tuple[float, ...]:
    """Largest magnitude in each of at most ``points`` equal stretches, in [0, 1]."""
    if not len(pcm):
        return ()
    edges = np.linspace(0, len(pcm), min(points, len(pcm)) + 1).astype(int)
    return tuple(np.maximum.reduceat(np.abs(pcm), edges[:-1]).round(3).tolist())


def mel(pcm: PCM, rate: int, columns: int = COLUMNS) -> tuple[tuple[int, ...], ...]:
    """A mel spectrogram for the eye: ``BANDS`` rows from 50 Hz to half of ``rate``, at most ``columns`` columns evenly
    spread, in whole dB below the loudest, -80 at the least. Of long sound each column is the mean of a few looks."""
    if len(pcm) < _FFT:
        return ()
    places = len(pcm) - _FFT
    count = int(min(columns, places // (_FFT // 4) + 1))
    looks = 1 if places // (_FFT // 4) < 2 * columns else _LOOKS
    begins = np.linspace(0, places, count * looks).astype(int).reshape(count, looks)
    window = np.hanning(_FFT)
    columns_of = (
        (np.abs(np.fft.rfft(np.stack([pcm[b : b + _FFT] for b in row]) * window, axis=1)) ** 2).mean(axis=0)
        for row in begins.tolist()
    )
    power = _bank(rate) @ np.stack(list(columns_of), axis=1)
    level = 10.0 * np.log10(np.maximum(power, 1e-12))
    whole = np.maximum(level - level.max(), FLOOR_DB).round().astype(int)
    return tuple(tuple(row) for row in whole.tolist())


def mel_hz(rate: int) -> npt.NDArray[np.float64]:
    """Middle frequencies of the rows of :func:`mel` in Hz, float64[BANDS]."""
    return _edges(rate)[1:-1]


def _edges(rate: int) -> npt.NDArray[np.float64]:
    """Corners of the triangular bands, evenly spread in mel (O'Shaughnessy, 1987)."""
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) for hz in (_LOWEST_HZ, rate / 2))
    return np.asarray(700.0 * (10.0 ** (np.linspace(low, high, BANDS + 2) / 2595.0) - 1.0))


def _bank(rate: int) -> npt.NDArray[np.float64]:
    hz, edges = np.fft.rfftfreq(_FFT, 1.0 / rate), _edges(rate)
    rise = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.maximum(0.0, np.minimum(rise, fall))
    nearest = np.abs(hz - edges[1:-1, None]).argmin(axis=1)
    bank[np.arange(BANDS), nearest] = np.maximum(bank[np.arange(BANDS), nearest], 1e-3)
    return bank / bank.sum(axis=1, keepdims=True)
