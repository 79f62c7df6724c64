"""What container and codecs say about a file, at about the same cost for a second and for an hour.

Only the head of the file and the packets of the first seconds are read, and one frame is decoded.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace

import av
import av.container
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.errors import DamagedMediaError, LimitError
from core.media import animation
from core.media.containers import (
    DECODER_FAULTS,
    open_container,
    origin_s,
    picture_stream,
    sound_stream,
)
from core.media.hints import compression_hints, container_hints, from_camera, picture_hints
from core.media.image import ANIMATIONS, open_image
from core.media.reader import delivered_size, orientation, pixel_aspect
from core.settings import Limits
from core.types import MediaInfo, MediaKind, MediaRef

log = logging.getLogger(__name__)

_HEAD_S = 20.0
_HEAD_PACKETS = 700
_HEAD_BYTES = 48_000_000
_ORIENTATION_DEGREES = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_EXIF_ORIENTATION = 0x0112
_HDR_TRANSFERS = (16, 18)  # PQ and HLG


@dataclass(frozen=True, slots=True)
class _Head:
    """The first seconds of a picture track: packet times in ticks (display order), key frame positions in decoding
    order, bytes of the first packet, whether the track ends there, and the first decoded frame."""

    pts: tuple[int, ...] = ()
    keys: tuple[int, ...] = ()
    count: int = 0
    whole: bool = False
    first_packet: bytes = b""
    first_frame: VideoFrame | None = None


def probe(ref: MediaRef, limits: Limits) -> MediaInfo:
    """Facts about a medium.

    Raises:
        LimitError: it is longer, or its picture larger, than allowed.
        DamagedMediaError: it cannot be opened.
    """
    if ref.kind is MediaKind.IMAGE:
        return _probe_image(ref, limits)
    if ref.format in ANIMATIONS:
        return _check_length(_probe_animation(ref, limits), limits)
    return _check_length(_probe_recording(ref, limits), limits)


def _check_length(info: MediaInfo, limits: Limits) -> MediaInfo:
    if info.duration_s is not None and info.duration_s > limits.max_seconds:
        raise LimitError(
            f"The file is {info.duration_s / 60:,.0f} minutes long; {limits.max_seconds / 60:,.0f} are allowed.",
            hint="Cut out the part that matters, or raise the setting limits.max_seconds.",
        )
    return info


def _probe_image(ref: MediaRef, limits: Limits) -> MediaInfo:
    with open_image(ref.path, limits) as image:
        width, height, mode = *image.size, image.mode
        try:
            turned = int(image.getexif().get(_EXIF_ORIENTATION, 1))
        except DECODER_FAULTS:
            turned = 1
        hints = picture_hints(image)
    if turned in (5, 6, 7, 8):
        width, height = height, width
    return MediaInfo(
        ref.kind,
        ref.format,
        width=width,
        height=height,
        frame_count=1,
        pixel_format=mode,
        rotation_deg=_ORIENTATION_DEGREES.get(turned, 0),
        hints=tuple(hints),
    )


def _probe_animation(ref: MediaRef, limits: Limits) -> MediaInfo:
    times = animation.picture_times(ref.path, ref.format)
    if not times.start_s:
        raise DamagedMediaError("No picture of this animation can be decoded.", hint="Copy it again from its source.")
    with open_image(ref.path, limits) as image:
        (width, height), mode = image.size, image.mode
    steps = [b - a for a, b in zip(times.start_s, [*times.start_s[1:], times.end_s], strict=True)]
    count = len(times.start_s)
    return MediaInfo(
        ref.kind,
        ref.format,
        duration_s=times.end_s,
        width=width,
        height=height,
        fps=count / times.end_s if times.end_s else None,
        frame_count=count,
        pixel_format=mode,
        variable_frame_rate=max(steps, default=0.0) - min(steps, default=0.0) > 1e-6,
        video_start_s=0.0,
        hints=_size_hints(width, height),
    )


def _size_hints(width: int, height: int) -> tuple[str, ...]:
    delivered = delivered_size(width, height)
    if delivered == (width, height):
        return ()
    return (f"Frames of {width} x {height} px are analysed at {delivered[0]} x {delivered[1]} px.",)


def _probe_recording(ref: MediaRef, limits: Limits) -> MediaInfo:
    with open_container(ref.path, limits.max_pixels) as container:
        picture = picture_stream(container) if ref.kind is MediaKind.VIDEO else None
        sound = sound_stream(container)
        tags = {**container.metadata}
        for stream in filter(None, (picture, sound)):
            tags |= {f"{stream.type}.{k}": v for k, v in stream.metadata.items()}
        info = MediaInfo(ref.kind, ref.format, bitrate_bps=container.bit_rate or None)
        info = _with_sound(info, container, sound)
        first_packet = b""
        if picture is not None:
            head = _read_head(container, picture)
            info, first_packet = _with_picture(info, container, picture, head), head.first_packet
        info = replace(info, duration_s=_duration_s(container, picture or sound))
        return replace(info, hints=(*info.hints, *_origin_hints(info, tags, first_packet)))


def _origin_hints(info: MediaInfo, tags: Mapping[str, str], first_packet: bytes) -> list[str]:
    told = container_hints(tags, first_packet)
    if info.kind is MediaKind.VIDEO:
        told += compression_hints(info, from_camera(tags))
    return told


def _with_sound(info: MediaInfo, container: av.container.InputContainer, sound: AudioStream | None) -> MediaInfo:
    if sound is None:
        return info
    return replace(
        info,
        has_audio=True,
        audio_codec=sound.codec.canonical_name,
        audio_sample_rate_hz=sound.codec_context.sample_rate,
        audio_channels=sound.codec_context.channels,
        audio_start_s=_start_s(container, sound),
    )


def _start_s(container: av.container.InputContainer, stream: AudioStream | VideoStream) -> float | None:
    if stream.start_time is None or not stream.time_base:
        return None
    return float(stream.start_time * stream.time_base) - origin_s(container)


def _with_picture(
    info: MediaInfo, container: av.container.InputContainer, picture: VideoStream, head: _Head
) -> MediaInfo:
    degrees, mirrored = orientation(head.first_frame) if head.first_frame is not None else (0, False)
    width, height = round((picture.width or 0) * pixel_aspect(picture)), picture.height or 0
    if degrees in (90, 270):
        width, height = height, width
    return replace(
        info,
        width=width,
        height=height,
        fps=_fps(head, picture),
        frame_count=picture.frames or None,
        video_codec=picture.codec.canonical_name,
        video_profile=picture.profile,
        pixel_format=picture.pix_fmt,
        bitrate_bps=picture.bit_rate or info.bitrate_bps,
        gop_frames=_gop_frames(head),
        rotation_deg=degrees,
        variable_frame_rate=_varies(head),
        video_start_s=_start_s(container, picture),
        hints=(*_size_hints(width, height), *_picture_facts(head.first_frame, mirrored)),
    )


def _fps(head: _Head, picture: VideoStream) -> float | None:
    """Frames a second: as told, unless the head of the file shows that it is far from it, or that it varies and no
    count of frames backs what is told."""
    told = float(picture.average_rate or picture.guessed_rate or 0) or None
    seconds = (head.pts[-1] - head.pts[0]) * float(picture.time_base or 0) if head.pts else 0.0
    if seconds <= 0:
        return told
    measured = (len(head.pts) - 1) / seconds
    is_off = told is None or not 0.5 < measured / told < 2
    return measured if is_off or (_varies(head) and not picture.frames) else told


def _picture_facts(frame: VideoFrame | None, mirrored: bool) -> list[str]:
    told = []
    if mirrored:
        told.append("The file asks players to mirror the picture; that was done.")
    if frame is not None and frame.interlaced_frame:
        told.append("The picture is interlaced: comb lines may appear where something moves.")
    if frame is not None and frame.color_trc in _HDR_TRANSFERS:
        told.append("The picture has high dynamic range; it was read without tone mapping and may look flat.")
    return told


def _read_head(container: av.container.InputContainer, picture: VideoStream) -> _Head:
    pts: list[int] = []
    keys: list[int] = []
    first_packet, first_frame, count, size = b"", None, 0, 0
    try:
        for packet in container.demux(picture):
            first_frame = first_frame or _decoded(packet)
            if not packet.size:  # the end of the track
                continue
            first_packet = first_packet or bytes(packet)[:4096]
            if packet.is_keyframe:
                keys.append(count)
            if packet.pts is not None:
                pts.append(packet.pts)
            count, size = count + 1, size + packet.size
            if count == _HEAD_PACKETS or size > _HEAD_BYTES or _seconds(pts, picture) > _HEAD_S:
                break
        else:
            return _Head(tuple(sorted(pts)), tuple(keys), count, True, first_packet, first_frame)
    except DECODER_FAULTS:
        log.debug("the head of the file is damaged", exc_info=True)
    return _Head(tuple(sorted(pts)), tuple(keys), count, False, first_packet, first_frame)


def _decoded(packet: av.Packet[VideoStream]) -> VideoFrame | None:
    try:
        return next(iter(packet.decode()), None)
    except DECODER_FAULTS:
        return None


def _seconds(pts: list[int], picture: VideoStream) -> float:
    return (pts[-1] - pts[0]) * float(picture.time_base or 0) if len(pts) > 1 else 0.0


def _gop_frames(head: _Head) -> float | None:
    """Mean distance of key frames in the head; the whole length of a track with only one; None where unknown."""
    if len(head.keys) > 1:
        return (head.keys[-1] - head.keys[0]) / (len(head.keys) - 1)
    return float(head.count) if head.whole and head.keys else None


def _varies(head: _Head) -> bool | None:
    """Whether the steps between frames differ by more than rounding; a last, odd step does not count."""
    if len(head.pts) < 4:
        return None
    steps = sorted(b - a for a, b in zip(head.pts, head.pts[1:-1], strict=False))
    usual = statistics.median(steps)
    trimmed = steps[len(steps) // 20 : len(steps) - len(steps) // 20]
    return trimmed[-1] - trimmed[0] > max(2, 0.1 * usual)


def _duration_s(container: av.container.InputContainer, stream: VideoStream | AudioStream | None) -> float | None:
    """Length as the container tells it, else by a seek to the end."""
    if container.duration and container.duration > 0:
        return float(container.duration / av.time_base)
    if stream is None or not stream.time_base:
        return None
    if stream.duration:
        return float(stream.duration * stream.time_base)
    end = _last_pts(container, stream)
    return None if end is None else max(0.0, float(end * stream.time_base) - origin_s(container))


def _last_pts(container: av.container.InputContainer, stream: VideoStream | AudioStream) -> int | None:
    last = None
    try:
        container.seek(2**62, stream=stream)
        for packet in container.demux(stream):
            if packet.pts is not None:
                last = max(last or 0, packet.pts + (packet.duration or 0))
    except DECODER_FAULTS:
        return last
    return last
