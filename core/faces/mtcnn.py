"""The three networks of MTCNN run as a cascade (Zhang et al., 2016, arXiv:1604.02878).

Networks and weights are those of facenet-pytorch (MIT), which carries them in its wheel. The cascade round them is
our own: pyramid levels and crops are made by OpenCV's area filter, several times faster on a CPU than resizing
tensors, and boxes that reach over the edge of the picture are padded, so that landmarks of cut-off faces stay true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from torchvision.ops import batched_nms, box_iou

from core.media.shrinking import shrunk
from core.types import RGB, Box

Array: TypeAlias = npt.NDArray[np.float32]
Index: TypeAlias = npt.NDArray[np.intp]
_Cells: TypeAlias = tuple[Array, Array, Array, Index]  # boxes, shifts, scores, pictures

_CELL, _STRIDE = 12, 2
_FRAME = 4  # grey px round every pyramid level, so that a face that fills or leaves the picture is proposed too
_GREY = (128, 128, 128)  # what the networks see as nothing
_COARSEST = 9  # shorter side of the last level
_PYRAMID_FACTOR = 0.709
_PROPOSE, _REFINE, _ACCEPT = 0.6, 0.7, 0.7  # score a candidate needs to pass P-, R- and O-Net
_MAX_CANDIDATES = 1024  # per picture after the first network: bounds the time that noise and foliage can cost
_NET_BATCH = 512
_GRAIN = 16  # px of which sides of windows are multiples
_REACH = 2.0  # levels whose cell is at most this many times larger or smaller than a face may propose it
# Second looks of the last network: (right, down, zoom) in parts of the box, and whether mirrored.
_VIEWS = (
    ((0.0, 0.0, 1.0), False),
    ((0.0, 0.0, 1.0), True),
    ((0.06, 0.0, 1.0), False),
    ((-0.06, 0.0, 1.0), True),
    ((0.0, 0.06, 1.0), True),
    ((0.0, -0.06, 1.0), False),
    ((0.0, 0.0, 1.12), True),
    ((0.0, 0.0, 0.9), False),
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a stage lets through: boxes float32[N, 4] (x0, y0, x1, y1) px, scores float32[N], the picture each lies in
    intp[N] and, after the last stage, landmarks float32[N, 5, 2]."""

    boxes: Array
    scores: Array
    picture: Index
    landmarks: Array

    def pick(self, keep: npt.NDArray[np.bool_] | Index) -> Candidates:
        return Candidates(self.boxes[keep], self.scores[keep], self.picture[keep], self.landmarks[keep])


@dataclass(frozen=True, slots=True)
class Region:
    """Where to look in some of the pictures: ``box`` in px, for faces of ``smallest`` to ``largest`` px a side."""

    pictures: tuple[int, ...]
    box: Box
    smallest: float
    largest: float


class Cascade:
    """P-, R- and O-Net on one device. Not safe for threads by itself."""

    def __init__(self, device: str) -> None:
        self.device = torch.device(device)
        self._nets = [
            net().eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
            for net in (PNet, RNet, ONet)
        ]
        self.memory_bytes = sum(p.numel() * p.element_size() for net in self._nets for p in net.parameters())

    @torch.inference_mode()
    def __call__(self, pictures: Sequence[RGB], min_face_px: float) -> Candidates:
        """Find faces in pictures uint8[H, W, 3] of one size, none shorter than ``min_face_px``."""
        scales = _scales(pictures[0].shape[:2], min_face_px)
        cells = [_cells(*self._level(pictures, scale)) for scale in scales]
        return self._settle(pictures, cells)

    @torch.inference_mode()
    def near(self, pictures: Sequence[RGB], regions: Sequence[Region], min_face_px: float) -> Candidates:
        """As calling it, but only what lies in the regions: there the first network meets the very pixels that it
        meets in a search of the whole picture, so the same faces are proposed, and settled in the same way."""
        cells: list[_Cells] = []
        for scale in _scales(pictures[0].shape[:2], min_face_px):
            for region in regions:
                if region.smallest / _REACH <= _CELL / scale <= region.largest * _REACH:
                    seen = [pictures[i] for i in region.pictures]
                    scores, shifts, corner, step = self._level(seen, scale, region.box)
                    boxes, moved, sure, place = _cells(scores, shifts, corner, step)
                    cells.append((boxes, moved, sure, np.asarray(region.pictures, np.intp)[place]))
        return self._settle(pictures, cells)

    def _settle(self, pictures: Sequence[RGB], cells: list[_Cells]) -> Candidates:
        """From what the first network noticed at every level to faces."""
        if not cells:
            return _nothing()
        boxes, shifts, scores, picture = (np.concatenate(part) for part in zip(*cells, strict=True))
        keep = _strongest(_separate(boxes, scores, picture, 0.7), picture, len(pictures))
        proposed = _shifted(boxes[keep], shifts[keep])
        found = Candidates(proposed, scores[keep], picture[keep], _no_landmarks(len(keep)))
        found = self._refine(pictures, found)
        found = self._accept(pictures, found)
        return self._confirm(pictures, found)

    def _level(
        self, pictures: Sequence[RGB], scale: float, box: Box | None = None
    ) -> tuple[Array, Array, tuple[int, int], tuple[float, float]]:
        """P-Net on one level of the pyramid, or on what ``box`` covers of it: scores [N, h, w], shifts [N, 4, h, w],
        the level's px (x, y) at which the first cell begins, and how many px of the picture one of them is."""
        height, width = pictures[0].shape[:2]
        size = (int(np.ceil(width * scale)), int(np.ceil(height * scale)))
        step = (width / size[0], height / size[1])
        levels = [_framed(_resize(picture, size)) for picture in pictures]
        x0, y0, x1, y1 = (0, 0, *levels[0].shape[1::-1]) if box is None else _window(box, step, levels[0].shape)
        shrunk = np.stack([level[y0:y1, x0:x1] for level in levels])
        shift, probability = self._nets[0](self._tensor(shrunk))
        return probability[:, 1].cpu().numpy(), shift.cpu().numpy(), (x0 - _FRAME, y0 - _FRAME), step

    def _refine(self, pictures: Sequence[RGB], found: Candidates) -> Candidates:
        if not len(found.boxes):
            return found
        square = _squared(found.boxes)
        shift, probability = self._run(1, _crops(pictures, square, found.picture, 24))
        score, picture = probability[:, 1], found.picture
        passed = np.flatnonzero(score > _REFINE)
        keep = passed[_separate(square[passed], score[passed], picture[passed], 0.7)]
        return Candidates(_shifted(square[keep], shift[keep]), score[keep], picture[keep], found.landmarks[keep])

    def _accept(self, pictures: Sequence[RGB], found: Candidates) -> Candidates:
        if not len(found.boxes):
            return found
        square = _squared(found.boxes)
        seen = self._look(pictures, square, found.picture, np.zeros(len(square), np.bool_))
        seen = seen.pick(seen.scores > _ACCEPT)
        return _voted(seen, _separate(seen.boxes, seen.scores, seen.picture, 0.5))

    def _confirm(self, pictures: Sequence[RGB], found: Candidates) -> Candidates:
        """Look at each face again, a little beside and mirrored, and average: true faces hold, and their points get
        steadier; what only happened to look like one falls."""
        if not len(found.boxes):
            return found
        square = _squared(found.boxes)
        squares = np.concatenate([_nudged(square, *view) for view, _ in _VIEWS])
        mirrored = np.repeat([flipped for _, flipped in _VIEWS], len(square))
        seen = self._look(pictures, squares, np.tile(found.picture, len(_VIEWS)), mirrored)
        boxes, scores, points = (_average(part, len(_VIEWS)) for part in (seen.boxes, seen.scores, seen.landmarks))
        return Candidates(boxes, scores, found.picture, points)

    def _look(
        self, pictures: Sequence[RGB], square: Array, picture: Index, mirrored: npt.NDArray[np.bool_]
    ) -> Candidates:
        """O-Net on square boxes: refined boxes, scores, landmarks."""
        crops = _crops(pictures, square, picture, 48)
        crops[mirrored] = crops[mirrored, :, ::-1]
        shift, points, probability = self._run(2, crops)
        points = points.reshape(-1, 2, 5)
        shift[mirrored] = shift[mirrored][:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], dtype=np.float32)
        points[mirrored] = points[mirrored][:, :, [1, 0, 2, 4, 3]] * np.array([[-1], [1]]) + np.array([[1], [0]])
        return Candidates(_shifted(square, shift), probability[:, 1], picture, _placed(square, points))

    def _run(self, net: int, crops: RGB) -> list[Array]:
        count = len(crops)
        crops = np.pad(crops, ((0, _round(count) - count), (0, 0), (0, 0), (0, 0)))
        parts = [self._nets[net](self._tensor(crops[i : i + _NET_BATCH])) for i in range(0, len(crops), _NET_BATCH)]
        return [torch.cat(out).cpu().numpy()[:count] for out in zip(*parts, strict=True)]

    def _tensor(self, pixels: RGB) -> torch.Tensor:
        planes = torch.from_numpy(pixels).to(self.device).permute(0, 3, 1, 2)  # channels last: twice as fast here
        return (planes.float() - 127.5) / 128.0


def _scales(shape: tuple[int, int], min_face_px: float) -> list[float]:
    scales, scale = [], _CELL / min_face_px
    while min(shape) * scale >= _COARSEST:
        scales.append(scale)
        scale *= _PYRAMID_FACTOR
    return scales


def _window(box: Box, step: tuple[float, float], level: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The part of a framed level that shows ``box``, a cell more on each side. It begins at even px, where P-Net's
    strides begin in the whole level too, and its sides are of few different lengths: each new shape costs time."""
    height, width = level[:2]
    x0, x1 = _span(box[0] / step[0], box[2] / step[0], width)
    y0, y1 = _span(box[1] / step[1], box[3] / step[1], height)
    return x0, y0, x1, y1


def _span(low: float, high: float, extent: int) -> tuple[int, int]:
    first = max(0, int(low) + _FRAME - _CELL) // 2 * 2
    wanted = max(int(np.ceil(high)) + _FRAME + _CELL - first, _GRAIN)
    length = min(-(-wanted // _GRAIN) * _GRAIN, extent)
    first = max(0, min(first, (extent - length) // 2 * 2))
    return first, first + length


def _cells(scores: Array, shifts: Array, first: tuple[int, int], step: tuple[float, float]) -> _Cells:
    """What P-Net takes for faces, those overlapping a better one left out."""
    picture, row, column = np.nonzero(scores >= _PROPOSE)
    corner = np.stack([column, row], axis=1).astype(np.float32) * _STRIDE + np.asarray(first, dtype=np.float32)
    boxes = np.concatenate([corner, corner + _CELL], axis=1) * np.array([*step, *step], dtype=np.float32)
    score = scores[picture, row, column]
    keep = _separate(boxes, score, picture, 0.5)
    return boxes[keep], shifts[picture, :, row, column][keep], score[keep], picture[keep]


def _resize(rgb: RGB, size: tuple[int, int]) -> RGB:
    shrinks = size[0] < rgb.shape[1] or size[1] < rgb.shape[0]
    return shrunk(rgb, size) if shrinks else np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _framed(rgb: RGB) -> RGB:
    return np.asarray(
        cv2.copyMakeBorder(rgb, _FRAME, _FRAME, _FRAME, _FRAME, cv2.BORDER_CONSTANT, value=_GREY), np.uint8
    )


def _round(count: int) -> int:
    """The next of few numbers, so that few shapes are met."""
    step = 1 if count <= 4 else 4 if count <= 16 else 16
    return -(-count // step) * step


def _crops(pictures: Sequence[RGB], boxes: Array, picture: Index, size: int) -> RGB:
    """The boxes' contents uint8[N, size, size, 3], grey outside the picture."""
    out = np.full((len(boxes), size, size, 3), _GREY, dtype=np.uint8)
    for i, (x0, y0, x1, y1) in enumerate(np.rint(boxes).astype(int)):
        source = pictures[picture[i]]
        height, width = source.shape[:2]
        x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
        part = source[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
        if not part.size:
            continue
        if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            over = (max(-y0, 0), max(y1 - height, 0), max(-x0, 0), max(x1 - width, 0))
            part = np.asarray(cv2.copyMakeBorder(part, *over, cv2.BORDER_CONSTANT, value=_GREY), np.uint8)
        out[i] = _resize(part, (size, size))
    return out


def _shifted(boxes: Array, shift: Array) -> Array:
    """Move each box's corners by fractions of its size."""
    extent = boxes[:, 2:] - boxes[:, :2]
    moved: Array = boxes + shift * np.concatenate([extent, extent], axis=1)
    return moved


def _squared(boxes: Array) -> Array:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _placed(boxes: Array, points: Array) -> Array:
    """Landmarks from fractions of the box float32[N, 2, 5] (x, then y) to px float32[N, 5, 2]."""
    extent = boxes[:, None, 2:] - boxes[:, None, :2]
    placed: Array = boxes[:, None, :2] + points.transpose(0, 2, 1) * extent
    return placed


def _average(views: Array, count: int) -> Array:
    """The mean of ``count`` equal parts that follow each other."""
    return np.asarray(views.reshape(count, -1, *views.shape[1:]).mean(axis=0, dtype=np.float64), np.float32)


def _nudged(square: Array, right: float, down: float, zoom: float) -> Array:
    """Squares moved by fractions of their side and scaled."""
    side = square[:, 2:3] - square[:, :1]
    centre = (square[:, :2] + square[:, 2:]) / 2 + side * np.array([[right, down]], dtype=np.float32)
    return np.concatenate([centre - side * (zoom / 2), centre + side * (zoom / 2)], axis=1)


def _separate(boxes: Array, scores: Array, picture: Index, overlap: float) -> Index:
    """Indices of the boxes that stay when those overlapping a better one of the same picture go, best first."""
    # Rounded scores and doubles: else the last bits of a sum, which depend on the batch, choose among equals.
    coarse, exact = torch.from_numpy(np.round(scores, 3)), torch.from_numpy(boxes.astype(np.float64))
    keep = batched_nms(exact, coarse.double(), torch.from_numpy(picture), overlap)
    return np.asarray(keep.numpy(), dtype=np.intp)


def _voted(found: Candidates, winners: Index) -> Candidates:
    """The winners, each with the mean box of all that overlap it by half: steadier from frame to frame than one of
    many boxes that differ by little in score."""
    boxes = found.boxes[winners].copy()
    for place, winner in enumerate(winners):
        rivals = np.flatnonzero(found.picture == found.picture[winner])
        overlap = box_iou(torch.from_numpy(found.boxes[[winner]]), torch.from_numpy(found.boxes[rivals])).numpy()[0]
        near = rivals[overlap >= 0.5]
        boxes[place] = np.average(found.boxes[near], axis=0, weights=found.scores[near])
    return Candidates(boxes, found.scores[winners], found.picture[winners], found.landmarks[winners])


def _strongest(order: Index, picture: Index, pictures: int) -> Index:
    """The first ``_MAX_CANDIDATES`` of each picture in ``order``."""
    return np.concatenate([order[picture[order] == i][:_MAX_CANDIDATES] for i in range(pictures)])


def _no_landmarks(n: int) -> Array:
    return np.zeros((n, 5, 2), dtype=np.float32)


def _nothing() -> Candidates:
    return Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.intp), _no_landmarks(0))
