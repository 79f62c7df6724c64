"""Losses over logits of P(fake)."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from core.training.config import OptimConfig


def classification(
    logit: torch.Tensor, fake: torch.Tensor, config: OptimConfig, teacher: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean binary cross entropy with label smoothing, or focal loss (Lin et al., 2017, arXiv:1708.02002).

    Args:
        logit: float[N].
        fake: float[N], 0 or 1.
        teacher: logits float[N] whose probabilities take the share ``config.distil`` of the target (Hinton et al.,
            2015, arXiv:1503.02531).
    """
    target = fake * (1.0 - config.label_smoothing) + 0.5 * config.label_smoothing
    if teacher is not None:
        target = (1.0 - config.distil) * target + config.distil * torch.sigmoid(teacher)
    loss = F.binary_cross_entropy_with_logits(logit, target, reduction="none")
    if config.loss == "focal":
        p = torch.sigmoid(logit)
        hit = p * fake + (1.0 - p) * (1.0 - fake)
        loss = loss * (1.0 - hit) ** config.focal_gamma
    return loss.mean()


def pair_margin(real: torch.Tensor, forged: torch.Tensor, margin: float = 2.0) -> torch.Tensor:
    """Hinge that asks each fake to lie ``margin`` above the real it was made from; float[N] each."""
    return F.relu(margin - (forged - real)).mean()


def location(logit: torch.Tensor, changed: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy between a map of logits float[2N, 1, h, w] (reals, then their fakes) and where the fakes
    were changed, uint8[N, H, W]; reals were changed nowhere."""
    height, width = logit.shape[-2:]
    share = F.adaptive_avg_pool2d(changed[:, None].float() / 255.0, (height, width))
    return F.binary_cross_entropy_with_logits(logit, torch.cat([torch.zeros_like(share), share]))
