"""A bank of pairs on disk: each is made once, then read by every epoch and run that asks for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from core.training.data.seeded import Item, PairData
from core.training.team import together

log = logging.getLogger(__name__)


class Kept(Dataset[Item]):
    """``pairs``, of which ``epochs`` epochs are made and then gone round; each item is a file of ``folder``."""

    def __init__(self, pairs: PairData, folder: Path, epochs: int) -> None:
        self.pairs = pairs
        self.folder = folder
        self.epochs = epochs
        self.epoch = 0

    @property
    def methods(self) -> Sequence[str]:
        return self.pairs.methods

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, item: int) -> Item:
        if item >= len(self):
            raise IndexError(item)
        epoch = self.epoch % self.epochs
        path = self._file(epoch, item)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                more = [torch.from_numpy(file[k]) for k in sorted(file.files) if k.startswith("more")]
                return torch.from_numpy(file["pair"]), int(file["method"]), int(file["number"]), *more
        except (OSError, EOFError, KeyError, ValueError, BadZipFile):
            return self._make(epoch, item, path)

    def _make(self, epoch: int, item: int, path: Path) -> Item:
        self.pairs.epoch = epoch
        made = self.pairs[item]
        more = {f"more{i}": extra.numpy() for i, extra in enumerate(made[3:])}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.stem}.{os.getpid()}.npz.part")
        with part.open("wb") as file:
            np.savez(file, pair=made[0].numpy(), method=made[1], number=made[2], **more)
        part.replace(path)
        return made

    def fill(self, processes: int) -> None:
        """Make what is missing, ``processes`` at a time; stopped, it goes on where it was."""
        missing = [
            (epoch, item, path)
            for epoch in range(self.epochs)
            for item in range(len(self))
            if not (path := self._file(epoch, item)).is_file()
        ]
        if missing:
            log.info("bank: %d of %d pairs are to be made", len(missing), self.epochs * len(self))
            together(processes, lambda team: self._make_all(missing[team.rank :: team.size]))

    def _make_all(self, missing: Sequence[tuple[int, int, Path]]) -> None:
        cv2.setNumThreads(0)
        torch.set_num_threads(1)
        for done, (epoch, item, path) in enumerate(missing):
            self._make(epoch, item, path)
            if done % 500 == 499:
                log.info("bank: %d of %d pairs of this process are made", done + 1, len(missing))

    def _file(self, epoch: int, item: int) -> Path:
        return self.folder / f"{epoch:03d}" / f"{item:05d}.npz"
