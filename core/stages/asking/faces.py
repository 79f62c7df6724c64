"""Detectors of single pictures: about every face, or about whole frames where the card's crop says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.detectors.base import FrameDetector, load_detector
from core.faces.align import crop, crop_whole
from core.registry import Card
from core.runtime.backends import accelerated
from core.runtime.batching import run_batched
from core.stages.asking.answers import Answer, silent, spoken
from core.stages.asking.looks import Recut, second_looks
from core.stages.context import Context
from core.stages.reading import Material
from core.types import RGB, FaceTrack, MediaKind, Status


def ask(card: Card, weights: Path, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    """One answer a person; a single one for a detector of whole pictures."""
    if material.ref.kind is MediaKind.AUDIO:
        return [silent(card, Status.NOT_APPLICABLE, "this is sound only; it looks at pictures")]
    looks_at_faces = card.input.crop != "whole"
    if looks_at_faces and not tracks:
        return [silent(card, Status.NOT_APPLICABLE, "no face was found")]
    key = f"{card.id}:{card.weights.sha256}"
    with context.pool.lease(key, lambda d: accelerated(load_detector(card, weights, d), context.settings)) as detector:
        if looks_at_faces:
            return [_about_person(detector, card, track, material, context) for track in tracks]
        return [_about_frames(detector, card, material, context)]


def _about_person(
    detector: FrameDetector, card: Card, track: FaceTrack, material: Material, context: Context
) -> Answer:
    usable = [i for i, q in enumerate(track.quality) if q.size_px >= card.limits.min_face_px]
    if not usable:
        size = max(q.size_px for q in track.quality)
        reason = f"the face is {size:.0f} px wide; {card.limits.min_face_px:.0f} px are needed"
        return silent(card, Status.NOT_APPLICABLE, reason, track.id)

    def cut(i: int, room: float = 1.0) -> RGB:
        spec = card.input.model_copy(update={"scale": card.input.scale * room})
        return crop(material.frames[track.frame[usable[i]]].rgb, track.faces[usable[i]], spec)

    crops = np.stack([cut(i) for i in range(len(usable))])
    return _judged(detector, card, crops, [track.t_s[i] for i in usable], context, track.id, cut)


def _about_frames(detector: FrameDetector, card: Card, material: Material, context: Context) -> Answer:
    frames = material.frames
    crops = np.stack([crop_whole(frame.rgb, card.input) for frame in frames])
    return _judged(detector, card, crops, [frame.t_s for frame in frames], context)


def _judged(
    detector: FrameDetector,
    card: Card,
    crops: RGB,
    t_s: Sequence[float],
    context: Context,
    track_id: int | None = None,
    recut: Recut | None = None,
) -> Answer:
    batch = context.settings.runtime.batch
    logits = run_batched(detector.logits, crops, batch, lambda _: context.step(0.0))
    again = second_looks(detector, crops, logits, recut, context)
    return spoken(card, logits, t_s, track_id, crops, again=again)
