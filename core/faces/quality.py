"""How usable one face is: size, sharpness, light, turn and cover. Every measure is plain image arithmetic."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core.faces.align import similarity, warp
from core.media.shrinking import shrunk
from core.types import RGB, Box, Face, FaceQuality, Landmarks

Points: TypeAlias = npt.NDArray[np.float64]

_BLUR_SIDE = 128
_NOISE_MASK = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
_PATCH_SIDE = 64
# Where the eyes, the nose and the corners of the mouth lie in the 64 px square in which patches are compared.
_LAYOUT = ((21.0, 24.0), (43.0, 24.0), (32.0, 37.0), (23.5, 49.0), (40.5, 49.0))
# Patches (x0, y0, x1, y1) of that square that show bare skin on a free face, by what they lie on.
_PATCHES = {
    "forehead": (22, 8, 42, 17),
    "left eye": (15, 19, 28, 29),
    "right eye": (36, 19, 49, 29),
    "left cheek": (13, 34, 23, 43),
    "right cheek": (41, 34, 51, 43),
    "nose": (27, 28, 37, 40),
    "mouth": (24, 45, 40, 54),
    "chin": (26, 55, 38, 63),
}
_CHROMA_FREE, _CHROMA_COVERED = 10.0, 30.0  # CIELAB a*b* distance from the face's own skin: fully free, fully covered


def measure(rgb: RGB, face: Face) -> FaceQuality:
    """Quality of ``face`` in the frame ``rgb`` uint8[H, W, 3].

    ``occlusion`` is a proxy and no more: the share of eight patches (forehead, eyes, cheeks, nose, mouth, chin) whose
    colour differs from the face's typical skin colour. It answers to masks, hands of another colour, dark glasses and
    objects before the face; it does not see a skin-coloured hand, says nothing (0) for grey pictures, and heavy
    make-up, a beard or coloured light raise it a little.
    """
    crop = box_crop(rgb, face.box)
    grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    x0, y0, x1, y1 = face.box
    return FaceQuality(
        size_px=float(min(x1 - x0, y1 - y0)),
        blur=sharpness(grey),
        luma=float(grey.mean()),
        yaw=yaw(face.landmarks),
        occlusion=_occlusion(rgb, face.landmarks),
        noise=grain(grey),
    )


def box_crop(rgb: RGB, box: Box) -> RGB:
    """The pixels inside ``box``, at least one."""
    height, width = rgb.shape[:2]
    x0, y0 = min(max(int(box[0]), 0), width - 1), min(max(int(box[1]), 0), height - 1)
    x1, y1 = min(max(round(box[2]), x0 + 1), width), min(max(round(box[3]), y0 + 1), height)
    return rgb[y0:y1, x0:x1]


def sharpness(grey: npt.NDArray[np.uint8]) -> float:
    """Variance of the Laplacian after resizing to 128 x 128, so that large and small faces compare; noise raises it
    as detail does."""
    shrinks = min(grey.shape) > _BLUR_SIDE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return float(cv2.Laplacian(cv2.resize(grey, (_BLUR_SIDE, _BLUR_SIDE), interpolation=how), cv2.CV_64F).var())


def grain(grey: npt.NDArray[np.uint8]) -> float:
    """Standard deviation of noise in grey levels, at 128 px at most, as detectors see it: the mask of Immerkær (1996,
    Computer Vision and Image Understanding 64(2)), which edges and shades hardly answer to, and the median of its
    answers in place of their mean, for faces are small and full of edges."""
    if min(grey.shape) > _BLUR_SIDE:
        grey = shrunk(grey, (_BLUR_SIDE, _BLUR_SIDE))
    answers = cv2.filter2D(grey, cv2.CV_64F, _NOISE_MASK)
    return float(np.median(np.abs(answers)) / (6.0 * 0.6745))


def yaw(landmarks: Landmarks) -> float:
    """Turn of the head from five points in [-1, 1]: 0 frontal, positive when the nose points to the viewer's right,
    about 1 where it lies over the further eye. A proxy in no unit of angle."""
    left, right, nose, mouth_left, mouth_right = np.asarray(landmarks, dtype=np.float64)
    across = (right - left) + (mouth_right - mouth_left)
    down = (mouth_left + mouth_right - left - right) / 2.0
    length = float(np.linalg.norm(across))
    if length < 1e-6:
        return 0.0
    axis = across / length
    centre = (left + right + mouth_left + mouth_right) / 4.0
    half_width = max(length / 4.0, 0.25 * float(np.linalg.norm(down)), 1e-6)
    # On a head held askew the centre line leans: what counts is the nose's distance from that line, not from a point.
    lean = float(down @ axis) / max(float(np.linalg.norm(down)), 1e-6)
    drop = float((nose - centre) @ np.array([-axis[1], axis[0]]))
    return float(np.clip((float((nose - centre) @ axis) - lean * drop) / half_width, -1.0, 1.0))


def _occlusion(rgb: RGB, landmarks: Landmarks) -> float:
    points: Points = np.asarray(landmarks, dtype=np.float64)
    try:
        face = warp(rgb, similarity(points, np.asarray(_LAYOUT)), _PATCH_SIDE, reflect=True)
    except ValueError:  # the points coincide
        return 1.0
    lab = cv2.cvtColor(face.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    chroma = np.array([np.median(lab[y0:y1, x0:x1, 1:], axis=(0, 1)) for x0, y0, x1, y1 in _PATCHES.values()])
    away = np.linalg.norm(chroma - np.median(chroma, axis=0), axis=1)
    covered = np.clip((away - _CHROMA_FREE) / (_CHROMA_COVERED - _CHROMA_FREE), 0.0, 1.0)
    # Half of the patches covered is as bad as it can be: the median would then no longer be skin.
    return float(min(1.0, covered.sum() / (len(chroma) / 2)))
