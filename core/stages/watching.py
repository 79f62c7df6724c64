"""The mouths of all people in a clip, followed once for everything that compares them with the sound."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from core.errors import DamagedMediaError
from core.faces.surroundings import surroundings, within
from core.media.decoding import decoder
from core.registry import Card
from core.stages.context import Context
from core.stages.reading import Material
from core.sync.coherence import REACH, SHOWN, Coherence, Piece, Steps, coherence, spoken_at
from core.sync.lips import FPS, MOUTH, Lips, View, cut_lips
from core.sync.mouth import MouthMotion, mouth_motion
from core.sync.speech import voiced
from core.sync.together import by_both
from core.sync.window import pick_windows
from core.types import PCM, AudioClip, FaceTrack, Frame, GreyFrame, MediaKind, Region, Status

Window: TypeAlias = tuple[float, float]
Dense: TypeAlias = tuple[Sequence[Frame | GreyFrame], Region]
"""All frames of a window, and which part of them is shown."""

MOST_PEOPLE = 4  # following lips costs seconds a person
_MOST_WINDOWS = 4  # and a window; shared by all people, at most two for one
_SHORTEST = 25  # frames of a piece


class Embedder(Protocol):
    """A network that puts mouths and voices into one space, one vector a frame. ``by_distance`` says that near vectors
    fit, ``with_motion`` that it speaks together with the plain correlation."""

    by_distance: bool
    with_motion: bool

    def embed_mouths(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...

    def embed_voices(self, sound: PCM) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """One person: how the mouth moves in each window, and its pieces without a gap. Where nobody could be followed,
    ``status`` and ``reason`` say why."""

    track_id: int
    mouths: tuple[MouthMotion, ...] = ()
    lips: tuple[Lips, ...] = ()
    status: Status = Status.OK
    reason: str = ""


def unheard(material: Material, tracks: Sequence[FaceTrack]) -> str | None:
    """Why sound and lips of a medium cannot be compared at all; None where they can."""
    if material.ref.kind is MediaKind.IMAGE:
        return "A picture has no sound."
    if material.ref.kind is MediaKind.AUDIO:
        return "There is no picture to compare the sound with."
    if material.audio is None:
        return "The clip has no sound that could be read."
    return None if tracks else "No face was found, so there are no lips to compare the sound with."


def watched(
    material: Material, tracks: Sequence[FaceTrack], context: Context, view: View = MOUTH
) -> tuple[Watched, ...]:
    """All people, in the order of ``tracks``; the work is done once in an analysis."""
    return context.once(_key(view), lambda: _watch(material, tracks, context, view))


def watching(material: Material, tracks: Sequence[FaceTrack], context: Context) -> AbstractContextManager[None]:
    """Follow the mouths beside the work of the block, if they can be compared with sound."""
    if unheard(material, tracks) is not None:
        return nullcontext()
    return context.beside(_key(MOUTH), lambda quiet: _watch(material, tracks, quiet, MOUTH))


def _key(view: View) -> Hashable:
    return ("watched", view)


def _watch(material: Material, tracks: Sequence[FaceTrack], context: Context, view: View) -> tuple[Watched, ...]:
    audio = material.audio
    if audio is None:
        return ()
    chosen = sorted(tracks, key=lambda t: -len(t.t_s))[:MOST_PEOPLE]
    most = 2 if len(chosen) <= _MOST_WINDOWS // 2 else 1
    height, width = material.frames[0].rgb.shape[:2]

    # People who share a scene mostly share the window too: it is decoded once, and one window is held at a time.
    @lru_cache(maxsize=1)
    def dense(window: Window) -> Dense:
        reader = decoder(context.settings, context.still_wanted)
        if not view.grey:
            return reader.window(material.ref, material.info, *window, None, 2 * FPS), (0, 0, width, height)
        region = surroundings(chosen, *window, (width, height))
        return reader.grey_window(material.ref, material.info, *window, region, 2 * FPS), region

    people = []
    for person in tracks:
        context.still_wanted()
        if person in chosen:
            people.append(_one(person, audio, most, dense, view))
        else:
            reason = f"Only the {MOST_PEOPLE} people seen most are compared with the sound."
            people.append(Watched(person.id, status=Status.NOT_APPLICABLE, reason=reason))
    return tuple(people)


def _one(
    person: FaceTrack,
    audio: AudioClip,
    most: int,
    dense: Callable[[Window], Dense],
    view: View,
) -> Watched:
    windows = pick_windows(person, audio, most)
    if not windows:
        reason = "This person is not seen long enough with sound to compare lips and speech."
        return Watched(person.id, status=Status.NOT_APPLICABLE, reason=reason)
    mouths, lips = list[MouthMotion](), list[Lips]()
    try:
        for window in windows:
            frames, region = dense(window)
            mouths.append(mouth_motion(frames, within(person, region)))
            lips += [piece for piece in cut_lips(frames, mouths[-1], view) if len(piece.crops) >= _SHORTEST]
    except DamagedMediaError as error:
        return Watched(person.id, status=Status.ERROR, reason=error.message)
    return Watched(person.id, tuple(mouths), tuple(lips))


def pieces_of(
    person: Watched, audio: AudioClip, measure: Card, embedder: Embedder, context: Context
) -> Sequence[Piece]:
    """What the network of ``measure`` makes of a person; the work is done once in an analysis."""
    return context.once(("pieces", measure.id, person.track_id), lambda: pieces(person, audio, embedder))


def pieces(person: Watched, audio: AudioClip, embedder: Embedder) -> list[Piece]:
    """What a network makes of a person's mouths and of the sound round them."""
    times, heard = voiced(audio)
    out = []
    for part in person.lips:
        mouths = embedder.embed_mouths(part.crops)
        voices = embedder.embed_voices(sound_round(audio, part.start_s, len(part.crops)))
        # A network that sees several frames at once says something about the middle one.
        later = (len(part.crops) - len(mouths)) / 2 / FPS
        middles = np.asarray(part.start_s + later + (np.arange(len(mouths)) + 0.5) / FPS, np.float64)
        out.append(Piece(part.start_s + later, mouths, voices, spoken_at(middles, times, heard), embedder.by_distance))
    return out


def fitted(
    person: Watched, parts: Sequence[Piece], audio: AudioClip, embedder: Embedder, steps: Steps = SHOWN
) -> Coherence | None:
    """What ``embedder`` finds of a person in its :func:`pieces`; None where nobody is heard for long enough."""
    return by_both(parts, person.mouths, audio, steps) if embedder.with_motion else coherence(parts, steps)


def sound_round(audio: AudioClip, start_s: float, frames: int) -> PCM:
    """Sound float32[(frames + 30) * 640] from 15 frames before ``start_s`` on; silence where nothing was recorded."""
    a_frame = int(audio.sr_hz / FPS)
    first = round((start_s - audio.start_s) * audio.sr_hz) - REACH * a_frame
    out = np.zeros((frames + 2 * REACH) * a_frame, np.float32)
    low, high = max(0, first), min(len(audio.pcm), first + len(out))
    if high > low:
        out[low - first : high - first] = audio.pcm[low:high]
    return out
