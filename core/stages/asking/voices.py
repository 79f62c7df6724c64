"""Detectors of voices: about the sound of the medium as a whole, window by window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.detectors.audio import AudioDetector, load_audio_detector
from core.registry import Card
from core.runtime.backends import accelerated
from core.stages.asking.answers import Answer, silent, spoken
from core.stages.context import Context
from core.stages.reading import Material
from core.types import FaceTrack, MediaKind, Status


def ask(card: Card, weights: Path, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    """One answer; its curve is at the middles of the windows."""
    if material.audio is None or not len(material.audio.pcm):
        what = "a picture has no sound" if material.ref.kind is MediaKind.IMAGE else "there is no sound to listen to"
        return [silent(card, Status.NOT_APPLICABLE, what)]
    audio = material.audio
    key = f"{card.id}:{card.weights.sha256}"

    def load(device: str) -> AudioDetector:
        return accelerated(load_audio_detector(card, weights, device), context.settings)

    with context.pool.lease(key, load) as detector:
        windows, starts = detector.windows(audio.pcm, audio.sr_hz)
        half = windows.shape[1] / detector.spec.sample_rate / 2
        return [spoken(card, detector.logits(windows), [float(audio.start_s + s + half) for s in starts])]
