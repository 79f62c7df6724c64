"""Frames of a clip at chosen moments, with exact times.

Times are seconds on the medium's clock (pts x time_base; see :func:`core.media.containers.origin_s`). Frames are
upright, with square pixels, and at most 1920 px on their longer side; boxes found in them refer to the delivered
frame. Only the frames that are returned are kept in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TypeVar

import cv2
import numpy as np

from core.errors import DamagedMediaError, EmptyMediaError, WorkbenchError
from core.media.clips import AnimationClip, Clip, VideoClip, thinned
from core.media.enhance import blur_variance
from core.media.guard import animation_format
from core.media.image import ANIMATIONS
from core.media.reader import VideoReader, delivered_size
from core.media.repair import sources
from core.media.sampling import Span, frame_shown_at
from core.media.strategies import OnFrame, Rate, Taken, by_scene, every, sharpest, uniform
from core.runtime.memory import give_back
from core.settings import Limits, Sampling
from core.types import RGB, Frame, GreyFrame, MediaInfo, MediaRef, Region

log = logging.getLogger(__name__)
_Taken = TypeVar("_Taken")

MAX_FRAMES = 4096

_MEMORY_BYTES = 1_500_000_000
_LARGE_PX = 2_500_000  # more than 1080p
_one_large = Lock()
_ENOUGH = 0.5
_ROUNDING_S = 0.002
_HINT = "It may be cut off or damaged: copy it again, or export it as MP4 (H.264, AAC)."


def read_frames(
    ref: MediaRef,
    info: MediaInfo,
    sampling: Sampling,
    *,
    limits: Limits | None = None,
    on_frame: OnFrame | None = None,
    rate: Rate = blur_variance,
) -> tuple[list[Frame], list[str]]:
    """Sample a clip by seeking, so that an hour costs about as much as ten seconds.

    A file that cannot be read as it is, is remuxed or decoded into a temporary copy before giving up; where only a
    part can be read, the frames come from that part.

    Args:
        on_frame: told (done, expected) after each frame; what it raises ends the reading.
        rate: measure of quality for the strategy "quality"; higher is better.

    Returns:
        At most ``sampling.frames`` frames in order of time (all of a short clip for "all" and "auto"), and warnings
        in plain words.

    Raises:
        DamagedMediaError: no frame can be decoded.
        EmptyMediaError: there is no picture track.
    """
    limits = limits or Limits()
    best: tuple[float, list[Frame], list[str]] = (-1.0, [], [])
    last_error: WorkbenchError | None = None
    with closing(_clips(ref, info, limits)) as clips:
        for clip, note in clips:
            if isinstance(clip, WorkbenchError):
                last_error = clip
                continue
            taken, warnings = _sample(clip, info, sampling, on_frame or (lambda done, expected: None), rate)
            share = 1 - len(taken.lost_s) / taken.asked if taken.frames else 0.0
            if taken.frames and share > best[0]:
                best = share, taken.frames, [note, *warnings] if note else warnings
            if share >= _ENOUGH:
                break
    if not best[1]:
        raise last_error or DamagedMediaError("No picture of this video can be decoded.", hint=_HINT)
    return best[1], best[2]


def _clips(ref: MediaRef, info: MediaInfo, limits: Limits) -> Generator[tuple[Clip | WorkbenchError, str], None, None]:
    """The clip, then mended copies of it; an error in place of one that cannot be opened."""
    if ref.format in ANIMATIONS:
        yield AnimationClip(ref.path, ref.format, limits), ""
        return
    with closing(sources(ref.path)) as candidates:
        for source in candidates:
            try:
                clip: Clip | WorkbenchError = VideoClip(source, info, limits)
            except (DamagedMediaError, EmptyMediaError) as exc:
                clip = exc
            yield clip, source.note


def _sample(clip: Clip, info: MediaInfo, sampling: Sampling, tell: OnFrame, rate: Rate) -> tuple[Taken, list[str]]:
    span = clip.span
    if sampling.strategy == "auto":
        is_short = span.end_s - span.start_s < sampling.all_below_s
        sampling = sampling.model_copy(update={"strategy": "all" if is_short else "uniform"})
    taken, warnings = _take(clip, span, info, sampling, tell, rate)
    if not taken.lost_s or not taken.frames:
        return taken, warnings
    if not taken.lost_tail:
        return taken, [*warnings, f"{len(taken.lost_s)} of {taken.asked} moments of the clip could not be read."]
    step = (span.end_s - span.start_s) / taken.asked
    shorter = replace(span, end_s=min(taken.frames[-1].t_s + min(step / 2, 1.0), min(taken.lost_s)))
    again, warnings = _take(clip, shorter, info, sampling, tell, rate)
    told = f"Only the first {shorter.end_s - span.start_s:.1f} of {span.end_s - span.start_s:.1f} seconds can be read."
    return again if again.frames else taken, [*warnings, told]


def _take(
    clip: Clip, span: Span, info: MediaInfo, sampling: Sampling, tell: OnFrame, rate: Rate
) -> tuple[Taken, list[str]]:
    affordable = _affordable(info)
    count = min(sampling.frames, affordable)
    strategy = sampling.strategy
    if strategy == "scene":
        return by_scene(clip, span, count, tell), []
    if strategy == "quality":
        return sharpest(clip, span, count, rate, tell), []
    if strategy == "uniform":
        return uniform(clip, span, count, tell), []
    if span.expected_frames > affordable:
        told = f"The clip is too long to keep all its frames: {affordable} spread over it were read."
        return uniform(clip, span, affordable, tell), [told]
    return every(clip, span, affordable, tell), []


def _affordable(info: MediaInfo) -> int:
    """Number of frames that fit the memory set aside for them."""
    width, height = delivered_size(info.width or 1920, info.height or 1080)
    return max(8, min(MAX_FRAMES, _MEMORY_BYTES // (width * height * 3)))


def read_window(
    ref: MediaRef,
    info: MediaInfo,
    start_s: float,
    end_s: float,
    region: Region | None = None,
    *,
    max_fps: float = 50.0,
    limits: Limits | None = None,
) -> list[Frame]:
    """All frames with ``start_s`` <= t < ``end_s``, thinned to ``max_fps`` and to what fits into memory; of each only
    ``region`` where one is given.

    Raises:
        DamagedMediaError: no frame can be decoded there.
    """

    def part(frame: Frame) -> Frame:
        return frame if region is None else replace(frame, rgb=_part(frame.rgb, region).copy())

    return _window(ref, info, (start_s, end_s), min(max_fps, _most_fps(info, end_s - start_s)), limits, part)


def read_grey_window(
    ref: MediaRef,
    info: MediaInfo,
    start_s: float,
    end_s: float,
    region: Region,
    *,
    max_fps: float = 50.0,
    limits: Limits | None = None,
) -> list[GreyFrame]:
    """As :func:`read_window`, without colours: several times less to hold.

    Raises:
        DamagedMediaError: no frame can be decoded there.
    """

    def part(frame: Frame) -> GreyFrame:
        return GreyFrame(frame.t_s, np.asarray(cv2.cvtColor(_part(frame.rgb, region), cv2.COLOR_RGB2GRAY), np.uint8))

    return _window(ref, info, (start_s, end_s), min(max_fps, _most_fps(info, end_s - start_s)), limits, part)


def _part(rgb: RGB, region: Region) -> RGB:
    left, top, right, bottom = region
    cut = rgb[top:bottom, left:right]
    return cut if cut.size else rgb  # a smaller frame, from where the stream changes its size


def _most_fps(info: MediaInfo, seconds: float) -> float:
    return _affordable(info) / max(seconds, 1e-3)


def _window(
    ref: MediaRef,
    info: MediaInfo,
    span: tuple[float, float],
    max_fps: float,
    limits: Limits | None,
    take: Callable[[Frame], _Taken],
) -> list[_Taken]:
    """What ``take`` keeps of each frame; every frame is let go before the next is decoded."""
    with _room(info), closing(_clips(ref, info, limits or Limits())) as clips:
        for clip, _ in clips:
            if not isinstance(clip, WorkbenchError):
                shots = thinned(clip.run(span[0]), *span, max_fps, _affordable(info))
                if taken := [take(frame) for frame in shots]:
                    return taken
    raise DamagedMediaError(f"No picture can be decoded between {span[0]:.1f} and {span[1]:.1f} s.", hint=_HINT)


@contextmanager
def _room(info: MediaInfo) -> Iterator[None]:
    """Of large pictures a decoder holds some hundred megabytes, so there is one at a time, and what others left goes
    back first."""
    if (info.width or 0) * (info.height or 0) <= _LARGE_PX:
        yield
        return
    with _one_large:
        give_back()
        yield


def frame_at(path: Path, t_s: float) -> Frame:
    """The exact frame that is on screen at ``t_s`` seconds (rounded times are understood); the nearest one where
    ``t_s`` lies outside the clip.

    Raises:
        DamagedMediaError: it cannot be decoded.
    """
    t_s = max(0.0, t_s) + _ROUNDING_S
    if format_ := animation_format(path):
        return _first(AnimationClip(path, format_, Limits()), t_s)
    with closing(sources(path)) as candidates:
        for source in candidates:
            try:
                with VideoReader(source.path, clock_s=source.clock_s, threads="slice") as reader:
                    if frame := frame_shown_at(reader, t_s):
                        return reader.deliver(frame, None)
            except (DamagedMediaError, EmptyMediaError):
                log.debug("not readable as it is", exc_info=True)
    raise DamagedMediaError(f"The picture at {t_s:.2f} s cannot be decoded.", hint=_HINT)


def _first(clip: AnimationClip, t_s: float) -> Frame:
    for shot in clip.run(t_s):
        return shot.frame()
    raise DamagedMediaError(f"The picture at {t_s:.2f} s cannot be decoded.", hint=_HINT)
