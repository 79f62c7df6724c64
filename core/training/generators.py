"""Train the small generators that :mod:`core.training.fakes.resynthesis` makes fakes with."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from core.training.config import TrainConfig
from core.training.data.crops import STORE_PX, Crops
from core.training.data.pairs import Drawer
from core.training.fakes.generator import FOLDER, VARIANTS, Autoencoder, warp
from core.training.fakes.trained import save_trained, untrained
from core.training.prepare import prepare

log = logging.getLogger(__name__)
PATCH_PX = 96
BATCH = 16
STEPS = 500


def patches(rng: np.random.Generator, crops: Crops, drawer: Drawer) -> torch.Tensor:
    """Random patches of real faces at random scales: float[16, 3, 96, 96] in [-1, 1]."""
    out = []
    for _ in range(BATCH):
        side = int(rng.integers(112, STORE_PX + 1))
        image = cv2.resize(crops.pixels[drawer.draw(rng)], (side, side), interpolation=cv2.INTER_AREA)
        y, x = (int(v) for v in rng.integers(0, side - PATCH_PX + 1, 2))
        patch = image[y : y + PATCH_PX, x : x + PATCH_PX]
        out.append(patch[:, ::-1] if rng.random() < 0.5 else patch)
    pixels = torch.from_numpy(np.stack(out)).float().permute(0, 3, 1, 2) / 127.5 - 1.0
    return pixels.contiguous(memory_format=torch.channels_last)


def random_flow(rng: np.random.Generator, count: int, size: int, sigma_px: float) -> torch.Tensor:
    """Smooth displacements float[N, size, size, 2] in units of half the picture."""
    coarse = torch.from_numpy(rng.normal(0.0, sigma_px * 2 / size, (count, 2, 5, 5)).astype(np.float32))
    return F.interpolate(coarse, (size, size), mode="bicubic", align_corners=False).permute(0, 2, 3, 1)


def critic() -> nn.Module:
    """A patch discriminator (Isola et al., 2017)."""
    return nn.Sequential(
        nn.Conv2d(3, 24, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(24, 48, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(48, 64, 3, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 1, 3, padding=1),
    )


def distance(made: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """L1 over pixels and over their differences at two scales, which keeps edges."""
    loss = F.l1_loss(made, true)
    for _ in range(2):
        loss = loss + F.l1_loss(made.diff(dim=-1), true.diff(dim=-1)) + F.l1_loss(made.diff(dim=-2), true.diff(dim=-2))
        made, true = F.avg_pool2d(made, 2), F.avg_pool2d(true, 2)
    return loss


def train_generator(variant: str, crops: Crops, drawer: Drawer, *, steps: int, seed: int = 0) -> Autoencoder:
    """Train one variant: reconstruction first, for the last two thirds against a critic as well; half of the batches
    are decoded through a random flow."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net, judge = Autoencoder(*VARIANTS[variant]).to(memory_format=torch.channels_last), critic()
    optimiser = torch.optim.Adam(net.parameters(), lr=8e-4, betas=(0.5, 0.99))
    other = torch.optim.Adam(judge.parameters(), lr=4e-4, betas=(0.5, 0.99))
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.5e-3, total_steps=steps, pct_start=0.1)
    began = time.monotonic()
    for step in range(steps):
        true = patches(rng, crops, drawer)
        flow = random_flow(rng, len(true), PATCH_PX, rng.uniform(0.5, 4.0)) if step % 2 else None
        target = true if flow is None else warp(true, flow)
        made = net(true, flow)
        loss = distance(made, target)
        if step > steps // 3:
            loss = loss - 0.02 * judge(made).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        rate.step()
        if step > steps // 3 - 100:
            _judge_step(judge, other, target, made.detach())
        if step % 100 == 0:
            spent = time.monotonic() - began
            log.info("%s: step %d of %d, loss %.4f, %.0f s", variant, step, steps, float(loss), spent)
    return net.eval()


def _judge_step(judge: nn.Module, optimiser: torch.optim.Optimizer, true: torch.Tensor, made: torch.Tensor) -> None:
    loss = F.relu(1.0 - judge(true)).mean() + F.relu(1.0 + judge(made)).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()


def train_missing(
    config: TrainConfig, data: Path, store: Path, *, steps: int = STEPS, folder: Path = FOLDER
) -> list[Path]:
    """Train the variants that ``folder`` has no file of, on the real faces that ``config`` trains on."""
    missing = untrained(VARIANTS, folder)
    if not missing:
        return []
    torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)
    crops = prepare(config, data, store).train
    drawer = Drawer(crops, config.data.source_weights, config.data.other_weight)
    return [save_trained(train_generator(name, crops, drawer, steps=steps), name, folder) for name in missing]
