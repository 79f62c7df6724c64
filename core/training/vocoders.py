"""Train the small vocoders that :mod:`core.training.fakes.vocoder` makes fakes of speech with."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import ConfigError
from core.training.audio_task import divided
from core.training.data.audio import segment
from core.training.data.voices import Voice
from core.training.fakes.trained import save_trained, untrained
from core.training.fakes.vocoder import FOLDER, VARIANTS, LogMel, Vocoder
from core.training.tasks import TaskConfig
from core.types import PCM

log = logging.getLogger(__name__)
SAMPLES = 8_192
BATCH = 12
STEPS = 1_000
# Windows of the transforms that a voice and its copy are compared by.
_WINDOWS = (256, 512, 1024, 2048)


class Distance(nn.Module):
    """How far spectra lie apart at several resolutions (Yamamoto et al., 2020, arXiv:1910.11480), and in mel bands."""

    def __init__(self) -> None:
        super().__init__()
        self.mel = LogMel()
        for size in _WINDOWS:
            self.register_buffer(f"window{size}", torch.hann_window(size), persistent=False)

    def forward(self, made: Tensor, true: Tensor) -> Tensor:
        loss = 2.0 * F.l1_loss(self.mel(made), self.mel(true))
        for size in _WINDOWS:
            window = getattr(self, f"window{size}")
            a, b = (torch.stft(x, size, size // 4, window=window, return_complex=True).abs() for x in (made, true))
            loss = loss + (a - b).norm() / (b.norm() + 1e-6) + F.l1_loss(torch.log(a + 1e-4), torch.log(b + 1e-4))
        return loss


class Critic(nn.Module):
    """Judges of the wave at three rates (Kumar et al., 2019, arXiv:1910.06711): a list of float[N, 1, T]."""

    def __init__(self) -> None:
        super().__init__()
        self.judges = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(1, 16, 15, padding=7),
                nn.LeakyReLU(0.2),
                nn.Conv1d(16, 32, 41, 4, padding=20, groups=4),
                nn.LeakyReLU(0.2),
                nn.Conv1d(32, 64, 41, 4, padding=20, groups=8),
                nn.LeakyReLU(0.2),
                nn.Conv1d(64, 64, 5, padding=2),
                nn.LeakyReLU(0.2),
                nn.Conv1d(64, 1, 3, padding=1),
            )
            for _ in range(3)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        return [judge(F.avg_pool1d(x[:, None], 2**i)) for i, judge in enumerate(self.judges)]


def stretches(rng: np.random.Generator, voices: Sequence[Voice]) -> Tensor:
    """Random stretches of real voices at an even loudness: float[12, 8192]."""
    out: list[PCM] = []
    while len(out) < BATCH:
        pcm = segment(voices[int(rng.integers(len(voices)))].samples(), SAMPLES, float(rng.random()))
        power = float(np.sqrt(np.mean(np.square(pcm))))
        if power > 1e-3:
            out.append(np.clip(pcm * rng.uniform(0.03, 0.15) / power, -1.0, 1.0))
    return torch.from_numpy(np.stack(out).astype(np.float32))


def train_vocoder(variant: str, voices: Sequence[Voice], *, steps: int, seed: int = 0) -> Vocoder:
    """Train one variant on real voices: by spectral distance first, for the last half against a critic as well."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net, judge, distance = Vocoder(*VARIANTS[variant]), Critic(), Distance()
    optimiser = torch.optim.AdamW(net.parameters(), lr=8e-4, betas=(0.8, 0.99))
    other = torch.optim.AdamW(judge.parameters(), lr=5e-4, betas=(0.8, 0.99))
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 8e-4, total_steps=steps, pct_start=0.1)
    began = time.monotonic()
    for step in range(steps):
        true = stretches(rng, voices)
        made = net(true)
        loss = distance(made, true)
        if step > steps // 2:
            loss = loss - 0.3 * sum(verdict.mean() for verdict in judge(made))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
        rate.step()
        if step > steps // 2 - 100:
            _judge_step(judge, other, true, made.detach())
        if step % 100 == 0:
            spent = time.monotonic() - began
            log.info("%s: step %d of %d, loss %.3f, %.0f s", variant, step, steps, float(loss.detach()), spent)
    return net.eval()


def _judge_step(judge: Critic, optimiser: torch.optim.Optimizer, true: Tensor, made: Tensor) -> None:
    loss = torch.zeros(())
    for honest, drawn in zip(judge(true), judge(made), strict=True):
        loss = loss + F.relu(1.0 - honest).mean() + F.relu(1.0 + drawn).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def train_missing(
    config: TaskConfig, data: Path, store: Path, *, steps: int = STEPS, folder: Path = FOLDER
) -> list[Path]:
    """Train the variants that ``folder`` has no file of, on the real voices that ``config`` trains on.

    Raises:
        ConfigError: ``config`` is not one of voices.
    """
    if config.task != "audio":
        raise ConfigError(
            f"{config.id} trains on clips, which have no generators of their own.",
            hint="Name a file of faces (configs/training) or of voices (configs/training/voices).",
        )
    missing = untrained(VARIANTS, folder)
    if not missing:
        return []
    torch.set_num_threads(config.threads)
    train, _, _ = divided(config, data, store, copies=False)
    voices = [voice for voice in train if not voice.row.fake]
    return [save_trained(train_vocoder(name, voices, steps=steps), name, folder) for name in missing]
