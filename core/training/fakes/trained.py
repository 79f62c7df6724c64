"""The small networks that pseudo-fakes are made with, as files: read, written, and which of them are missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load_file, save_file
from torch import nn

from core.errors import WeightsMissingError
from core.training.export import half

Net = TypeVar("Net", bound=nn.Module)


def load_trained(net: Net, kind: str, variant: str, folder: Path, config: str) -> Net:
    """``net`` with the weights in ``folder``; ``config`` is the training file that the hint names.

    Raises:
        WeightsMissingError: it has not been trained yet.
    """
    file = _file(folder, variant)
    if not file.is_file():
        raise WeightsMissingError(
            f"The {kind} {variant} is not trained.",
            hint=f"Train it: python -m core.cli generators configs/training/{config}",
        )
    net.load_state_dict({k: v.float() for k, v in load_file(file).items()}, strict=True)
    return net.eval()


def save_trained(net: nn.Module, variant: str, folder: Path) -> Path:
    """Write the weights in half precision; returns the file."""
    file = _file(folder, variant)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(half(net.state_dict()), file)
    file.chmod(0o644)
    return file


def untrained(variants: Iterable[str], folder: Path) -> list[str]:
    """The variants that ``folder`` has no file of."""
    return [variant for variant in variants if not _file(folder, variant).is_file()]


def _file(folder: Path, variant: str) -> Path:
    return folder / f"{variant}.safetensors"
