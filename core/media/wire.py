"""What travels between the program and its decoding processes: JSON with a length before it, then raw arrays.

Nothing is pickled. The program believes a decoding process no more than a file: sizes and types are checked before
anything is made of them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core import errors
from core.errors import InternalError, WorkbenchError
from core.settings import Limits, Sampling
from core.types import AudioClip, Frame, GreyFrame, MediaInfo, MediaRef, Region

Array: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Fill: TypeAlias = Callable[[memoryview], None]
"""Fills a buffer with the next bytes, or raises."""

Poll: TypeAlias = Callable[[], None]
"""Called several times a second while a decoding process works; what it raises ends the work."""

_LENGTH = struct.Struct("<Q")
_MAX_HEAD = 16_000_000
_MAX_BYTES = 8_000_000_000
_Side = Annotated[int, Field(gt=0, le=1_000_000)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Request(_Message):
    """One thing to do; which of the other fields count depends on ``op``."""

    op: Literal["identify", "probe", "image", "frames", "audio", "window", "grey window", "moment"]
    limits: Limits
    path: Path | None = None
    name: str | None = None
    ref: MediaRef | None = None
    info: MediaInfo | None = None
    sampling: Sampling | None = None
    start_s: float = 0.0
    end_s: float = 0.0
    max_fps: float = 0.0
    region: Region | None = None
    sr_hz: int = 16_000
    cpu_s: int = 60


class Fault(_Message):
    """A :class:`~core.errors.WorkbenchError` on its way."""

    code: str
    message: str
    hint: str


class Picture(_Message):
    """The shape of one frame that follows; ``grey`` ones have no colours and no index."""

    grey: bool = False
    index: int = 0
    t_s: float
    height: _Side
    width: _Side

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width) if self.grey else (self.height, self.width, 3)


class Sound(_Message):
    """The shape of the sound that follows."""

    samples: Annotated[int, Field(ge=0)]
    sr_hz: Annotated[int, Field(gt=0)]
    start_s: float


class Reply(_Message):
    """The answer; ``pictures`` and ``sound`` announce the arrays behind it, in this order."""

    fault: Fault | None = None
    ref: MediaRef | None = None
    info: MediaInfo | None = None
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    sound: Sound | None = None


Answer: TypeAlias = tuple[Reply, tuple[Frame | GreyFrame, ...], AudioClip | None]
"""A reply and its arrays."""


def pack(message: _Message) -> bytes:
    """A message with its length before it."""
    body = message.model_dump_json().encode("utf-8", "replace")
    return _LENGTH.pack(len(body)) + body


def unpack_request(fill: Fill) -> Request:
    """The next request."""
    return Request.model_validate_json(_body(fill))


def unpack_reply(fill: Fill) -> Answer:
    """The next reply with its arrays.

    Raises:
        ValueError: it is none.
    """
    try:
        reply = Reply.model_validate_json(_body(fill))
    except ValidationError as exc:
        raise ValueError("no reply") from exc
    if sum(math.prod(p.shape) for p in reply.pictures) > _MAX_BYTES:
        raise ValueError("too large a reply")
    frames = tuple(_frame(picture, fill) for picture in reply.pictures)
    return reply, frames, _clip(reply.sound, fill) if reply.sound is not None else None


def described(frames: Sequence[Frame | GreyFrame]) -> tuple[Picture, ...]:
    """The announcement of frames."""
    return tuple(_described(frame) for frame in frames)


def _described(frame: Frame | GreyFrame) -> Picture:
    height, width = pixels_of(frame).shape[:2]
    if isinstance(frame, GreyFrame):
        return Picture(grey=True, t_s=frame.t_s, height=height, width=width)
    return Picture(index=frame.index, t_s=frame.t_s, height=height, width=width)


def pixels_of(frame: Frame | GreyFrame) -> npt.NDArray[np.uint8]:
    """The array that travels for a frame."""
    return frame.grey if isinstance(frame, GreyFrame) else frame.rgb


def fault_of(error: WorkbenchError) -> Fault:
    return Fault(**error.to_dict())


def error_of(fault: Fault) -> WorkbenchError:
    """The error again, of the class that has its code."""
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, WorkbenchError)]
    kind = next((k for k in kinds if k.code == fault.code), InternalError)
    return kind(fault.message, hint=fault.hint)


def _body(fill: Fill) -> bytearray:
    head = bytearray(_LENGTH.size)
    fill(memoryview(head))
    (length,) = _LENGTH.unpack(head)
    if length > _MAX_HEAD:
        raise ValueError("too long a message")
    body = bytearray(length)
    fill(memoryview(body))
    return body


def _frame(picture: Picture, fill: Fill) -> Frame | GreyFrame:
    pixels = np.empty(picture.shape, np.uint8)
    fill(pixels.data.cast("B"))
    return GreyFrame(picture.t_s, pixels) if picture.grey else Frame(picture.index, picture.t_s, pixels)


def _clip(sound: Sound, fill: Fill) -> AudioClip:
    if sound.samples * 4 > _MAX_BYTES:
        raise ValueError("too large a reply")
    pcm = np.empty(sound.samples, np.float32)
    if sound.samples:
        fill(pcm.data.cast("B"))
    return AudioClip(np.nan_to_num(pcm), sound.sr_hz, sound.start_s)
