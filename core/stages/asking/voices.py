"""Detectors of voices: about the sound of the medium as a whole, in windows in which somebody speaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.audio.spans import spoken_s
from core.detectors.audio import AudioDetector, load_audio_detector
from core.facts import SoundFacts
from core.registry import Card
from core.stages.asking.answers import Answer, silent, spoken
from core.stages.context import Context
from core.stages.reading import Material
from core.types import AudioClip, FaceTrack, MediaKind, Status

LEAST_S = 1.0
MOST_WINDOWS = 160
_BATCH = 4


def ask(card: Card, weights: Path, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    """One answer; its curve is at the middles of those windows that hold speech."""
    if reason := unheard(material):
        return [silent(card, Status.NOT_APPLICABLE, reason)]
    audio, sound = material.audio, material.sound
    assert audio is not None and sound is not None
    key = f"{card.id}:{card.weights.sha256}"
    with context.pool.lease(key, lambda device: load_audio_detector(card, weights, device)) as detector:
        windows, starts = detector.windows(audio.pcm, audio.sr_hz)
        length_s = windows.shape[1] / detector.spec.sample_rate
        chosen = with_speech(audio.start_s + starts, length_s, sound)
        logits = _logits(detector, windows, chosen, context)
    return [spoken(card, logits, [_middle(audio, starts[i], length_s) for i in chosen])]


def unheard(material: Material) -> str:
    """Why there is no voice to judge, "" where there is one."""
    audio, sound = material.audio, material.sound
    if audio is None or sound is None:
        return "a picture has no sound" if material.ref.kind is MediaKind.IMAGE else "there is no sound to listen to"
    if sound.kind == "silence":
        return "the sound is silent"
    if sound.kind == "other":
        return "no speech was heard, only music or noise"
    if sound.speech_s < LEAST_S:
        return f"{sound.speech_s:.1f} s of speech; {LEAST_S:.0f} s is needed"
    return ""


def with_speech(starts: npt.NDArray[np.float64], length_s: float, sound: SoundFacts) -> list[int]:
    """Which windows are judged: those with a second of speech, or the one with most; of very many an even choice.

    Args:
        starts: of the windows, in s on the medium's clock.
        length_s: of each.
        sound: where speech is.
    """
    heard = np.array([spoken_s(sound.speech, start, start + length_s) for start in starts.tolist()])
    chosen = np.flatnonzero(heard >= LEAST_S - 1e-6)
    if not len(chosen):
        chosen = np.array([int(heard.argmax())])
    if len(chosen) > MOST_WINDOWS:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST_WINDOWS).round().astype(int)]
    return [int(i) for i in chosen]


def _logits(
    detector: AudioDetector, windows: npt.NDArray[np.float32], chosen: Sequence[int], context: Context
) -> npt.NDArray[np.float32]:
    parts = []
    for first in range(0, len(chosen), _BATCH):
        context.step(0.0)
        parts.append(detector.logits(windows[list(chosen[first : first + _BATCH])]))
    return np.concatenate(parts)


def _middle(audio: AudioClip, start: float, length_s: float) -> float:
    """Of a window, or of what there is of one that is longer than the sound."""
    return float(audio.start_s + start + min(length_s, audio.duration_s) / 2)
