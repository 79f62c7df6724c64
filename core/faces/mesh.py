"""Landmarks from the 468-point face mesh: lips, and the 68 points that other tools number.

Numbers of the mesh's points are those of its publication (Kartynnik et al., 2019, arXiv:1907.06724).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from core.networks.face_mesh import POINTS, SIDE, FaceMeshNet
from core.registry import Card
from core.types import RGB, Box, Face
from core.weights.loading import loaded, memory_bytes

Mesh = npt.NDArray[np.float32]

MARGIN = 0.25
_BATCH = 16

# Closed lines, from the mouth corner at the viewer's left along the lower lip and back along the upper.
LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)

# In the order of the 68 points of iBUG 300-W: outline, brows, nose, eyes, outer lips, inner lips.
IBUG_68 = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,
    78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip


class FaceMesher:
    """The mesh of faces that were found already.

    Raises:
        WeightsError: the file does not fit the network.
    """

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card, self.device = card, device
        self.network = loaded(FaceMeshNet(), card, weights, device)

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded network holds."""
        return memory_bytes(self.network)

    @torch.inference_mode()
    def look(self, crops: RGB) -> tuple[Mesh, npt.NDArray[np.float32]]:
        """Mesh float32[N, 468, 3] in px of crops uint8[N, 192, 192, 3] (x, y, depth), and P(there is a face) of each,
        float32[N]. Crops show the face with a margin of a quarter of its side (:func:`cut_face`)."""
        if crops.shape[1:] != (SIDE, SIDE, 3):
            raise ValueError(f"crops are uint8[N, {SIDE}, {SIDE}, 3], not {crops.shape}")
        points, there = [np.zeros((0, POINTS, 3), np.float32)], [np.zeros(0, np.float32)]
        for start in range(0, len(crops), _BATCH):
            batch = torch.from_numpy(np.ascontiguousarray(crops[start : start + _BATCH])).to(self.device)
            mesh, logit = self.network(batch.permute(0, 3, 1, 2).float() / 127.5 - 1.0)
            points.append(mesh.cpu().numpy())
            there.append(logit.sigmoid().cpu().numpy())
        return np.concatenate(points), np.concatenate(there)

    def mesh(self, crops: RGB) -> Mesh:
        """Mesh of crops; as :meth:`look`."""
        return self.look(crops)[0]

    def of_faces(self, frames: Sequence[RGB], faces: Sequence[Face]) -> Mesh:
        """Mesh float32[N, 468, 3] in px of the frame of one face in each frame uint8[H, W, 3]; depth in the same px."""
        if not frames:
            return np.zeros((0, POINTS, 3), np.float32)
        crops = np.stack([cut_face(frame, face.box) for frame, face in zip(frames, faces, strict=True)])
        points = self.mesh(crops)
        corners = np.array([_square(face.box) for face in faces], np.float32)
        scale = corners[:, 2] / SIDE
        points *= scale[:, None, None]
        points[..., :2] += corners[:, None, :2]
        return points


def cut_face(frame: RGB, box: Box) -> RGB:
    """The square round a face with its margin, uint8[192, 192, 3]; black where it leaves the frame."""
    left, top, side = _square(box)
    matrix = np.array([[SIDE / side, 0.0, -left * SIDE / side], [0.0, SIDE / side, -top * SIDE / side]])
    how = cv2.INTER_AREA if side > 2 * SIDE else cv2.INTER_LINEAR
    if how == cv2.INTER_AREA:
        # Warping does not average; large faces are shrunk first.
        shrink = 2 * SIDE / side
        frame = np.asarray(cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=how), np.uint8)
        matrix[:, :2] /= shrink
    return np.asarray(cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR), np.uint8)


def _square(box: Box) -> tuple[float, float, float]:
    """Left, top and side of the square that the mesh looks at."""
    side = max(box[2] - box[0], box[3] - box[1], 1.0) * (1.0 + 2 * MARGIN)
    return (box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2, side


def landmarks_68(mesh: Mesh) -> Mesh:
    """x and y of the 68 points, float32[N, 68, 2], from a mesh float32[N, 468, 3]."""
    return np.ascontiguousarray(mesh[:, IBUG_68, :2])


def lips(mesh: Mesh) -> tuple[Mesh, Mesh]:
    """Outer and inner line of the lips, float32[N, 20, 3] each."""
    return np.ascontiguousarray(mesh[:, LIPS_OUTER]), np.ascontiguousarray(mesh[:, LIPS_INNER])


def mouth_opening(mesh: Mesh) -> npt.NDArray[np.float32]:
    """Gap between the inner lips as a part of the distance of the outer corners of the eyes, float32[N]."""
    gap = np.linalg.norm(mesh[:, 13] - mesh[:, 14], axis=1)
    eyes = np.linalg.norm(mesh[:, 33] - mesh[:, 263], axis=1)
    return np.asarray(gap / np.maximum(eyes, 1e-6), np.float32)


def in_steady_crop(points: Mesh, boxes: Sequence[Box], side_px: float, grow: float = 1.2) -> Mesh:
    """Points float32[N, K, 2] in px of frames as px of the square crop of each frame's box, grown by ``grow`` and
    ``side_px`` wide: what :class:`core.detectors.lrnet.LandmarkDetector` takes."""
    rows = np.asarray(boxes, np.float64).reshape(-1, 4)
    centre = (rows[:, :2] + rows[:, 2:]) / 2
    side = grow * (rows[:, 2:] - rows[:, :2]).max(axis=1)
    placed = (points - centre[:, None]) / side[:, None, None] + 0.5
    return np.asarray(placed * side_px, np.float32)
