"""Seeded synthetic media for the tests: every kind of file a user may drop, written on the spot, nothing downloaded.

Each writer takes the path to write, whose ending chooses the format, and returns it.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image

from tests import media_clips
from tests.media_clips import (
    SOUND_HZ,
    frame_number,
    garbled_picture_clip,
    garbled_sound_clip,
    landscape_clip,
    numbered,
    numbered_clip,
    remuxed,
    repeated,
    rotated_clip,
    silence,
    silent_clip,
    speech,
    speech_with_cover,
    talking_clip,
    two_people_clip,
    vfr_clip,
    vfr_ticks,
    write_clip,
    write_sound,
    zero_frame_clip,
)
from tests.media_drawing import RGB, head, loudness, meadow, place, speaking, talking, voice

__all__ = [
    "HOSTILE_NAMES", "RGB", "SOUND_HZ", "Samples", "animated", "blank", "bomb", "bytes_of", "cmyk", "empty",
    "exif_rotated", "foreign", "frame_number", "garbled_picture_clip", "garbled_sound_clip", "grey16", "head",
    "landscape", "landscape_clip", "loudness", "meadow", "noise", "numbered", "numbered_clip", "palette", "place",
    "portrait", "remuxed", "repeated", "rgba", "rotated_clip", "save", "silence", "silent_clip", "speaking", "speech",
    "speech_with_cover", "talking", "talking_clip", "ten_faces", "truncated", "two_people_clip", "vfr_clip",
    "vfr_ticks", "voice", "write_clip", "write_sound", "zero_frame_clip",
]  # fmt: skip

HOSTILE_NAMES = (
    "../../etc/passwd",
    "..\\..\\windows\\system32\\cmd.exe",
    "photo\u202egpj.exe",
    "a\x00b\n\r\t<script>alert(1)</script>.png",
    "=cmd|' /C calc'!A0.jpg",
    "пример 写真 🎬.mp4",
    "x" * 300 + ".mp4",
    "...",
    "   ",
    "concat:a|b",
    "%s%n%d.png",
    "\udcff\udcfe.jpg",
)


def save(path: Path, rgb: RGB, **options: Any) -> Path:
    """Write uint8[H, W, 3] (or [H, W], [H, W, 4]) in the format of the path's ending."""
    Image.fromarray(rgb).save(path, **options)
    return path


def portrait(path: Path, *, size: int = 512, person: int = 0, **options: Any) -> Path:
    """A real face, head and shoulders."""
    return save(path, head(size, person), **options)


def ten_faces(path: Path) -> Path:
    """Ten heads in two rows; every other one is the second person."""
    canvas = np.full((2 * 180, 5 * 180, 3), 128, np.uint8)
    for i in range(10):
        place(head(180, i % 2), canvas, 180 * (i % 5), 180 * (i // 5))
    return save(path, canvas)


def landscape(path: Path) -> Path:
    """A photograph without a face: a cup of coffee (scikit-image, public domain)."""
    return save(path, skimage.data.coffee())


def noise(path: Path, *, size: int = 256, seed: int = 0) -> Path:
    return save(path, np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8))


def blank(path: Path, *, size: int = 256, value: int = 255) -> Path:
    return save(path, np.full((size, size, 3), value, np.uint8))


def grey16(path: Path, *, size: int = 256) -> Path:
    """A face in 16-bit grey (.png, .tif): twice the values of 8 bit would be wrong, so would a clipped one."""
    grey = head(size).mean(axis=2)
    Image.fromarray((grey * 257).astype(np.uint16)).save(path)
    return path


def rgba(path: Path, *, size: int = 256) -> Path:
    """A face in a disc; outside it is transparent black."""
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    alpha = np.where(x * x + y * y < 0.25, 255, 0).astype(np.uint8)
    return save(path, np.dstack([np.where(alpha[..., None] > 0, head(size), 0).astype(np.uint8), alpha]))


def palette(path: Path, *, size: int = 256) -> Path:
    """A face in 64 palette colours (.png, .gif, .bmp)."""
    Image.fromarray(head(size)).quantize(64).save(path)
    return path


def cmyk(path: Path, *, size: int = 256) -> Path:
    """A face as CMYK (.jpg, .tif)."""
    Image.fromarray(head(size)).convert("CMYK").save(path)
    return path


def exif_rotated(path: Path, *, orientation: int = 6, size: int = 256) -> Path:
    """A face stored turned, with the EXIF orientation (6: 90 degrees clockwise, 3: 180, 8: 270) that rights it."""
    turns = {1: 0, 6: 1, 3: 2, 8: 3}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    wide = np.pad(head(size), ((0, 0), (0, size // 2), (0, 0)), mode="edge")
    return save(path, np.ascontiguousarray(np.rot90(wide, k=turns)), exif=exif)


def animated(path: Path, *, count: int = 12, delay_ms: int = 80, size: int = 128) -> Path:
    """A speaking face as an animated picture (.gif, .webp, .png, .avif)."""
    frames = [Image.fromarray(f) for f in talking(count / 25, 25, size)]
    extra: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=delay_ms, loop=0, **extra)
    return path


def bomb(path: Path, *, side: int = 60_000) -> Path:
    """A PNG of a few hundred bytes that claims ``side`` x ``side`` pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 100_000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    return path


def empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def truncated(path: Path, source: Path, share: float = 0.5) -> Path:
    """The first ``share`` of the bytes of ``source``."""
    content = source.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def bytes_of(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def foreign(path: Path) -> Path:
    """A file that is no medium: .svg, .html, .pdf, .zip, .txt, .m3u8, .exe, .bin (random bytes)."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("readme.txt", "nothing to see")
        return path
    contents = {
        ".svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        ".html": b"<!DOCTYPE html><html><body>hello</body></html>",
        ".pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n",
        ".txt": b"Dies ist ein Text, kein Bild.\n" * 20,
        ".m3u8": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
        ".exe": b"MZ" + bytes(200),
        ".bin": np.random.default_rng(7).bytes(60_000),
    }
    return bytes_of(path, contents[path.suffix])


class Samples:
    """Writes each medium once and hands out its path: ``samples("talking_clip", "a.mp4", seconds=2)``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[tuple[str, str, str], Path] = {}

    def __call__(self, writer: str, name: str, **options: Any) -> Path:
        key = writer, name, repr(sorted(options.items()))
        if key not in self._made:
            folder = self.folder / f"{len(self._made):03d}"
            folder.mkdir()
            write: Callable[..., Path] = globals().get(writer) or getattr(media_clips, writer)
            self._made[key] = write(folder / name, **options)
        return self._made[key]
