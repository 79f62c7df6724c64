"""Whose face it is: embeddings of aligned faces, and whether one track stays with one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from core.faces.align import similarity, template, warp
from core.networks.mobilefacenet import SIDE, WIDTH, MobileFaceNet
from core.registry import Card
from core.types import RGB, Face
from core.weights.loading import loaded, memory_bytes

Floats = npt.NDArray[np.float32]

_BATCH = 32
_LOW = 10.0


@dataclass(frozen=True, slots=True)
class Consistency:
    """How close each face of a track lies to the track's middle.

    ``cosine[i]`` in [-1, 1] belongs to the moment ``t_s[i]``. ``median`` and ``low`` are the median and the tenth
    percentile of all, None for a track without faces: a face that is swapped now and then, or two people in one track,
    pull ``low`` down, and so do turned, covered and blurred faces.
    """

    t_s: tuple[float, ...]
    cosine: tuple[float, ...]
    median: float | None
    low: float | None


class FaceIdentifier:
    """MobileFaceNet over aligned faces.

    Raises:
        WeightsError: the file does not fit the network.
    """

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card, self.device = card, device
        self.network = loaded(MobileFaceNet(), card, weights, device)
        self._mean = torch.tensor(card.input.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(card.input.std, device=device).view(1, 3, 1, 1)

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded network holds."""
        return memory_bytes(self.network)

    @torch.inference_mode()
    def embed(self, crops: RGB) -> Floats:
        """Embeddings float32[N, 128] of unit length of faces uint8[N, 112, 112, 3] that :func:`aligned` cut.

        The product of two is their cosine: near 0 for different people, mostly above 0.4 for one.
        """
        if crops.shape[1:] != (SIDE, SIDE, 3):
            raise ValueError(f"crops are uint8[N, {SIDE}, {SIDE}, 3], not {crops.shape}")
        parts = [np.zeros((0, WIDTH), np.float32)]
        for start in range(0, len(crops), _BATCH):
            block = torch.from_numpy(np.ascontiguousarray(crops[start : start + _BATCH])).to(self.device)
            x = (block.permute(0, 3, 1, 2).float() / 255.0 - self._mean) / self._std
            parts.append(F.normalize(self.network(x)).cpu().numpy())
        return np.concatenate(parts)


def aligned(rgb: RGB, face: Face) -> RGB:
    """A face of a frame uint8[H, W, 3] turned and scaled onto the five points of ArcFace (Deng et al., 2019,
    arXiv:1801.07698), uint8[112, 112, 3].

    Raises:
        ValueError: its landmarks coincide.
    """
    return warp(rgb, similarity(np.asarray(face.landmarks), template(SIDE, 1.0)), SIDE)


def consistency(embeddings: Floats, t_s: Sequence[float]) -> Consistency:
    """Cosine of every face of a track to the track's median embedding.

    Args:
        embeddings: float32[N, D] of unit length, as :meth:`FaceIdentifier.embed` gives them.
        t_s: their moments in seconds, N of them.
    """
    if embeddings.ndim != 2 or len(embeddings) != len(t_s):
        raise ValueError(f"{len(t_s)} moments need as many embeddings, not {embeddings.shape}")
    if not len(embeddings):
        return Consistency((), (), None, None)
    middle = np.median(embeddings, axis=0)
    cosine = np.clip(embeddings @ (middle / max(float(np.linalg.norm(middle)), 1e-9)), -1.0, 1.0)
    return Consistency(
        t_s=tuple(float(t) for t in t_s),
        cosine=tuple(float(c) for c in cosine),
        median=float(np.median(cosine)),
        low=float(np.percentile(cosine, _LOW)),
    )
