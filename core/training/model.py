"""Networks for training: built by name, started, averaged."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.errors import ConfigError, WeightsError
from core.registry import InputSpec
from core.training.config import ModelConfig


def build(config: ModelConfig) -> nn.Module:
    """The timm network of ``config`` with one logit.

    Raises:
        ConfigError: timm knows no such network.
    """
    import timm

    try:
        net = timm.create_model(
            config.architecture,
            pretrained=False,
            num_classes=1,
            drop_rate=config.drop_rate,
            drop_path_rate=config.drop_path_rate,
        )
    except RuntimeError as exc:
        raise ConfigError(f"timm has no network '{config.architecture}'.", hint="See model.architecture.") from exc
    return net.to(memory_format=torch.channels_last)


def start(net: nn.Module, config: ModelConfig, samples: torch.Tensor, weights_dir: Path | None) -> None:
    """Give ``net`` its first weights. ``samples`` are normalised crops float[N, 3, S, S] for calibration."""
    if config.start == "imagenet-int8":
        from core.training.pretrained import find_int8, load_int8

        load_int8(net, find_int8(weights_dir), samples)
        nn.init.normal_(net.get_classifier().weight, std=0.01)  # type: ignore[operator]
        nn.init.zeros_(net.get_classifier().bias)  # type: ignore[operator]
    elif config.start == "checkpoint":
        from safetensors.torch import load_file

        if config.start_file is None or not Path(config.start_file).is_file():
            raise WeightsError("model.start_file is missing.", hint="Name a safetensors file of the same network.")
        net.load_state_dict(load_file(config.start_file), strict=True)


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
def logits(net: nn.Module, pixels: np.ndarray, spec: InputSpec, *, batch: int = 64) -> np.ndarray:
    """Raw logits float64[N] of uint8[N, S, S, 3]."""
    net.eval()
    device = next(net.parameters()).device
    parts = []
    for i in range(0, len(pixels), batch):
        block = torch.from_numpy(np.ascontiguousarray(pixels[i : i + batch])).to(device)
        parts.append(net(normalise(block, spec)).float().reshape(-1).cpu().numpy())
    return np.concatenate(parts).astype(np.float64)
