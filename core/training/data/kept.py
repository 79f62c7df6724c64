"""Pairs that are kept on disk when they are first made, so that later epochs and other runs only read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias
from zipfile import BadZipFile

import numpy as np
import torch
from torch.utils.data import Dataset

Item: TypeAlias = tuple[torch.Tensor, int, int]


class Pairs(Protocol):
    """A data set whose item i of epoch e is the same for ever: (real and fake, method number, item number)."""

    epoch: int

    @property
    def methods(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, item: int) -> Item: ...


class Kept(Dataset[Item]):
    """``pairs``, of which ``epochs`` epochs are made and then gone round; each item is a file of ``folder``."""

    def __init__(self, pairs: Pairs, folder: Path, epochs: int) -> None:
        self._pairs = pairs
        self._folder = folder
        self._epochs = epochs
        self.epoch = 0

    @property
    def methods(self) -> Sequence[str]:
        return self._pairs.methods

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, item: int) -> Item:
        if item >= len(self):
            raise IndexError(item)
        number = self.epoch % self._epochs
        path = self._folder / f"{number:03d}" / f"{item:05d}.npz"
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                return torch.from_numpy(file["pair"]), int(file["method"]), int(file["number"])
        except (OSError, EOFError, KeyError, ValueError, BadZipFile):
            return self._make(number, item, path)

    def _make(self, epoch: int, item: int, path: Path) -> Item:
        self._pairs.epoch = epoch
        made = self._pairs[item]
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{os.getpid()}.npz.part")
        with part.open("wb") as file:
            np.savez(file, pair=made[0].numpy(), method=made[1], number=made[2])
        part.replace(path)
        return made
