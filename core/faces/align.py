"""Face crops: the one place where pixels of a frame become the input of a detector (rules ``aligned``, ``box``,
``stretched``, ``whole`` of :class:`core.registry.InputSpec`)."""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from core.registry import InputSpec
from core.types import RGB, Box, Face, Landmarks

Points: TypeAlias = npt.NDArray[np.float32]

# Five-point template of InsightFace (MIT) for a 112 px square: left eye, right eye, nose, mouth left, mouth right
# as the viewer sees them.
_TEMPLATE_112 = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
_FILTER = {"bicubic": cv2.INTER_CUBIC, "bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_LINEAR}


def template(size: int, scale: float = 1.3) -> Points:
    """Target points float32[5, 2] in a ``size`` px square; ``scale`` > 1 leaves that much more room round the face.

    With scale 1.3 this is the crop of DeepfakeBench (Yan et al., 2023, arXiv:2307.01426).
    """
    points = np.asarray(_TEMPLATE_112, dtype=np.float64) * (size / 112.0)
    margin = size * (scale - 1.0) / 2.0
    return ((points + margin) / scale).astype(np.float32)


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Least-squares rotation, uniform scale and shift as float64[2, 3] (Umeyama, 1991, PAMI 13(4)).

    Args:
        source: points [N, 2], N >= 2, not all equal.
        target: where they shall go, same shape.

    Raises:
        ValueError: the source points coincide.
    """
    src, dst = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    src_mean, dst_mean = src.mean(axis=0), dst.mean(axis=0)
    src_c, dst_c = src - src_mean, dst - dst_mean
    variance = float((src_c**2).sum() / len(src))
    if variance <= 1e-12:
        raise ValueError("the points coincide: no similarity transform fits")
    # In the plane the best turn and scale are one complex number: no singular values are needed.
    along = float((src_c * dst_c).sum()) / (variance * len(src))
    across = float((src_c[:, 0] * dst_c[:, 1] - src_c[:, 1] * dst_c[:, 0]).sum()) / (variance * len(src))
    linear = np.array([[along, -across], [across, along]])
    return np.column_stack([linear, dst_mean - linear @ src_mean])


def warp(rgb: RGB, matrix: npt.NDArray[np.float64], size: int, *, cubic: bool = False, reflect: bool = False) -> RGB:
    """Apply a 2x3 matrix (source px to output px); shrinking is prefiltered by area so that nothing aliases.

    Pixels outside the picture are black, or mirrored with ``reflect``.
    """
    (a, b), (c, d) = matrix[:, :2].tolist()
    scale = math.sqrt(abs(a * d - b * c))
    factor = max(1, round(1.0 / max(scale, 1e-6)))
    rgb, matrix = _needed_part(rgb, matrix, size)
    fine = np.array(matrix, dtype=np.float64) * factor
    fine[:, 2] += (factor - 1) / 2.0
    out = cv2.warpAffine(
        rgb,
        fine,
        (size * factor, size * factor),
        flags=cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101 if reflect else cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )
    if factor > 1:
        out = cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(out, dtype=np.uint8)


def align(rgb: RGB, landmarks: Landmarks | npt.ArrayLike, spec: InputSpec) -> RGB:
    """Turn and scale a face onto the template of ``spec``: uint8[size, size, 3].

    Args:
        rgb: uint8[H, W, 3].
        landmarks: five points (x, y) px in the order of :class:`core.types.Face`.
    """
    return warp(rgb, _align_matrix(landmarks, spec), spec.size, cubic=spec.resize == "bicubic")


def crop_box(rgb: RGB, box: Box, spec: InputSpec, *, reflect: bool = True) -> RGB:
    """The square round ``box``, grown by ``spec.scale``: uint8[size, size, 3]; outside the picture it mirrors."""
    return warp(rgb, _box_matrix(box, spec), spec.size, cubic=spec.resize == "bicubic", reflect=reflect)


def crop_stretched(rgb: RGB, box: Box, spec: InputSpec) -> RGB:
    """``box`` grown by ``spec.scale`` in each direction, as far as the picture goes, and stretched to the square
    uint8[size, size, 3]. With scale 1.25 this is the crop of Self-Blended Images (Shiohara and Yamasaki, 2022,
    arXiv:2204.08376)."""
    left, top, right, bottom = _stretched_part(rgb.shape[:2], box, spec)
    return crop_whole(rgb[top:bottom, left:right], spec)


def crop_whole(rgb: RGB, spec: InputSpec) -> RGB:
    """The whole picture resized (not keeping its aspect) to uint8[size, size, 3]."""
    return resized(rgb, spec.size, spec.resize)


def crop(rgb: RGB, face: Face, spec: InputSpec) -> RGB:
    """Cut ``face`` out of ``rgb`` by the rule of ``spec``: uint8[spec.size, spec.size, 3]."""
    if spec.via is not None:
        whole = crop(rgb, face, spec.model_copy(update={"size": spec.via, "via": None}))
        return resized(whole, spec.size, spec.resize)
    if spec.crop == "aligned":
        return align(rgb, face.landmarks, spec)
    if spec.crop == "box":
        return crop_box(rgb, face.box, spec)
    if spec.crop == "stretched":
        return crop_stretched(rgb, face.box, spec)
    return crop_whole(rgb, spec)


def crop_matrix(shape: tuple[int, ...], face: Face, spec: InputSpec) -> npt.NDArray[np.float64]:
    """Where :func:`crop` takes its pixels from: float64[2, 3], centres of pixels of a picture [H, W, ...] to those of
    the crop."""
    if spec.crop == "aligned":
        return _align_matrix(face.landmarks, spec)
    if spec.crop == "box":
        return _box_matrix(face.box, spec)
    whole = (0, 0, shape[1], shape[0])
    left, top, right, bottom = _stretched_part(shape, face.box, spec) if spec.crop == "stretched" else whole
    return _onto_square(left, top, min(right, shape[1]), min(bottom, shape[0]), spec.size)


def _align_matrix(landmarks: Landmarks | npt.ArrayLike, spec: InputSpec) -> npt.NDArray[np.float64]:
    return similarity(np.asarray(landmarks, dtype=np.float64), template(spec.size, spec.scale))


def _box_matrix(box: Box, spec: InputSpec) -> npt.NDArray[np.float64]:
    x0, y0, x1, y1 = box
    side = max(x1 - x0, y1 - y0, 1.0) * spec.scale
    left, top = (x0 + x1 - side) / 2.0, (y0 + y1 - side) / 2.0
    return _onto_square(left, top, left + side, top + side, spec.size)


def _onto_square(left: float, top: float, right: float, bottom: float, size: int) -> npt.NDArray[np.float64]:
    """A rectangle onto a square of ``size`` px; pixel centres, not corners, are what is mapped."""
    across, down = size / (right - left), size / (bottom - top)
    x, y = (across - 1.0) / 2.0 - left * across, (down - 1.0) / 2.0 - top * down
    return np.array([[across, 0.0, x], [0.0, down, y]])


def _stretched_part(shape: tuple[int, ...], box: Box, spec: InputSpec) -> tuple[int, int, int, int]:
    height, width = shape[:2]
    x0, y0, x1, y1 = box
    across, down = (x1 - x0) * (spec.scale - 1.0) / 2.0, (y1 - y0) * (spec.scale - 1.0) / 2.0
    left, top = min(max(0, int(x0 - across)), width - 1), min(max(0, int(y0 - down)), height - 1)
    return left, top, max(left + 1, int(x1 + across) + 1), max(top + 1, int(y1 + down) + 1)


def resized(rgb: RGB, size: int, resize: str) -> RGB:
    """A square of ``size`` px; ``antialiased`` widens the bilinear filter when it shrinks, as Pillow does."""
    if resize == "antialiased":
        return np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.BILINEAR))
    shrinks = rgb.shape[0] > size or rgb.shape[1] > size
    how = cv2.INTER_AREA if shrinks and resize == "area" else _FILTER[resize]
    return np.asarray(cv2.resize(rgb, (size, size), interpolation=how), dtype=np.uint8)


def _needed_part(rgb: RGB, matrix: npt.NDArray[np.float64], size: int) -> tuple[RGB, npt.NDArray[np.float64]]:
    """Cut away what the output never shows: OpenCV warps no picture wider or higher than 32,767 px."""
    height, width = rgb.shape[:2]
    if max(height, width) < 8192:
        return rgb, matrix
    inverse = cv2.invertAffineTransform(matrix)
    corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ inverse[:, :2].T + inverse[:, 2]
    low = np.clip(np.floor(corners.min(axis=0)) - 4, 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 5, low + 1, [width, height]).astype(int)
    moved = np.array(matrix, dtype=np.float64)
    moved[:, 2] += moved[:, :2] @ low
    return rgb[low[1] : high[1], low[0] : high[0]], moved
