"""One way to look at videos and animated pictures: by moment, or in a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

from core.errors import DamagedMediaError
from core.media import animation
from core.media.reader import VideoReader
from core.media.repair import Source
from core.media.sampling import Span, frames_at
from core.settings import Limits
from core.types import Frame, MediaInfo

_USUAL_FPS = 30.0
_LONG_GOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Shot:
    """A decoded picture at ``t_s`` seconds that is turned into a frame only on demand."""

    t_s: float
    frame: Callable[[], Frame]


class Clip(Protocol):
    """Something that shows pictures over a span of time."""

    @property
    def span(self) -> Span: ...

    def at(self, times_s: Sequence[float], span: Span, exact: bool | None = None) -> Iterator[tuple[int, Shot | None]]:
        """The pictures shown at ``times_s``, as :func:`core.media.sampling.frames_at` yields them."""

    def run(self, start_s: float) -> Iterator[Shot]:
        """All pictures from the one shown at ``start_s`` on."""


class VideoClip:
    """The picture track of a video file.

    Raises:
        DamagedMediaError: it cannot be opened, or its length is unknown.
        EmptyMediaError: it has no picture track.
    """

    def __init__(self, source: Source, info: MediaInfo, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._fps = info.fps
        with self._open(exact=False) as reader:
            ends = reader.span_s(info.duration_s)
        if ends is None:
            raise DamagedMediaError("The length of the video is unknown.", hint="Export it again as MP4.")
        fps = info.fps or _USUAL_FPS
        pixels = (info.width or 1920) * (info.height or 1080)
        self.span = Span(*ends, fps, info.gop_frames / fps if info.gop_frames else _LONG_GOP_S, pixels)

    def _open(self, exact: bool) -> VideoReader:
        return VideoReader(
            self._source.path,
            threads="frame" if exact else "slice",
            max_pixels=self._limits.max_pixels,
            clock_s=self._source.clock_s,
        )

    def at(self, times_s: Sequence[float], span: Span, exact: bool | None = None) -> Iterator[tuple[int, Shot | None]]:
        with self._open(span.exact if exact is None else exact) as reader:
            for position, frame in frames_at(reader, times_s, span, exact=exact):
                if frame is None:
                    yield position, None
                else:
                    yield position, Shot(reader.seconds(frame.pts or 0), partial(reader.deliver, frame, self._fps))

    def run(self, start_s: float) -> Iterator[Shot]:
        with self._open(exact=True) as reader:
            for frame in reader.frames_from(reader.ticks(start_s)):
                yield Shot(reader.seconds(frame.pts or 0), partial(reader.deliver, frame, self._fps))


class AnimationClip:
    """An animated GIF, WebP or PNG.

    Raises:
        DamagedMediaError: it holds no picture.
    """

    def __init__(self, path: Path, format_: str, limits: Limits) -> None:
        self._path = path
        self._limits = limits
        self._times = animation.picture_times(path, format_)
        if not self._times.start_s:
            raise DamagedMediaError("The animation holds no picture.", hint="Copy or export it again from its source.")
        fps = len(self._times.start_s) / max(self._times.end_s, 1e-3)
        self.span = Span(0.0, self._times.end_s, fps, gop_s=0.0, pixels=1)

    def position(self, t_s: float) -> int:
        """Position of the picture that is shown at ``t_s``."""
        return max(0, bisect_right(self._times.start_s, t_s) - 1)

    def at(self, times_s: Sequence[float], span: Span, exact: bool | None = None) -> Iterator[tuple[int, Shot | None]]:
        asked: dict[int, int] = {}
        for position, t_s in enumerate(times_s):
            asked.setdefault(self.position(t_s), position)
        shots = self._shots(list(asked))
        for position in asked.values():
            yield position, next(shots, None)

    def run(self, start_s: float) -> Iterator[Shot]:
        return self._shots(range(self.position(start_s), len(self._times.start_s)))

    def _shots(self, wanted: Sequence[int]) -> Iterator[Shot]:
        for frame in animation.decoded(self._path, self._times, self._limits, wanted):
            yield Shot(frame.t_s, partial(_itself, frame))


def _itself(frame: Frame) -> Frame:
    return frame


def thinned(shots: Iterator[Shot], start_s: float, end_s: float, max_fps: float, at_most: int) -> Iterator[Frame]:
    """Frames in [``start_s``, ``end_s``), at most ``max_fps`` a second and ``at_most`` in all."""

    def kept() -> Iterator[Frame]:
        due = start_s - 1e-6
        for shot in shots:
            if shot.t_s >= end_s:
                return
            if shot.t_s >= due:
                due = max(due + 1 / max_fps, shot.t_s + 0.5 / max_fps)
                yield shot.frame()

    return islice(kept(), at_most)
