"""Detectors of how landmarks move: about every person, over one stretch of all frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.detectors.lrnet import LandmarkDetector, load_landmark_detector
from core.errors import WorkbenchError
from core.faces.windows import stays
from core.media.decoding import decoder
from core.media.scenes import cuts
from core.registry import Card
from core.stages.asking.answers import Answer, silent, spoken
from core.stages.context import Context
from core.stages.reading import Material
from core.types import FaceTrack, MediaKind, Segment, Status

LONGEST_S = 4.0
MAX_FPS = 60.0
_EDGE = 1e-6


def ask(card: Card, weights: Path, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    """One answer a person; a single one where nobody is seen over time."""
    if material.ref.kind is not MediaKind.VIDEO:
        what = "a picture does not move" if material.ref.kind is MediaKind.IMAGE else "this is sound only"
        return [silent(card, Status.NOT_APPLICABLE, f"{what}; it looks at faces over time")]
    if not tracks:
        return [silent(card, Status.NOT_APPLICABLE, "no face was found")]

    def build(device: str) -> LandmarkDetector:
        return load_landmark_detector(card, weights, device, context.settings)

    with context.pool.lease(f"{card.id}:{card.weights.sha256}", build) as detector:
        return [_about(detector, card, track, material, context) for track in tracks]


def _about(detector: LandmarkDetector, card: Card, track: FaceTrack, material: Material, context: Context) -> Answer:
    size = float(np.median([quality.size_px for quality in track.quality]))
    if size < card.limits.min_face_px:
        reason = f"the face is {size:.0f} px wide; {card.limits.min_face_px:.0f} px are needed"
        return silent(card, Status.NOT_APPLICABLE, reason, track.id)
    try:
        found = _segments(detector, track, material, context)
    except WorkbenchError as error:
        return silent(card, Status.NOT_APPLICABLE, error.message, track.id)
    if not found:
        reason = f"the person is not seen for {detector.block} frames in a row at 18 Hz or more"
        return silent(card, Status.NOT_APPLICABLE, reason, track.id)
    p = np.clip(np.array([segment.p_fake for segment in found]), _EDGE, 1 - _EDGE)
    middles = [(segment.start_s + segment.end_s) / 2 for segment in found]
    return spoken(card, np.log(p / (1 - p)), middles, track.id, n=len(found) * detector.block)


def _segments(
    detector: LandmarkDetector, track: FaceTrack, material: Material, context: Context
) -> tuple[Segment, ...]:
    """Of the middle of the longest stretch in which the person is there without a cut."""
    first, last = max(stays(track, cuts(material.frames)), key=lambda stay: stay[1] - stay[0])
    spare = max(0.0, last - first - LONGEST_S)
    begin = first + spare / 2
    reader = decoder(context.settings, context.still_wanted)
    end = begin + min(LONGEST_S, last - first) + _EDGE
    frames = reader.window(material.ref, material.info, begin, end, None, MAX_FPS)
    return detector.segments(frames, track)
