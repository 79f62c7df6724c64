"""Which device models run on."""

from __future__ import annotations

import torch

from core.errors import ConfigError


def resolve_device(wanted: str) -> str:
    """Turn ``auto`` into the best device present, and check a device that was asked for by name.

    Raises:
        ConfigError: the device is not on this machine.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    present = (
        wanted == "cpu"
        or (wanted.startswith("cuda") and torch.cuda.is_available())
        or (wanted == "mps" and torch.backends.mps.is_available())
    )
    if not present:
        raise ConfigError(
            f"The device '{wanted}' is not on this machine.", hint="Set UNMASK_RUNTIME__DEVICE to auto or cpu."
        )
    return wanted
