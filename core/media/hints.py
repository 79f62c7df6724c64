"""Observations about where a file comes from and how it was compressed, in plain words. Facts, never a score."""

from __future__ import annotations

import re
from collections.abc import Mapping

from PIL import ExifTags, Image

from core.media import jpeg
from core.media.containers import DECODER_FAULTS
from core.types import MediaInfo

_CAMERA_TAGS = ("com.apple.quicktime.make", "com.apple.quicktime.model", "com.android.manufacturer", "make", "model")
_PHONE_TAGS = ("com.apple.quicktime.", "com.android.")
_MAX_VALUE = 80
_EXIF_TAGS = (ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software)

_WRITERS: tuple[tuple[str, str], ...] = (
    (r"^Lavf", "FFmpeg (or a program built on it) wrote the file"),
    (r"HandBrake", "HandBrake wrote the file"),
    (r"ISO Media file produced by Google", "the file has passed through Google or YouTube"),
    (r"Mainconcept|Premiere|Adobe", "an Adobe program wrote the file"),
    (r"GPAC|Bento4|Shaka", "a packaging program for streaming wrote the file"),
    (r"^vid:v", "the file has passed through TikTok"),
    (r"Core Media", "Apple's media library wrote the file"),
    (r"QTmux|GStreamer", "GStreamer wrote the file"),
    (r"Chrome|Firefox|Safari|Opera", "a browser recorded the file"),
)
_ENCODER = re.compile(rb"x26[45] (?:- core|\(build) ?\d+|Lavc\d+(?:\.\d+)*")

_MESSENGER_SIDE_PX = 860
_MESSENGER_BITS = 0.12
_STRONG_BITS = {"h264": 0.035, "hevc": 0.02, "vp9": 0.02, "av1": 0.015, "vp8": 0.04}


def picture_hints(image: Image.Image) -> list[str]:
    """What an opened still picture tells about its origin: camera, software, JPEG compression."""
    try:
        exif = image.getexif()
        told = _exif_hints(exif, image.format or "")
        if image.format in ("JPEG", "MPO"):
            told += jpeg.observations(image)
    except DECODER_FAULTS:
        return ["Its embedded facts (EXIF) are damaged."]
    return told


def _exif_hints(exif: Image.Exif, format_: str) -> list[str]:
    make, model, software = (tidy(exif.get(tag)) for tag in _EXIF_TAGS)
    told = []
    if make or model:
        named = model if make and model.lower().startswith(make.lower().split()[0]) else f"{make} {model}".strip()
        told.append(f"EXIF names the camera {named}.")
    elif format_ in ("JPEG", "MPO", "HEIF"):
        told.append("No camera is named: the original camera facts are missing, as after upload to most platforms.")
    if software:
        told.append(f"EXIF names the software {software}.")
    return told


def tidy(value: object) -> str:
    """A metadata value made safe to show."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")
    return "".join(c for c in text if c.isprintable()).strip()[:_MAX_VALUE]


def container_hints(tags: Mapping[str, str], first_packet: bytes) -> list[str]:
    """What the tags of a container and its streams, and the encoder's mark in the first packet, tell."""
    lower = {key.lower(): tidy(value) for key, value in tags.items()}
    told = [
        f"{text[0].upper()}{text[1:]} ({value})."
        for pattern, text in _WRITERS
        if (value := next((v for v in lower.values() if re.search(pattern, v)), None))
    ]
    if mark := _encoder(first_packet):
        told.append(f"The picture was encoded by {mark}: software, not a camera's own chip.")
    camera = " ".join(dict.fromkeys(v for k in _CAMERA_TAGS if (v := lower.get(k))))
    if camera:
        told.append(f"The file names the camera {camera}.")
    return told


def _encoder(packet: bytes) -> str:
    found = _ENCODER.search(packet)
    return found.group().decode("ascii").replace(" (build", " build") if found else ""


def from_camera(tags: Mapping[str, str]) -> bool:
    """Whether the tags are those that phones and cameras write."""
    return any(key.lower() in _CAMERA_TAGS or key.lower().startswith(_PHONE_TAGS) for key in tags)


def compression_hints(info: MediaInfo, camera_named: bool) -> list[str]:
    """Signs of strong or repeated compression in the facts about a video."""
    told = []
    bits = bits_per_pixel(info)
    side = max(info.width or 0, info.height or 0)
    if bits is not None and bits < _STRONG_BITS.get(info.video_codec or "", 0.03):
        told.append(f"The picture is strongly compressed ({bits:.3f} bits a pixel): fine traces may be gone.")
    elif bits is not None and bits < _MESSENGER_BITS and side <= _MESSENGER_SIDE_PX and not camera_named:
        told.append("Size, bit rate and missing camera facts look like a copy from a messenger or social network.")
    if not camera_named:
        told.append("No camera is named: common after an upload or an export, and in some phones' own files.")
    return told


def bits_per_pixel(info: MediaInfo) -> float | None:
    """Bits spent on a pixel of a frame, or None where a fact is missing."""
    if not (info.bitrate_bps and info.width and info.height and info.fps):
        return None
    return info.bitrate_bps / (info.width * info.height * info.fps)
