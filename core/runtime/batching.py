"""Run a function over a long array in pieces that fit into memory."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

log = logging.getLogger(__name__)


def run_batched(
    forward: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]],
    items: npt.NDArray[np.uint8],
    batch: int,
    on_done: Callable[[int], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Concatenate ``forward`` over slices of ``items`` [N, ...]; the slice is halved when the device is out of memory.

    Args:
        on_done: called with the number of items done so far.
    """
    parts: list[npt.NDArray[np.float32]] = []
    start = 0
    while start < len(items):
        try:
            parts.append(forward(items[start : start + batch]))
        except torch.OutOfMemoryError:
            if batch == 1:
                raise
            batch //= 2
            torch.cuda.empty_cache()
            log.warning("out of device memory: batch halved to %d", batch)
            continue
        start += batch
        if on_done:
            on_done(min(start, len(items)))
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)
