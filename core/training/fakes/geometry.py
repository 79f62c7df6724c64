"""Masks, warps and colour matching shared by the pseudo-fakes. Lengths are in px of the crop at hand."""

from __future__ import annotations

from typing import TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.align import similarity, template
from core.training.fakes.base import FaceCrop, Mask, Points
from core.types import RGB

FloatImage = npt.NDArray[np.float32]

# Outlines in the 112 px template frame, clockwise as the viewer sees them.
_OUTLINES: dict[str, tuple[tuple[float, float], ...]] = {
    "face": (
        (16, 56),
        (19, 40),
        (30, 29),
        (56, 24),
        (82, 29),
        (93, 40),
        (96, 56),
        (93, 80),
        (83, 100),
        (70, 112),
        (56, 116),
        (42, 112),
        (29, 100),
        (19, 80),
    ),
    "inner": (
        (24, 44),
        (38, 38),
        (56, 42),
        (74, 38),
        (88, 44),
        (86, 66),
        (78, 92),
        (66, 106),
        (46, 106),
        (34, 92),
        (26, 66),
    ),
    "head": (
        (8, 60),
        (8, 30),
        (22, 4),
        (56, -6),
        (90, 4),
        (104, 30),
        (104, 60),
        (98, 88),
        (84, 110),
        (56, 122),
        (28, 110),
        (14, 88),
    ),
    "mouth": ((34, 84), (46, 79), (56, 80), (66, 79), (78, 84), (78, 98), (68, 107), (56, 110), (44, 107), (34, 98)),
    "lower": ((20, 72), (40, 66), (56, 70), (72, 66), (92, 72), (86, 96), (72, 112), (56, 117), (40, 112), (26, 96)),
    "eyes": ((20, 44), (38, 38), (56, 44), (74, 38), (92, 44), (92, 58), (74, 64), (56, 58), (38, 64), (20, 58)),
    "left_eye": ((24, 46), (38, 40), (52, 46), (52, 58), (38, 63), (24, 58)),
    "right_eye": ((60, 46), (74, 40), (88, 46), (88, 58), (74, 63), (60, 58)),
    "nose": ((46, 50), (56, 46), (66, 50), (72, 76), (64, 82), (48, 82), (40, 76)),
}
REGIONS = tuple(_OUTLINES)


def face_scale(landmarks: Points) -> float:
    """Px of the crop for one px of the 112 px template."""
    return float(np.sqrt(abs(np.linalg.det(_to_crop(landmarks)[:, :2]))))


def _to_crop(landmarks: Points) -> npt.NDArray[np.float64]:
    return similarity(template(112, 1.0), landmarks)


def outline(landmarks: Points, region: str, rng: np.random.Generator | None = None, jitter: float = 0.0) -> Points:
    """The polygon of a region in the crop, float32[K, 2]; ``jitter`` moves its points by so many template px."""
    points = np.asarray(_OUTLINES[region], dtype=np.float64)
    if rng is not None and jitter > 0:
        points = points + rng.normal(0.0, jitter, points.shape)
    matrix = _to_crop(landmarks)
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def region_mask(shape: tuple[int, ...], polygon: Points) -> Mask:
    """float32[H, W], 1 inside the polygon's convex hull."""
    mask = np.zeros(shape[:2], dtype=np.float32)
    hull = cv2.convexHull(np.round(polygon).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 1.0)
    return mask


def smooth_field(rng: np.random.Generator, size: int, cells: int, sigma: float) -> FloatImage:
    """A smooth random displacement float32[size, size, 2] with about ``sigma`` px standard deviation."""
    coarse = rng.normal(0.0, sigma, (cells, cells, 2)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


Pixels = TypeVar("Pixels", FloatImage, RGB)


def move(image: Pixels, field: FloatImage, *, reflect: bool = True) -> Pixels:
    """Sample ``image`` at each pixel's place plus ``field``; keeps the dtype."""
    height, width = image.shape[:2]
    grid_x, grid_y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    border = cv2.BORDER_REFLECT_101 if reflect else cv2.BORDER_CONSTANT
    out = cv2.remap(image, grid_x + field[:, :, 0], grid_y + field[:, :, 1], cv2.INTER_LINEAR, borderMode=border)
    return cast(Pixels, np.asarray(out))


def soften(rng: np.random.Generator, mask: Mask, unit: float, *, strength: float = 1.0) -> Mask:
    """Deform and blur a mask twice, as in self-blended images (Shiohara and Yamasaki, 2022, arXiv:2204.08376).

    ``unit`` is px of the crop for one template px.
    """
    size = mask.shape[0]
    field = smooth_field(rng, size, int(rng.integers(4, 9)), 3.0 * unit * strength)
    mask = np.asarray(move(mask, field, reflect=False), dtype=np.float32)
    mask = _blur(mask, rng.uniform(0.5, 4.0) * unit)
    if rng.random() < 0.7:
        mask = np.clip(mask * 2.0 - rng.uniform(0.4, 1.0), 0.0, 1.0)
    return np.clip(_blur(mask, rng.uniform(0.3, 3.5) * unit), 0.0, 1.0)


def _blur(image: FloatImage, sigma: float) -> FloatImage:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3)), dtype=np.float32)


def blend(inside: RGB, outside: RGB, mask: Mask) -> RGB:
    """mask * inside + (1 - mask) * outside, rounded."""
    weight = mask[:, :, None]
    mixed = outside + (inside.astype(np.float32) - outside) * weight
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def poisson(inside: RGB, outside: RGB, mask: Mask) -> RGB:
    """Gradient-domain blend (Perez et al., 2003); falls back to :func:`blend` where the mask touches the border."""
    binary = (mask > 0.5).astype(np.uint8) * 255
    binary[:2] = binary[-2:] = 0
    binary[:, :2] = binary[:, -2:] = 0
    x, y, w, h = cv2.boundingRect(binary)
    if w < 8 or h < 8:
        return blend(inside, outside, mask)
    centre = (x + w // 2, y + h // 2)
    # The clone writes into its mask, and touches pixels beside it in the whole of its bounding box.
    cloned = cv2.seamlessClone(inside, outside, binary.copy(), centre, cv2.NORMAL_CLONE)
    return np.asarray(np.where(binary[:, :, None] > 0, cloned, outside), dtype=np.uint8)


def match_colour(source: RGB, reference: RGB, mask: Mask, strength: float = 1.0) -> RGB:
    """Give ``source`` the mean and spread that ``reference`` has inside the mask, per Lab channel (Reinhard, 2001)."""
    inside = mask > 0.5
    if inside.sum() < 16:
        return source
    src = cv2.cvtColor(source, cv2.COLOR_RGB2LAB).astype(np.float32)
    ref = cv2.cvtColor(reference, cv2.COLOR_RGB2LAB).astype(np.float32)
    src_mean, src_std = src[inside].mean(axis=0), src[inside].std(axis=0) + 1e-3
    ref_mean, ref_std = ref[inside].mean(axis=0), ref[inside].std(axis=0) + 1e-3
    gain = 1.0 + strength * (np.clip(ref_std / src_std, 0.5, 2.0) - 1.0)
    moved = (src - src_mean) * gain + src_mean + strength * (ref_mean - src_mean)
    return np.asarray(cv2.cvtColor(np.clip(moved, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB), dtype=np.uint8)


def onto(partner: FaceCrop, face: FaceCrop) -> RGB:
    """Warp the partner's picture so that its five landmarks fall on those of ``face``: similarity, then a smooth
    residual displacement round each point."""
    size = face.pixels.shape[0]
    back = similarity(face.landmarks, partner.landmarks)
    residual = partner.landmarks - (face.landmarks @ back[:, :2].T + back[:, 2])
    shift = _round_points(face, residual.astype(np.float32))
    xs, ys = np.meshgrid(np.arange(size, dtype=np.float32), np.arange(size, dtype=np.float32))
    linear = back.astype(np.float32)
    map_x = linear[0, 0] * xs + linear[0, 1] * ys + linear[0, 2] + shift[:, :, 0]
    map_y = linear[1, 0] * xs + linear[1, 1] * ys + linear[1, 2] + shift[:, :, 1]
    warped = cv2.remap(
        partner.pixels,
        map_x,
        map_y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(warped, dtype=np.uint8)


def _round_points(face: FaceCrop, residual: Points) -> FloatImage:
    """Spread the displacement of each landmark smoothly round it: float32[S, S, 2] (made at a quarter of the size)."""
    size = face.pixels.shape[0]
    ys, xs = 4.0 * np.mgrid[0 : -(-size // 4), 0 : -(-size // 4)].astype(np.float32)
    spread = np.float32(2.0 * (14.0 * face_scale(face.landmarks)) ** 2)
    distance = (xs[None] - face.landmarks[:, 0, None, None]) ** 2 + (ys[None] - face.landmarks[:, 1, None, None]) ** 2
    weights = np.exp(-distance / spread)
    weights /= np.maximum(weights.sum(axis=0, keepdims=True), 1.0)
    coarse = np.tensordot(weights, residual, axes=(0, 0))
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def shrink_grow(rng: np.random.Generator, image: RGB, side: int) -> RGB:
    """Resample to ``side`` px and back with randomly chosen filters."""
    size = image.shape[0]
    down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    up = int(
        rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST], p=[0.4, 0.35, 0.2, 0.05])
    )
    small = cv2.resize(image, (side, side), interpolation=down)
    return np.asarray(cv2.resize(small, (size, size), interpolation=up), dtype=np.uint8)


def tint(rng: np.random.Generator, image: RGB, strength: float = 1.0) -> RGB:
    """A random mild change of colour: channel shifts, hue, saturation, brightness, contrast."""
    out = image.astype(np.float32)
    out += rng.normal(0.0, 8.0 * strength, 3).astype(np.float32)
    out = (out - 128.0) * rng.uniform(1 - 0.15 * strength, 1 + 0.15 * strength) + 128.0
    out += rng.normal(0.0, 8.0 * strength)
    grey = out.mean(axis=2, keepdims=True)
    out = grey + (out - grey) * rng.uniform(1 - 0.3 * strength, 1 + 0.3 * strength)
    return np.clip(out, 0, 255).astype(np.uint8)


def sharpen(image: RGB, sigma: float, amount: float) -> RGB:
    """Unsharp mask."""
    soft = cv2.GaussianBlur(image, (0, 0), sigma)
    return np.asarray(cv2.addWeighted(image, 1.0 + amount, soft, -amount, 0.0), dtype=np.uint8)
