"""Pairs of clips as a frame detector sees them: embeddings and logits of each frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch

from core.training.data.seeded import ChangedPairs, PairData
from core.training.validation import ValidationSet

Embed: TypeAlias = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


class EmbeddedPairs(ChangedPairs):
    """``pairs`` of clips uint8[2, T, S, S, 3] as float32[2, T, D]. ``embed`` maps frames uint8[M, S, S, 3] to
    float32[M, D]."""

    def __init__(self, pairs: PairData, embed: Embed) -> None:
        super().__init__(pairs)
        self._embed = embed

    def changed(self, pair: npt.NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(embedded(pair, self._embed))


def embedded(clips: npt.NDArray[np.uint8], embed: Embed) -> npt.NDArray[np.float32]:
    """Clips uint8[N, T, S, S, 3] as float32[N, T, D], one clip at a time."""
    return np.stack([embed(clip) for clip in clips]).astype(np.float32)


def embedded_validation(known: ValidationSet, embed: Embed) -> ValidationSet:
    """The same set with embeddings float32[N, T, D] in place of its clips."""
    values = embedded(known.pixels, embed)
    return ValidationSet(cast(Any, values), known.fake, known.method, known.source, known.identity)
