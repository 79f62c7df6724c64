"""Seeded mutations of real files: what a fuzzer does, the same every time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests import media

_INTERESTING = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x00\x00\x01",
    b"\xff\xd8\xff",
)


def corpus(folder: Path) -> list[Path]:
    """Small files of every kind that a decoder reads."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [
        media.portrait(folder / f"picture.{ending}", size=96) for ending in ("png", "jpg", "webp", "gif", "bmp", "tiff")
    ]
    clips = [media.talking_clip(folder / f"clip.{ending}", seconds=0.6) for ending in ("mp4", "mkv")]
    return [*pictures, *clips, media.speech(folder / "speech.wav", seconds=0.6)]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One mutation, or a few on top of each other."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        out = _once(out, rng)
    return bytes(out)


def mutations(files: list[Path], count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """``count`` mutated files: what each is called, and its bytes."""
    rng = random.Random(seed)
    contents = [(path.name, path.read_bytes()) for path in files]
    for number in range(count):
        name, data = contents[number % len(contents)]
        if rng.random() < 0.05:  # the head of one format on the body of another
            _, other = rng.choice(contents)
            data = data[: rng.randrange(4, 200)] + other[rng.randrange(len(other)) :]
        yield f"{number}-{name}", mutated(data, rng)


def _once(out: bytearray, rng: random.Random) -> bytearray:
    if not out:
        return bytearray(rng.randbytes(16))
    at = rng.randrange(min(len(out), 400) if rng.random() < 0.6 else len(out))  # headers break more than bodies
    kind = rng.randrange(7)
    if kind == 0:
        out[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        out[at] = rng.randrange(256)
    elif kind == 2:
        value = rng.choice(_INTERESTING)
        out[at : at + len(value)] = value
    elif kind == 3:
        del out[at:]
    elif kind == 4:
        del out[at : at + rng.randrange(1, 64)]
    elif kind == 5:
        out[at:at] = rng.randbytes(rng.randrange(1, 64))
    else:
        end = min(len(out), at + rng.randrange(1, 256))
        out[at:at] = out[at:end]
    return out
