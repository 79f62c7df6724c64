"""Networks that look at a face over time.

Input: a clip of aligned faces float[N, T, 3, S, S] (or precomputed embeddings float[N, T, D]), normalised as the card
says, and bool[N, T], true where a frame is present. Output: one logit a clip, sigmoid(logit) = P(fake), and a curve.
Values of missing frames are never looked at.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.blocks import (
    Readout,
    Recurrent,
    TransformerLayer,
    Trunk,
    grid_sinusoids,
    per_frame,
    sinusoids,
    with_changes,
)
from core.networks.dropout import Dropout, fan_out


class Evidence(NamedTuple):
    """What a network makes of clips.

    ``logit`` float[N] of P(fake), ``curve`` float[N, T] of each frame in the light of the others, ``weights`` float[N,
    T] of sum 1: how much it attended to each frame. ``heads`` are names and logits float[N] that add up to ``logit``,
    where there are several; ``unrest`` float[N] in [0, 1] says how little the face moves like one that was filmed,
    None where the network does not measure it.
    """

    logit: Tensor
    curve: Tensor
    weights: Tensor
    heads: tuple[tuple[str, Tensor], ...] = ()
    unrest: Tensor | None = None


class ClipNetwork(nn.Module):
    """What every network of clips is. ``drop_frames`` is the share of frames that training pretends are missing."""

    def __init__(self, drop_frames: float = 0.0) -> None:
        super().__init__()
        self.drop_frames = drop_frames

    def evidence(self, x: Tensor, mask: Tensor | None) -> Evidence:
        """Of a checked input."""
        raise NotImplementedError

    def look(self, x: Tensor, mask: Tensor | None = None) -> Evidence:
        """All that the network says of clips, in one pass."""
        return self.evidence(x, self._present(x, mask))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logit of P(fake) of each clip, float[N]."""
        return self.look(x, mask).logit

    def curve(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logit of P(fake) of each frame in the light of the others, float[N, T]; NaN where the frame is missing."""
        curve = self.look(x, mask).curve
        return curve if mask is None else curve.masked_fill(~mask, math.nan)

    def _present(self, x: Tensor, mask: Tensor | None) -> Tensor | None:
        if mask is not None:
            if mask.shape != x.shape[:2]:
                raise ValueError(f"the mask is {tuple(mask.shape)}, the clip {tuple(x.shape[:2])}")
            if not bool(mask.any(dim=1).all()):
                raise ValueError("a clip needs at least one frame that is present")
            return None if bool(mask.all()) else mask
        if not self.training or self.drop_frames <= 0:
            return None
        kept = torch.rand(x.shape[:2], device=x.device) >= self.drop_frames
        kept[:, 0] |= ~kept.any(dim=1)
        return kept


class CnnLstm(ClipNetwork):
    """A CNN per frame, an LSTM over the frames (Güera and Delp, 2018, doi:10.1109/AVSS.2018.8639163).

    With ``resnext50_32x4d`` and 2048 states the classic recurrent detector. ``frozen`` leaves the CNN as it began.
    """

    def __init__(
        self,
        trunk: str = "resnext50_32x4d",
        hidden: int = 2048,
        layers: int = 1,
        drop: float = 0.4,
        drop_frames: float = 0.0,
        trunk_file: str | None = None,
        frozen: bool = False,
    ) -> None:
        super().__init__(drop_frames)
        self.trunk = Trunk(trunk, trunk_file, frozen=frozen)
        self.recurrent = Recurrent(self.trunk.width, hidden, layers, both_ways=False, drop=drop)
        self.readout = Readout(self.recurrent.width, drop)

    def evidence(self, x: Tensor, mask: Tensor | None) -> Evidence:
        states = self.recurrent(per_frame(self.trunk, x, mask), mask)
        return Evidence(*self.readout.weighed(states, mask))


class Fingerprint(nn.Module):
    """What a generator leaves in the fine grain of each frame: a small CNN behind fixed high-pass filters (the
    residuals of Fridrich and Kodovsky, 2012, doi:10.1109/TIFS.2012.2190402). float[M, 3, S, S] to float[M, width]."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.register_buffer("filters", _high_pass(), persistent=False)
        channels = (9, width // 2, width, width)
        steps: list[nn.Module] = []
        for before, after in pairwise(channels):
            steps += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        self.steps = nn.Sequential(*steps)
        self.width = 2 * width

    def forward(self, x: Tensor) -> Tensor:
        filters = cast(Tensor, self.filters).to(x.dtype)
        grain = F.conv2d(x, filters.repeat(3, 1, 1, 1), padding=2, groups=3).clamp(-3.0, 3.0)
        maps = self.steps(grain)
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)


def _high_pass() -> Tensor:
    """Second difference, its square and the fifth-order kernel of the rich models, float[3, 1, 5, 5]."""
    line = torch.zeros(5, 5)
    line[2, 1:4] = torch.tensor([1.0, -2.0, 1.0]) / 2
    square = torch.zeros(5, 5)
    square[1:4, 1:4] = torch.tensor([[-1.0, 2.0, -1.0], [2.0, -4.0, 2.0], [-1.0, 2.0, -1.0]]) / 4
    wide = torch.tensor(
        [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]
    )
    return torch.stack([line, square, wide / 12.0])[:, None]


class EfficientNetBiLstmAttention(ClipNetwork):
    """EfficientNet per frame, two BiLSTM layers and multi-head attention over the frames with residuals and
    normalisation, and two heads: what happens over time, and the fingerprint of a generator in single frames.

    The logit is the sum of those of both heads, so the part of each in a verdict can be told. ``frozen`` leaves the
    EfficientNet as it began.
    """

    def __init__(
        self,
        trunk: str = "efficientnet_b2",
        width: int = 512,
        layers: int = 2,
        heads: int = 8,
        drop: float = 0.3,
        drop_frames: float = 0.0,
        trunk_file: str | None = None,
        frozen: bool = False,
    ) -> None:
        super().__init__(drop_frames)
        self.trunk = Trunk(trunk, trunk_file, frozen=frozen)
        self.project = nn.Sequential(nn.Linear(self.trunk.width, width), nn.LayerNorm(width), Dropout(drop))
        self.recurrent = Recurrent(width, width // 2, layers, drop=drop)
        self.attention = TransformerLayer(width, heads, growth=2, drop=drop)
        self.readout = Readout(width, drop)
        self.fingerprint = Fingerprint()
        self.fingerprint_readout = Readout(self.fingerprint.width, drop)

    def evidence(self, x: Tensor, mask: Tensor | None) -> Evidence:
        states = self.project(per_frame(self.trunk, x, mask))
        states = states + self.recurrent(states, mask)
        motion, curve, weights = self.readout.weighed(self.attention(states, mask), mask)
        trace, trace_curve = self.fingerprint_readout(per_frame(self.fingerprint, x, mask), mask)
        heads = (("motion", motion), ("fingerprint", trace))
        return Evidence(motion + trace, curve + trace_curve, self._rolled_out(states, weights, mask), heads)

    def _rolled_out(self, states: Tensor, weights: Tensor, mask: Tensor | None) -> Tensor:
        """The weights of the readout carried back through the attention and what passes beside it (attention rollout,
        Abnar and Zuidema, 2020, arXiv:2005.00928)."""
        shares = self.attention.attention.shares(self.attention.norm1(states), mask)
        return (weights + (weights[:, None] @ shares)[:, 0]) / 2


class CnnBiLstm(ClipNetwork):
    """Four blocks of convolutions per frame and a BiLSTM over the frames (16 in the gated ensemble)."""

    def __init__(
        self,
        channels: tuple[int, ...] = (32, 64, 128, 256),
        hidden: int = 128,
        drop: float = 0.3,
        drop_frames: float = 0.0,
    ) -> None:
        super().__init__(drop_frames)
        steps: list[nn.Module] = []
        for before, after in pairwise((3, *channels)):
            steps += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
        self.cnn = nn.Sequential(*steps, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.recurrent = Recurrent(channels[-1], hidden)
        self.readout = Readout(self.recurrent.width, drop)

    def evidence(self, x: Tensor, mask: Tensor | None) -> Evidence:
        states = self.recurrent(per_frame(self.cnn, x, mask), mask)
        return Evidence(*self.readout.weighed(states, mask))


class EmbeddingBiLstm(ClipNetwork):
    """A BiLSTM over what a frame detector made of each frame: its embedding and, last, its logit.

    Args:
        features: D of the input float[N, T, D].
    """

    def __init__(
        self,
        features: int = 1281,
        width: int = 256,
        layers: int = 2,
        drop: float = 0.3,
        drop_frames: float = 0.0,
    ) -> None:
        super().__init__(drop_frames)
        self.project = nn.Sequential(nn.Linear(features, width), nn.LayerNorm(width), nn.GELU(), Dropout(drop))
        self.recurrent = Recurrent(width, width // 2, layers, drop=drop)
        self.readout = Readout(width, drop)

    def evidence(self, x: Tensor, mask: Tensor | None) -> Evidence:
        states = per_frame(self.project, x, mask)
        states = states + self.recurrent(states, mask)
        return Evidence(*self.readout.weighed(states, mask))


class SpaceTimeVit(ClipNetwork):
    """A transformer over the patches of each frame, then over the frames (factorised as model 2 of ViViT, Arnab et
    al., 2021, arXiv:2103.15691), and a measure of how consistently patches move from frame to frame.

    Patches are of each frame and of what changes in it (:func:`with_changes`). The logit is evidence from the frames
    plus a non-negative weight times the mean inconsistency of the steps. Positions are sines, so any number of frames
    and any size that ``patch`` divides is taken.
    """

    def __init__(
        self,
        width: int = 384,
        space_layers: int = 6,
        time_layers: int = 4,
        heads: int = 6,
        patch: int = 16,
        drop: float = 0.1,
        drop_frames: float = 0.0,
    ) -> None:
        super().__init__(drop_frames)
        self.stem = _stem(3 * 3, width, patch)
        self.summary = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.space = nn.ModuleList(TransformerLayer(width, heads, drop=drop) for _ in range(space_layers))
        self.time = nn.ModuleList(TransformerLayer(width, heads, drop=drop) for _ in range(time_layers))
        self.norm = nn.LayerNorm(width)
        self.readout = Readout(width, drop)
        self.step = nn.Sequential(nn.LayerNorm(4 * width), nn.Linear(4 * width, width), nn.GELU(), nn.Linear(width, 1))
        self.trust = nn.Parameter(torch.zeros(()))

    def evidence(self, x: Tensor, mask: Tensor | None) -> Evidence:
        tokens = fan_out(self._tokens(x, mask))
        states = tokens[:, :, 0] + sinusoids(tokens.shape[1], tokens.shape[-1], tokens)
        for layer in self.time:
            states = layer(states, mask)
        logit, curve, weights = self.readout.weighed(states, mask)
        steps, seen = self._steps(tokens, mask)
        weight = F.softplus(self.trust)
        logit = logit + weight * _mean(steps, seen)
        unrest = _mean(torch.sigmoid(steps.float()), seen)
        return Evidence(logit, curve + weight * _to_frames(steps, seen), weights, unrest=unrest)

    def motion_consistency(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """How consistently the face moves from each frame to the next, float[N, T - 1] in [0, 1]; NaN where one of
        the two is missing. Low speaks for a fake."""
        present = self._present(x, mask)
        steps, seen = self._steps(self._tokens(x, present), present)
        return torch.sigmoid(-steps.float()).masked_fill(~seen, math.nan)

    def _tokens(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """float[N, T, 1 + patches, W], the summary first."""
        return per_frame(self._frame_tokens, with_changes(x, mask), mask)  # type: ignore[arg-type]

    def _frame_tokens(self, frames: Tensor) -> Tensor:
        maps = self.stem(frames)
        tokens = maps.flatten(2).transpose(1, 2)
        tokens = tokens + grid_sinusoids(maps.shape[2], maps.shape[3], tokens.shape[-1], tokens)
        tokens = torch.cat([self.summary.to(tokens.dtype).expand(len(tokens), -1, -1), tokens], dim=1)
        for layer in self.space:
            tokens = layer(tokens)
        out: Tensor = self.norm(tokens)
        return out

    def _steps(self, tokens: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inconsistency of each step as a logit, and where both frames are present; [N, T - 1] each."""
        patches, summary = tokens[:, :, 1:], tokens[:, :, 0]
        change = (patches[:, 1:] - patches[:, :-1]).abs()
        facts = torch.cat([summary[:, :-1], summary[:, 1:], change.mean(dim=2), change.amax(dim=2)], dim=-1)
        if mask is None:
            seen = torch.ones(facts.shape[:2], dtype=torch.bool, device=facts.device)
        else:
            seen = mask[:, 1:] & mask[:, :-1]
        return self.step(facts).squeeze(-1), seen


def _stem(inputs: int, width: int, patch: int) -> nn.Sequential:
    """Strided convolutions instead of one large patch (Xiao et al., 2021, arXiv:2106.14881)."""
    halvings = round(math.log2(patch))
    if 2**halvings != patch or halvings < 1:
        raise ValueError("the patch must be a power of two")
    channels = [inputs, *(max(16, width // 2 ** (halvings - i)) for i in range(1, halvings + 1))]
    steps: list[nn.Module] = []
    for before, after in pairwise(channels):
        steps += [nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.GELU()]
    return nn.Sequential(*steps, nn.Conv2d(channels[-1], width, 1))


def _mean(steps: Tensor, seen: Tensor) -> Tensor:
    """Over those steps [N, T - 1] both frames of which are present, float[N]; 0 where there is none."""
    return (steps * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1)


def _to_frames(steps: Tensor, seen: Tensor) -> Tensor:
    """Mean of the steps into and out of each frame, float[N, T - 1] to float[N, T]."""
    values, counts = steps * seen, seen.to(steps.dtype)
    total = F.pad(values, (0, 1)) + F.pad(values, (1, 0))
    return total / (F.pad(counts, (0, 1)) + F.pad(counts, (1, 0))).clamp(min=1)
