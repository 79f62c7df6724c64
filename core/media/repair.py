"""Second chances for odd or damaged files: the same picture track in a clean temporary file."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.media.containers import DECODER_FAULTS, READ_FAULTS, Decoding, open_container, origin_s, picture_stream
from core.media.reader import delivered_size

log = logging.getLogger(__name__)

MAX_TRANSCODED_FRAMES = 3000

_MAX_COPIED_BYTES = 4_000_000_000
_UNDATED_FPS = 25
_TICKS = 90_000


@dataclass(frozen=True, slots=True)
class Source:
    """A file to read the pictures from. ``clock_s`` is the second of the track that reads zero (None: the file's
    own), ``note`` says what was done to it."""

    path: Path
    clock_s: float | None = None
    note: str = ""


def sources(path: Path) -> Generator[Source, None, None]:
    """The file itself, then a clean copy of its packets, then its pictures encoded anew without loss.

    Copies are made only when they are asked for, and go when the iterator is closed.
    """
    yield Source(path)
    with tempfile.TemporaryDirectory(prefix="unmask-") as folder:
        for mend in (_remux, _transcode):
            if source := _mended(mend, path, Path(folder) / f"{mend.__name__}.mkv"):
                yield source


def _mended(mend: Callable[[Path, Path], Source | None], path: Path, target: Path) -> Source | None:
    try:
        return mend(path, target)
    except READ_FAULTS:
        log.debug("%s failed", mend.__name__, exc_info=True)
        return None


def _remux(path: Path, target: Path) -> Source | None:
    """Copy the packets of the picture track, with an index. None where they carry no time stamps."""
    with open_container(path) as source, av.open(str(target), "w", format="matroska") as out:
        stream = picture_stream(source)
        if stream is None:
            return None
        copy = out.add_stream_from_template(stream)
        copied = sum(_copy(packet, copy, out) for packet in _packets(source, stream))
        clock_s = origin_s(source)
    return Source(target, clock_s, "The container was damaged and was rebuilt before reading.") if copied else None


def _packets(source: av.container.InputContainer, stream: VideoStream) -> Iterator[av.Packet[Any]]:
    copied = 0
    try:
        for packet in source.demux(stream):
            copied += packet.size
            if packet.pts is not None and packet.size and copied <= _MAX_COPIED_BYTES:
                yield packet
    except DECODER_FAULTS:
        log.debug("packets end early", exc_info=True)


def _copy(packet: av.Packet[Any], stream: VideoStream, out: av.container.OutputContainer) -> bool:
    packet.stream = stream
    try:
        out.mux(packet)
    except DECODER_FAULTS:
        return False
    return True


def _transcode(path: Path, target: Path) -> Source | None:
    """Decode what can be decoded, from the start, and store it without loss; frames without a time get one."""
    with open_container(path) as source, av.open(str(target), "w", format="matroska") as out:
        stream = picture_stream(source)
        if stream is None:
            return None
        rate = stream.average_rate or Fraction(_UNDATED_FPS)
        clock_s = origin_s(source)
        writer: VideoStream | None = None
        undated, count = False, 0
        for count, frame in enumerate(_frames(source, stream), start=1):
            undated |= frame.pts is None
            frame.pts = round((count - 1) * _TICKS / rate) if undated else _rescaled(frame)
            frame.time_base = Fraction(1, _TICKS)
            writer = writer or _writer(out, frame, stream)
            out.mux(writer.encode(frame.reformat(writer.width, writer.height, writer.pix_fmt)))
            if count == MAX_TRANSCODED_FRAMES:
                break
        if writer is None:
            return None
        out.mux(writer.encode(None))
    return Source(target, 0.0 if undated else clock_s, _note(count, undated, float(rate)))


def _frames(source: av.container.InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    return (f for f in Decoding(source, stream) if isinstance(f, VideoFrame))


def _rescaled(frame: VideoFrame) -> int:
    return round((frame.pts or 0) * (frame.time_base or Fraction(1, _TICKS)) * _TICKS)


def _writer(out: av.container.OutputContainer, frame: VideoFrame, stream: VideoStream) -> VideoStream:
    """A lossless H.264 track of even size that keeps the display rotation and the pixel aspect."""
    writer = out.add_stream("libx264", rate=_UNDATED_FPS, options={"preset": "ultrafast", "qp": "0", "g": "25"})
    width, height = delivered_size(frame.width, frame.height)
    writer.width, writer.height = max(2, width & ~1), max(2, height & ~1)
    writer.pix_fmt = "yuv420p" if frame.format.name in ("yuv420p", "yuvj420p") else "yuv444p"
    writer.codec_context.time_base = Fraction(1, _TICKS)
    if stream.sample_aspect_ratio:
        writer.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio
    if frame.rotation:
        writer.set_display_rotation(frame.rotation)
    return writer


def _note(count: int, undated: bool, fps: float) -> str:
    note = "The video could not be read as it is and was decoded to a temporary copy first."
    if undated:
        note += f" It holds no time stamps; {fps:g} frames a second were assumed."
    if count == MAX_TRANSCODED_FRAMES:
        note += f" Only its first {count} frames were read."
    return note
