"""Stage "sound and sync": do sound and lips belong together?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from core.errors import DamagedMediaError
from core.media.decoding import decoder
from core.stages.context import Context
from core.stages.reading import Material
from core.sync.correlation import METHOD, mouth_motion, pick_window, sync_curve
from core.types import AudioClip, FaceTrack, Frame, MediaKind, Status, SyncCurve

SYNC_FPS = 25.0
MOST_PEOPLE = 4  # following lips costs seconds a person


def compare_sound_and_lips(material: Material, tracks: Sequence[FaceTrack], context: Context) -> tuple[SyncCurve, ...]:
    """One curve a person; a single row that says why where the question cannot be asked."""
    audio = material.audio
    if material.ref.kind is MediaKind.IMAGE:
        return ()
    if material.ref.kind is MediaKind.AUDIO:
        return (_not_applicable("There is no picture to compare the sound with."),)
    if audio is None:
        return (_not_applicable("The clip has no sound that could be read."),)
    if not tracks:
        return (_not_applicable("No face was found, so there are no lips to compare the sound with."),)
    return _curves(material, audio, tracks, context)


def _not_applicable(reason: str, track_id: int | None = None) -> SyncCurve:
    return SyncCurve(METHOD, Status.NOT_APPLICABLE, reason, track_id=track_id)


def _curves(
    material: Material, audio: AudioClip, tracks: Sequence[FaceTrack], context: Context
) -> tuple[SyncCurve, ...]:
    # People who share a scene mostly share the window too: it is decoded once, and one window is held at a time.
    @lru_cache(maxsize=1)
    def dense(window: tuple[float, float]) -> Sequence[Frame]:
        reader = decoder(context.settings, context.still_wanted)
        return reader.window(material.ref, material.info, *window, max_fps=2 * SYNC_FPS)

    chosen = {t.id for t in sorted(tracks, key=lambda t: -len(t.t_s))[:MOST_PEOPLE]}
    curves = []
    for done, person in enumerate(tracks):
        context.step(done / len(tracks), f"person {person.id}")
        if person.id not in chosen:
            reason = f"Only the {MOST_PEOPLE} people seen most are compared with the sound."
            curves.append(_not_applicable(reason, person.id))
            continue
        try:
            curves.append(_curve(person, audio, dense))
        except DamagedMediaError as error:
            curves.append(SyncCurve(METHOD, Status.ERROR, error.message, track_id=person.id))
    return tuple(curves)


def _curve(person: FaceTrack, audio: AudioClip, dense: Callable[[tuple[float, float]], Sequence[Frame]]) -> SyncCurve:
    window = pick_window(person, audio)
    if window is None:
        return _not_applicable("This person is not seen long enough with sound to compare lips and speech.", person.id)
    return sync_curve(person, mouth_motion(dense(window), person), audio)
