"""Networks for training: built by name, started, averaged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.errors import ConfigError, WeightsError
from core.networks.frame import create
from core.registry import InputSpec
from core.training.config import ModelConfig


def build(config: ModelConfig) -> nn.Module:
    """The network of ``config`` with one logit.

    Raises:
        ConfigError: there is no such network.
    """
    net = create(config.architecture, drop_rate=config.drop_rate, drop_path_rate=config.drop_path_rate)
    return net.to(memory_format=torch.channels_last)


def _has_levels(net: nn.Module) -> bool:
    return hasattr(net, "forward_intermediates")


class Localiser(nn.Module):
    """A network and, for training only, a 1x1 convolution on its features of stride 16 that says where a face was
    changed. Gives logit [N, 1] and map of logits [N, 1, S/16, S/16]."""

    def __init__(self, net: nn.Module, size: int) -> None:
        super().__init__()
        self.net = net
        probe = torch.zeros(2, 3, size, size, device=next(net.parameters()).device)
        trial: Any = copy.deepcopy(net)
        with torch.no_grad():
            shapes = [tuple(f.shape) for f in trial.forward_intermediates(probe)[1]] if _has_levels(net) else []
        fits = [i for i, shape in enumerate(shapes) if shape[-1] == size // 16]
        if not fits:
            raise ConfigError("The network has no features of stride 16.", hint="Set optim.map_weight: 0.")
        self._level = fits[-1]
        self.where = nn.Conv2d(shapes[self._level][1], 1, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        last, levels = self.net.forward_intermediates(x, indices=[self._level])  # type: ignore[operator]
        return self.net.forward_head(last), self.where(levels[0])  # type: ignore[operator]


def start(net: nn.Module, config: ModelConfig) -> None:
    """Give ``net`` its first weights.

    Raises:
        WeightsMissingError: the pretrained file is not there.
        WeightsError: it does not fit.
    """
    if config.start in ("imagenet-lite", "imagenet-mobilenetv2"):
        from core.training import pretrained

        load = pretrained.load_lite if config.start == "imagenet-lite" else pretrained.load_mobilenetv2
        load(net)
        nn.init.normal_(net.get_classifier().weight, std=0.01)  # type: ignore[operator]
        nn.init.zeros_(net.get_classifier().bias)  # type: ignore[operator]
    elif config.start == "checkpoint":
        from safetensors.torch import load_file

        if config.start_file is None or not Path(config.start_file).is_file():
            raise WeightsError(
                f"model.start_file is missing: {config.start_file}.",
                hint="Train the stage that its folder is named after first (configs/training), or name another file.",
            )
        try:
            net.load_state_dict(load_file(config.start_file), strict=True)
        except RuntimeError as exc:
            raise WeightsError(
                f"model.start_file does not fit the network {config.architecture}.",
                hint="Name a safetensors file of the same network.",
            ) from exc


def mixed(first: Path, last: Path, share: float) -> dict[str, torch.Tensor]:
    """Weights between those of two safetensors files of one network, ``share`` of the first: what a network learned
    late, without much loss of what it knew (Wortsman et al., 2022, arXiv:2109.01903)."""
    from safetensors.torch import load_file

    began, ended = load_file(first), load_file(last)
    return {
        name: share * began[name] + (1 - share) * value if value.is_floating_point() else value
        for name, value in ended.items()
    }


def normalise(pixels: torch.Tensor, spec: InputSpec) -> torch.Tensor:
    """uint8[N, S, S, 3] to float32[N, 3, S, S] by the mean and std of ``spec``, channels last in memory."""
    mean = torch.tensor(spec.mean, device=pixels.device)
    std = torch.tensor(spec.std, device=pixels.device)
    return ((pixels.float() / 255.0 - mean) / std).permute(0, 3, 1, 2)


class Ema:
    """Exponential moving average of all weights and normalisation statistics."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net).eval()
        self._decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        self.steps += 1
        decay = min(self._decay, (1 + self.steps) / (10 + self.steps))
        for kept, new in zip(self.net.state_dict().values(), net.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1.0 - decay)
            else:
                kept.copy_(new)


@torch.inference_mode()
def logits(
    net: nn.Module, items: np.ndarray, prepared: Callable[[torch.Tensor], torch.Tensor], *, batch: int = 16
) -> np.ndarray:
    """Raw logits float64[N] of ``items`` [N, ...], each batch of which goes through ``prepared`` first."""
    net.eval()
    device = next(net.parameters()).device
    parts = []
    for i in range(0, len(items), batch):
        block = torch.from_numpy(np.ascontiguousarray(items[i : i + batch])).to(device)
        parts.append(net(prepared(block)).float().reshape(-1).cpu().numpy())
    return np.concatenate(parts).astype(np.float64)
