"""The one way for pages, reports and commands to ask why a detector said what it said about a frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core import registry, wording
from core.errors import ConfigError, NotFoundError
from core.explain.heat import Explainer, onto_frame
from core.explain.methods import METHODS, RELATIVE, Method
from core.faces.align import crop
from core.media.moment import picture_at
from core.overlays import nearest_moment
from core.runtime.pool import shared_pool
from core.settings import Settings
from core.types import RGB, Analysis, Box, Face, FaceTrack, MediaKind
from core.weights.files import as_found

_NO_FACE = Face((0.0, 0.0, 1.0, 1.0), (), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class FrameHeat:
    """A heat map of one frame.

    ``rgb`` uint8[H, W, 3] is the frame, ``heat`` float32[H, W] in [0, 1] lies over it (0 outside the crop); ``crop``
    uint8[S, S, 3] is what the detector saw, ``crop_heat`` float32[S, S] belongs to it. ``box`` is that of the face,
    None where the whole picture was looked at. ``methods`` are all that this detector can be explained by.
    """

    rgb: RGB
    heat: npt.NDArray[np.float32]
    crop: RGB
    crop_heat: npt.NDArray[np.float32]
    t_s: float
    track_id: int | None
    box: Box | None
    detector: str
    title: str
    method: Method
    methods: tuple[Method, ...]
    words: tuple[str, ...]


def explain_frame(
    analysis: Analysis,
    media_path: Path,
    t_s: float,
    track_id: int | None,
    detector_id: str,
    method: Method | None,
    settings: Settings,
) -> FrameHeat:
    """Where a detector sees signs of a fake in one frame. Runs a network: call it from a worker thread.

    Args:
        analysis: what is explained.
        media_path: the medium it is about.
        t_s: the frame; the nearest looked-at one that shows the person is taken.
        track_id: the person; None takes the one who drives the verdict.
        detector_id: a frame detector.
        method: one of :data:`core.explain.methods.METHODS`; None takes the best that the detector has.

    Raises:
        NotFoundError: there is no such person, or no picture.
        WorkbenchError: the detector's weights are not there, it cannot be explained this way, or the file cannot be
            read any more.
    """
    if analysis.media.info.kind is MediaKind.AUDIO:
        raise NotFoundError("A recording has no picture to explain.", hint="Look at its spectrogram instead.")
    card, weights = as_found(registry.card(detector_id), settings)
    track = None if card.input.crop == "whole" else _track(analysis, track_id)
    moment, face = _face_at(analysis, track, t_s)
    rgb = picture_at(media_path, analysis.media, moment, settings)
    seen = crop(rgb, face, card.input)
    key = f"explain:{card.id}:{card.weights.sha256}"
    with shared_pool(settings.runtime).lease(key, lambda device: Explainer(card, weights, device)) as explainer:
        methods = explainer.methods
        chosen = _chosen(method, methods, card.title)
        heat = explainer.heat_map(seen, chosen)
    return FrameHeat(
        rgb=rgb,
        heat=onto_frame(heat, rgb.shape, face, card.input),
        crop=seen,
        crop_heat=heat,
        t_s=moment,
        track_id=track.id if track else None,
        box=face.box if track else None,
        detector=card.id,
        title=card.title,
        method=chosen,
        methods=methods,
        words=_words(chosen, heat, analysis.media.info.kind, moment),
    )


def _track(analysis: Analysis, track_id: int | None) -> FaceTrack:
    wanted = analysis.verdict.track_id if track_id is None else track_id
    found = [track for track in analysis.tracks if wanted in (None, track.id)]
    if not found:
        raise NotFoundError(
            "There is no such person in this file, so there is no face to explain.",
            hint="Choose another person, or another file.",
        )
    return found[0]


def _face_at(analysis: Analysis, track: FaceTrack | None, t_s: float) -> tuple[float, Face]:
    if track is None:
        return nearest_moment(analysis, t_s), _NO_FACE
    at = min(range(len(track.t_s)), key=lambda i: abs(track.t_s[i] - t_s))
    return track.t_s[at], track.faces[at]


def _chosen(method: Method | None, methods: tuple[Method, ...], title: str) -> Method:
    if not methods or (method is not None and method not in methods):
        raise ConfigError(
            f"{title} cannot be explained this way.",
            hint=f"It can by {', '.join(METHODS[m].title for m in methods)}."
            if methods
            else "Choose another detector.",
        )
    return method or methods[0]


def _words(method: Method, heat: npt.NDArray[np.float32], kind: MediaKind, t_s: float) -> tuple[str, ...]:
    where = "In this picture" if kind is MediaKind.IMAGE else f"At {wording.clock(t_s)}"
    if not heat.any():
        return (f"{where} no place raises the score for a fake, as far as this method can tell.",)
    return (METHODS[method].says,) if method == "own" else (METHODS[method].says, RELATIVE)
