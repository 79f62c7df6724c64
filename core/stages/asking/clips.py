"""Detectors that look at faces over time: about every person, window by window."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from core.detectors.clip import Curve, Seen, WindowDetector, clip_spec, load_clip_detector
from core.errors import WorkbenchError
from core.faces.detect import FaceFinder, face_finder
from core.faces.motion import motion_facts
from core.faces.surroundings import surroundings, within
from core.faces.windows import FaceWindow, cut_window, starts, stays, step_s, window_s
from core.facts import Attention, LookKind, MotionFacts
from core.fusion.spread import telling
from core.media.decoding import Decoder, decoder
from core.media.scenes import cuts
from core.registry import Card
from core.stages.asking.answers import Answer, silent, spoken
from core.stages.asking.looks import Again
from core.stages.context import Context
from core.stages.reading import Material
from core.types import FaceTrack, MediaKind, Status

MAX_FPS = 120.0  # of decoding; faster clips are thinned
_DROPPED = 1  # windows that dropout is drawn for: the one in the middle of the answers


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
    looks = [detector.look(window.crops[None]) for window in windows]
    context.motion[track.id] = _moves(looks, track, windows, context.motion.get(track.id))
    logits = np.concatenate([look.logits for look in looks])
    return spoken(
        card,
        logits,
        [window.middle_s for window in windows],
        track.id,
        n=sum(len(window.t_s) for window in windows),
        again=_again(detector, windows, logits, context),
        heads=[(name, np.concatenate([dict(look.heads)[name] for look in looks])) for name, _ in looks[0].heads],
        attention=attention_of(windows, looks),
    )


def _again(
    detector: WindowDetector, windows: Sequence[FaceWindow], logits: Curve, context: Context
) -> tuple[Again, ...]:
    """With dropout at work."""
    passes, which = context.settings.uncertainty.dropout, telling(logits.astype(np.float64), _DROPPED)
    drawn = [detector.draws(windows[i].crops[None], passes) for i in which] if passes else []
    known = [draw for draw in drawn if draw is not None]
    return (Again(LookKind.DROPOUT, which, np.concatenate(known, axis=1)),) if known else ()


def attention_of(windows: Sequence[FaceWindow], looks: Sequence[Seen]) -> Attention | None:
    """How much the detector attended to the frames of all windows; None where it does not say."""
    weights = [look.attention[0] * look.attention.shape[1] for look in looks if look.attention is not None]
    if len(weights) < len(windows):
        return None
    t_s = np.concatenate([window.t_s for window in windows])
    order = np.argsort(t_s, kind="stable")
    return Attention(tuple(t_s[order].tolist()), tuple(np.concatenate(weights)[order].astype(float).tolist()))


def _moves(
    looks: Sequence[Seen], track: FaceTrack, windows: Sequence[FaceWindow], known: MotionFacts | None
) -> MotionFacts:
    """Facts of the person's motion; those with a measure of unrest are kept."""
    if known is not None and known.unrest:
        return known
    return motion_facts(track, windows, [float(look.unrest[0]) for look in looks if look.unrest is not None])


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
    spec, step = clip_spec(card), step_s(material.info.fps)
    scenes = cuts(material.frames)
    begins = starts(track, scenes, spec, step)
    if not begins:
        longest = max((end - start for start, end in stays(track, scenes)), default=0.0)
        reason = f"the person is seen for {longest:.1f} s without a cut; {window_s(spec, step):.1f} s are needed"
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
    spec, step = clip_spec(card), step_s(material.info.fps)
    end = begin + window_s(spec, step) + 2 * step
    height, width = material.frames[0].rgb.shape[:2]
    region = surroundings([track], begin, end, (width, height))
    frames = reader.window(material.ref, material.info, begin, end, region, MAX_FPS)
    return cut_window(frames, within(track, region), spec, card.input, finder.find, step)


def _finder(context: Context) -> AbstractContextManager[FaceFinder]:
    key = f"faces:{context.settings.faces.model_dump_json()}"
    return context.pool.lease(key, lambda device: face_finder(context.settings, device))
