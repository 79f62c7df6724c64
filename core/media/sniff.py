"""What the first bytes of a file say. A signature only steers the search; a decoder has the last word."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD_BYTES = 4096

SUPPORTED = (
    "Readable are JPEG, PNG, WebP, HEIC, AVIF, BMP, TIFF and GIF pictures; MP4, MOV, MKV, WebM, AVI and MPEG video; "
    "WAV, MP3, M4A, AAC, FLAC and OGG sound."
)

_MEDIA = re.compile(
    rb"\A(?:"
    rb"....(?:ftyp|moov|mdat|moof|wide|free|skip|pnot|styp|sidx)"  # ISO base media, QuickTime
    rb"|\x1aE\xdf\xa3"  # Matroska, WebM
    rb"|RIFF....(?:AVI |WAVE)|RF64....WAVE|FORM....AIF[FC]|caff|\.snd|riff\x2e\x91\xcf\x11"
    rb"|OggS|fLaC|ID3|FLV\x01|\x30\x26\xb2\x75\x8e\x66\xcf\x11|DKIF|YUV4MPEG2|\.RMF|#!AMR|MAC |wvpk|TTA1"
    rb"|\x00\x00\x01[\xb3\xba]|\x00\x00\x00?\x01[\x09\x27\x40\x46\x67]|\x06\x0e\x2b\x34\x02\x05\x01\x01"
    rb"|\x0b\x77"  # AC-3
    rb")",
    re.DOTALL,
)
_PICTURE = re.compile(
    rb"\A(?:\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|BM|II\*\x00|MM\x00\*|II\+\x00|MM\x00\+"
    rb"|....ftyp(?:heic|heix|heim|heis|hevc|hevx|mif1|msf1|avif|avis))",
    re.DOTALL,
)
_HEIF = re.compile(rb"\A....ftyp(?:hei|hev|mif1|msf1)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A well-known format that is no medium for this program."""

    what: str
    hint: str


_FOREIGN: tuple[tuple[re.Pattern[bytes], Foreign], ...] = (
    (re.compile(rb"%PDF-"), Foreign("a PDF document", "Export the page or the picture as PNG or JPEG.")),
    (
        re.compile(rb"PK(?:\x03\x04|\x05\x06)|7z\xbc\xaf\x27\x1c|Rar!|\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd"),
        Foreign("an archive or office document", "Unpack it and choose the picture, video or sound file inside."),
    ),
    (re.compile(rb"\x7fELF|MZ"), Foreign("a program", SUPPORTED)),
    (
        re.compile(rb"(?is)\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!doctype svg[^>]*>\s*)?<svg[\s>]"),
        Foreign("an SVG drawing", "Export it as PNG; drawings hold no camera picture, so expect no verdict."),
    ),
    (
        re.compile(rb"(?is)\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|\?xml)"),
        Foreign("a web page", "Save the picture or video itself rather than the page that shows it."),
    ),
    (
        re.compile(rb"\s*#EXTM3U|\s*\[playlist\]"),
        Foreign("a play list", "It only points to media: download the video or sound itself."),
    ),
)


def looks_like_picture(head: bytes) -> bool:
    return _PICTURE.match(head) is not None


def looks_like_heif(head: bytes) -> bool:
    return _HEIF.match(head) is not None


def looks_like_recording(head: bytes) -> bool:
    """Whether a strong signature of a video or sound format is there (also MPEG-TS, whose mark repeats)."""
    return _MEDIA.match(head) is not None or _is_transport_stream(head)


def _is_transport_stream(head: bytes) -> bool:
    return any(
        len(head) > first + 2 * step and all(head[first + k * step] == 0x47 for k in range(3))
        for step, first in ((188, 0), (192, 4), (204, 0))
    )


def foreign(head: bytes) -> Foreign | None:
    """The well-known format this is, where it is one that holds no medium; plain text counts as one."""
    body = head.removeprefix(b"\xef\xbb\xbf")
    for pattern, found in _FOREIGN:
        if pattern.match(body):
            return found
    return Foreign("a text file", SUPPORTED) if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head) % 2 == 0:
        return True
    controls = sum(byte < 9 or 13 < byte < 32 for byte in head)
    if controls:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as exc:
        return exc.start >= len(head) - 3  # a character cut in two by the window
    return True


_BRANDS = {b"qt  ": "mov", b"M4A ": "m4a", b"M4B ": "m4a", b"avif": "avif", b"avis": "avif"}
_NAMES = {"asf": "wmv", "mpegts": "ts", "mpeg": "mpg", "mpegvideo": "mpg", "yuv4mpegpipe": "y4m"}


def format_name(demuxer: str, head: bytes) -> str:
    """A short name of the container ("mp4", "mov", "webm", …) from the demuxer's and the file's own words."""
    if demuxer.startswith("mov,"):
        brand = head[8:12] if head[4:8] == b"ftyp" else b"qt  "
        return _BRANDS.get(brand, "3gp" if brand.startswith(b"3g") else "mp4")
    if demuxer.startswith("matroska"):
        return "webm" if b"webm" in head[:64] else "mkv"
    return _NAMES.get(demuxer, demuxer.split(",")[0])
