"""The ways to read a medium: in this process, or in one of its own (:mod:`core.media.sandbox`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.media.audio import read_audio
from core.media.guard import identify
from core.media.image import read_image
from core.media.probe import probe
from core.media.video import frame_at, read_frames, read_grey_window, read_window
from core.media.wire import Answer, Poll, Request
from core.settings import Limits, Sampling, Settings
from core.types import AudioClip, Frame, GreyFrame, MediaInfo, MediaRef, Region

if TYPE_CHECKING:
    from core.media.sandbox import Sandbox


class Decoder(Protocol):
    """Everything that looks into a file. The functions are those of the same names in :mod:`core.media`, and raise
    what they raise."""

    def identify(self, path: Path, *, name: str | None = None) -> MediaRef: ...
    def probe(self, ref: MediaRef) -> MediaInfo: ...
    def image(self, ref: MediaRef) -> tuple[list[Frame], list[str]]: ...
    def frames(self, ref: MediaRef, info: MediaInfo, sampling: Sampling) -> tuple[list[Frame], list[str]]: ...
    def audio(self, ref: MediaRef, info: MediaInfo, sr_hz: int = 16_000) -> tuple[AudioClip | None, list[str]]: ...
    def window(
        self, ref: MediaRef, info: MediaInfo, start_s: float, end_s: float, region: Region | None, max_fps: float
    ) -> Sequence[Frame]: ...
    def grey_window(
        self, ref: MediaRef, info: MediaInfo, start_s: float, end_s: float, region: Region, max_fps: float
    ) -> Sequence[GreyFrame]: ...
    def frame_at(self, path: Path, t_s: float) -> Frame: ...


def decoder(settings: Settings, poll: Poll | None = None) -> Decoder:
    """How these settings want media to be read. ``poll`` may raise to stop a reading in a process of its own."""
    if not settings.sandbox.enabled:
        return Here(settings.limits)
    from core.media.sandbox import shared_sandbox  # needs a POSIX system

    return Apart(settings.limits, shared_sandbox(settings.sandbox), poll)


def warm_up_decoder(settings: Settings) -> None:
    """Start the first decoding process before it is needed, where these settings want one."""
    reader = decoder(settings)
    if isinstance(reader, Apart):
        reader.sandbox.warm_up()


@dataclass(frozen=True, slots=True)
class Here:
    """In this process."""

    limits: Limits

    def identify(self, path: Path, *, name: str | None = None) -> MediaRef:
        return identify(path, self.limits, name=name)

    def probe(self, ref: MediaRef) -> MediaInfo:
        return probe(ref, self.limits)

    def image(self, ref: MediaRef) -> tuple[list[Frame], list[str]]:
        return read_image(ref, self.limits)

    def frames(self, ref: MediaRef, info: MediaInfo, sampling: Sampling) -> tuple[list[Frame], list[str]]:
        return read_frames(ref, info, sampling, limits=self.limits)

    def audio(self, ref: MediaRef, info: MediaInfo, sr_hz: int = 16_000) -> tuple[AudioClip | None, list[str]]:
        return read_audio(ref, info, self.limits, sr_hz)

    def window(
        self, ref: MediaRef, info: MediaInfo, start_s: float, end_s: float, region: Region | None, max_fps: float
    ) -> Sequence[Frame]:
        return read_window(ref, info, start_s, end_s, region, max_fps=max_fps, limits=self.limits)

    def grey_window(
        self, ref: MediaRef, info: MediaInfo, start_s: float, end_s: float, region: Region, max_fps: float
    ) -> Sequence[GreyFrame]:
        return read_grey_window(ref, info, start_s, end_s, region, max_fps=max_fps, limits=self.limits)

    def frame_at(self, path: Path, t_s: float) -> Frame:
        return frame_at(path, t_s)


@dataclass(frozen=True, slots=True)
class Apart:
    """In a process of its own."""

    limits: Limits
    sandbox: Sandbox
    poll: Poll | None = None

    def identify(self, path: Path, *, name: str | None = None) -> MediaRef:
        wanted = name if name is not None else path.name
        reply, _, _ = self._ask(Request(op="identify", limits=self.limits, path=path.absolute(), name=wanted))
        assert reply.ref is not None
        return reply.ref

    def probe(self, ref: MediaRef) -> MediaInfo:
        reply, _, _ = self._ask(Request(op="probe", limits=self.limits, ref=ref))
        assert reply.info is not None
        return reply.info

    def image(self, ref: MediaRef) -> tuple[list[Frame], list[str]]:
        reply, frames, _ = self._ask(Request(op="image", limits=self.limits, ref=ref))
        return _coloured(frames), list(reply.notes)

    def frames(self, ref: MediaRef, info: MediaInfo, sampling: Sampling) -> tuple[list[Frame], list[str]]:
        reply, frames, _ = self._ask(Request(op="frames", limits=self.limits, ref=ref, info=info, sampling=sampling))
        return _coloured(frames), list(reply.notes)

    def audio(self, ref: MediaRef, info: MediaInfo, sr_hz: int = 16_000) -> tuple[AudioClip | None, list[str]]:
        reply, _, clip = self._ask(Request(op="audio", limits=self.limits, ref=ref, info=info, sr_hz=sr_hz))
        return clip, list(reply.notes)

    def window(
        self, ref: MediaRef, info: MediaInfo, start_s: float, end_s: float, region: Region | None, max_fps: float
    ) -> Sequence[Frame]:
        span = {"start_s": start_s, "end_s": end_s, "max_fps": max_fps, "region": region}
        return _coloured(self._ask(Request(op="window", limits=self.limits, ref=ref, info=info, **span))[1])

    def grey_window(
        self, ref: MediaRef, info: MediaInfo, start_s: float, end_s: float, region: Region, max_fps: float
    ) -> Sequence[GreyFrame]:
        span = {"start_s": start_s, "end_s": end_s, "max_fps": max_fps, "region": region}
        frames = self._ask(Request(op="grey window", limits=self.limits, ref=ref, info=info, **span))[1]
        return [frame for frame in frames if isinstance(frame, GreyFrame)]

    def frame_at(self, path: Path, t_s: float) -> Frame:
        return _coloured(self._ask(Request(op="moment", limits=self.limits, path=path.absolute(), start_s=t_s))[1])[0]

    def _ask(self, request: Request) -> Answer:
        return self.sandbox.call(request, self.poll)


def _coloured(frames: Sequence[Frame | GreyFrame]) -> list[Frame]:
    return [frame for frame in frames if isinstance(frame, Frame)]
