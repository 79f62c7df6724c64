"""Generator up-sampling: the traces of strided transposed convolutions (Odena et al., 2016; Durall et al., 2020,
arXiv:2003.01826) on the face or the whole crop."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from core.training.fakes import geometry as geo
from core.training.fakes.base import FaceCrop
from core.types import RGB


class UpSampling:
    name = "up-sampling"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        size = face.pixels.shape[0]
        factor = int(rng.choice([2, 2, 4]))
        grown = _transposed(rng, face.pixels, factor)
        if rng.random() < 0.5:
            grown = _tile_noise(rng, grown, factor * int(rng.choice([1, 2])))
        if rng.random() < 0.4:
            grown = geo.sharpen(grown, 1.0, rng.uniform(0.3, 0.9))
        if rng.random() < 0.5:
            return grown
        unit = geo.face_scale(face.landmarks)
        region = "head" if rng.random() < 0.5 else "face"
        mask = geo.region_mask((size, size), geo.outline(face.landmarks, region, rng, 2.0))
        return geo.blend(grown, face.pixels, geo.soften(rng, mask, unit))


def _transposed(rng: np.random.Generator, image: RGB, factor: int) -> RGB:
    """Shrink, insert zeros, convolve with an imperfect kernel: the phases get unequal gains (checkerboard)."""
    size = image.shape[0]
    small = cv2.resize(image, (-(-size // factor), -(-size // factor)), interpolation=cv2.INTER_AREA).astype(np.float32)
    spread = np.zeros((small.shape[0] * factor, small.shape[1] * factor, 3), dtype=np.float32)
    spread[::factor, ::factor] = small
    kernel = _kernel(rng, factor)
    out = cv2.filter2D(spread, -1, kernel, borderType=cv2.BORDER_REFLECT_101)[:size, :size]
    detail = image.astype(np.float32) - cv2.GaussianBlur(image, (0, 0), 0.5 * factor).astype(np.float32)
    out = out + detail * rng.uniform(0.0, 0.6)
    return np.clip(out, 0, 255).astype(np.uint8)


def _kernel(rng: np.random.Generator, factor: int) -> npt.NDArray[np.float32]:
    """A triangular kernel whose taps are off by a few per cent; its sum keeps the mean brightness."""
    ramp = 1.0 - np.abs(np.arange(-factor + 1, factor)) / factor
    kernel = np.outer(ramp, ramp)
    kernel = kernel * (1.0 + rng.normal(0.0, rng.uniform(0.02, 0.15), kernel.shape))
    return np.asarray(kernel * factor**2 / kernel.sum(), dtype=np.float32)


def _tile_noise(rng: np.random.Generator, image: RGB, period: int) -> RGB:
    """A weak pattern with a fixed period, multiplied in."""
    tile = rng.normal(0.0, rng.uniform(0.005, 0.03), (period, period, 1)).astype(np.float32)
    repeats = -(-image.shape[0] // period)
    pattern = np.tile(tile, (repeats, repeats, 1))[: image.shape[0], : image.shape[1]]
    return np.clip(image * (1.0 + pattern), 0, 255).astype(np.uint8)
