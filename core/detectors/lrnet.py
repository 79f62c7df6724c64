"""LRNet (Sun et al., 2021, arXiv:2104.04480): how 68 landmarks of a face move, in two networks.

One sees where the points are, the other how they differ from frame to frame; the score is the mean of both. The points
are those of a face that is cut out steadily, 400 px wide, in every frame of the clip, calmed by optical flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.errors import ConfigError, WeightsMissingError
from core.faces.align import warp
from core.faces.calm import calmed
from core.faces.mesh import FaceMesher, in_steady_crop, landmarks_68
from core.networks.lrnet import LANDMARKS, LrNet
from core.registry import Card, card
from core.settings import Settings
from core.types import RGB, Box, Face, FaceTrack, Frame, Segment
from core.weights.files import as_found, companion
from core.weights.loading import loaded, memory_bytes

SIDE_PX = 400.0
HELPER = "face-mesh"

_GROW = 1.2
_STILL_PX = 1.42  # the crop stays where it was until the face moves farther
_NEAR_S = 0.6  # a face is known at most this long before and after it was found
_LONGEST_STEP_S = 1 / 18  # of neighbouring frames; the networks learnt from 25 and 30 pictures a second


class LandmarkDetector:
    """``options.block`` of the card is how many frames are looked at together. ``mesher`` finds the landmarks.

    Raises:
        ConfigError: the card does not say the block.
        WeightsError: a file does not fit its network.
    """

    def __init__(self, card: Card, weights: Path, device: str, mesher: FaceMesher | None = None) -> None:
        block = card.options.get("block")
        if not isinstance(block, int) or block < 2:
            raise ConfigError(f"The card of {card.title} needs options.block.", hint="It is a number of frames.")
        self.card, self.device, self.block, self.mesher = card, device, block, mesher
        self.places = loaded(LrNet(), card, weights, device)
        self.moves = loaded(LrNet(), card, companion(card, weights, card.weights.more[0].file), device)

    @property
    def memory_bytes(self) -> int:
        own = memory_bytes(self.places, self.moves)
        return own + (self.mesher.memory_bytes if self.mesher else 0)

    def segments(self, frames: Sequence[Frame], track: FaceTrack) -> tuple[Segment, ...]:
        """P(fake) of one person in every whole block of frames, with its first and last moment.

        Args:
            frames: all frames of a stretch of the clip, in their order, at 18 Hz or more.
            track: the person; between two sightings the face is taken to move evenly.

        Returns:
            Nothing where the person is not seen for a whole block.

        Raises:
            WeightsMissingError: there is no face mesh to find landmarks with.
        """
        if self.mesher is None:
            raise WeightsMissingError(
                f"{self.card.title} needs the landmarks of the face mesh, whose weights are not on this machine.",
                hint=f"Get them with: {card(HELPER).weights.how_to_get}",
            )
        found: list[Segment] = []
        for shots, boxes in _runs(frames, track):
            if len(shots) >= self.block:
                blocks = self.p_fake(steady_landmarks(shots, boxes, self.mesher))
                starts = range(0, len(blocks) * self.block, self.block)
                spans = [(shots[i].t_s, shots[i + self.block - 1].t_s) for i in starts]
                found += [Segment(a, b, float(p)) for (a, b), p in zip(spans, blocks, strict=True)]
        return tuple(found)

    @torch.inference_mode()
    def p_fake(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """P(fake) of each whole block of frames, float32[T // block].

        Args:
            points: 68 landmarks a frame in px of the steady 400 px crop, [T, 68, 2], frames in their order.
        """
        count = len(points) // self.block
        if points.shape[1:] != (LANDMARKS, 2):
            raise ValueError(f"landmarks are [T, {LANDMARKS}, 2]")
        if not count:
            return np.zeros(0, np.float32)
        rows = torch.from_numpy(np.asarray(points[: count * self.block], np.float32)).flatten(1)
        blocks = ((rows - SIDE_PX / 2) / (SIDE_PX / 2)).unflatten(0, (count, self.block)).to(self.device)
        both = [self.places(blocks), self.moves(blocks[:, 1:] - blocks[:, :-1])]
        out: npt.NDArray[np.float32] = torch.stack([x.softmax(dim=1)[:, 1] for x in both]).mean(dim=0).cpu().numpy()
        return out


def load_landmark_detector(own: Card, weights: Path, device: str, settings: Settings) -> LandmarkDetector:
    """The detector of a card with the face mesh that finds its landmarks.

    Raises:
        WeightsMissingError: the weights of the face mesh are not on this machine.
        WeightsError: a file is another one, or does not fit its network.
    """
    helper, mesh = as_found(card(HELPER), settings)
    return LandmarkDetector(own, weights, device, FaceMesher(helper, mesh, device))


# --- from frames to landmarks --------------------------------------------------------------------------------------


def steady_landmarks(frames: Sequence[Frame], boxes: Sequence[Box], mesher: FaceMesher) -> npt.NDArray[np.float64]:
    """68 landmarks of one face in neighbouring frames, float64[T, 68, 2], in px of a 400 px crop that has one size
    throughout and does not follow small movements."""
    pictures = [frame.rgb for frame in frames]
    points = landmarks_68(mesher.of_faces(pictures, [Face(box, (), 1.0) for box in boxes]))
    squares = steady_squares(points)
    crops = (_cut(rgb, square) for rgb, square in zip(pictures, squares, strict=True))
    return calmed(crops, in_steady_crop(points, squares, SIDE_PX, _GROW))


def steady_squares(points: npt.NDArray[np.floating]) -> list[Box]:
    """Squares round landmarks [T, K, 2]: as wide as the points are on average, in the middle of each frame's."""
    low, high = points.min(axis=1), points.max(axis=1)
    half = float((high - low).max(axis=1).mean()) / 2
    squares: list[Box] = []
    middle = (low[0] + high[0]) / 2
    for now in (low + high) / 2:
        middle = middle if float(np.linalg.norm(now - middle)) < _STILL_PX else now
        x, y = float(middle[0]), float(middle[1])
        squares.append((x - half, y - half, x + half, y + half))
    return squares


def _cut(rgb: RGB, square: Box) -> RGB:
    """Where :func:`~core.faces.mesh.in_steady_crop` puts points."""
    x0, y0, x1, y1 = square
    side = _GROW * max(x1 - x0, 1.0)
    zoom = SIDE_PX / side
    left, top = (x0 + x1 - side) / 2, (y0 + y1 - side) / 2
    return warp(rgb, np.array([[zoom, 0.0, -left * zoom], [0.0, zoom, -top * zoom]]), int(SIDE_PX))


def _runs(frames: Sequence[Frame], track: FaceTrack) -> Iterator[tuple[list[Frame], list[Box]]]:
    """Stretches of neighbouring frames in which the person is there, with the box in each."""
    seen, corners = np.asarray(track.t_s), np.asarray([face.box for face in track.faces], np.float64)
    shots: list[Frame] = []
    boxes: list[Box] = []
    for frame in frames:
        there = bool(np.abs(seen - frame.t_s).min(initial=np.inf) <= _NEAR_S)
        if shots and (not there or frame.t_s - shots[-1].t_s > _LONGEST_STEP_S):
            yield shots, boxes
            shots, boxes = [], []
        if there:
            shots.append(frame)
            x0, y0, x1, y1 = (float(np.interp(frame.t_s, seen, corners[:, i])) for i in range(4))
            boxes.append((x0, y0, x1, y1))
    yield shots, boxes
