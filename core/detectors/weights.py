"""Where weights are looked for, and the check before they are opened."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from core.errors import WeightsError, WeightsMissingError
from core.registry import Card
from core.settings import SHIPPED_WEIGHTS, Settings


def locate(card: Card, settings: Settings) -> Path | None:
    """The card's file in ``weights/``, the configured folder or the download cache; None where it is in none."""
    folders = [SHIPPED_WEIGHTS, settings.weights_dir, settings.data_dir / "weights"]
    return next((f / card.weights.file for f in folders if f and (f / card.weights.file).is_file()), None)


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, remembered while its size and time stay the same."""
    stat = path.stat()
    return _sha256(path, stat.st_size, stat.st_mtime_ns)


def verified(card: Card, settings: Settings) -> Path:
    """The path of the card's weights after their hash was checked.

    Raises:
        WeightsMissingError: the file is nowhere.
        WeightsError: the file is not the one the card names.
    """
    path = locate(card, settings)
    if path is None:
        raise WeightsMissingError(
            f"The weights of {card.title} are not on this machine.", hint=f"Get them with: {card.weights.how_to_get}"
        )
    found = file_sha256(path)
    if found != card.weights.sha256:
        raise WeightsError(
            f"The weights file {path.name} is not the one its card names (sha256 {found[:12]}… instead of "
            f"{card.weights.sha256[:12]}…).",
            hint=f"Replace it: {card.weights.how_to_get}",
        )
    return path
