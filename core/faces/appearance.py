"""What a face looks like, cheaply: enough to tell the people of one clip apart, far too little to identify anyone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.align import similarity, warp
from core.types import RGB, Face

Array: TypeAlias = npt.NDArray[np.float32]

_SIDE = 64
# Eyes, nose and corners of the mouth in the square: small, so that hair, ears and collar are in it too.
_LAYOUT = ((24.0, 26.0), (40.0, 26.0), (32.0, 35.0), (25.5, 43.5), (38.5, 43.5))
_COARSE = 16  # side of the thumbnail whose lowest frequencies describe layout
_FREQUENCIES = 6
_WEIGHTS = (0.6, 0.1, 0.3)  # colour, texture, layout


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """``colour`` float32[2 * 64] square-rooted hue-saturation histograms of the upper and the lower half, ``texture``
    float32[4 * 16] square-rooted local binary patterns in quarters, ``layout`` float32[35] low frequencies of the
    brightness, of length 1."""

    colour: Array
    texture: Array
    layout: Array


def describe(rgb: RGB, face: Face) -> Appearance | None:
    """The appearance of ``face`` in ``rgb``; None where its five points coincide."""
    try:
        crop = warp(rgb, similarity(np.asarray(face.landmarks), np.asarray(_LAYOUT)), _SIDE, reflect=True)
    except ValueError:
        return None
    grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return Appearance(_colour(crop), _texture(grey), _layout(grey))


def likeness(a: Appearance | None, b: Appearance | None) -> float:
    """How alike two faces are in [0, 1]; 0 where one is unknown."""
    if a is None or b is None:
        return 0.0
    parts = (float(a.colour @ b.colour), float(a.texture @ b.texture), max(0.0, float(a.layout @ b.layout)))
    return float(np.dot(_WEIGHTS, parts))


def _colour(crop: RGB) -> Array:
    hsv = cv2.cvtColor(cv2.GaussianBlur(crop, (0, 0), 1.5), cv2.COLOR_RGB2HSV)
    halves = (hsv[: _SIDE // 2], hsv[_SIDE // 2 :])
    counts = [cv2.calcHist([half], [0, 1], None, [16, 4], [0, 180, 0, 256]).ravel() for half in halves]
    return _root(np.concatenate(counts))


def _texture(grey: npt.NDArray[np.uint8]) -> Array:
    """Each pixel's four neighbours, brighter or not, counted per quarter of the face."""
    soft = cv2.GaussianBlur(grey, (0, 0), 1.0).astype(np.int16)
    centre = soft[2:-2, 2:-2]
    around = (soft[:-4, 2:-2], soft[4:, 2:-2], soft[2:-2, :-4], soft[2:-2, 4:])
    code = np.sum([(side > centre).astype(np.int64) << bit for bit, side in enumerate(around)], axis=0)
    half = len(centre) // 2
    quarters = (code[:half, :half], code[:half, half:], code[half:, :half], code[half:, half:])
    return _root(np.concatenate([np.bincount(q.ravel(), minlength=16) for q in quarters]))


def _layout(grey: npt.NDArray[np.uint8]) -> Array:
    small = cv2.resize(grey, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_FREQUENCIES, :_FREQUENCIES].ravel()[1:]  # without the mean: light may change
    return np.asarray(low / max(float(np.linalg.norm(low)), 1e-6), dtype=np.float32)


def _root(counts: npt.NDArray[np.generic]) -> Array:
    """Square roots of shares, so that a dot product is the Bhattacharyya coefficient."""
    values = counts.astype(np.float32)
    return np.asarray(np.sqrt(values / max(float(values.sum()), 1.0)), dtype=np.float32)
