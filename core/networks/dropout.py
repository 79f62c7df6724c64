"""Dropout that can be drawn while a network is only asked: what its answer owes to chance.

A network that was trained with dropout is asked several times with parts of it switched off; how far the answers differ
is a measure of what it does not know (Gal and Ghahramani, 2016, arXiv:1506.02142). Nothing else changes: the network
stays as it is for analysis, so normalisation uses what was learned and not the batch. Drawn is what :class:`Dropout`
drops behind the features of single frames, which are computed once for all draws; not what recurrent layers and
attention drop inside themselves while they are trained.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

SEED = 1


@dataclass(slots=True)
class _Draw:
    """``passes`` answers about each of ``rows`` inputs are wanted; ``fanned`` once the batch is that of all passes."""

    generator: torch.Generator
    rows: int
    passes: int
    fanned: bool = False


_DRAWN: ContextVar[_Draw | None] = ContextVar("drawn dropout", default=None)


def fan_out(x: Tensor) -> Tensor:
    """While draws are made, a batch float[N, ...] becomes that of all passes, float[P * N, ...]; else nothing happens.

    Called where branches part that meet again behind some dropout, so that all of them have as many rows.
    """
    draw = _DRAWN.get()
    if draw is None or len(x) != draw.rows:
        return x
    draw.fanned = True
    return x.repeat(draw.passes, *[1] * (x.ndim - 1))


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al., 2014) that :func:`drawn` switches on for its own call alone: from the first one on
    that sees the batch row by row."""

    def forward(self, x: Tensor) -> Tensor:
        draw = _DRAWN.get()
        if draw is None or self.p == 0:
            return super().forward(x)
        x = fan_out(x)
        if not draw.fanned:
            return x
        kept = torch.rand(x.shape, generator=draw.generator) >= self.p
        return x * kept.to(x) / (1.0 - self.p)


class DroppedLinear(nn.Linear):
    """A linear layer behind dropout; its weights are called as those of the layer that it takes the place of."""

    def __init__(self, layer: nn.Linear, p: float) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.drop = Dropout(p)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.drop(x))


def drawable(network: nn.Module) -> nn.Module:
    """A timm network, or one made like those, with its dropout as :class:`Dropout`: weights keep their names, training
    drops as much and at the same places."""
    for part in list(network.modules()):
        for name, child in list(part.named_children()):
            if type(child) is nn.Dropout and child.p > 0:
                setattr(part, name, Dropout(child.p))
    rate = getattr(network, "drop_rate", 0.0)  # networks of timm that drop in their forward pass, before the classifier
    if isinstance(rate, float) and rate > 0 and hasattr(network, "get_classifier"):
        whole: Any = network
        classifier = whole.get_classifier()
        name = next(key for key, child in network.named_children() if child is classifier)
        setattr(network, name, DroppedLinear(classifier, rate))
        whole.drop_rate = 0.0
    return network


def has_dropout(network: nn.Module) -> bool:
    """Whether there is anything to draw."""
    return any(isinstance(part, Dropout) and part.p > 0 for part in network.modules())


def drawn(network: nn.Module, ask: Callable[[Tensor], Tensor], x: Tensor, passes: int) -> Tensor | None:
    """Answers float[P, N] of ``passes`` draws; equal calls give equal draws. None where the network has no dropout.

    Args:
        network: in its form for analysis.
        ask: maps inputs float[N, ...] to logits float[N] by way of ``network``.
        x: inputs.
        passes: at least one.
    """
    if passes < 1 or not len(x) or not has_dropout(network):
        return None
    token = _DRAWN.set(_Draw(torch.Generator().manual_seed(SEED), len(x), passes))
    try:
        return ask(x).reshape(passes, len(x))
    finally:
        _DRAWN.reset(token)
