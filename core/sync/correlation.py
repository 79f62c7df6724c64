"""Do lips and sound move together, and at which shift? Plain correlation, no trained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from core.sync.coherence import REACH, SHOWN, Coherence, Steps, best_lag, in_order, spoken_at
from core.sync.coherence import over_time as moments_of
from core.sync.mouth import MouthMotion
from core.sync.speech import envelope, is_silent, voiced
from core.sync.telling import told
from core.sync.window import MIN_S
from core.sync.words import CORRELATION_CAVEAT
from core.types import AudioClip, FaceTrack, Status, SyncCurve

Series: TypeAlias = npt.NDArray[np.float64]

METHOD = "correlation of mouth motion and sound energy"

_TREND_S = 1.5  # slower changes than this are taken off both sides
_SMOOTH_S = 0.04
_STEADY = 0.02  # spread of loudness in [0, 1] of a sound that does not vary as speech does
_CHANCES = 199  # chance sounds that the agreement is held against


def sync_curve(track: FaceTrack, mouths: Sequence[MouthMotion], audio: AudioClip | None) -> SyncCurve:
    """Agreement of mouth and sound over shifts of -600 to +600 ms; a positive offset means that the sound lags.

    ``agreement`` is the correlation in [-1, 1] of how fast the lips part with how fast it gets louder, after trends
    slower than 1.5 s are taken off the lips. ``confidence`` in [0, 1] is one minus the share of chance: how often sound
    of the same spectrum but random timing (phase-randomised surrogates, Theiler et al., 1992, Physica D 58) reaches as
    high a best agreement as the true sound does. It says that there is a relation, not that the face is real: fakes
    that are driven by sound follow it well.

    Args:
        track: the person.
        mouths: of one or more windows at the same rate; they count by how long the face is seen in them.
        audio: the sound of the whole medium.
    """
    if audio is None or is_silent(audio):
        reason = "There is no sound to compare the lips with." if audio is None else "The sound is silent."
        return _not_applicable(track, reason)
    seen = [mouth for mouth in mouths if mouth.seen_s >= MIN_S]
    if not seen:
        return _not_applicable(
            track, f"The face is seen for less than {MIN_S} seconds, too short to compare with sound."
        )
    moving = [mouth for mouth in seen if mouth.moves]
    if not moving:
        return _not_applicable(track, "The mouth does not move enough to compare it with the sound.")
    found = coherence_of(moving, audio)
    if found is None:
        return _not_applicable(track, "The sound is silent or too even there to be compared with the lips.")
    return told(found, METHOD, track.id, moving[0].fps, CORRELATION_CAVEAT)


def coherence_of(mouths: Sequence[MouthMotion], audio: AudioClip, steps: Steps = SHOWN) -> Coherence | None:
    """What windows of one person say together; None where the sound does not vary in any of them."""
    pairs = [(mouth, _lips(mouth), _sound(audio, mouth)) for mouth in mouths if _varies(_loudness(audio, mouth))]
    return _together(pairs, audio, steps) if pairs else None


def _not_applicable(track: FaceTrack, reason: str) -> SyncCurve:
    return SyncCurve(METHOD, Status.NOT_APPLICABLE, reason, track_id=track.id)


def _varies(loudness: Series) -> bool:
    return bool(np.isfinite(loudness).any() and float(np.nanstd(loudness)) >= _STEADY)


def _together(pairs: Sequence[tuple[MouthMotion, Series, Series]], audio: AudioClip, steps: Steps) -> Coherence:
    """What all windows say, weighted by how long the face is seen in each."""
    weight = np.array([mouth.seen_s for mouth, _, _ in pairs])
    weight = weight / weight.sum()
    curves, chances = [], []
    for seed, (_, lips, sound) in enumerate(pairs):
        curves.append(weight[seed] * _correlations(lips, sound))
        chances.append(weight[seed] * _correlations(lips, _scrambled(sound, seed)))
    curve, chance = np.sum(curves, axis=0), np.sum(chances, axis=0)
    times, heard = voiced(audio)
    rows = [
        moments_of(_products(lips, sound), mouth.t_s, spoken_at(mouth.t_s, times, heard), mouth.fps, steps)
        for mouth, lips, sound in pairs
    ]
    t_s, moments = in_order(rows)
    return Coherence(
        curve=curve,
        lag=best_lag(curve),
        confidence=float(1.0 - (1 + (chance.max(axis=-1) >= curve.max()).sum()) / (1 + _CHANCES)),
        t_s=t_s,
        moments=moments,
        chance=chance,
    )


def _products(lips: Series, sound: Series) -> Series:
    """The part that each moment has in the correlation, float64[N, 2 * lag + 1]; 0 where something is missing."""
    return _standard(lips)[:, None] * sliding_window_view(_standard(sound), 2 * REACH + 1)


def _standard(values: Series) -> Series:
    spread = float(np.nanstd(values))
    return np.where(np.isfinite(values), (values - np.nanmean(values)) / max(spread, 1e-9), 0.0)


def _lips(mouth: MouthMotion) -> Series:
    """How fast the lips part float64[N], without trends; NaN where the face is not seen."""
    return _level(mouth.opening, mouth.fps)


def _sound(audio: AudioClip, mouth: MouthMotion) -> Series:
    """How fast it gets louder float64[N + 2 * lag], on the mouth's times and ``REACH`` frames beyond on both sides; NaN
    where there is no recording."""
    times, loudness = envelope(audio)
    rate = 1.0 / float(times[1] - times[0]) if len(times) > 1 else 100.0
    rise = np.gradient(gaussian_filter1d(loudness, _SMOOTH_S * rate)) * rate if len(loudness) > 1 else loudness * 0.0
    return _binned(times, rise, _reached(mouth), 1.0 / mouth.fps)


def _loudness(audio: AudioClip, mouth: MouthMotion) -> Series:
    """Loudness float64[N + 2 * lag] at the times of :func:`_sound`."""
    times, loudness = envelope(audio)
    return _binned(times, loudness, _reached(mouth), 1.0 / mouth.fps)


def _reached(mouth: MouthMotion) -> Series:
    pad = np.arange(1, REACH + 1) / mouth.fps
    return np.concatenate([mouth.t_s[0] - pad[::-1], mouth.t_s, mouth.t_s[-1] + pad])


def _binned(times: Series, values: Series, wanted: Series, width: float) -> Series:
    """Means over bins of ``width`` seconds round the wanted times; NaN outside the recording."""
    if len(times) < 2:
        return np.full(len(wanted), np.nan)
    step = float(times[1] - times[0])
    edges = np.append(times - step / 2.0, times[-1] + step / 2.0)
    total = np.append(0.0, np.cumsum(values)) * step
    means = (np.interp(wanted + width / 2, edges, total) - np.interp(wanted - width / 2, edges, total)) / width
    inside = (wanted - width / 2 >= edges[0] - width / 2) & (wanted + width / 2 <= edges[-1] + width / 2)
    return np.where(inside, means, np.nan)


def _level(values: Series, fps: float) -> Series:
    """Take off the moving mean over ``_TREND_S``; gaps stay gaps."""
    known = np.isfinite(values)
    if not known.any():
        return values
    filled = np.where(known, values, float(values[known].mean()))
    trend = uniform_filter1d(filled, max(3, round(_TREND_S * fps)), mode="nearest")
    return np.where(known, filled - trend, np.nan)


def _correlations(values: Series, sound: Series) -> Series:
    """Pearson's correlation of float64[N] with every stretch of N in float64[..., M] where both are known."""
    here, there = np.isfinite(values), np.isfinite(sound)
    a, b = np.where(here, values, 0.0), np.where(there, sound, 0.0)
    sounds, known = (sliding_window_view(row, len(values), axis=-1) for row in (b, there.astype(np.float64)))
    squares = sliding_window_view(b * b, len(values), axis=-1)
    mask = here.astype(np.float64)
    count, sum_a, sum_b = known @ mask, known @ a, sounds @ mask
    spread = (count * (known @ (a * a)) - sum_a**2) * (count * (squares @ mask) - sum_b**2)
    enough = (spread > 1e-18) & (count >= 0.6 * here.sum())
    together = count * (sounds @ a) - sum_a * sum_b
    return np.where(enough, together / np.sqrt(np.where(enough, spread, 1.0)), 0.0)


def _scrambled(sound: Series, seed: int) -> Series:
    """``_CHANCES`` sounds with the same spectrum but at random times, float64[chances, M]."""
    known = np.isfinite(sound)
    spectrum = np.fft.rfft(np.where(known, sound, 0.0))
    phases = np.random.default_rng(seed).random((_CHANCES, len(spectrum)))
    turned = np.fft.irfft(spectrum * np.exp(2j * np.pi * phases), n=len(sound))
    return np.where(known, turned, np.nan)
