"""Sound of a recording as mono samples at one rate, placed on the medium's clock."""

from __future__ import annotations

import logging
import wave
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame

from core.errors import DamagedMediaError, EmptyMediaError
from core.media.containers import (
    DECODER_FAULTS,
    MAX_SAMPLE_RATE_HZ,
    MIN_SAMPLE_RATE_HZ,
    Decoding,
    open_container,
    origin_s,
    sound_stream,
)
from core.settings import Limits
from core.types import PCM, AudioClip, MediaInfo, MediaKind, MediaRef

log = logging.getLogger(__name__)

_GAP_S = 0.05
_LONGEST_GAP_S = 600.0
_MISSING_S = 0.5


def read_audio(
    ref: MediaRef, info: MediaInfo, limits: Limits, sr_hz: int = 16_000
) -> tuple[AudioClip | None, list[str]]:
    """Decode the sound, at most ``limits.max_audio_seconds`` of it from the start.

    Channels are mixed to one. ``start_s`` of the clip is on the same clock as the times of the frames, so a sound
    track that begins later than the picture has a larger start. Gaps in the recording become silence, so that sound
    and picture stay together.

    Returns:
        The clip, float32[T] in [-1, 1] at ``sr_hz`` (None for a medium without sound), and warnings in plain words.

    Raises:
        DamagedMediaError: there is sound, but none of it can be decoded.
        EmptyMediaError: the sound track of a sound file is empty.
    """
    if not info.has_audio:
        return None, []
    with open_container(ref.path) as container:
        stream = sound_stream(container)
        if stream is None or not stream.time_base:
            return None, []
        decoding = Decoding(container, stream)
        mixer = _Mixer(sr_hz, limits.max_audio_seconds)
        for frame in decoding:
            if isinstance(frame, AudioFrame) and not mixer.add(frame):
                break
        clock_s = origin_s(container)
    pcm = mixer.finish()
    faults = decoding.faults + mixer.refused
    if not len(pcm):
        return None, _nothing(ref, faults)
    start_s = mixer.first_s - clock_s if mixer.first_s is not None else info.audio_start_s or 0.0
    clip = AudioClip(pcm, sr_hz, start_s)
    return clip, _warnings(clip, info, limits, faults, mixer)


def write_wav(path: Path, pcm: PCM, sr_hz: int) -> None:
    """Write mono samples as a WAV file of 16 bits; what lies outside [-1, 1] is cut off."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sr_hz)
        out.writeframes(np.round(np.clip(pcm, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def _nothing(ref: MediaRef, faults: int) -> list[str]:
    if faults:
        raise DamagedMediaError(
            "The sound cannot be decoded.", hint="It may be damaged: export it again as WAV, MP3 or M4A."
        )
    if ref.kind is MediaKind.AUDIO:
        raise EmptyMediaError("The sound file holds no sound.", hint="Record or export it again.")
    return ["The sound track is empty."]


def _warnings(clip: AudioClip, info: MediaInfo, limits: Limits, faults: int, mixer: _Mixer) -> list[str]:
    told = []
    if mixer.full:
        told.append(f"Only the first {limits.max_audio_seconds / 60:.0f} minutes of sound were read.")
    elif info.kind is MediaKind.AUDIO and info.duration_s and clip.duration_s < 0.9 * info.duration_s - _MISSING_S:
        told.append(f"Only {clip.duration_s:.1f} of {info.duration_s:.1f} seconds of sound can be read.")
    elif faults:
        told.append("Parts of the sound are damaged and were left out.")
    if mixer.gap_s > _MISSING_S:
        told.append(f"The sound track has gaps of {mixer.gap_s:.1f} seconds in all; they were filled with silence.")
    return told


class _Mixer:
    """Collects decoded frames as mono at one rate, with silence where the time stamps leave a gap."""

    def __init__(self, sr_hz: int, max_seconds: float) -> None:
        self._rate = sr_hz
        self._room = round(sr_hz * max_seconds)
        self._parts: list[PCM] = []
        self._resampler: av.AudioResampler | None = None
        self._next_s: float | None = None
        self.first_s: float | None = None
        self.gap_s = 0.0
        self.full = False
        self.refused = 0

    def add(self, frame: AudioFrame) -> bool:
        """Take one frame; False when enough was heard."""
        if not MIN_SAMPLE_RATE_HZ <= frame.sample_rate <= MAX_SAMPLE_RATE_HZ:
            return True
        t_s = frame.time
        if self.first_s is None:
            self.first_s = t_s
        if t_s is not None and self._next_s is not None and _GAP_S < t_s - self._next_s < _LONGEST_GAP_S:
            self._fill(t_s - self._next_s)
        if t_s is not None:
            self._next_s = t_s + frame.samples / frame.sample_rate
        elif self._next_s is not None:
            self._next_s += frame.samples / frame.sample_rate
        for pcm in self._resampled(frame):
            self._keep(pcm)
        return not self.full

    def finish(self) -> PCM:
        """All samples float32[T]."""
        if self._resampler is not None and not self.full:
            for pcm in _drained(self._resampler, None):
                self._keep(pcm)
        joined = np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)
        np.nan_to_num(joined, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
        return np.clip(joined, -1.0, 1.0, out=joined)

    def _fill(self, seconds: float) -> None:
        self.gap_s += seconds
        for pcm in _drained(self._resampler, None):
            self._keep(pcm)
        self._resampler = None
        self._keep(np.zeros(min(round(seconds * self._rate), self._room), np.float32))

    def _keep(self, pcm: PCM) -> None:
        pcm = pcm[: self._room]
        self._room -= len(pcm)
        self.full = self._room == 0
        self._parts.append(pcm)

    def _resampled(self, frame: AudioFrame) -> Iterator[PCM]:
        """Frames of a changed rate or layout need a new resampler."""
        frame.pts = None
        if self._resampler is None:
            self._resampler = _resampler(self._rate)
        try:
            return iter(list(_drained(self._resampler, frame)))
        except ValueError:
            rest = list(_drained(self._resampler, None))
        self._resampler = _resampler(self._rate)
        try:
            return iter([*rest, *_drained(self._resampler, frame)])
        except ValueError:  # no layout that can be mixed, say hundreds of channels
            self._resampler = None
            self.refused += 1
            return iter(rest)


def _resampler(rate_hz: int) -> av.AudioResampler:
    """To mono; the weights of the channels sum to one, so that loud stereo does not clip."""
    return av.AudioResampler("fltp", "mono", rate_hz, options={"rematrix_maxval": "1.0"})


def _drained(resampler: av.AudioResampler | None, frame: AudioFrame | None) -> Iterator[PCM]:
    if resampler is None:
        return
    try:
        for part in resampler.resample(frame):
            yield np.array(part.to_ndarray()[0], np.float32)
    except DECODER_FAULTS as exc:
        if frame is not None and isinstance(exc, ValueError):
            raise
        log.debug("resampling failed", exc_info=True)
