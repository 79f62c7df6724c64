"""Reading of one picture track by time: seeking, exact time stamps, orientation, size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, cast

import av
import numpy as np
from av.sidedata.sidedata import SideData
from av.sidedata.sidedata import Type as SideDataType
from av.video.frame import VideoFrame

from core.errors import EmptyMediaError
from core.media.containers import DECODER_FAULTS, Decoding, open_container, origin_s, picture_stream
from core.types import RGB, Frame

MAX_SIDE_PX = 1920
"""Longer side of delivered frames, in px; larger ones are made smaller."""

_NO_SEEK_S = 1.0
_NO_SEEK_INEXACT_S = 60.0  # time stamps after a seek in MPEG program streams are half a frame off
_INDEXED = ("mov,", "matroska", "avi")
_INDEX_REACH_S = 15.0
_STEPS_BACK_S = (0.0, 2.0, 10.0, 40.0)


def pixel_aspect(frame_or_stream: object) -> float:
    """Width of a pixel relative to its height, 1.0 where it is not told or absurd."""
    ratio = getattr(frame_or_stream, "sample_aspect_ratio", None)
    return float(ratio) if ratio and 0.4 <= float(ratio) <= 2.5 else 1.0


def delivered_size(width: int, height: int) -> tuple[int, int]:
    """Size in px at which a frame of ``width`` x ``height`` is delivered: the longer side is :data:`MAX_SIDE_PX`
    at most."""
    scale = min(1.0, MAX_SIDE_PX / max(width, height, 1))
    return max(1, round(width * scale)), max(1, round(height * scale))


def orientation(frame: VideoFrame) -> tuple[int, bool]:
    """How the decoded picture has to be turned: degrees clockwise (0, 90, 180 or 270) after mirroring left-right.

    From the display matrix [a b u; c d v; x y w], which maps (x, y) to (a x + c y, b x + d y), y down.
    """
    try:
        side_data = cast(Iterable[SideData], frame.side_data)
        matrix = next((bytes(d) for d in side_data if d.type is SideDataType.DISPLAYMATRIX), None)
    except ValueError:  # side data of a kind that PyAV does not know
        return -frame.rotation % 360 // 90 * 90, False
    if matrix is None:
        return 0, False
    a, b, _, c, d = (int(v) for v in np.frombuffer(matrix, "<i4")[:5])
    mirrored = a * d - b * c < 0
    sign = -1 if mirrored else 1
    return round(math.degrees(math.atan2(sign * b, sign * a)) / 90) * 90 % 360, mirrored


class VideoReader:
    """One open picture track. A context manager; seconds are on the medium's clock (:func:`origin_s`).

    Args:
        path: the file.
        threads: "frame" decodes runs of frames fastest, "slice" single frames.
        max_pixels: frames larger than this are refused by the decoder.
        clock_s: second of the track that reads zero; None takes the file's own.

    Raises:
        DamagedMediaError: the file cannot be opened.
        EmptyMediaError: it has no picture track.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: Literal["frame", "slice"] = "frame",
        max_pixels: int | None = None,
        clock_s: float | None = None,
    ) -> None:
        self._container = open_container(path, max_pixels)
        stream = picture_stream(self._container)
        if stream is None or not stream.time_base:
            self._container.close()
            raise EmptyMediaError("The file has no moving picture.", hint="Choose a video file.")
        stream.thread_type = "AUTO" if threads == "frame" else "SLICE"
        self._stream = stream
        self._decoding = Decoding(self._container, stream)
        self.tick_s = float(stream.time_base)
        self.origin_s = origin_s(self._container) if clock_s is None else clock_s
        self.aspect = pixel_aspect(stream)
        self._orientations: dict[int, tuple[int, bool]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def faults(self) -> int:
        """Damaged packets met so far."""
        return self._decoding.faults

    def ticks(self, t_s: float) -> int:
        return round((t_s + self.origin_s) / self.tick_s)

    def seconds(self, pts: int) -> float:
        return pts * self.tick_s - self.origin_s

    def frames(self) -> Iterator[VideoFrame]:
        """Decode from the current position on. Every frame has a time stamp (``pts``)."""
        for frame in self._decoding:
            if isinstance(frame, VideoFrame):
                if frame.pts is None:
                    frame.pts = frame.dts
                if frame.pts is not None:
                    yield frame

    def frames_from(self, tick: int, slack_s: float = 0.0) -> Iterator[VideoFrame]:
        """Seek, and decode from the last key frame at or before ``tick`` on.

        Containers without a list of key frames land anywhere, so the search steps back until a frame at most
        ``slack_s`` after ``tick`` comes out. What was found first is taken if nothing better is.
        """
        first_tick = self._stream.start_time or 0
        near_s = _NO_SEEK_INEXACT_S if self._container.format.name == "mpeg" else _NO_SEEK_S
        if self._decoding.packets == 0 and (tick - first_tick) * self.tick_s <= near_s:
            return self.frames()
        fallback: int | None = None
        for back_s in _STEPS_BACK_S:
            start = max(first_tick, tick - round(back_s / self.tick_s))
            frames = self._seek(start)
            first = next(frames, None)
            if first is not None and ((first.pts or 0) <= tick + slack_s / self.tick_s or start == first_tick):
                return chain((first,), frames)
            fallback = start if fallback is None and first is not None else fallback
            if start == first_tick or (first is None and self.key_before(tick) is not None):
                break
        return self._seek(fallback) if fallback is not None else iter(())

    def _seek(self, tick: int) -> Iterator[VideoFrame]:
        try:
            self._container.seek(tick, stream=self._stream, backward=True)
        except DECODER_FAULTS:
            return iter(())
        self._decoding.await_key()
        return self.frames()

    def key_before(self, tick: int) -> int | None:
        """Decoding time, in ticks, of the last key frame at or before ``tick``; None where the container has no
        list of key frames that reaches there."""
        entries = self._stream.index_entries
        if not self._container.format.name.startswith(_INDEXED) or len(entries) == 0:
            return None
        if (tick - entries[len(entries) - 1].timestamp) * self.tick_s > _INDEX_REACH_S:
            return None
        found = entries.search_timestamp(tick, backward=True)
        return entries[found].timestamp if found >= 0 else None

    def span_s(self, duration_s: float | None) -> tuple[float, float] | None:
        """Start and end of the picture in seconds; ``duration_s`` is the whole file's, where the track tells none."""
        first = self._stream.start_time
        start = self.seconds(first) if first is not None else 0.0
        if self._stream.duration:
            return start, start + self._stream.duration * self.tick_s
        own = self._container.duration
        length = duration_s if duration_s is not None else own / av.time_base if own else None
        return None if length is None else (start, max(start, length))

    def picture(self, frame: VideoFrame) -> RGB:
        """The upright picture uint8[H, W, 3] RGB with square pixels, at :func:`delivered_size`."""
        width, height = delivered_size(round(frame.width * self.aspect), frame.height)
        shrinks = height < frame.height
        scaled = frame.reformat(
            width=width, height=height, format="rgb24", interpolation="AREA" if shrinks else "BILINEAR", threads=1
        )
        degrees, mirrored = self._orientation(frame)
        rgb = np.asarray(scaled.to_ndarray(), dtype=np.uint8)
        return np.ascontiguousarray(np.rot90(rgb[:, ::-1] if mirrored else rgb, k=-degrees // 90))

    def _orientation(self, frame: VideoFrame) -> tuple[int, bool]:
        """As :func:`orientation`, read once for each angle: a frame whose side data was looked at stays in memory
        with its picture until the collector of cycles runs."""
        if frame.rotation not in self._orientations:
            self._orientations[frame.rotation] = orientation(frame)
        return self._orientations[frame.rotation]

    def deliver(self, frame: VideoFrame, fps: float | None) -> Frame:
        """A decoded frame as the program's own value."""
        t_s = self.seconds(frame.pts or 0)
        return Frame(max(0, round(t_s * fps)) if fps else 0, t_s, self.picture(frame))
