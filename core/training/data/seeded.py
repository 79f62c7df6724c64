"""What all data sets of pairs share: item i of epoch e is the same for ever."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from core.training.config import TrainConfig

# A real and its fake as tensor[2, ...], the number of the method, the number of the real, and what else there is.
Item: TypeAlias = tuple[Any, ...]


class PairData(Protocol):
    """Pairs of whatever origin; ``epoch`` is set before each epoch."""

    epoch: int

    @property
    def methods(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, item: int) -> Item: ...


class ChangedPairs(Dataset[Item], ABC):
    """``pairs``, each changed as a whole by :meth:`changed`."""

    def __init__(self, pairs: PairData) -> None:
        self._pairs = pairs
        self.epoch = 0

    @property
    def methods(self) -> Sequence[str]:
        return self._pairs.methods

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, item: int) -> Item:
        self._pairs.epoch = self.epoch
        pair, method, number = self._pairs[item]
        return self.changed(pair.numpy()), method, number

    @abstractmethod
    def changed(self, pair: npt.NDArray[np.uint8]) -> torch.Tensor:
        """What becomes of a real and its fake, uint8[2, ...]."""


class SeededPairs(Dataset[Item], ABC):
    """Pairs of a real and a fake made from it. ``config.fakes`` are the odds of the ``methods``."""

    def __init__(self, config: TrainConfig, methods: Iterable[str] | None = None) -> None:
        self._config = config
        self._methods = sorted(config.fakes if methods is None else methods)
        odds = np.array([config.fakes[m] for m in self._methods], dtype=np.float64)
        self._odds = odds / odds.sum()
        self.epoch = 0

    @property
    def methods(self) -> Sequence[str]:
        return self._methods

    def __len__(self) -> int:
        return self._config.optim.pairs_per_epoch

    def __getitem__(self, item: int) -> Item:
        if item >= len(self):
            raise IndexError(item)
        return self.make(np.random.default_rng((self._config.data.seed, self.epoch, item)))

    def draw_method(self, rng: np.random.Generator) -> int:
        """The number of a method."""
        return int(rng.choice(len(self._methods), p=self._odds))

    @abstractmethod
    def make(self, rng: np.random.Generator) -> Item:
        """One pair out of nothing but ``rng``."""


def stacked(pair: Sequence[Any]) -> torch.Tensor:
    """Two arrays of one shape as one tensor [2, ...]."""
    return torch.from_numpy(np.stack(pair))
