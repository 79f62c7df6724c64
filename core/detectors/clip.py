"""Detectors that look at a face over time: windows of steady crops in, logits of P(fake) out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from core import networks
from core.detectors.base import load_detector
from core.errors import ConfigError
from core.networks.clip import ClipNetwork
from core.networks.dropout import drawn
from core.networks.embed import FrameEmbedder
from core.registry import Card, ClipSpec, card, implementation
from core.types import RGB
from core.weights.files import companion
from core.weights.loading import loaded, memory_bytes

Curve = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a detector makes of N windows.

    ``logits`` float32[N]: sigmoid(logit) = P(fake) before calibration. ``heads`` are names and logits float32[N] that
    add up to these, where the network has several heads. ``attention`` float32[N, T] of sum 1 says how much it attended
    to each frame. ``unrest`` float32[N] in [0, 1] says how little each face moves like one that was filmed; it is not
    calibrated, and no part of P(fake). Empty or None where the detector does not say.
    """

    logits: Curve
    heads: tuple[tuple[str, Curve], ...] = ()
    attention: Curve | None = None
    unrest: Curve | None = None


class WindowDetector(ABC):
    """Looks at windows uint8[N, T, S, S, 3] of one person, cut as its card's ``clip`` and ``input`` say."""

    @property
    @abstractmethod
    def memory_bytes(self) -> int:
        """Memory that the loaded networks hold."""

    @abstractmethod
    def look(self, clips: RGB) -> Seen:
        """All that the detector says of windows, in one pass."""

    def logits(self, clips: RGB) -> Curve:
        """Raw logits float32[N] of P(fake)."""
        return self.look(clips).logits

    def draws(self, clips: RGB, passes: int) -> Curve | None:
        """Raw logits float32[passes, N] with dropout at work, equal for equal windows; None where there is none."""
        return None


class ClipDetector(WindowDetector):
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
        return memory_bytes(self.network, *([self.embedder] if self.embedder else []))

    @torch.inference_mode()
    def look(self, clips: RGB) -> Seen:
        found = self.network.look(self._input(clips))
        return Seen(
            logits=_numbers(found.logit),
            heads=tuple((name, _numbers(logit)) for name, logit in found.heads),
            attention=_numbers(found.weights),
            unrest=None if found.unrest is None else _numbers(found.unrest),
        )

    @torch.inference_mode()
    def frame_logits(self, clips: RGB) -> Curve:
        """Logits of each frame in the light of the others, float32[N, T]."""
        return _numbers(self.network.curve(self._input(clips)))

    @torch.inference_mode()
    def draws(self, clips: RGB, passes: int) -> Curve | None:
        out = drawn(self.network, self.network, self._input(clips), passes)
        return None if out is None else _numbers(out)

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
