"""A bank of finished pairs on disk: made once, in parallel, then read by every run with the same data, fakes,
nuisances and input."""

from __future__ import annotations

import hashlib
import json
import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from core.training.config import TrainConfig
from core.training.data.crops import Crops
from core.training.data.pairs import Item, Pairs

log = logging.getLogger(__name__)
_SHARED: dict[str, Pairs] = {}


def bank_key(config: TrainConfig, crops: Crops) -> str:
    """What decides the pairs, hashed."""
    spec = config.input.model_dump(include={"size", "crop", "scale", "resize"})
    values = {
        "data": config.data.model_dump(exclude={"workers", "bank_epochs"}),
        "fakes": config.fakes,
        "nuisance": config.nuisance.model_dump(),
        "input": spec,
        "pairs": config.optim.pairs_per_epoch,
        "crops": hashlib.sha256("".join(f"{r.sha256}{r.t_s}" for r in crops.rows).encode()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def fill(pairs: Pairs, folder: Path, epochs: int, processes: int) -> None:
    """Make the epochs that are missing in ``folder``; each is written whole or not at all."""
    missing = [e for e in range(epochs) if not _file(folder, e).is_file()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    _SHARED["pairs"] = pairs
    try:
        with ProcessPoolExecutor(processes, mp_context=get_context("fork"), initializer=_one_thread) as pool:
            for epoch in pool.map(_make, [(folder, e) for e in missing]):
                log.info("bank: epoch %d of %d is made", epoch + 1, epochs)
    finally:
        _SHARED.clear()


def _one_thread() -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _make(task: tuple[Path, int]) -> int:
    folder, epoch = task
    pairs = _SHARED["pairs"]
    pairs.epoch = epoch
    size, first = len(pairs), pairs[0]
    pixels = np.empty((size, *first[0].shape), dtype=np.uint8)
    maps = np.empty((size, *first[3].shape), dtype=np.uint8)
    numbers = np.empty((size, 2), dtype=np.int64)
    for i in range(size):
        made, number, index, where = pairs[i]
        pixels[i], maps[i], numbers[i] = made.numpy(), where.numpy(), (number, index)
    np.savez(folder / f"epoch-{epoch:03d}-facts.npz", maps=maps, numbers=numbers)
    part = _file(folder, epoch).with_suffix(".part.npy")
    np.save(part, pixels)
    part.replace(_file(folder, epoch))
    return epoch


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:03d}.npy"


class Bank(Dataset[Item]):
    """The pairs of ``folder``, as :class:`Pairs` gives them; epoch e is the bank's epoch e modulo its number."""

    def __init__(self, folder: Path, epochs: int, methods: tuple[str, ...]) -> None:
        self.methods = methods
        self._folder = folder
        self._epochs = epochs
        self.epoch = 0

    @property
    def epoch(self) -> int:
        return self._epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch = value
        number = value % self._epochs
        self.pixels = np.load(_file(self._folder, number), mmap_mode="r")
        with np.load(self._folder / f"epoch-{number:03d}-facts.npz") as facts:
            self._maps, self._numbers = facts["maps"], facts["numbers"]

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, item: int) -> Item:
        if item >= len(self):
            raise IndexError(item)
        number, index = (int(v) for v in self._numbers[item])
        return torch.from_numpy(np.array(self.pixels[item])), number, index, torch.from_numpy(self._maps[item])
