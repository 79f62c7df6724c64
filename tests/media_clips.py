"""Writers of synthetic video and sound files; the ending of the path chooses container and codecs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import numpy as np

from tests.media_drawing import PCM, RGB, head, meadow, place, talking, voice

SOUND_HZ = 48_000

_VIDEO_CODECS = {".webm": "libvpx", ".avi": "mpeg4", ".mpg": "mpeg2video"}
_SOUND_CODECS = {
    ".webm": "libopus", ".avi": "libmp3lame", ".mpg": "mp2", ".wav": "pcm_s16le", ".mp3": "libmp3lame",
    ".flac": "flac", ".ogg": "libopus", ".opus": "libopus",
}  # fmt: skip
_FAST = {
    "libx264": {"preset": "veryfast", "crf": "20"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8", "crf": "12", "b": "2M"},
    "mpeg4": {"qscale": "3"},
    "mpeg2video": {"b": "3M"},
}


def write_clip(
    path: Path,
    frames: Iterable[RGB],
    fps: float,
    sound: PCM | None = None,
    *,
    ticks: Sequence[int] | None = None,
    rotate: int = 0,
    options: dict[str, str] | None = None,
    container: str | None = None,
    sound_start_s: float = 0.0,
) -> Path:
    """Encode ``frames`` uint8[H, W, 3] and mono ``sound`` at 48 kHz.

    Args:
        ticks: times of the frames in 1/1000 s, for a variable frame rate.
        rotate: degrees clockwise by which a player has to turn the stored picture.
    """
    codec = _VIDEO_CODECS.get(path.suffix, "libx264")
    with av.open(str(path), "w", format=container) as out:
        video: Any = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        video.pix_fmt = "yuv420p"
        video.options = _FAST.get(codec, {}) | (options or {})
        if ticks is not None:
            video.codec_context.time_base = Fraction(1, 1000)
        if rotate:
            video.set_display_rotation(-rotate)
        audio = _sound_track(out, path) if sound is not None else None
        for i, rgb in enumerate(frames):
            if i == 0:
                video.height, video.width = rgb.shape[:2]
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts = i if ticks is None else ticks[i]
            frame.time_base = 1 / Fraction(fps).limit_denominator(1001) if ticks is None else Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound is not None:
            _encode_sound(out, audio, sound, sound_start_s)
    return path


def _sound_track(out: av.container.OutputContainer, path: Path, rate_hz: int = SOUND_HZ) -> Any:
    return out.add_stream(_SOUND_CODECS.get(path.suffix, "aac"), rate=rate_hz, layout="mono")


def _encode_sound(out: av.container.OutputContainer, track: Any, sound: PCM, start_s: float = 0.0) -> None:
    for start in range(0, len(sound), 1024):
        frame = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], "fltp", "mono")
        frame.sample_rate = track.rate
        frame.pts = start + round(start_s * track.rate)
        frame.time_base = Fraction(1, track.rate)
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


def talking_clip(
    path: Path,
    *,
    seconds: float = 3.0,
    fps: float = 25.0,
    size: int = 256,
    offset_ms: float = 0.0,
    seed: int = 0,
    sound: bool = True,
    person: int = 0,
    **kwargs: Any,
) -> Path:
    """A face that speaks; with ``offset_ms`` > 0 the sound lags the picture. ``kwargs`` as :func:`write_clip`."""
    pcm = voice(seconds, SOUND_HZ, seed, offset_ms) if sound else None
    return write_clip(path, talking(seconds, fps, size, seed, person), fps, pcm, **kwargs)


def silent_clip(path: Path, *, seconds: float = 2.0, **kwargs: Any) -> Path:
    """A face that speaks, with a sound track of pure silence."""
    frames = talking(seconds, 25, 256)
    return write_clip(path, frames, 25, np.zeros(round(seconds * SOUND_HZ), np.float32), **kwargs)


def rotated_clip(path: Path, *, degrees: int = 90, seconds: float = 2.0) -> Path:
    """A talking clip that is stored turned and carries the display matrix that rights it (``degrees`` clockwise)."""
    stored = (np.ascontiguousarray(np.rot90(f, k=degrees // 90)) for f in talking(seconds, 25, 256))
    tall = (np.ascontiguousarray(np.pad(f, ((0, 0), (0, 64), (0, 0)))) for f in stored)
    return write_clip(path, tall, 25, voice(seconds, SOUND_HZ), rotate=degrees)


def vfr_ticks(count: int) -> list[int]:
    """Times in ms of a variable frame rate: 25 a second, then 10, then 50."""
    steps = [(40, 100, 20)[3 * i // count] for i in range(count)]
    return [0, *np.cumsum(steps[:-1]).tolist()]


def vfr_clip(path: Path, *, count: int = 60) -> Path:
    """A talking face at a frame rate that changes (see :func:`vfr_ticks`)."""
    return write_clip(path, talking(count / 25, 25, 256), 25, ticks=vfr_ticks(count))


def numbered_clip(path: Path, *, count: int = 75, fps: float = 25.0, width: int = 160, **kwargs: Any) -> Path:
    """A clip whose frame i can be told by :func:`frame_number`: i in binary as eight white or black columns."""
    return write_clip(path, (numbered(i, width) for i in range(count)), fps, **kwargs)


def numbered(number: int, width: int = 160, height: int = 96) -> RGB:
    bits = [255 * (number >> bit & 1) for bit in range(8)]
    row = np.repeat(np.asarray(bits, np.uint8), width // 8)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (height, width, 3)))


def frame_number(rgb: RGB) -> int:
    """The number that :func:`numbered` drew (upright, any size)."""
    columns = np.array_split(rgb.mean(axis=(0, 2)), 8)
    return sum(int(c[len(c) // 4 : -len(c) // 4].mean() > 127) << bit for bit, c in enumerate(columns))


def two_people_clip(path: Path, *, seconds: float = 4.0, size: int = 224) -> Path:
    """Two people side by side, then, after a cut in the middle, the second one alone before a landscape."""
    first, second = talking(seconds, 25, size), talking(seconds, 25, size, seed=1, person=1)
    count = round(seconds * 25)

    def frames() -> Iterable[RGB]:
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            if i < count // 2:
                yield np.concatenate([a, b], axis=1)
            else:
                canvas = meadow(2 * size, size)
                place(b, canvas, size // 2, 0)
                yield canvas

    return write_clip(path, frames(), 25, voice(seconds, SOUND_HZ))


def landscape_clip(path: Path, *, seconds: float = 2.0) -> Path:
    """A clip in which nobody is seen or heard."""
    wide = meadow(420, 240)
    frames = (np.ascontiguousarray(wide[:, 2 * i : 2 * i + 320]) for i in range(round(seconds * 25)))
    return write_clip(path, frames, 25)


def speech(path: Path, *, seconds: float = 3.0, seed: int = 0, rate_hz: int | None = None) -> Path:
    """Speech-like sound alone (.wav, .mp3, .flac, .ogg, .opus, .m4a, .mp4, .webm)."""
    return write_sound(path, voice(seconds, rate_hz or SOUND_HZ, seed), rate_hz or SOUND_HZ)


def silence(path: Path, *, seconds: float = 2.0) -> Path:
    return write_sound(path, np.zeros(round(seconds * SOUND_HZ), np.float32))


def write_sound(path: Path, sound: PCM, rate_hz: int = SOUND_HZ) -> Path:
    """Encode mono ``sound`` float32[T]."""
    with av.open(str(path), "w") as out:
        _encode_sound(out, _sound_track(out, path, rate_hz), sound)
    return path


def speech_with_cover(path: Path, *, seconds: float = 2.0) -> Path:
    """Sound with a picture of a face as cover art (.mp3, .m4a, .flac)."""
    with av.open(str(path), "w", format={".m4a": "mp4"}.get(path.suffix)) as out:
        audio = _sound_track(out, path)
        cover: Any = out.add_stream("mjpeg", rate=1)
        cover.width = cover.height = 128
        cover.pix_fmt = "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        frame = av.VideoFrame.from_ndarray(head(128), "rgb24").reformat(format="yuvj420p")
        out.start_encoding()
        out.mux(cover.encode(frame))
        out.mux(cover.encode(None))
        _encode_sound(out, audio, voice(seconds, SOUND_HZ))
    return path


def zero_frame_clip(path: Path) -> Path:
    """A well-formed MP4 with a picture track that holds nothing."""
    with av.open(str(path), "w") as out:
        track: Any = out.add_stream("libx264", rate=25)
        track.width = track.height = 64
        track.pix_fmt = "yuv420p"
        track.codec_context.open()
        out.start_encoding()
    return path


def garbled_picture_clip(path: Path, *, seconds: float = 2.0) -> Path:
    """A clip whose picture packets are noise while its sound is sound."""
    return _garbled(path, "video", seconds)


def garbled_sound_clip(path: Path, *, seconds: float = 2.0) -> Path:
    """A clip whose sound packets are noise while its picture is a picture."""
    return _garbled(path, "audio", seconds)


def _garbled(path: Path, kind: str, seconds: float) -> Path:
    rng = np.random.default_rng(0)
    good = talking_clip(path.with_name(f"good-{path.name}"), seconds=seconds)
    with av.open(str(good)) as source, av.open(str(path), "w") as out:
        tracks = [out.add_stream_from_template(s) for s in source.streams]
        for packet in source.demux():
            if not packet.size:
                continue
            index, copy = packet.stream.index, packet
            if packet.stream.type == kind:
                copy = av.Packet(rng.bytes(packet.size))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.stream = tracks[index]
            out.mux(copy)
    good.unlink()
    return path


def remuxed(path: Path, source: Path, **options: str) -> Path:
    """The packets of ``source`` in another container, or the same one written with other muxer ``options``."""
    with av.open(str(source)) as reader, av.open(str(path), "w", options=options) as out:
        tracks = [out.add_stream_from_template(s) for s in reader.streams]
        for packet in reader.demux():
            if packet.size:
                packet.stream = tracks[packet.stream.index]
                out.mux(packet)
    return path


def repeated(path: Path, source: Path, times: int) -> Path:
    """The picture packets of ``source`` (a 3 s MP4 of :func:`numbered_clip`) again and again: a long file, cheaply."""
    with av.open(str(source)) as reader, av.open(str(path), "w") as out:
        stream = reader.streams.video[0]
        packets = [(bytes(p), p.pts or 0, p.dts or 0, p.is_keyframe) for p in reader.demux(stream) if p.size]
        length = stream.duration or 0
        track = out.add_stream_from_template(stream)
        for i in range(times):
            for content, pts, dts, key in packets:
                packet: Any = av.Packet(content)
                packet.pts, packet.dts, packet.is_keyframe = pts + i * length, dts + i * length, key
                packet.time_base, packet.stream = stream.time_base, track
                out.mux(packet)
    return path
