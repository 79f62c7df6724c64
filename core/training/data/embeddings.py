"""Pairs of clips as a frame detector sees them: embeddings and logits of each frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from core.training.data.seeded import Item, PairData
from core.training.validation import ValidationSet

Embed: TypeAlias = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


class EmbeddedPairs(Dataset[Item]):
    """``pairs`` of clips uint8[2, T, S, S, 3] as float32[2, T, D]. ``embed`` maps frames uint8[M, S, S, 3] to
    float32[M, D]."""

    def __init__(self, pairs: PairData, embed: Embed) -> None:
        self._pairs = pairs
        self._embed = embed
        self.epoch = 0

    @property
    def methods(self) -> Sequence[str]:
        return self._pairs.methods

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, item: int) -> Item:
        self._pairs.epoch = self.epoch
        clips, method, number = self._pairs[item]
        return torch.from_numpy(embedded(clips.numpy(), self._embed)), method, number


def embedded(clips: npt.NDArray[np.uint8], embed: Embed) -> npt.NDArray[np.float32]:
    """Clips uint8[N, T, S, S, 3] as float32[N, T, D], one clip at a time."""
    return np.stack([embed(clip) for clip in clips]).astype(np.float32)


def embedded_validation(known: ValidationSet, embed: Embed) -> ValidationSet:
    """The same set with embeddings float32[N, T, D] in place of its clips."""
    values = embedded(known.pixels, embed)
    return ValidationSet(cast(Any, values), known.fake, known.method, known.source, known.identity)
