"""Animated GIF, WebP and PNG as clips. Times come from the file's own delays, read without decoding."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from PIL import Image

from core.media.containers import DECODER_FAULTS
from core.media.image import open_image, to_rgb
from core.media.reader import delivered_size
from core.settings import Limits
from core.types import RGB, Frame

_DEFAULT_DELAY_S = 0.1
_MAX_DECODED_PIXELS = 20_000_000_000


@dataclass(frozen=True, slots=True)
class Times:
    """When each picture appears, and when the last one goes, in seconds."""

    start_s: tuple[float, ...]
    end_s: float


def picture_times(path: Path, format_: str) -> Times:
    """Times of the pictures of an animation ("gif", "webp" or "apng"); damaged tails are left out.

    Delays below 11 ms are played as 100 ms, as browsers do.
    """
    read = {"gif": _gif_delays, "webp": _webp_delays, "apng": _apng_delays}[format_]
    delays = []
    with path.open("rb") as file:
        try:
            for delay in read(file):
                delays.append(delay if delay >= 0.011 else _DEFAULT_DELAY_S)
        except (struct.error, IndexError):
            pass
    starts = [round(t, 6) for t in (0.0, *accumulate(delays))]
    return Times(tuple(starts[:-1]), starts[-1])


def _gif_delays(file: io.BufferedReader) -> Iterator[float]:
    flags = file.read(13)[10]
    file.seek(_table_bytes(flags), io.SEEK_CUR)
    delay = 0.0
    while (mark := file.read(1)) in (b"!", b","):
        if mark == b"!":
            if file.read(1) == b"\xf9":
                delay = int(struct.unpack("<xxHxx", file.read(6))[0]) / 100
            else:
                _skip_blocks(file)
        else:
            file.seek(_table_bytes(file.read(9)[8]) + 1, io.SEEK_CUR)
            _skip_blocks(file)
            yield delay
            delay = 0.0


def _table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_blocks(file: io.BufferedReader) -> None:
    while length := file.read(1)[0]:
        file.seek(length, io.SEEK_CUR)


def _webp_delays(file: io.BufferedReader) -> Iterator[float]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        if name == b"ANMF":
            yield int.from_bytes(file.read(16)[12:15], "little") / 1000
            length -= 16
        file.seek(length + length % 2, io.SEEK_CUR)


def _apng_delays(file: io.BufferedReader) -> Iterator[float]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == b"fcTL":
            number, base = struct.unpack(">20xHHxx", file.read(26))
            yield number / (base or 100)
            length -= 26
        file.seek(length + 4, io.SEEK_CUR)


def decoded(path: Path, times: Times, limits: Limits, wanted: Sequence[int]) -> Iterator[Frame]:
    """Decode the pictures at positions ``wanted`` (ascending); it ends early where the file is damaged.

    Raises:
        DamagedMediaError: the file cannot be opened.
    """
    with open_image(path, limits) as image:
        hidden = 1 if image.info.get("default_image") else 0  # a still that is not part of the animation
        affordable = _MAX_DECODED_PIXELS // (image.width * image.height)
        for position in wanted:
            if position >= affordable:
                return
            try:
                image.seek(position + hidden)
                rgb = _picture(image)
            except DECODER_FAULTS:
                return
            yield Frame(position, times.start_s[position], rgb)


def _picture(image: Image.Image) -> RGB:
    size = delivered_size(*image.size)
    rgb = to_rgb(image)
    return rgb if size == image.size else to_rgb(Image.fromarray(rgb).resize(size, Image.Resampling.BOX))
