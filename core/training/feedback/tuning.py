"""Fine-tuning of a face detector on labelled media, next to the material it was first trained on."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from core.detectors.network import NetworkDetector
from core.registry import InputSpec
from core.training.config import NuisanceConfig
from core.training.data.crops import Crops
from core.training.data.pairs import Pairs, jitter, to_input
from core.training.feedback.material import Labelled
from core.training.nuisance import degrade
from core.types import RGB

log = logging.getLogger(__name__)

OnShare = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How a fine-tuning goes. ``share`` of the parameter tensors, those nearest to the output, learn; of each batch
    ``batch`` pictures are labelled ones and as many are replayed. ``rate`` is the highest learning rate."""

    steps: int = 240
    batch: int = 12
    share: float = 0.5
    rate: float = 2e-4
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    replay_pairs: int = 360
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Tuned:
    """The network after it and the mean loss of each tenth of the way."""

    network: nn.Module
    losses: tuple[float, ...]


def fine_tune(
    detector: NetworkDetector, new: Labelled, old: Pairs, plan: Tuning, on_share: OnShare = lambda _, __: None
) -> Tuned:
    """A copy of the detector's network, taught what people said.

    The statistics of normalisation stay as they are; pairs of the first training are replayed in every batch, so that
    what was learned before is not forgotten.

    Args:
        new: labelled faces; those for testing are not touched.
        old: pairs of the detector's own training.
        on_share: told how far it is; may raise to stop.
    """
    torch.manual_seed(plan.seed)
    network = copy.deepcopy(detector.network).eval()
    learning = _unfreeze(network, plan.share)
    optimiser = torch.optim.AdamW(learning, lr=plan.rate, weight_decay=plan.weight_decay)
    batches = _batches(new, old, detector.card.input, plan, on_share)
    losses: list[float] = []
    for step, (pixels, fake, weight) in enumerate(batches):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * _shape(step / plan.steps)
        logit = detector.fake_logit(network(detector.normalised(pixels)))
        each = F.binary_cross_entropy_with_logits(logit, fake.to(logit), reduction="none")
        loss = (each * weight.to(each)).sum() / weight.sum()
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(learning, plan.clip_norm)
        optimiser.step()
        losses.append(float(loss.detach()))
        on_share(0.3 + 0.7 * (step + 1) / plan.steps, f"step {step + 1} of {plan.steps}")
    parts = np.array_split(np.asarray(losses), 10)
    return Tuned(network.eval(), tuple(round(float(p.mean()), 4) for p in parts if len(p)))


def _shape(done: float) -> float:
    """Warm-up over a tenth of the way, then a cosine down to nothing."""
    return done / 0.1 if done < 0.1 else 0.5 * (1.0 + math.cos(math.pi * (done - 0.1) / 0.9))


def _unfreeze(network: nn.Module, share: float) -> list[nn.Parameter]:
    """The parameters nearest to the output; registration follows the way from input to output."""
    every = list(network.parameters())
    learning = every[len(every) - max(2, round(share * len(every))) :]
    for parameter in every:
        parameter.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    return learning


def _batches(
    new: Labelled, old: Pairs, spec: InputSpec, plan: Tuning, on_share: OnShare
) -> Iterator[tuple[RGB, torch.Tensor, torch.Tensor]]:
    """Pictures uint8[N, S, S, 3], labels and weights float[N]: labelled ones, both classes in turn, and replayed
    pairs."""
    rng = np.random.default_rng(plan.seed)
    pool = _replay(old, plan.replay_pairs, on_share)
    sides = [np.flatnonzero(~new.test & (new.fake == fake) & (new.weight > 0)) for fake in (False, True)]
    odds = [new.weight[side] / new.weight[side].sum() for side in sides]
    for _ in range(plan.steps):
        chosen = [int(rng.choice(sides[k % 2], p=odds[k % 2])) for k in range(plan.batch)]
        pixels = [_worn(rng, new.crops, i, spec) for i in chosen]
        fake = [float(k % 2) for k in range(plan.batch)]
        pairs = pool[rng.integers(len(pool), size=max(1, plan.batch // 2))]
        pixels += list(pairs.reshape(-1, *pairs.shape[2:]))
        fake += [0.0, 1.0] * len(pairs)
        yield np.stack(pixels), torch.tensor(fake), torch.ones(len(fake))


def _replay(old: Pairs, count: int, on_share: OnShare) -> npt.NDArray[np.uint8]:
    """Pairs uint8[count, 2, S, S, 3] of the first training."""
    made = []
    for i in range(min(count, len(old))):
        made.append(old[i][0].numpy())
        on_share(0.3 * (i + 1) / count, f"{i + 1} of {count} pairs to remember")
    return np.stack(made)


def _worn(rng: np.random.Generator, crops: Crops, index: int, spec: InputSpec) -> RGB:
    """The detector's input of a labelled face, a little turned and in half of the cases degraded."""
    rgb = crops.pixels[index]
    if rng.random() < 0.5:
        rgb = degrade(rng, rgb, 0.6)
    return to_input(rgb, crops.rows[index].landmarks, spec, jitter(rng, NuisanceConfig(), spec.size))


def inputs(crops: Crops, spec: InputSpec) -> RGB:
    """The detector's inputs of faces as they are, uint8[N, S, S, 3]."""
    return np.stack([to_input(p, r.landmarks, spec) for p, r in zip(crops.pixels, crops.rows, strict=True)])
