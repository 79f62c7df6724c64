"""Fixed inputs, and what detectors must answer to them: the golden values on cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.registry import Card
from core.sync.cepstra import SR_HZ
from core.sync.coherence import REACH
from core.sync.lips import FPS
from core.types import PCM, Modality

_LIPS = 20


def golden_logit(card: Card, weights: Path, seed: int) -> float:
    """The raw logit of a detector for the fixed input of its kind: a picture, a clip or a sound; of one that compares
    lips with speech, how well both agree without a shift."""
    if card.audio is not None:
        from core.detectors.audio import load_audio_detector

        sound = golden_sound(seed, card.audio.samples)
        return float(load_audio_detector(card, weights, "cpu").logits(sound[None])[0])
    if card.clip is not None:
        from core.detectors.clip import load_clip_detector

        clip = golden_clip(seed, card.clip.frames, card.input.size)
        return float(load_clip_detector(card, weights, "cpu").logits(clip[None])[0])
    if card.modality is Modality.AUDIO_VISUAL:
        return _agreement(card, weights, seed)
    from core.detectors.base import load_detector

    return float(load_detector(card, weights, "cpu").logits(golden_input(seed, card.input.size)[None])[0])


def _agreement(card: Card, weights: Path, seed: int) -> float:
    from core.detectors.lip_sync import LipSyncDetector

    detector = LipSyncDetector(card, weights, "cpu")
    mouths = detector.embed_mouths(golden_clip(seed, _LIPS, card.input.size)[..., 0])
    voices = detector.embed_voices(golden_sound(seed, (_LIPS + 2 * REACH) * SR_HZ // int(FPS)))
    return float((mouths * voices[REACH:-REACH]).sum(axis=1).mean())


def golden_input(seed: int, size: int) -> npt.NDArray[np.uint8]:
    """Smooth coloured noise uint8[size, size, 3]."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3)).astype(np.float64)
    grid = np.linspace(0, 7, size)
    low = np.floor(grid).astype(int).clip(0, 6)
    part = grid - low
    rows = coarse[low] * (1 - part)[:, None, None] + coarse[low + 1] * part[:, None, None]
    both = rows[:, low] * (1 - part)[None, :, None] + rows[:, low + 1] * part[None, :, None]
    return np.rint(both).astype(np.uint8)


def golden_clip(seed: int, frames: int, size: int) -> npt.NDArray[np.uint8]:
    """One smooth picture that turns into another, uint8[frames, size, size, 3]."""
    first, last = (golden_input(seed + i, size).astype(np.float64) for i in range(2))
    ways = np.linspace(0.0, 1.0, frames)[:, None, None, None]
    return np.rint(first * (1 - ways) + last * ways).astype(np.uint8)


def golden_sound(seed: int, samples: int) -> PCM:
    """Quiet noise float32[samples]."""
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)
