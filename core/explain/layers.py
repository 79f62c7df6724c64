"""Which layer of each network is explained: the last that still tells places well apart.

Early layers see edges rather than evidence; towards the head places run together, and after it there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from core.errors import ConfigError

Reshape: TypeAlias = Callable[[Tensor], Tensor]

# The path of the layer inside the detector's network, by the card's architecture; * stands for the last there is.
LAYERS: MappingProxyType[str, str] = MappingProxyType(
    {
        "tf_efficientnet_lite0": "blocks.4",
        "efficientnet_b4": "blocks.4",
        "resnet18": "layer3",
        "resnext-slim": "layer3",
        "efficientnetv2-slim": "blocks.4",
        "legacy_xception": "block11",
        "xception-fad": "backbone.block11",
        "clip-vit-large-patch14": "backbone.encoder.layers.*.layer_norm1",
        "vit-tiny-hybrid": "blocks.*.norm1",
        "cnn4": "blocks.3.1",
        "patch-gate": "body.5",
        "frequency-net": "body.6",
        "tiny-ladeda": "layer1",
        "meso4": "norms.3",
        "meso-inception4": "norms.3",
        "classnseg": "encoder.encoder",
    }
)
# What the tokens of a transformer pass last before they are mixed into the one that decides.
_TOKENS = ("*.norm1", "*.layer_norm1", "*.layernorm_before")


@dataclass(frozen=True, slots=True)
class Spot:
    """A layer, and how its output becomes float[N, C, h, w] (None where it is that already)."""

    layer: nn.Module
    reshape: Reshape | None = None


def spot(network: nn.Module, architecture: str, sample: Tensor, prefix: str = "") -> Spot:
    """The layer that is explained: that of :data:`LAYERS`, else the last whose output has places.

    Args:
        network: in evaluation mode; it runs once.
        architecture: its name on the card.
        sample: one input float[1, 3, S, S].
        prefix: what the paths of the table begin with in ``network``.

    Raises:
        ConfigError: none of its layers tells places apart.
    """
    shapes = {name: shape for name, shape in _shapes(network, sample).items() if _has_places(shape)}
    wanted = [prefix + LAYERS[architecture]] if architecture in LAYERS else [*_TOKENS, "*"]
    path = next((name for pattern in wanted for name in reversed(shapes) if fnmatchcase(name, pattern)), None)
    if path is None:
        raise ConfigError(
            f"The network '{architecture}' has no layer that a heat map could be made of.",
            hint="Choose another detector, or one of the aids.",
        )
    shape = shapes[path]
    return Spot(network.get_submodule(path), grid_of(shape[1]) if len(shape) == 3 else None)


def grid_of(tokens: int) -> Reshape:
    """Tokens float[N, T, C] of a transformer to float[N, C, h, h]; what comes before the grid (class token,
    registers) is dropped."""
    side = int(tokens**0.5)

    def reshape(x: Tensor) -> Tensor:
        return x[:, tokens - side * side :].transpose(1, 2).unflatten(2, (side, side))

    return reshape


def _has_places(shape: tuple[int, ...]) -> bool:
    return (len(shape) == 4 and min(shape[2:]) > 2) or (len(shape) == 3 and shape[1] > 4)


def _shapes(network: nn.Module, sample: Tensor) -> dict[str, tuple[int, ...]]:
    """The output shapes of all modules, in the order in which they ended."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                shapes.pop(name, None)
                shapes[name] = tuple(output.shape)

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in network.named_modules() if name]
    try:
        with torch.no_grad():
            network(sample)
    finally:
        for handle in handles:
            handle.remove()
    return shapes
