"""Stage "sound and sync": do sound and lips belong together?"""

from __future__ import annotations

from collections.abc import Sequence

from core.media.video import read_window
from core.stages.context import Context
from core.stages.reading import Material
from core.sync.correlation import METHOD, pick_window, sync_curve
from core.sync.mouth import mouth_motion
from core.types import FaceTrack, MediaKind, Status, SyncCurve

SYNC_FPS = 25.0


def compare_sound_and_lips(
    material: Material, tracks: Sequence[FaceTrack], context: Context
) -> tuple[SyncCurve, ...]:
    """One curve a person; a single row that says why where the question cannot be asked."""
    if material.ref.kind is MediaKind.IMAGE:
        return ()
    if reason := _not_applicable(material, tracks):
        return (SyncCurve(METHOD, Status.NOT_APPLICABLE, reason),)
    curves = []
    for done, person in enumerate(tracks):
        context.step(done / len(tracks), f"person {person.id}")
        curves.append(_curve(material, person))
    return tuple(curves)


def _not_applicable(material: Material, tracks: Sequence[FaceTrack]) -> str:
    if material.ref.kind is MediaKind.AUDIO:
        return "There is no picture to compare the sound with."
    if material.audio is None:
        return "The clip has no sound that could be read."
    return "" if tracks else "No face was found, so there are no lips to compare the sound with."


def _curve(material: Material, person: FaceTrack) -> SyncCurve:
    audio = material.audio
    window = pick_window(person, audio) if audio else None
    if audio is None or window is None:
        reason = "This person is not seen speaking long enough to compare lips and sound."
        return SyncCurve(METHOD, Status.NOT_APPLICABLE, reason, track_id=person.id)
    frames = read_window(material.ref, material.info, *window, max_fps=2 * SYNC_FPS)
    return sync_curve(person, mouth_motion(frames, person), audio)
