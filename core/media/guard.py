"""The gate: what a file is, decided by its content, and whether it is within the limits."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import av.container
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

from core.errors import (
    DamagedMediaError,
    EmptyMediaError,
    LimitError,
    NotFoundError,
    UnsupportedMediaError,
    WorkbenchError,
)
from core.media.containers import DECODER_FAULTS, Decoding, open_container, picture_stream, sound_stream
from core.media.image import check_pixels, image_formats, open_image
from core.media.sniff import (
    HEAD_BYTES,
    SUPPORTED,
    foreign,
    format_name,
    looks_like_heif,
    looks_like_picture,
    looks_like_recording,
)
from core.settings import Limits
from core.types import MediaKind, MediaRef

log = logging.getLogger(__name__)

MAX_NAME = 120

_Pick: TypeAlias = Callable[[av.container.InputContainer], VideoStream | AudioStream | None]

_REMEMBERED = 4096
_seen: dict[tuple[str, int], tuple[MediaKind, str]] = {}
_seeing = threading.Lock()
_PACKETS_TRIED = 300
_SURE_FRAMES = 5
_ANIMATION_NAMES = {"GIF": "gif", "WEBP": "webp", "PNG": "apng"}
_PICTURE_NAMES = {"MPO": "jpeg", "HEIF": "heic"}


def identify(path: Path, limits: Limits, *, name: str | None = None) -> MediaRef:
    """Say what a file is by its content; its name and ending do not count.

    An animated GIF, WebP or PNG is a video. Sound with cover art is audio, and so is a video file whose picture
    track cannot be decoded but whose sound can.

    Args:
        name: the name to show, where ``path`` is a temporary one.

    Raises:
        NotFoundError: there is no such file.
        EmptyMediaError: no bytes, or neither picture nor sound in it.
        LimitError: more bytes or pixels than allowed.
        UnsupportedMediaError: not a picture, video or sound format that can be read.
        DamagedMediaError: such a format, but nothing of it can be decoded.
    """
    shown = clean_name(name if name is not None else path.name)
    try:
        size = _checked_size(path, shown, limits)
        sha256 = _sha256(path)
        kind, format_ = _known(path, sha256, limits)
        return MediaRef(path, sha256, kind, format_, size, shown)
    except OSError as exc:
        raise UnsupportedMediaError(
            f"The file '{shown}' cannot be opened.", hint="Check that you are allowed to read it, and try again."
        ) from exc


def clean_name(name: str) -> str:
    """A name that is safe to show and to write into reports: no folders, control or direction marks, at most
    :data:`MAX_NAME` characters, never empty."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    spaced = (" " if c.isspace() else c for c in last)
    tidy = " ".join("".join(c for c in spaced if c.isprintable()).split())
    if not tidy.strip("."):
        return "file"
    if len(tidy) > MAX_NAME:
        stem, dot, suffix = tidy.rpartition(".")
        suffix = dot + suffix if dot and len(suffix) <= 8 else ""
        tidy = (stem if suffix else tidy)[: MAX_NAME - 1 - len(suffix)] + "…" + suffix
    return tidy


def _checked_size(path: Path, shown: str, limits: Limits) -> int:
    if not path.exists():
        raise NotFoundError(f"There is no file '{shown}'.", hint="Check the path and its spelling.")
    if not path.is_file():
        raise UnsupportedMediaError(f"'{shown}' is not a file.", hint="Choose a picture, video or sound file.")
    size = path.stat().st_size
    if size == 0:
        raise EmptyMediaError("The file is empty.", hint="Its copying may have failed: copy it again from its source.")
    if size > limits.max_bytes:
        raise LimitError(
            f"The file has {size / 1e6:,.0f} MB; {limits.max_bytes / 1e6:,.0f} MB are allowed.",
            hint="Cut out the part that matters, or raise the setting limits.max_bytes.",
        )
    return size


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _known(path: Path, sha256: str, limits: Limits) -> tuple[MediaKind, str]:
    """Kind and format of these bytes, which are decoded once only: that takes longer than all else of a repeat."""
    key = (sha256, limits.max_pixels)
    if (seen := _seen.get(key)) is not None:
        return seen
    with path.open("rb") as file:
        found = _classify(path, file.read(HEAD_BYTES), limits)
    with _seeing:
        while len(_seen) >= _REMEMBERED:
            del _seen[next(iter(_seen))]
        _seen[key] = found
    return found


def _classify(path: Path, head: bytes, limits: Limits) -> tuple[MediaKind, str]:
    try:
        if looks_like_picture(head):
            return _picture(path, head, limits)
        return _recording(path, head, limits)
    except (DamagedMediaError, EmptyMediaError) as exc:
        raise _reason(head, exc) from exc


def _reason(head: bytes, error: WorkbenchError) -> WorkbenchError:
    """The error to show for a file that no decoder could read."""
    if found := foreign(head):
        return UnsupportedMediaError(f"This is {found.what}, not a picture, video or sound.", hint=found.hint)
    if looks_like_heif(head) and "HEIF" not in image_formats():
        return UnsupportedMediaError(
            "HEIC pictures cannot be read here.", hint="Install pillow-heif, or export the picture as JPEG."
        )
    if looks_like_picture(head) or looks_like_recording(head):
        return error
    return UnsupportedMediaError("The content is no known picture, video or sound format.", hint=SUPPORTED)


def _picture(path: Path, head: bytes, limits: Limits) -> tuple[MediaKind, str]:
    with open_image(path, limits) as image:
        if not _is_animated(image):
            name = image.format or ""
            return MediaKind.IMAGE, _PICTURE_NAMES.get(name, name.lower())
        if image.format == "AVIF":
            return _recording(path, head, limits)
        return MediaKind.VIDEO, _ANIMATION_NAMES[str(image.format)]


def animation_format(path: Path) -> str | None:
    """Format of an animated GIF, WebP or PNG (see :data:`core.media.image.ANIMATIONS`), else None."""
    try:
        with open_image(path, Limits()) as image:
            return _ANIMATION_NAMES.get(str(image.format)) if _is_animated(image) else None
    except WorkbenchError:
        return None


def _is_animated(image: Image.Image) -> bool:
    if image.format not in ("GIF", "WEBP", "PNG", "AVIF"):
        return False  # further pages of a TIFF or views of an MPO are not a clip
    try:
        return getattr(image, "n_frames", 1) > 1
    except DECODER_FAULTS:
        return False


def _recording(path: Path, head: bytes, limits: Limits) -> tuple[MediaKind, str]:
    """Decide by decoding: a picture track that gives a frame makes a video, else sound that plays makes audio."""
    sure = looks_like_recording(head)
    picks: tuple[tuple[MediaKind, _Pick], ...] = (
        (MediaKind.VIDEO, picture_stream),
        (MediaKind.AUDIO, sound_stream),
    )
    for kind, pick in picks:
        with open_container(path, limits.max_pixels) as container:
            picture = picture_stream(container)
            if picture is not None:
                check_pixels(picture.width or 0, picture.height or 0, limits)
            stream = pick(container)
            if stream is not None and _plays(container, stream, sure):
                return kind, format_name(container.format.name, head)
    raise _nothing_plays(path)


def _plays(container: av.container.InputContainer, stream: VideoStream | AudioStream, sure: bool) -> bool:
    """Whether a frame can be decoded; without a signature several in a row must be, for noise decodes by chance."""
    decoding = Decoding(container, stream, _PACKETS_TRIED)
    needed = 1 if sure else _SURE_FRAMES
    for count, _ in enumerate(decoding, start=1):
        if count == needed:
            return sure or decoding.faults == 0
    return False


def _nothing_plays(path: Path) -> WorkbenchError:
    with open_container(path) as container:
        try:
            empty = not any(packet.size for packet in container.demux())
        except DECODER_FAULTS:
            empty = False
    if empty:
        return EmptyMediaError(
            "The file holds no picture and no sound.",
            hint="The recording may have been stopped before it began: record or export it again.",
        )
    return DamagedMediaError(
        "Neither picture nor sound of this file can be decoded.",
        hint="It may be cut off, damaged or encrypted: copy it again, or export it as MP4 (H.264, AAC).",
    )
