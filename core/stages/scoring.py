"""Stage "running models": every member of the preset, about every person; whoever cannot answer says why."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.detectors.base import FrameDetector, load_detector
from core.errors import WeightsMissingError, WorkbenchError
from core.faces.align import crop
from core.fusion.calibration import calibrated, sigmoid
from core.registry import Card, member_cards
from core.runtime.batching import run_batched
from core.stages.context import Context
from core.stages.reading import Material
from core.types import FaceTrack, MediaKind, Score, Status, Timeline
from core.weights.files import as_found

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scored:
    scores: tuple[Score, ...]
    timelines: tuple[Timeline, ...]


def score(material: Material, tracks: Sequence[FaceTrack], context: Context) -> Scored:
    """Ask all members. A member that fails is a row with status and reason and never stops the others."""
    scores: list[Score] = []
    timelines: list[Timeline] = []
    cards = list(member_cards(context.preset))
    for done, card in enumerate(cards):
        context.step(done / len(cards), card.title)
        rows, lines = _ask(card, material, tracks, context)
        scores += rows
        timelines += lines
    return Scored(tuple(scores), tuple(timelines))


def _ask(
    card: Card, material: Material, tracks: Sequence[FaceTrack], context: Context
) -> tuple[list[Score], list[Timeline]]:
    try:
        card, weights = as_found(card, context.settings)
        if reason := _not_applicable(material, tracks):
            return [_silent(card, Status.NOT_APPLICABLE, reason)], []
        key = f"{card.id}:{card.weights.sha256}"
        with context.pool.lease(key, lambda device: load_detector(card, weights, device)) as detector:
            answers = [_ask_about(detector, card, t, material, context) for t in tracks]
    except WeightsMissingError as error:
        return [_silent(card, Status.UNAVAILABLE, str(error))], []
    except WorkbenchError as error:
        return [_silent(card, Status.ERROR, str(error))], []
    except (RuntimeError, MemoryError) as error:
        log.exception("detector failed", extra={"detector": card.id})
        return [_silent(card, Status.ERROR, f"it failed while running ({type(error).__name__})")], []
    return [row for row, _ in answers], [line for _, line in answers if line]


def _not_applicable(material: Material, tracks: Sequence[FaceTrack]) -> str:
    if material.ref.kind is MediaKind.AUDIO:
        return "this is sound only; it looks at faces"
    return "" if tracks else "no face was found"


def _ask_about(
    detector: FrameDetector, card: Card, track: FaceTrack, material: Material, context: Context
) -> tuple[Score, Timeline | None]:
    usable = [i for i, q in enumerate(track.quality) if q.size_px >= card.limits.min_face_px]
    if not usable:
        size = max(q.size_px for q in track.quality)
        reason = f"the face is {size:.0f} px wide; {card.limits.min_face_px:.0f} px are needed"
        return _silent(card, Status.NOT_APPLICABLE, reason, track.id), None
    crops = np.stack([crop(material.frames[track.frame[i]].rgb, track.faces[i], card.input) for i in usable])
    logits = run_batched(detector.logits, crops, context.settings.runtime.batch, lambda _: context.step(0.0))
    p = calibrated(logits, card.calibration, crops)
    if not np.isfinite(p).all():
        return _silent(card, Status.ERROR, "it answered with something that is not a number", track.id), None
    row = Score(
        detector=card.id,
        title=card.title,
        modality=card.modality,
        status=Status.OK,
        p_fake=float(p.mean()),
        raw=float(sigmoid(logits).mean()),
        track_id=track.id,
        n=len(usable),
        calibration=card.calibration.name if card.calibration else None,
        weights_sha256=card.weights.sha256,
    )
    line = Timeline(card.id, track.id, tuple(track.t_s[i] for i in usable), tuple(float(v) for v in p))
    return row, line


def _silent(card: Card, status: Status, reason: str, track_id: int | None = None) -> Score:
    return Score(card.id, card.title, card.modality, status, track_id=track_id, reason=reason)
