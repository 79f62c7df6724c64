"""Still pictures: any colour mode, depth and orientation in, upright 8-bit RGB out."""

from __future__ import annotations

import importlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from core.errors import DamagedMediaError, LimitError, UnsupportedMediaError, WorkbenchError
from core.media.containers import DECODER_FAULTS, READ_FAULTS
from core.settings import Limits
from core.types import RGB, Frame, MediaRef

log = logging.getLogger(__name__)

ANIMATIONS = ("gif", "webp", "apng")
"""Formats (of :class:`MediaRef`) of animated pictures that Pillow plays; ``kind`` tells them from stills."""

_MIN_READABLE = 0.5
_CUT_OFF_HINT = "The file seems cut off or damaged: copy or download it again from its source."


@cache
def image_formats() -> tuple[str, ...]:
    """Pillow's names of the formats that are read; HEIF only where pillow-heif is installed."""
    formats = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        log.info("pillow-heif is not installed: HEIC pictures cannot be read")
        return formats
    return (*formats, "HEIF")


@contextmanager
def open_image(source: Path | io.BytesIO, limits: Limits) -> Iterator[Image.Image]:
    """Open a picture without decoding it.

    Raises:
        LimitError: it has more pixels than allowed; nothing was decoded.
        DamagedMediaError: no picture format, or its head is broken.
    """
    with _decoding(), Image.open(source, formats=image_formats()) as image:
        check_pixels(*image.size, limits)
        yield image


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn what Pillow raises on bad input into errors for the user."""
    try:
        yield
    except WorkbenchError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as exc:
        raise LimitError(
            "The picture has more pixels than are allowed.", hint="Make it smaller and try again."
        ) from exc
    except DECODER_FAULTS as exc:
        log.debug("picture could not be decoded", exc_info=True)
        raise DamagedMediaError("The picture cannot be decoded.", hint=_CUT_OFF_HINT) from exc


def check_pixels(width: int, height: int, limits: Limits) -> None:
    """Raises: LimitError: a picture of this size is larger than allowed."""
    if width * height > limits.max_pixels:
        raise LimitError(
            f"The picture has {width} x {height} = {width * height / 1e6:,.0f} million pixels; "
            f"{limits.max_pixels / 1e6:,.0f} million are allowed.",
            hint="Make it smaller, or raise the setting limits.max_pixels.",
        )


def read_image(ref: MediaRef, limits: Limits) -> tuple[list[Frame], list[str]]:
    """Decode a still picture at full size.

    Orientation from EXIF is applied, transparency is laid on white, 16 and 32 bit are scaled to 8.

    Returns:
        One upright frame uint8[H, W, 3] at t = 0, and notes in plain words on what could not be read.

    Raises:
        DamagedMediaError: less than half of the picture can be decoded.
        LimitError: more pixels than allowed.
        UnsupportedMediaError: a colour mode that cannot be turned into RGB.
    """
    notes: list[str] = []
    with open_image(ref.path, limits) as image:
        try:
            image.load()
        except DECODER_FAULTS:
            log.debug("picture is cut off", exc_info=True)
            picture, notes = _readable_part(ref, image, limits)
        else:
            picture = image
        rgb = to_rgb(ImageOps.exif_transpose(picture))
    return [Frame(0, 0.0, rgb)], notes


def _readable_part(ref: MediaRef, image: Image.Image, limits: Limits) -> tuple[Image.Image, list[str]]:
    picture = _salvage(ref, image, limits)
    present = _rows_present(picture) if picture is not None else np.zeros(1, bool)
    share = float(present.mean())
    if picture is None or share < _MIN_READABLE:
        told = f"Only {share:.0%} of the picture can be read." if share > 0 else "The picture cannot be decoded."
        raise DamagedMediaError(told, hint=_CUT_OFF_HINT)
    if share == 1.0:
        return picture, ["The picture is damaged or cut off: fine detail may be missing."]
    return _crop_to(picture, present), [f"The picture is damaged or cut off: about {share:.0%} of it was read."]


def _crop_to(picture: Image.Image, present: npt.NDArray[np.bool_]) -> Image.Image:
    """The rows that are there; gaps between them, which interlacing leaves, are closed by the row above."""
    rows = np.flatnonzero(present)
    part = picture.crop((0, int(rows[0]), picture.width, int(rows[-1]) + 1))
    part.getexif().update(picture.getexif())
    for y in np.flatnonzero(~present[rows[0] : rows[-1] + 1]):
        part.paste(part.crop((0, int(y) - 1, part.width, int(y))), (0, int(y)))
    return part


def _salvage(ref: MediaRef, image: Image.Image, limits: Limits) -> Image.Image | None:
    """What the decoder had written when it failed. JPEG gets an end mark, which makes its decoder finish."""
    end = b"\xff\xd9" if image.format in ("JPEG", "MPO") else b""
    try:
        with open_image(io.BytesIO(ref.path.read_bytes() + end), limits) as again:
            try:
                again.load()
            except DECODER_FAULTS:
                return again._new(again.im)
            return again
    except READ_FAULTS:
        return None


def _rows_present(picture: Image.Image) -> npt.NDArray[np.bool_]:
    """bool[H]: rows that hold data. Decoders leave missing rows at zero, the JPEG decoder at a uniform grey."""
    rows = np.asarray(picture).reshape(picture.height, picture.width, -1)
    missing = np.zeros_like(rows[-1])
    if picture.format in ("JPEG", "MPO"):
        if np.ptp(rows[-1], axis=0).max() > 0:
            return np.ones(picture.height, bool)
        missing = rows[-1]
    return np.asarray((rows != missing).any(axis=(1, 2)))


def to_rgb(image: Image.Image) -> RGB:
    """Any Pillow picture as contiguous uint8[H, W, 3] RGB.

    Raises:
        UnsupportedMediaError: a mode that cannot be turned into RGB.
    """
    if image.mode.startswith("I") or image.mode == "F":
        grey = _to_8_bit(np.asarray(image), image.mode)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = _on_white(image)
    return np.ascontiguousarray(np.asarray(_convert(image)))


def _to_8_bit(values: npt.NDArray[np.generic], mode: str) -> npt.NDArray[np.uint8]:
    """Grey values of 16 or 32 bit, or real numbers, as 8 bit."""
    numbers = np.nan_to_num(values.astype(np.float64))
    if mode != "F":
        top = 65535.0 if numbers.max(initial=0.0) <= 65535.0 else float(numbers.max())
    else:
        peak = float(numbers.max(initial=0.0))
        top = 1.0 if peak <= 1.0 else 255.0 if peak <= 255.0 else peak
    return np.clip(np.rint(numbers * (255.0 / top)), 0, 255).astype(np.uint8)


def _on_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, layer)


def _convert(image: Image.Image) -> Image.Image:
    try:
        if image.mode == "LAB":
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, ImageCms.createProfile("LAB"), srgb, outputMode="RGB")
            return converted if converted is not None else image
        return image.convert("RGB")
    except (ValueError, ImageCms.PyCMSError) as exc:
        raise UnsupportedMediaError(
            f"Pictures of colour mode {image.mode} cannot be read.", hint="Export the picture as 8-bit RGB PNG or JPEG."
        ) from exc
