"""Public networks that look and listen at once: SyncNet (do lips and speech fit) and LR-ASD (does this face speak).

Both take one person's faces at 25 Hz, cut by :func:`core.sync.crops.steady_faces`, and mono sound at 16 kHz that begins
with the first face.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from core.networks.lr_asd import LrAsd
from core.networks.syncnet import WIDTH, SyncNet, pairwise_distances
from core.registry import Card
from core.sync.cepstra import SR_HZ, cepstra
from core.sync.crops import SIDE
from core.types import PCM, RGB
from core.weights.loading import loaded, memory_bytes

Floats = npt.NDArray[np.float32]

FPS = 25.0
REACH = 15
"""Shifts of up to this many frames are compared."""

_SAMPLES = int(SR_HZ / FPS)
_ROWS = 4  # cepstra in one frame
_SEEN, _HEARD = 5, 20  # frames and cepstra that one embedding looks at
_BATCH = 32
_MEDIAN = 9


@dataclass(frozen=True, slots=True)
class Offset:
    """What distances say about a recording.

    ``lag_frames`` > 0: the sound comes later than the picture, by so many frames of 40 ms. ``confidence`` is how far
    the best shift stands out: the median over all shifts less the least. ``curve`` float32[31] is the mean distance at
    shifts of -15 … +15 frames, ``over_time`` float32[T] the confidence frame by frame, smoothed.
    """

    lag_frames: int
    lag_ms: float
    confidence: float
    distance: float
    curve: Floats
    over_time: Floats


class _AudioVisual:
    network: torch.nn.Module

    @property
    def memory_bytes(self) -> int:
        """Memory that the loaded network holds."""
        return memory_bytes(self.network)


class SyncNetDetector(_AudioVisual):
    """SyncNet, second version.

    Raises:
        WeightsError: the file does not fit the network.
    """

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card, self.device = card, device
        self.network: SyncNet = loaded(SyncNet(), card, weights, device)

    def distances(self, video_crops: RGB, audio: PCM) -> Floats:
        """How far lips and speech are apart, float32[T, 31].

        Args:
            video_crops: uint8[F, 224, 224, 3] RGB at 25 Hz.
            audio: float32[S] at 16 kHz.

        Returns:
            Row t is for the five frames from t on; column k holds the speech that begins k - 15 frames later. No row
            where picture or sound is shorter than six frames.
        """
        count = _shared(video_crops, audio) - _SEEN
        if count <= 0:
            return np.zeros((0, 2 * REACH + 1), np.float32)
        mouths, speech = self.embed_video(video_crops, count), self.embed_audio(audio, count)
        out: Floats = pairwise_distances(torch.from_numpy(mouths), torch.from_numpy(speech), REACH).numpy()
        return out

    by_distance = True
    with_motion = False

    def embed_mouths(self, crops: RGB) -> Floats:
        """Embeddings float32[F - 4, 1024] of faces uint8[F, 224, 224, 3] at 25 Hz, each of five in a row."""
        return self.embed_video(crops, max(0, len(crops) - _SEEN + 1))

    def embed_voices(self, sound: PCM) -> Floats:
        """Embeddings float32[F - 4, 1024] of sound float32[640 * F]."""
        return self.embed_audio(sound, max(0, len(sound) // _SAMPLES - _SEEN + 1))

    @torch.inference_mode()
    def embed_video(self, crops: RGB, count: int) -> Floats:
        """Embeddings float32[count, 1024] of five frames each."""
        parts = [np.zeros((0, WIDTH), np.float32)]
        for start in range(0, count, _BATCH):
            stop = min(count, start + _BATCH) + _SEEN - 1
            # The network was trained with the channels in OpenCV's order.
            block = torch.from_numpy(np.ascontiguousarray(crops[start:stop, ..., ::-1])).to(self.device)
            parts.append(self.network.mouths(block.permute(0, 3, 1, 2).float()[None]).cpu().numpy())
        return np.concatenate(parts)

    @torch.inference_mode()
    def embed_audio(self, audio: PCM, count: int) -> Floats:
        """Embeddings float32[count, 1024] of 0.2 s each, one every 40 ms."""
        rows = cepstra(audio)
        rows = np.pad(rows, ((0, max(0, _ROWS * (count - 1) + _HEARD - len(rows))), (0, 0)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(rows, _HEARD, axis=0)[::_ROWS][:count]
        parts = [np.zeros((0, WIDTH), np.float32)]
        for start in range(0, count, 8 * _BATCH):
            block = torch.from_numpy(np.ascontiguousarray(windows[start : start + 8 * _BATCH])).to(self.device)
            parts.append(self.network.speech(block).cpu().numpy())
        return np.concatenate(parts)


def offset(distances: Floats) -> Offset:
    """Read distances float32[T, 31], T >= 1, of :meth:`SyncNetDetector.distances`."""
    if distances.ndim != 2 or distances.shape[1] != 2 * REACH + 1 or not len(distances):
        raise ValueError(f"distances are float32[T, {2 * REACH + 1}] with T >= 1, not {distances.shape}")
    from scipy.signal import medfilt

    curve = distances.mean(axis=0)
    best = int(curve.argmin())
    middle = float(np.median(curve))
    over_time = medfilt(middle - distances[:, best].astype(np.float64), _MEDIAN)
    lag = best - REACH
    return Offset(
        lag_frames=lag,
        lag_ms=lag * 1000.0 / FPS,
        confidence=middle - float(curve[best]),
        distance=float(curve[best]),
        curve=curve.astype(np.float32),
        over_time=over_time.astype(np.float32),
    )


class SpeakingDetector(_AudioVisual):
    """LR-ASD.

    Raises:
        WeightsError: the file does not fit the network.
    """

    def __init__(self, card: Card, weights: Path, device: str) -> None:
        self.card, self.device = card, device
        self.network: LrAsd = loaded(LrAsd(), card, weights, device)

    @torch.inference_mode()
    def speaking(self, video_crops: RGB, audio: PCM) -> Floats:
        """Logits float32[T] that the face speaks what is heard, one a frame; sigmoid(logit) = P(speaking).

        Args:
            video_crops: uint8[F, 224, 224, 3] RGB at 25 Hz.
            audio: float32[S] at 16 kHz. T is the shorter of both.
        """
        rows = cepstra(audio)
        count = min(_shared(video_crops, audio), len(rows) // _ROWS)
        if count < 1:
            return np.zeros(0, np.float32)
        faces = torch.from_numpy(grey_centres(video_crops[:count])).to(self.device).float()
        heard = torch.from_numpy(rows[: _ROWS * count]).to(self.device)
        both = self.network(faces[None], heard[None])[0]
        out: Floats = (both[:, 1] - both[:, 0]).cpu().numpy()
        return out


def grey_centres(crops: RGB) -> npt.NDArray[np.uint8]:
    """The grey inner half of faces uint8[T, 224, 224, 3], uint8[T, 112, 112]."""
    edge = SIDE // 4
    inner = crops[:, edge : SIDE - edge, edge : SIDE - edge]
    return np.stack([np.asarray(cv2.cvtColor(np.ascontiguousarray(c), cv2.COLOR_RGB2GRAY), np.uint8) for c in inner])


def _shared(crops: RGB, audio: PCM) -> int:
    """Whole frames for which there are both picture and sound."""
    if crops.shape[1:] != (SIDE, SIDE, 3):
        raise ValueError(f"faces are uint8[T, {SIDE}, {SIDE}, 3], not {crops.shape}")
    return min(len(crops), len(audio) // _SAMPLES)
