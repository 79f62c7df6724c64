"""Perceptual signatures of pictures and clips, and the search for near-duplicates among them.

A signature is two 64-bit hashes of the grey picture: the difference hash (signs of the horizontal gradients at 9x8)
and the DCT hash (low frequencies against their median; Zauner, 2010). Two pictures count as the same only where both
hashes agree, for either alone confuses portraits that are framed alike.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from core.training.data.faces import read_image
from core.types import RGB

if TYPE_CHECKING:
    from av import VideoFrame

log = logging.getLogger(__name__)

Hashes = npt.NDArray[np.uint64]
# Most bits of 64 in which two pictures may differ, in the difference hash and in the DCT hash.
NEAR_BITS = (8, 8)
# Grey levels: standard deviation below which a picture (a black first frame) is too flat to be told from others.
_FLAT = 4.0
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Near:
    """Two files, by position, that show the same; bits in which their closest pictures differ."""

    first: int
    second: int
    difference_bits: int
    dct_bits: int


def _pack(bits: npt.NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(bits.reshape(-1)).tobytes(), "big")


def difference_hash(grey: npt.NDArray[np.uint8]) -> int:
    """64 bits of uint8[H, W]: whether each of 8x8 places is brighter than its right neighbour."""
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    return _pack(small[:, :-1] > small[:, 1:])


def dct_hash(grey: npt.NDArray[np.uint8]) -> int:
    """64 bits of uint8[H, W]: whether each of the 8x8 lowest frequencies (the mean left out) is above their median."""
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = np.asarray(cv2.dct(small))[:8, :8].reshape(-1)
    return _pack(low > np.median(low[1:]))


def signature(rgb: RGB) -> tuple[int, int] | None:
    """(difference hash, DCT hash) of uint8[H, W, 3], None where the picture is flat."""
    grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if float(grey.std()) < _FLAT:
        return None
    return difference_hash(grey), dct_hash(grey)


def _rgb(frame: VideoFrame) -> RGB:
    return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def pictures_of(path: Path, modality: str) -> Iterator[RGB]:
    """The picture itself, or the first and the middle frame of a clip.

    Raises:
        ValueError: the file cannot be decoded.
    """
    if modality == "image":
        try:
            yield read_image(path)
        except cv2.error as exc:
            raise ValueError(f"not a readable picture: {path.name}") from exc
        return
    import av

    try:
        with av.open(str(path)) as box:
            stream = box.streams.video[0]
            first = next(box.decode(stream))
            yield _rgb(first)
            if stream.duration:
                middle = (stream.start_time or 0) + stream.duration // 2
                box.seek(middle, stream=stream)
                late = (frame for frame in box.decode(stream) if frame.pts is not None and frame.pts >= middle)
                yield _rgb(next(late, first))
    except (av.FFmpegError, StopIteration, IndexError) as exc:
        raise ValueError(f"not a readable clip: {path.name}") from exc


def near_pairs(owners: Sequence[int], hashes: Hashes, limits: tuple[int, int] = NEAR_BITS) -> list[Near]:
    """All pairs of files of which some pictures agree in both hashes.

    Args:
        owners: the file each picture belongs to.
        hashes: uint64[N, 2], a row a picture.
        limits: most differing bits (difference hash, DCT hash).
    """
    owner = np.asarray(owners, dtype=np.intp)
    best: dict[tuple[int, int], Near] = {}
    for start in range(0, len(owner), _BLOCK):
        for i, j, bits in _block_pairs(hashes, start, limits):
            low, high = sorted((int(owner[i]), int(owner[j])))
            known = best.get((low, high))
            if low != high and (known is None or sum(bits) < known.difference_bits + known.dct_bits):
                best[low, high] = Near(low, high, *bits)
    return [best[key] for key in sorted(best)]


def _block_pairs(hashes: Hashes, start: int, limits: tuple[int, int]) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Pairs (i, j > i) with i in the block that starts at ``start``."""
    block = hashes[start : start + _BLOCK]
    for other in range(start, len(hashes), _BLOCK):
        rest = hashes[other : other + _BLOCK]
        difference = np.bitwise_count(block[:, None, 0] ^ rest[None, :, 0])
        for a, b in zip(*np.nonzero(difference <= limits[0]), strict=True):
            i, j = start + int(a), other + int(b)
            dct = int(np.bitwise_count(block[a, 1] ^ rest[b, 1]))
            if j > i and dct <= limits[1]:
                yield i, j, (int(difference[a, b]), dct)
