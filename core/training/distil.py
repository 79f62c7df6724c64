"""Teachers' answers to the pairs of a bank, asked once and kept beside them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from core.detectors.base import FrameDetector, load_detector
from core.errors import ConfigError
from core.settings import SHIPPED_WEIGHTS
from core.training.cards import card_path, read_card
from core.training.config import TrainConfig
from core.training.data.kept import Kept
from core.training.data.seeded import Item

log = logging.getLogger(__name__)
BATCH = 16


def softened(kept: Kept, config: TrainConfig) -> Softened:
    """The pairs of ``kept`` with the mean logit of the config's teachers.

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
    soft = Softened(kept, key)
    needed = min(kept.epochs, config.optim.epochs)
    missing = [e for e in range(needed) if not soft.file(e).is_file()]
    teachers = [load_detector(c, SHIPPED_WEIGHTS / c.weights.file, "cpu") for c in cards] if missing else []
    for epoch in missing:
        kept.epoch = epoch
        np.save(soft.file(epoch), _ask(teachers, kept))
        log.info("teachers: epoch %d of %d is answered", epoch + 1, needed)
    return soft


def _ask(teachers: list[FrameDetector], kept: Kept) -> npt.NDArray[np.float32]:
    """Mean logits float32[N, 2] of the reals and fakes of an epoch."""
    out = []
    for i in range(0, len(kept), BATCH):
        pixels = np.concatenate([kept[j][0].numpy() for j in range(i, min(i + BATCH, len(kept)))])
        out.append(np.mean([t.logits(pixels) for t in teachers], axis=0).reshape(-1, 2))
    return np.concatenate(out).astype(np.float32)


class Softened(Dataset[Item]):
    """Kept pairs whose items end with the teachers' logits float[2] of the real and the fake."""

    def __init__(self, kept: Kept, key: str) -> None:
        self._kept = kept
        self._key = key
        self._soft: npt.NDArray[np.float32] | None = None

    def file(self, epoch: int) -> Path:
        """Where the answers to an epoch are kept."""
        return self._kept.folder / f"{epoch % self._kept.epochs:03d}-{self._key}.npy"

    @property
    def methods(self) -> Sequence[str]:
        return self._kept.methods

    @property
    def epoch(self) -> int:
        return self._kept.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._kept.epoch = value
        self._soft = np.load(self.file(value))

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, item: int) -> Item:
        if self._soft is None:
            self.epoch = 0
        assert self._soft is not None
        return *self._kept[item], torch.from_numpy(self._soft[item])
