"""What a JPEG says about how it was compressed: quality, whose tables, and whether it was compressed twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

# Annex K.1 of ITU-T T.81, in rows.
_STANDARD_LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
_DCT = np.sqrt(2 / 8) * np.cos(np.pi / 8 * np.outer(np.arange(8), np.arange(8) + 0.5))
_DCT[0] /= np.sqrt(2)

_LOW_FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1))
_LARGEST_SIDE = 1024
_BINS = 13
_MIN_VALUES = 400
_DOUBLE = 0.3


def luma_table(image: Image.Image) -> npt.NDArray[np.int64] | None:
    """Quantisation table int[8, 8] of the first component in rows, or None where the file tells none."""
    tables: dict[int, Sequence[int]] = getattr(image, "quantization", None) or {}
    first = tables.get(0)
    if first is None or len(first) != 64:
        return None
    return np.asarray(first, np.int64).reshape(8, 8)


def quality(table: npt.NDArray[np.int64]) -> tuple[int, bool]:
    """Quality in [1, 100] on libjpeg's scale, and whether the table is exactly libjpeg's at that quality."""
    errors = [int(np.abs(_scaled(q) - table).sum()) for q in range(1, 101)]
    best = int(np.argmin(errors))
    return best + 1, errors[best] == 0


def _scaled(q: int) -> npt.NDArray[np.int64]:
    scale = 5000 // q if q < 50 else 200 - 2 * q
    return np.clip((_STANDARD_LUMA * scale + 50) // 100, 1, 255)


def double_compression(image: Image.Image, table: npt.NDArray[np.int64]) -> float:
    """How uneven the histograms of the low-frequency DCT coefficients are, in [0, 1].

    Coefficients of a picture that was quantised once thin out steadily from zero; an earlier, coarser quantisation
    on the same grid leaves gaps and peaks (Lukas and Fridrich, Estimation of primary quantization matrix in double
    compressed JPEG images, 2003). The measure is the share by which counts rise away from zero, the second largest
    of seven frequencies. Zero where there is too little to tell.

    Args:
        image: an opened JPEG that was not decoded yet.
        table: its luma table int[8, 8].
    """
    if image.mode not in ("RGB", "L"):
        return 0.0
    image.draft("YCbCr", image.size)
    left, top = ((side - min(_LARGEST_SIDE, side)) // 16 * 8 for side in image.size)
    width, height = (min(_LARGEST_SIDE, side) // 8 * 8 for side in image.size)
    grid = np.asarray(image.crop((left, top, left + width, top + height)).convert("YCbCr").getchannel(0), np.float32)
    blocks = grid.reshape(height // 8, 8, width // 8, 8).swapaxes(1, 2)
    spectra = (_DCT @ (blocks - 128) @ _DCT.T).reshape(-1, 8, 8)
    rises = [_rise(np.rint(spectra[:, v, u] / table[v, u])) for v, u in _LOW_FREQUENCIES]
    return sorted(rises)[-2]


def _rise(values: npt.NDArray[np.floating]) -> float:
    counts = np.bincount(np.minimum(np.abs(values), _BINS + 1).astype(np.int64), minlength=_BINS + 2)[1 : _BINS + 1]
    if counts.sum() < _MIN_VALUES:
        return 0.0
    return float(np.maximum(np.diff(counts), 0).sum() / counts.sum())


def observations(image: Image.Image) -> list[str]:
    """Plain words about the compression of an opened JPEG."""
    table = luma_table(image)
    if table is None:
        return []
    estimate, standard = quality(table)
    whose = "libjpeg's tables" if standard else "tables of a camera or of another program"
    told = [f"JPEG quality about {estimate} ({whose})."]
    if double_compression(image, table) > _DOUBLE:
        told.append("The JPEG looks compressed twice: it was probably opened and saved again.")
    return told
