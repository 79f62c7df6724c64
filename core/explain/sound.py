"""Which times and frequencies of a recording speak for a fake: gradient times input on the spectrogram.

The samples are taken as the inverse of their short-time Fourier transform, so that the gradient of the logit of
P(fake) can be asked for every time and frequency whatever the network itself begins with (Shrikumar et al., 2017,
arXiv:1704.02685).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core import registry
from core.detectors.audio import AudioDetector, load_audio_detector
from core.errors import NotFoundError
from core.media.decoding import decoder
from core.runtime.pool import shared_pool
from core.settings import Settings
from core.types import PCM, Analysis, MediaRef
from core.weights.files import as_found

_FFT = 512
_HOP = 256


@dataclass(frozen=True, slots=True, eq=False)
class SoundHeat:
    """One window of a recording: ``level_db`` float32[F, T] and ``heat`` float32[F, T] in [-1, 1], where 1 speaks most
    for a fake and -1 most against it; ``hz`` float[F] and ``t_s`` float[T] are their axes on the medium's clock."""

    level_db: npt.NDArray[np.float32]
    heat: npt.NDArray[np.float32]
    hz: npt.NDArray[np.float64]
    t_s: npt.NDArray[np.float64]
    detector: str
    title: str


def attribution(detector: AudioDetector, window: PCM) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What each time and frequency adds to the logit of P(fake), to first order.

    Args:
        detector: one whose network no other thread changes.
        window: float32[samples] at the detector's rate.

    Returns:
        The level in dB below the loudest, float32[F, T], and the heat float32[F, T] in [-1, 1], smoothed a little.
    """
    samples = torch.from_numpy(np.ascontiguousarray(window, np.float32)).to(detector.device)
    shape = torch.hann_window(_FFT, device=samples.device)
    with torch.inference_mode(False), torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        picture = torch.stft(samples.clone(), _FFT, _HOP, window=shape, return_complex=True).requires_grad_(True)
        again = torch.istft(picture, _FFT, _HOP, window=shape, length=len(samples))
        logit = detector.fake_logit(detector.network(again[None])).sum()
        (slope,) = torch.autograd.grad(logit, picture)
        share = (slope.conj() * picture).real.detach()
        level = 20 * torch.log10(picture.detach().abs() / picture.detach().abs().max().clamp(min=1e-9) + 1e-5)
    smooth = torch.nn.functional.avg_pool2d(share[None, None], 5, 1, 2, count_include_pad=False)[0, 0]
    most = smooth.abs().max().clamp(min=1e-12)
    return level.cpu().numpy().astype(np.float32), (smooth / most).cpu().numpy().astype(np.float32)


class _Listener:
    """A detector of its own for explanations, asked by one thread at a time."""

    def __init__(self, card: registry.Card, weights: Path, device: str) -> None:
        self.detector = load_audio_detector(card, weights, device)
        self.detector.network.requires_grad_(False)
        self.lock = threading.Lock()

    @property
    def memory_bytes(self) -> int:
        return self.detector.memory_bytes


def explain_sound(analysis: Analysis, media_path: Path, t_s: float, detector_id: str, settings: Settings) -> SoundHeat:
    """Which times and frequencies near ``t_s`` a detector takes as signs of a fake. Runs a network: call it from a
    worker thread.

    Raises:
        NotFoundError: there is no sound.
        WorkbenchError: the detector's weights are not there, or the file cannot be read any more.
    """
    media = analysis.media
    card, weights = as_found(registry.card(detector_id), settings)
    ref = MediaRef(media_path, media.sha256, media.info.kind, media.format, media.size_bytes, media.name)
    clip, _ = decoder(settings).audio(ref, media.info)
    if clip is None or not len(clip.pcm):
        raise NotFoundError("There is no sound to explain.", hint="Choose a detector that looks at the picture.")
    key = f"explain:{card.id}:{card.weights.sha256}"
    with shared_pool(settings.runtime).lease(key, lambda device: _Listener(card, weights, device)) as listener:
        windows, starts = listener.detector.windows(clip.pcm, clip.sr_hz)
        middle = starts + windows.shape[1] / listener.detector.spec.sample_rate / 2 + clip.start_s
        at = int(np.argmin(np.abs(middle - t_s)))
        with listener.lock:
            level, heat = attribution(listener.detector, windows[at])
        rate = listener.detector.spec.sample_rate
    times = clip.start_s + starts[at] + np.arange(heat.shape[1]) * _HOP / rate
    # Short sound is filled up to the window: what follows its end is no sound of the file.
    real = times <= clip.start_s + clip.duration_s
    hz = np.asarray(np.fft.rfftfreq(_FFT, 1 / rate), np.float64)
    return SoundHeat(level[:, real], heat[:, real], hz, times[real], card.id, card.title)
