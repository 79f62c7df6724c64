"""Detectors that look at a face over time: windows of steady crops in, logits of P(fake) out."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch

from core import networks
from core.detectors.base import load_detector
from core.errors import ConfigError
from core.networks.clip import ClipNetwork, SpaceTimeVit
from core.networks.embed import FrameEmbedder
from core.registry import Card, ClipSpec, card, implementation
from core.types import RGB
from core.weights.files import companion
from core.weights.loading import loaded, memory_bytes

Curve = npt.NDArray[np.float32]


class WindowDetector(Protocol):
    """Looks at windows of one person, cut as its card's ``clip`` and ``input`` say."""

    @property
    def memory_bytes(self) -> int: ...

    def logits(self, clips: RGB) -> Curve:
        """Raw logits float32[N] of windows uint8[N, T, S, S, 3]; sigmoid(logit) = P(fake) before calibration."""
        ...

    def unrest(self, clips: RGB) -> Curve | None:
        """How little each face moves like one that was filmed, float32[N] in [0, 1]; None where the network has no
        measure of that. Not calibrated, and no part of P(fake)."""
        ...


class ClipDetector:
    """The network of :mod:`core.networks` that ``card.architecture`` names with the card's ``options``. One that reads
    embeddings gets them from the frame detector that the card names, whose file lies beside its own.

    Raises:
        ConfigError: the card does not say how it is fed, or names a network that there is not or takes something else.
        WeightsMissingError: the file of the frame detector is missing.
        WeightsError: a file is another one, or does not fit its network.
    """

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card, self.device, self.spec = card, device, clip_spec(card)
        self.embedder = _embedder(card, self.spec, weights, device)
        task = networks.entry(card.architecture).task
        if task != ("clip" if self.embedder is None else "embedding"):
            raise ConfigError(
                f"{card.title}: the network {card.architecture} takes {task}.",
                hint=f"Correct clip.frame_detector in configs/detectors/{card.id}.yaml.",
            )
        network = networks.build(card.architecture, **card.options)
        self.network = loaded(cast(ClipNetwork, network), card, weights, device)
        self._mean = torch.tensor(card.input.mean, device=device).view(3, 1, 1)
        self._std = torch.tensor(card.input.std, device=device).view(3, 1, 1)

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded networks hold."""
        return memory_bytes(self.network, *([self.embedder] if self.embedder else []))

    @torch.inference_mode()
    def logits(self, clips: RGB) -> Curve:
        return _numbers(self.network(self._input(clips)))

    @torch.inference_mode()
    def frame_logits(self, clips: RGB) -> Curve:
        """Logits of each frame in the light of the others, float32[N, T]."""
        return _numbers(self.network.curve(self._input(clips)))

    @torch.inference_mode()
    def unrest(self, clips: RGB) -> Curve | None:
        if not isinstance(self.network, SpaceTimeVit):
            return None
        return _numbers(1.0 - self.network.motion_consistency(self._input(clips)).mean(dim=1))

    def _input(self, clips: RGB) -> torch.Tensor:
        """Windows uint8[N, T, S, S, 3] as float[N, T, 3, S, S] on the device, or their embeddings float[N, T, D]."""
        shape = (self.spec.frames, self.card.input.size, self.card.input.size, 3)
        if clips.shape[1:] != shape:
            raise ValueError(f"windows are uint8[N, {', '.join(map(str, shape))}], not {clips.shape}")
        x = torch.from_numpy(np.ascontiguousarray(clips)).to(self.device).movedim(-1, -3).float() / 255.0
        x = (x - self._mean) / self._std
        if self.embedder is None:
            return x
        return torch.stack([self.embedder(clip) for clip in x])


def _numbers(x: torch.Tensor) -> Curve:
    return np.asarray(x.float().cpu().numpy(), np.float32)


def _embedder(own: Card, spec: ClipSpec, weights: Path, device: str) -> FrameEmbedder | None:
    if spec.frame_detector is None:
        return None
    frame_card = card(spec.frame_detector)
    file = companion(own, weights, frame_card.weights.file)
    network = getattr(load_detector(frame_card, file, device), "network", None)
    if frame_card.input != own.input or not isinstance(network, torch.nn.Module):
        raise ConfigError(
            f"{own.title} reads what {frame_card.title} makes of other crops than its own.",
            hint=f"Train it again: {own.weights.how_to_get}",
        )
    return FrameEmbedder(network)


def clip_spec(own: Card) -> ClipSpec:
    """How a detector of clips is fed.

    Raises:
        ConfigError: its card does not say.
    """
    if own.clip is None:
        raise ConfigError(
            f"The card of {own.title} does not say how it is fed with clips.",
            hint=f"Give it a clip part in configs/detectors/{own.id}.yaml.",
        )
    return own.clip


def load_clip_detector(own: Card, weights: Path, device: str) -> WindowDetector:
    """Build the detector that a card describes from weights that were verified; errors as :class:`ClipDetector`."""
    clip_spec(own)
    detector: WindowDetector = implementation(own)(own, weights, device)
    return detector
