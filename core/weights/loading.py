"""Networks that get their weights strictly and are then only asked."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from torch import nn

from core.registry import Card
from core.weights.keymap import key_map
from core.weights.keys import load_file_strictly

Network = TypeVar("Network", bound=nn.Module)


def loaded(network: Network, card: Card, weights: Path, device: str) -> Network:
    """``network`` with the weights of a file, every key of it accounted for by the card's key map, ready on ``device``.

    Raises:
        WeightsError: the file does not fit the network.
    """
    load_file_strictly(network, weights, key_map(card.weights.key_map))
    return network.float().eval().to(device)


def memory_bytes(*networks: nn.Module) -> int:
    """Memory that the parameters and buffers of ``networks`` hold."""
    tensors = [t for net in networks for t in (*net.parameters(), *net.buffers())]
    return sum(t.numel() * t.element_size() for t in tensors)
