"""Teachers' answers to the pairs of a bank, asked once and kept beside them."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from core.detectors.base import FrameDetector, load_detector
from core.errors import ConfigError
from core.settings import SHIPPED_WEIGHTS
from core.training.cards import card_path, read_card
from core.training.config import TrainConfig
from core.training.data.bank import Bank

log = logging.getLogger(__name__)


def softened(bank: Bank, config: TrainConfig, folder: Path) -> Softened:
    """The pairs of ``bank`` with the mean logit of the config's teachers.

    Raises:
        ConfigError: there is no teacher, or one looks at another input.
    """
    cards = [read_card(card_path(name)) for name in config.model.teachers]
    if not cards:
        raise ConfigError("optim.distil needs model.teachers.", hint="Name shipped detectors, or set distil: 0.")
    for card in cards:
        if (card.input.size, card.input.scale) != (config.input.size, config.input.scale):
            raise ConfigError(f"The teacher {card.id} looks at another crop.", hint="Train both on the same input.")
    key = hashlib.sha256("".join(sorted(c.weights.sha256 for c in cards)).encode()).hexdigest()[:12]
    teachers = [load_detector(c, SHIPPED_WEIGHTS / c.weights.file, "cpu") for c in cards]
    for epoch in range(config.data.bank_epochs):
        file = folder / f"epoch-{epoch:03d}-{key}.npy"
        if not file.is_file():
            bank.epoch = epoch
            np.save(file, _ask(teachers, bank.pixels))
            log.info("teachers: epoch %d of %d is answered", epoch + 1, config.data.bank_epochs)
    return Softened(bank, folder, key, config.data.bank_epochs)


def _ask(teachers: list[FrameDetector], pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> np.ndarray[Any, Any]:
    """Mean logits float32[N, 2] of uint8[N, 2, S, S, 3]."""
    out = []
    for i in range(0, len(pixels), 32):
        block = np.array(pixels[i : i + 32])
        flat = block.reshape(-1, *block.shape[2:])
        out.append(np.mean([t.logits(flat) for t in teachers], axis=0).reshape(-1, 2))
    return np.concatenate(out).astype(np.float32)


class Softened(Dataset[tuple[torch.Tensor, int, int, torch.Tensor, torch.Tensor]]):
    """A bank whose items end with the teachers' logits float[2] of the real and the fake."""

    def __init__(self, bank: Bank, folder: Path, key: str, epochs: int) -> None:
        self._bank = bank
        self._files = [folder / f"epoch-{e:03d}-{key}.npy" for e in range(epochs)]
        self.epoch = 0

    @property
    def epoch(self) -> int:
        return self._bank.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._bank.epoch = value
        self._soft = np.load(self._files[value % len(self._files)])

    def __len__(self) -> int:
        return len(self._bank)

    def __getitem__(self, item: int) -> tuple[torch.Tensor, int, int, torch.Tensor, torch.Tensor]:
        return *self._bank[item], torch.from_numpy(self._soft[item])
