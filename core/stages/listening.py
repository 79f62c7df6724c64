"""Stage "sound and sync": do sound and lips belong together?"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

from core.errors import WorkbenchError
from core.registry import Card, Ensemble, implementation, member_cards
from core.stages.context import Context
from core.stages.reading import Material
from core.stages.watching import Embedder, Watched, fitted, pieces_of, unheard, watched
from core.sync.correlation import METHOD, sync_curve
from core.sync.lips import FACE, FPS, MOUTH, View
from core.sync.telling import told
from core.sync.words import DRIVEN_CAVEAT, RELATED
from core.types import AudioClip, FaceTrack, MediaKind, Modality, Status, SyncCurve
from core.weights.files import as_found


def measure_of(preset: Ensemble) -> Card | None:
    """The preset's member that compares lips and sound; None where it has none."""
    return next((c for c in member_cards(preset) if c.modality is Modality.AUDIO_VISUAL), None)


def view_of(measure: Card) -> View:
    """What of the face a measure looks at."""
    return FACE if measure.input.size == FACE.side else MOUTH


def leased(measure: Card, weights: Path, context: Context) -> AbstractContextManager[Embedder]:
    """The measure, loaded."""
    key = f"{measure.id}:{measure.weights.sha256}"
    return cast(
        AbstractContextManager[Embedder],
        context.pool.lease(key, lambda device: implementation(measure)(measure, weights, device)),
    )


def compare_sound_and_lips(material: Material, tracks: Sequence[FaceTrack], context: Context) -> tuple[SyncCurve, ...]:
    """Curves of every person, first those of the preset's network where it has one and its weights are here; a single
    row that says why where the question cannot be asked."""
    if material.ref.kind is MediaKind.IMAGE:
        return ()
    reason = unheard(material, tracks)
    if reason is not None or material.audio is None:
        return (SyncCurve(METHOD, Status.NOT_APPLICABLE, reason or ""),)
    people = watched(material, tracks, context)
    context.step(0.5)
    by_network = _by_network(material, material.audio, tracks, context)
    context.step(0.8)
    by_motion = [_by_motion(who, seen, material.audio) for who, seen in zip(tracks, people, strict=True)]
    return (*_only_speakers(by_network), *by_motion)


def _by_motion(who: FaceTrack, seen: Watched, audio: AudioClip) -> SyncCurve:
    if seen.status is not Status.OK:
        return SyncCurve(METHOD, seen.status, seen.reason, track_id=seen.track_id)
    return sync_curve(who, seen.mouths, audio)


def _by_network(material: Material, audio: AudioClip, tracks: Sequence[FaceTrack], context: Context) -> list[SyncCurve]:
    """Curves of people who could be followed; none where the preset has no network or its weights are not here."""
    member = measure_of(context.preset)
    if member is None:
        return []
    try:
        measure, weights = as_found(member, context.settings)
    except WorkbenchError:
        return []
    curves = []
    people = watched(material, tracks, context, view_of(measure))
    with leased(measure, weights, context) as embedder:
        for seen in people:
            if seen.status is not Status.OK:
                continue
            found = fitted(seen, pieces_of(seen, audio, measure, embedder, context), audio, embedder)
            if found is not None:
                curves.append(told(found, measure.title, seen.track_id, FPS, DRIVEN_CAVEAT))
    return curves


def _only_speakers(curves: list[SyncCurve]) -> list[SyncCurve]:
    """Where the sound fits somebody's lips, it says nothing about those who do not speak."""
    speaking = [c for c in curves if (c.confidence or 0.0) >= RELATED]
    if not speaking:
        return curves
    reason = "The sound fits the lips of another person; this one does not speak it."
    return [c if c in speaking else SyncCurve(c.method, Status.NOT_APPLICABLE, reason, c.track_id) for c in curves]
