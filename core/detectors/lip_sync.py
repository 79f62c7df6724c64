"""Do mouth and speech fit? The network of :mod:`core.networks.lip_sync` over one person's mouth and the sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.networks.lip_sync import ROWS, SIDE, LipSync
from core.registry import Card
from core.sync.cepstra import SR_HZ, cepstra
from core.sync.coherence import REACH
from core.types import PCM
from core.weights.loading import loaded, memory_bytes

Floats = npt.NDArray[np.float32]

_SAMPLES = SR_HZ // 25
_BATCH = 250


class LipSyncDetector:
    """Unit vectors of mouths and of voices.

    Raises:
        WeightsError: the file does not fit the network.
    """

    by_distance = False
    with_motion = True

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card, self.device = card, device
        self.network: LipSync = loaded(LipSync(**card.options), card, weights, device)

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded network holds."""
        return memory_bytes(self.network)

    @torch.inference_mode()
    def embed_mouths(self, crops: npt.NDArray[np.uint8]) -> Floats:
        """Vectors float32[N, 128] of grey mouths uint8[N, 64, 64] at 25 Hz."""
        if crops.shape[1:] != (SIDE, SIDE):
            raise ValueError(f"mouths are uint8[N, {SIDE}, {SIDE}], not {crops.shape}")
        if not len(crops):
            return np.zeros((0, 128), np.float32)
        block = torch.from_numpy(np.ascontiguousarray(crops)).to(self.device)
        states = [self.network.mouth_states(part[None].float())[0] for part in block.split(_BATCH)]
        out: Floats = self.network.embed_mouths(torch.cat(states)[None])[0].cpu().numpy()
        return out

    @torch.inference_mode()
    def embed_voices(self, sound: PCM) -> Floats:
        """Vectors float32[N + 30, 128] of sound float32[(N + 30) * 640] at 16 kHz that begins 15 frames before the
        mouths and ends 15 after."""
        frames = len(sound) // _SAMPLES
        if frames < 2 * REACH:
            raise ValueError(f"{2 * REACH} frames of sound are needed round the mouths, not {frames}")
        rows = cepstra(sound)[: ROWS * frames]
        rows = np.pad(rows, ((0, ROWS * frames - len(rows)), (0, 0)), mode="edge")
        states = self.network.voice_states(torch.from_numpy(rows)[None].to(self.device))
        out: Floats = self.network.embed_voices(states)[0].cpu().numpy()
        return out
