"""Opening of video and sound files with PyAV, within fixed bounds.

Only demuxers of :data:`DEMUXERS` and only the file itself are opened, so that a play list or a reference inside a
file can never make the program read another file or the network.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.container
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.errors import DamagedMediaError, WorkbenchError

log = logging.getLogger(__name__)

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", "asf", "mpegts", "mpeg", "mpegvideo", "m4v", "h264",
    "hevc", "obu", "ivf", "ogg", "mxf", "rm", "dv", "yuv4mpegpipe", "wav", "w64", "aiff", "caf", "au", "flac", "mp3",
    "aac", "ac3", "eac3", "amr", "ape", "wv", "tta",
)  # fmt: skip

DECODER_FAULTS: tuple[type[Exception], ...] = (
    av.FFmpegError, OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError,
    AssertionError, SyntaxError, EOFError, struct.error, zlib.error,
)  # fmt: skip
"""What decoders of pictures and sound raise on damaged input. WorkbenchError is never among them."""

READ_FAULTS: tuple[type[Exception], ...] = (WorkbenchError, *DECODER_FAULTS)

MIN_SAMPLE_RATE_HZ = 1_000
MAX_SAMPLE_RATE_HZ = 768_000

_OPEN_TIMEOUT_S = 60.0
_READ_TIMEOUT_S = 60.0
_MAX_FAULTS = 200
_MAX_DROPPED = 900
_NOT_A_PICTURE_TRACK = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def open_container(path: Path, max_pixels: int | None = None) -> av.container.InputContainer:
    """Open ``path`` for reading; the caller closes it (it is a context manager).

    Raises:
        DamagedMediaError: no known container, or its head is broken.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(DEMUXERS)}
    if max_pixels is not None:
        options["max_pixels"] = str(max_pixels)
    try:
        return av.open(
            f"file:{path.absolute()}",
            mode="r",
            options=options,
            metadata_errors="replace",
            timeout=(_OPEN_TIMEOUT_S, _READ_TIMEOUT_S),
        )
    except DECODER_FAULTS as exc:
        log.debug("container could not be opened", exc_info=True)
        raise DamagedMediaError(
            "The file cannot be opened as video or sound.",
            hint="It may be cut off or damaged: copy it again from its source, or export it anew.",
        ) from exc


def picture_stream(container: av.container.InputContainer) -> VideoStream | None:
    """The main moving picture: cover art and thumbnails do not count; the default track, then one of more
    than one frame, then the largest, wins."""
    streams = [s for s in container.streams.video if s.codec_context is not None and _is_moving(s)]
    return max(streams, key=_rank, default=None)


def _is_moving(stream: VideoStream) -> bool:
    return not stream.disposition & _NOT_A_PICTURE_TRACK


def _rank(stream: VideoStream) -> tuple[bool, bool, int]:
    area = (stream.width or 0) * (stream.height or 0)
    return bool(stream.disposition & Disposition.default), stream.frames != 1, area


def sound_stream(container: av.container.InputContainer) -> AudioStream | None:
    """The main sound track with a known decoder and a plausible sample rate."""
    streams = [s for s in container.streams.audio if s.codec_context is not None and _is_plausible(s)]
    return max(streams, key=lambda s: bool(s.disposition & Disposition.default), default=None)


def _is_plausible(stream: AudioStream) -> bool:
    return MIN_SAMPLE_RATE_HZ <= (stream.codec_context.sample_rate or 0) <= MAX_SAMPLE_RATE_HZ


def origin_s(container: av.container.InputContainer) -> float:
    """Seconds at which the medium's clock reads zero.

    Time is pts x time_base; where a recording does not begin at zero (broadcast captures, cut streams), its earliest
    start is subtracted, as players do. Starts before zero (encoder priming) are left alone.
    """
    streams = (*container.streams.video, *container.streams.audio)
    starts = [s.start_time * s.time_base for s in streams if s.start_time is not None and s.time_base]
    return max(0.0, float(min(starts, default=0)))


class Decoding:
    """Decoded frames of one stream from the current position on, stepping over damaged packets.

    ``faults`` counts what was skipped, ``packets`` what was read; at most ``max_packets`` are.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: VideoStream | AudioStream,
        max_packets: int | None = None,
    ) -> None:
        self._container = container
        self._stream = stream
        self._max_packets = max_packets
        self._await_key = 0
        self.packets = 0
        self.faults = 0

    def await_key(self) -> None:
        """After a seek: drop packets until a key frame comes, for nothing can be decoded before it."""
        self._await_key = _MAX_DROPPED

    def __iter__(self) -> Iterator[VideoFrame | AudioFrame]:
        stop_at = self.faults + _MAX_FAULTS
        while self.faults < stop_at:
            try:
                for packet in self._container.demux(self._stream):
                    self.packets += 1
                    if self._is_awaited(packet):
                        yield from self._decode(packet)
                    if self.faults >= stop_at or self.packets == self._max_packets:
                        return
                return
            except DECODER_FAULTS:
                self.faults += 1

    def _is_awaited(self, packet: av.Packet[Any]) -> bool:
        if packet.is_keyframe or not packet.size:
            self._await_key = 0
        self._await_key = max(0, self._await_key - 1)
        return self._await_key == 0

    def _decode(self, packet: av.Packet[Any]) -> list[VideoFrame | AudioFrame]:
        try:
            frames = packet.decode()
        except DECODER_FAULTS:
            self.faults += 1
            return []
        return [f for f in frames if isinstance(f, VideoFrame | AudioFrame) and not f.is_corrupt]
