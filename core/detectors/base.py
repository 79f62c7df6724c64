"""What every detector is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError
from core.registry import Card, implementation
from core.types import RGB


class FrameDetector(ABC):
    """Looks at one crop at a time, cut as its card's ``InputSpec`` says."""

    card: Card

    @property
    @abstractmethod
    def memory_bytes(self) -> int:
        """Memory that the loaded network holds."""

    @abstractmethod
    def logits(self, crops: RGB) -> npt.NDArray[np.float32]:
        """Raw logits float32[N] of crops uint8[N, size, size, 3]; sigmoid(logit) = P(fake) before calibration."""

    def draws(self, crops: RGB, passes: int) -> npt.NDArray[np.float32] | None:
        """Raw logits float32[passes, N] with dropout at work, equal for equal crops; None where there is no dropout."""
        return None


def load_detector(card: Card, weights: Path, device: str) -> FrameDetector:
    """Build the detector that a card describes from weights that were verified.

    Raises:
        WeightsError: the file does not fit the network.
        ConfigError: the card is none of a detector that looks at faces or pictures.
    """
    kind = implementation(card)
    if card.audio is not None or card.clip is not None or not hasattr(kind, "logits"):
        raise ConfigError(
            f"{card.title} does not judge pictures one by one.",
            hint=f"Take {card.id} out of the members of this preset.",
        )
    detector: FrameDetector = kind(card, weights, device)
    return detector
