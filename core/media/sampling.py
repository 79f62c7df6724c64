"""Which moments of a clip are looked at, and how to get there cheaply.

Short clips are decoded in one run. In longer ones every wanted moment is sought: the key frame before it stands for
it where that is a new one, else decoding goes on for a bounded number of frames. So an hour costs about as much as
ten seconds, and times are always those of the frames that were really decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame

from core.media.reader import VideoReader

RUN_PIXELS = 2_000_000_000
"""Clips with at most this many pixels in all their frames (72 s of 720p, 8 s of 4K) are decoded in one run; small
frames count as :data:`SMALL_PIXELS`."""

SMALL_PIXELS = 800_000

_FORWARD_FRAMES = 60
_LAST_FRAME_HOLDS_S = 1.0
_LAST_FRAME_HOLDS_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a clip to be sampled, in seconds, with the frame rate, distance of key frames and pixels a frame
    that are expected there."""

    start_s: float
    end_s: float
    fps: float
    gop_s: float
    pixels: int

    @property
    def expected_frames(self) -> float:
        return (self.end_s - self.start_s) * self.fps

    @property
    def exact(self) -> bool:
        """Whether every moment is worth decoding up to."""
        return self.expected_frames * max(self.pixels, SMALL_PIXELS) <= RUN_PIXELS


def bin_centres(span: Span, count: int) -> list[float]:
    """Centres, in seconds, of ``count`` equal parts of ``span``."""
    edges = np.linspace(span.start_s, span.end_s, count + 1)
    return [float(t) for t in (edges[:-1] + edges[1:]) / 2]


class _Cursor:
    """A place in a run of decoded frames."""

    def __init__(self, frames: Iterator[VideoFrame]) -> None:
        self._frames = frames
        self._ahead: VideoFrame | None = None
        self.now: VideoFrame | None = None
        self.ended = False

    def step(self) -> VideoFrame | None:
        """Move one frame on; at the end stay, and note it."""
        following = self._peek()
        if following is not None:
            self.now, self._ahead = following, None
        return self.now

    def move_to(self, tick: int, at_most: int | None) -> VideoFrame | None:
        """Move to the last frame that begins at or before ``tick``, ``at_most`` frames on."""
        moved = 0
        while at_most is None or moved < at_most:
            following = self._peek()
            if following is None or (self.now is not None and (following.pts or 0) > tick):
                break
            self.step()
            moved += 1
        return self.now

    def _peek(self) -> VideoFrame | None:
        if self._ahead is None:
            self._ahead = next(self._frames, None)
            self.ended = self._ahead is None
        return self._ahead


def frames_at(
    reader: VideoReader, times_s: Sequence[float], span: Span, *, exact: bool | None = None
) -> Iterator[tuple[int, VideoFrame | None]]:
    """Decode the frames that are shown at ``times_s`` (ascending).

    Args:
        exact: decode right up to each moment; None decides by the length of ``span``.

    Yields:
        (position in ``times_s``, frame); None where nothing could be read. A frame is yielded once only, so several
        moments within one frame give one entry. Where ``exact`` is off the frame may lie before the moment.
    """
    exact = span.exact if exact is None else exact
    slack_s = 0.0 if exact else (span.end_s - span.start_s) / max(1, len(times_s)) / 2
    cursor: _Cursor | None = None
    delivered: int | None = None
    for position, t_s in enumerate(times_s):
        tick = reader.ticks(t_s)
        fresh = cursor is None or _seeking_pays(reader, cursor, tick, span)
        if fresh or cursor is None:
            cursor = _Cursor(reader.frames_from(tick, slack_s))
        frame = _advance(cursor, tick, exact, fresh, delivered)
        if frame is None or _is_beyond(reader, cursor, frame, tick, span):
            yield position, None
        elif delivered is None or (frame.pts or 0) > delivered:
            delivered = frame.pts or 0
            yield position, frame


def frame_shown_at(reader: VideoReader, t_s: float) -> VideoFrame | None:
    """The one frame that is on screen at ``t_s``; the last one where the clip ends before."""
    tick = reader.ticks(t_s)
    return _Cursor(reader.frames_from(tick)).move_to(tick, None)


def _advance(cursor: _Cursor, tick: int, exact: bool, fresh: bool, delivered: int | None) -> VideoFrame | None:
    if exact:
        return cursor.move_to(tick, None)
    if fresh:
        key = cursor.step()
        if key is None or delivered is None or (key.pts or 0) > delivered:
            return key
    if delivered is not None:
        cursor.move_to(min(tick, delivered), None)
    return cursor.move_to(tick, _FORWARD_FRAMES)


def _seeking_pays(reader: VideoReader, cursor: _Cursor, tick: int, span: Span) -> bool:
    """Whether a key frame lies between here and ``tick``; short clips are decoded in one run while it lasts."""
    here = cursor.now.pts if cursor.now is not None else None
    if here is None:
        return True
    if span.exact and not cursor.ended:
        return False
    key = reader.key_before(tick)
    if key is not None:
        return key > here
    return (tick - here) * reader.tick_s > span.gop_s


def _is_beyond(reader: VideoReader, cursor: _Cursor, frame: VideoFrame, tick: int, span: Span) -> bool:
    """Whether the picture ended well before ``tick``: its last frame does not stand for what is missing."""
    if not cursor.ended:
        return False
    held_s = (tick - (frame.pts or 0)) * reader.tick_s
    allowed_s = min(_LAST_FRAME_HOLDS_S, _LAST_FRAME_HOLDS_SHARE * (span.end_s - span.start_s))
    return held_s > max(allowed_s, (frame.duration or 0) * reader.tick_s)
