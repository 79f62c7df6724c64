"""Detectors that look at faces over time: about every person, window by window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from core.detectors.clip import WindowDetector, clip_spec, load_clip_detector
from core.errors import WorkbenchError
from core.faces.detect import FaceFinder, face_finder
from core.faces.motion import motion_facts
from core.faces.windows import FPS, FaceWindow, cut_window, starts, stays, window_s
from core.facts import MotionFacts
from core.media.decoding import Decoder, decoder
from core.media.scenes import cuts
from core.registry import Card
from core.stages.asking.answers import Answer, silent, spoken
from core.stages.context import Context
from core.stages.reading import Material
from core.types import FaceTrack, MediaKind, Status

MAX_FPS = 120.0  # of decoding; faster clips are thinned


def ask(card: Card, weights: Path, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    """One answer a person; a single one where nobody is seen over time."""
    if material.ref.kind is not MediaKind.VIDEO:
        what = "a picture does not move" if material.ref.kind is MediaKind.IMAGE else "this is sound only"
        return [silent(card, Status.NOT_APPLICABLE, f"{what}; it looks at faces over time")]
    if not tracks:
        return [silent(card, Status.NOT_APPLICABLE, "no face was found")]
    key = f"{card.id}:{card.weights.sha256}"
    with context.pool.lease(key, lambda device: load_clip_detector(card, weights, device)) as detector:
        return [_about(detector, card, track, material, context) for track in tracks]


def _about(detector: WindowDetector, card: Card, track: FaceTrack, material: Material, context: Context) -> Answer:
    size = float(np.median([quality.size_px for quality in track.quality]))
    if size < card.limits.min_face_px:
        reason = f"the face is {size:.0f} px wide; {card.limits.min_face_px:.0f} px are needed"
        return silent(card, Status.NOT_APPLICABLE, reason, track.id)
    windows, reason = seen_windows(card, track, material, context)
    if not windows:
        return silent(card, Status.NOT_APPLICABLE, reason, track.id)
    logits = np.concatenate([detector.logits(window.crops[None]) for window in windows])
    context.motion[track.id] = _moves(detector, track, windows, context.motion.get(track.id))
    count = sum(len(window.t_s) for window in windows)
    return spoken(card, logits, [window.middle_s for window in windows], track.id, n=count)


def _moves(
    detector: WindowDetector, track: FaceTrack, windows: Sequence[FaceWindow], known: MotionFacts | None
) -> MotionFacts:
    """Facts of the person's motion; those with a measure of unrest are kept."""
    if known is not None and known.unrest:
        return known
    parts = [detector.unrest(window.crops[None]) for window in windows]
    return motion_facts(track, windows, [float(part[0]) for part in parts if part is not None])


def seen_windows(
    card: Card, track: FaceTrack, material: Material, context: Context
) -> tuple[tuple[FaceWindow, ...], str]:
    """Windows of one person as the card asks, and why there is none where that is so.

    Detectors that are fed alike share them: they are cut once in an analysis.
    """
    spec = clip_spec(card)
    key = ("windows", track.id, spec.model_dump_json(), card.input.model_dump_json(exclude={"mean", "std"}))
    return context.once(key, lambda: _cut(card, track, material, context))


def _cut(card: Card, track: FaceTrack, material: Material, context: Context) -> tuple[tuple[FaceWindow, ...], str]:
    spec = clip_spec(card)
    scenes = cuts(material.frames)
    begins = starts(track, scenes, spec)
    if not begins:
        longest = max((end - start for start, end in stays(track, scenes)), default=0.0)
        reason = f"the person is seen for {longest:.1f} s without a cut; {window_s(spec):.1f} s are needed"
        return (), reason
    reader = decoder(context.settings, context.still_wanted)
    windows, reason = [], ""
    with _finder(context) as finder:
        for begin in begins:
            context.still_wanted()
            try:
                windows.append(_window(begin, card, track, material, reader, finder))
            except (LookupError, WorkbenchError) as error:
                reason = str(error)
    return tuple(windows), reason


def _window(
    begin: float, card: Card, track: FaceTrack, material: Material, reader: Decoder, finder: FaceFinder
) -> FaceWindow:
    spec = clip_spec(card)
    end = begin + window_s(spec) + 2 / FPS
    frames = reader.window(material.ref, material.info, begin, end, MAX_FPS)
    return cut_window(frames, track, spec, card.input, finder.find)


def _finder(context: Context) -> AbstractContextManager[FaceFinder]:
    key = f"faces:{context.settings.faces.model_dump_json()}"
    return context.pool.lease(key, lambda device: face_finder(context.settings, device))
