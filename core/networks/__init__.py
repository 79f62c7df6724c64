"""The networks of the detectors, by name. Pure modules: no training, no files but a trunk to begin with."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from core.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Entry", "build", "entry", "names"]

Task = Literal["clip", "embedding", "audio"]


@dataclass(frozen=True, slots=True)
class Entry:
    """``where`` is module:Class; ``task`` says what the network takes; ``options`` are the class's for this name."""

    where: str
    task: Task
    options: dict[str, Any] = field(default_factory=dict)


def _table() -> dict[str, Entry]:
    clip, audio = "core.networks.clip", "core.networks.audio"
    return {
        "resnext-lstm": Entry(f"{clip}:CnnLstm", "clip"),
        "resnext-lstm-slim": Entry(f"{clip}:CnnLstm", "clip", {"trunk": "resnet18", "hidden": 192}),
        "efficientnet-bilstm-attention": Entry(f"{clip}:EfficientNetBiLstmAttention", "clip"),
        "efficientnet-bilstm-attention-slim": Entry(
            f"{clip}:EfficientNetBiLstmAttention",
            "clip",
            {"trunk": "tf_efficientnet_lite0", "width": 192, "heads": 4},
        ),
        "cnn-bilstm": Entry(f"{clip}:CnnBiLstm", "clip"),
        "cnn-bilstm-slim": Entry(f"{clip}:CnnBiLstm", "clip", {"channels": (16, 32, 64, 128), "hidden": 64}),
        "embedding-bilstm": Entry(f"{clip}:EmbeddingBiLstm", "embedding"),
        "embedding-bilstm-slim": Entry(f"{clip}:EmbeddingBiLstm", "embedding", {"width": 96, "layers": 1}),
        "space-time-vit": Entry(f"{clip}:SpaceTimeVit", "clip"),
        "space-time-vit-slim": Entry(
            f"{clip}:SpaceTimeVit", "clip", {"width": 128, "space_layers": 3, "time_layers": 2, "heads": 4}
        ),
        "cqcc-cnn": Entry(f"{audio}:CqccCnn", "audio"),
        "cqcc-cnn-slim": Entry(f"{audio}:CqccCnn", "audio", {"channels": (16, 32, 48, 64)}),
        "lfcc-lcnn": Entry(f"{audio}:LfccLcnn", "audio"),
        "lfcc-lcnn-slim": Entry(f"{audio}:LfccLcnn", "audio", {"width": 16}),
        "raw-graph": Entry(f"{audio}:RawGraph", "audio"),
        "raw-graph-slim": Entry(
            f"{audio}:RawGraph",
            "audio",
            {"filters": 32, "stride": 2, "channels": (24, 24, 48, 48), "nodes": 48},
        ),
        "wave-transformer": Entry(f"{audio}:WaveTransformer", "audio"),
        "wave-transformer-slim": Entry(
            f"{audio}:WaveTransformer", "audio", {"channels": 96, "width": 128, "layers": 4, "heads": 4}
        ),
    }


def names(task: Task | None = None) -> tuple[str, ...]:
    """All names, or those of a task."""
    return tuple(name for name, one in _table().items() if task in (None, one.task))


def entry(name: str) -> Entry:
    """What is known of a network.

    Raises:
        NotFoundError: no such network; the hint suggests the closest name.
    """
    table = _table()
    if name not in table:
        close = difflib.get_close_matches(name, table, n=1)
        hint = f"Did you mean '{close[0]}'?" if close else f"There are: {', '.join(table)}."
        raise NotFoundError(f"There is no network called '{name}'.", hint=hint)
    return table[name]


def build(name: str, **options: Any) -> nn.Module:
    """A network by name; ``options`` go before those of the name.

    Raises:
        NotFoundError: no such network.
        ConfigError: the network has no such option.
    """
    one = entry(name)
    module, _, attribute = one.where.partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    try:
        net: nn.Module = kind(**{**one.options, **options})
    except TypeError as exc:
        raise ConfigError(
            f"The network '{name}' cannot be built: {exc}.", hint="Correct the network's options."
        ) from exc
    return net
