"""Stage "reading": from a file to sampled frames and sound."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.errors import WorkbenchError
from core.facts import SoundFacts
from core.media.decoding import Decoder, decoder
from core.stages.context import Context
from core.types import AudioClip, Frame, MediaInfo, MediaKind, MediaRef


@dataclass(frozen=True, slots=True)
class Material:
    """What was read from the medium; ``info.warnings`` say what could not be. ``sound`` says what ``audio`` is like."""

    ref: MediaRef
    info: MediaInfo
    frames: tuple[Frame, ...]
    audio: AudioClip | None
    sound: SoundFacts | None = None


def read(ref: MediaRef, context: Context) -> Material:
    """Probe and decode ``ref`` within the limits.

    Raises:
        WorkbenchError: nothing of it can be read.
    """
    reader = decoder(context.settings, context.still_wanted)
    info = reader.probe(ref)
    context.step(0.2, info.container)
    frames: list[Frame] = []
    notes: list[str] = []
    if ref.kind is MediaKind.IMAGE:
        frames, notes = reader.image(ref)
    elif ref.kind is MediaKind.VIDEO:
        frames, notes = reader.frames(ref, info, context.settings.sampling)
    context.step(0.7)
    audio, heard = _sound(ref, info, reader)
    info = replace(info, warnings=(*info.warnings, *notes, *heard))
    return Material(ref, info, tuple(frames), audio, _facts(audio, info, context))


def _facts(audio: AudioClip | None, info: MediaInfo, context: Context) -> SoundFacts | None:
    if audio is None or not len(audio.pcm):
        return None
    from core.audio.activity import VoiceActivity, speech_of
    from core.audio.facts import sound_facts

    with context.pool.lease("voice-activity", lambda _: VoiceActivity()) as activity:
        return sound_facts(audio, speech_of(audio, activity, context.still_wanted), info)


def _sound(ref: MediaRef, info: MediaInfo, reader: Decoder) -> tuple[AudioClip | None, list[str]]:
    """The sound track; a picture whose sound is damaged is still worth looking at."""
    if not info.has_audio:
        return None, []
    try:
        return reader.audio(ref, info)
    except WorkbenchError as error:
        if ref.kind is MediaKind.AUDIO:
            raise
        return None, [f"The sound track was left out: {error.message}"]
