"""Detectors that listen: windows of samples in, logits of P(fake) out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.errors import ConfigError
from core.networks.aasist import Aasist
from core.networks.lfcc_lcnn import LfccLcnnAngular
from core.networks.rawgat import RawGatSt
from core.networks.rawnetlite import RawNetLite
from core.registry import AudioSpec, Card, implementation
from core.types import PCM
from core.weights.loading import loaded, memory_bytes


class AudioDetector(ABC):
    """A network fed with windows as the card's ``audio`` says.

    Raises:
        ConfigError: the card does not say how it listens, or names a network that there is not.
        WeightsError: the file does not fit the network after the card's key map.
    """

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card, self.device, self.spec = card, device, audio_spec(card)
        self.network = loaded(self.build(), card, weights, device)

    @abstractmethod
    def build(self) -> torch.nn.Module:
        """The network without its weights."""

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        """The network's outputs as logits float[N] of P(fake); here of two classes, the first of which is spoofed."""
        return outputs[:, 0] - outputs[:, 1]

    def windows(self, signal: PCM, sample_rate: int) -> tuple[PCM, npt.NDArray[np.float64]]:
        """Windows float32[N, samples] of a recording and where they start in s; as :func:`cut`."""
        return cut(signal, sample_rate, self.spec)

    @torch.inference_mode()
    def logits(self, windows: PCM) -> npt.NDArray[np.float32]:
        """Raw logits float32[N] of windows float32[N, samples]; sigmoid(logit) = P(fake) before calibration."""
        if windows.ndim != 2 or windows.shape[1] != self.spec.samples:
            raise ValueError(f"windows are float32[N, {self.spec.samples}], not {windows.shape}")
        if not len(windows):
            return np.zeros(0, np.float32)
        x = torch.from_numpy(np.ascontiguousarray(windows, np.float32)).to(self.device)
        out: npt.NDArray[np.float32] = self.scored(x).float().cpu().numpy()
        return out

    def scored(self, x: torch.Tensor) -> torch.Tensor:
        """Logits float[N] of P(fake) of windows float[N, samples]."""
        return self.fake_logit(self.network(x))

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded network holds."""
        return memory_bytes(self.network)


class AasistDetector(AudioDetector):
    """AASIST and AASIST-L, which the card's ``architecture`` names."""

    def build(self) -> torch.nn.Module:
        networks = {"aasist": (64, (0.5, 0.7, 0.5)), "aasist-l": (24, (0.4, 0.5, 0.7))}
        if self.card.architecture not in networks:
            raise ConfigError(
                f"There is no AASIST called '{self.card.architecture}'.", hint=f"There are: {', '.join(networks)}."
            )
        return Aasist(*networks[self.card.architecture])


class RawGatStDetector(AudioDetector):
    """RawGAT-ST, whose two graphs are multiplied."""

    def build(self) -> torch.nn.Module:
        return RawGatSt()


class LfccLcnnDetector(AudioDetector):
    """LFCC and a light CNN."""

    def build(self) -> torch.nn.Module:
        return LfccLcnnAngular()


class RawNetLiteDetector(AudioDetector):
    """RawNetLite, whose one output is the logit of P(fake)."""

    def build(self) -> torch.nn.Module:
        return RawNetLite()

    def fake_logit(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs[:, 0]


def load_audio_detector(card: Card, weights: Path, device: str) -> AudioDetector:
    """Build the detector that a card describes from weights that were verified.

    Raises:
        ConfigError: it does not listen.
        WeightsError: the file does not fit the network.
    """
    audio_spec(card)
    detector: AudioDetector = implementation(card)(card, weights, device)
    return detector


def audio_spec(card: Card) -> AudioSpec:
    """How a detector listens.

    Raises:
        ConfigError: it does not.
    """
    if card.audio is None:
        raise ConfigError(
            f"The card of {card.title} does not say how it listens.",
            hint=f"Give it an audio part in configs/detectors/{card.id}.yaml.",
        )
    return card.audio


def cut(signal: PCM, sample_rate: int, spec: AudioSpec) -> tuple[PCM, npt.NDArray[np.float64]]:
    """Cut a recording into windows that overlap as ``spec`` says; the last one ends where the recording ends.

    Args:
        signal: mono samples float[T] in [-1, 1].
        sample_rate: theirs in Hz; resampled where ``spec`` wants another.
        spec: length, filling and scale of the windows.

    Returns:
        Windows float32[N, samples] and their starts float64[N] in s. One window for sound shorter than that, filled up;
        none for an empty recording.
    """
    if signal.ndim != 1:
        raise ValueError(f"mono samples are needed, not {signal.shape}")
    if not len(signal):
        return np.zeros((0, spec.samples), np.float32), np.zeros(0)
    x = scaled(resampled(np.asarray(signal, np.float32), sample_rate, spec.sample_rate), spec.scale)
    if len(x) <= spec.samples:
        return filled(x, spec.samples, spec.pad)[None], np.zeros(1)
    step = max(1, round(spec.samples * (1.0 - spec.overlap)))
    last = len(x) - spec.samples
    starts = np.unique(np.append(np.arange(0, last, step), last))
    return np.stack([x[start : start + spec.samples] for start in starts]), starts / spec.sample_rate


def resampled(x: PCM, rate: int, wanted: int) -> PCM:
    """Samples at another rate, filtered against aliases."""
    if rate == wanted:
        return x
    from scipy.signal import resample_poly

    shared = gcd(rate, wanted)
    return np.asarray(resample_poly(x, wanted // shared, rate // shared), np.float32)


def scaled(x: PCM, how: str) -> PCM:
    """Samples as the authors level them; silence stays silence."""
    peak = float(np.abs(x).max(initial=0.0)) if how == "peak" else 0.0
    return np.asarray(x / peak, np.float32) if peak > 0 else x


def filled(x: PCM, samples: int, how: str) -> PCM:
    """Samples repeated, or followed by silence, up to ``samples``."""
    if how == "zero":
        return np.pad(x, (0, samples - len(x)))
    return np.tile(x, -(-samples // len(x)))[:samples]
