"""Sounds for tests of detectors that listen, and references of their networks, written from the descriptions."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.unit.plugin_samples import Reference


def sounds(count: int, samples: int, seed: int = 0) -> np.ndarray:
    """Tones that come and go, with some hiss, float32[count, samples]."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16_000
    rows = []
    for _ in range(count):
        tones = [
            np.sin(2 * np.pi * f * time + p)
            for f, p in zip(rng.uniform(90, 3500, 6), rng.uniform(0, 6, 6), strict=True)
        ]
        swell = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(1, 6) * time)
        rows.append(0.05 * swell * np.sum(tones, axis=0) + 0.01 * rng.standard_normal(samples))
    return np.asarray(rows, np.float32)


class Voice(Reference):
    """Norms over the second axis of tensors of any rank."""

    def norm_any(self, name: str, x: Tensor, *, affine: bool = True, eps: float = 1e-5) -> Tensor:
        s, axes = self.state, [i for i in range(x.ndim) if i != 1]
        if self.calibrating:
            s[f"{name}.running_mean"] = x.mean(dim=axes)
            s[f"{name}.running_var"] = x.var(dim=axes, unbiased=False) + 1e-3
        shape = [1, -1] + [1] * (x.ndim - 2)
        y = (x - s[f"{name}.running_mean"].view(shape)) / (s[f"{name}.running_var"].view(shape) + eps).sqrt()
        return y * s[f"{name}.weight"].view(shape) + s[f"{name}.bias"].view(shape) if affine else y

    def plain_norm(self, name: str, width: int) -> None:
        """A normalisation without scale and shift."""
        self.norm(name, width)
        del self.state[f"{name}.weight"], self.state[f"{name}.bias"]

    def full(self, name: str, after: int, before: int) -> None:
        self.kernel(name, after, before, gain=1.0)
        self.bias(name, after)

    def map(self, name: str, *shape: int) -> None:
        self.kernel(name, *shape)
        self.bias(name, shape[0])


def mel_bands() -> Tensor:
    """70 windowed band passes of 129 taps between edges even in mel."""
    top = 2595 * math.log10(1 + 8000 / 700)
    hz = [700 * (10 ** (top * i / 70 / 2595) - 1) for i in range(71)]
    filters = np.zeros((70, 129))
    for i in range(70):
        for k in range(129):
            n = k - 64
            passes = [2 * f / 16000 * np.sinc(2 * f * n / 16000) for f in (hz[i + 1], hz[i])]
            filters[i, k] = (passes[0] - passes[1]) * (0.54 - 0.46 * math.cos(2 * math.pi * k / 128))
    return torch.from_numpy(filters).float()


class Graphs(Voice):
    """What AASIST and RawGAT-ST share."""

    filters = mel_bands()

    def make_block(self, name: str, before: int, after: int, first: str, *, project: bool) -> None:
        self.map(f"{name}.{first}", after, before, 2, 3)
        self.norm(f"{name}.bn2", after)
        self.map(f"{name}.conv2", after, after, 2, 3)
        if project:
            self.map(f"{name}.conv_downsample", after, before, 1, 3)

    def block(self, name: str, x: Tensor, first: str) -> Tensor:
        y = F.selu(self.bn(f"{name}.bn2", self.conv(f"{name}.{first}", x, padding=(1, 1))))
        y = self.conv(f"{name}.conv2", y, padding=(0, 1))
        if f"{name}.conv_downsample.weight" in self.state:
            x = self.conv(f"{name}.conv_downsample", x, padding=(0, 1))
        return F.max_pool2d(y + x, (1, 3))

    def front(self, x: Tensor) -> Tensor:
        bands = F.conv1d(x[:, None], self.filters[:, None])
        return F.selu(self.bn("first_bn", F.max_pool2d(bands[:, None].abs(), (3, 3))))

    def make_attention(self, name: str, before: int, after: int) -> None:
        self.normal(f"{name}.att_weight", after, 1, std=1.0)
        for part in ("att_proj", "proj_with_att", "proj_without_att"):
            self.full(f"{name}.{part}", after, before)
        self.norm(f"{name}.bn", after)

    def attention(self, name: str, x: Tensor, temperature: float) -> Tensor:
        """Node by node: what each takes from the others."""
        rows = []
        for i in range(x.shape[1]):
            pair = torch.tanh(self.linear(f"{name}.att_proj", x * x[:, i : i + 1]))
            weight = torch.softmax(pair @ self.state[f"{name}.att_weight"] / temperature, dim=1)
            rows.append((weight * x).sum(dim=1))
        mixed = self.linear(f"{name}.proj_with_att", torch.stack(rows, dim=1))
        mixed = mixed + self.linear(f"{name}.proj_without_att", x)
        return F.selu(self.norm_any(f"{name}.bn", mixed.transpose(1, 2)).transpose(1, 2))

    def pool(self, name: str, x: Tensor, keep: int) -> Tensor:
        score = torch.sigmoid(self.linear(f"{name}.proj", x))[..., 0]
        picked = []
        for item, s in zip(x, score, strict=True):
            best = sorted(range(len(s)), key=lambda i: -float(s[i]))[:keep]
            picked.append(torch.stack([item[i] * s[i] for i in best]))
        return torch.stack(picked)


class Aasist(Graphs):
    def __init__(self, width: int, keep: tuple[int, int, int, int], seed: int = 0) -> None:
        """``keep``: nodes kept of bands, moments, and of both after the mixed graphs."""
        super().__init__(seed)
        self.keep, widths = keep, (1, 32, 32, width, width, width, width)
        self.normal("pos_S", 1, 23, width, std=0.3)
        self.normal("master1", 1, 1, width, std=0.3)
        self.normal("master2", 1, 1, width, std=0.3)
        self.norm("first_bn", 1)
        for i, (before, after) in enumerate(pairwise(widths)):
            self.make_block(f"encoder.{i}.0", before, after, "conv1", project=before != after)
            if i:
                self.norm(f"encoder.{i}.0.bn1", before)
        self.make_attention("GAT_layer_S", width, width)
        self.make_attention("GAT_layer_T", width, width)
        for way in "12":
            for step, before in (("1", width), ("2", 32)):
                self.make_mixed(f"HtrgGAT_layer_ST{way}{step}", before)
        for name, before in (
            ("pool_S", width),
            ("pool_T", width),
            *((f"pool_h{n}", 32) for n in ("S1", "T1", "S2", "T2")),
        ):
            self.full(f"{name}.proj", 1, before)
        self.full("out_layer", 2, 160)

    def make_mixed(self, name: str, before: int) -> None:
        for kind in ("11", "22", "12", "M"):
            self.normal(f"{name}.att_weight{kind}", 32, 1, std=20.0)
        for part in ("proj_type1", "proj_type2"):
            self.full(f"{name}.{part}", before, before)
        for part in (
            "att_proj",
            "att_projM",
            "proj_with_att",
            "proj_without_att",
            "proj_with_attM",
            "proj_without_attM",
        ):
            self.full(f"{name}.{part}", 32, before)
        self.norm(f"{name}.bn", 32)

    def mixed(self, name: str, first: Tensor, second: Tensor, master: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = first.shape[1]
        x = torch.cat([self.linear(f"{name}.proj_type1", first), self.linear(f"{name}.proj_type2", second)], dim=1)
        rows = []
        for i in range(x.shape[1]):
            pair = torch.tanh(self.linear(f"{name}.att_proj", x * x[:, i : i + 1]))
            kinds = ["12" if (i < count) != (j < count) else "11" if i < count else "22" for j in range(x.shape[1])]
            score = [pair[:, j] @ self.state[f"{name}.att_weight{kind}"] for j, kind in enumerate(kinds)]
            weight = torch.softmax(torch.stack(score, dim=1) / 100, dim=1)
            rows.append((weight * x).sum(dim=1))
        mine = torch.tanh(self.linear(f"{name}.att_projM", x * master)) @ self.state[f"{name}.att_weightM"]
        collected = (torch.softmax(mine / 100, dim=1) * x).sum(dim=1, keepdim=True)
        master = self.linear(f"{name}.proj_with_attM", collected) + self.linear(f"{name}.proj_without_attM", master)
        y = self.linear(f"{name}.proj_with_att", torch.stack(rows, dim=1)) + self.linear(f"{name}.proj_without_att", x)
        y = F.selu(self.norm_any(f"{name}.bn", y.transpose(1, 2)).transpose(1, 2))
        return y[:, :count], y[:, count:], master

    def forward(self, x: Tensor) -> Tensor:
        s, maps = self.state, self.front(x)
        for i in range(6):
            maps = self.block(f"encoder.{i}.0", maps, "conv1")
        bands = maps.abs().max(dim=3).values.transpose(1, 2) + s["pos_S"]
        moments = maps.abs().max(dim=2).values.transpose(1, 2)
        bands = self.pool("pool_S", self.attention("GAT_layer_S", bands, 2.0), self.keep[0])
        moments = self.pool("pool_T", self.attention("GAT_layer_T", moments, 2.0), self.keep[1])
        ways = []
        for way in "12":
            master = s[f"master{way}"].expand(len(x), -1, -1)
            t, b, m = self.mixed(f"HtrgGAT_layer_ST{way}1", moments, bands, master)
            t, b = self.pool(f"pool_hT{way}", t, self.keep[3]), self.pool(f"pool_hS{way}", b, self.keep[2])
            more = self.mixed(f"HtrgGAT_layer_ST{way}2", t, b, m)
            ways.append((t + more[0], b + more[1], m + more[2]))
        t, b, m = (torch.max(p, q) for p, q in zip(*ways, strict=True))
        parts = [t.abs().max(dim=1).values, t.mean(dim=1), b.abs().max(dim=1).values, b.mean(dim=1), m[:, 0]]
        return self.linear("out_layer", torch.cat(parts, dim=1))


class RawGat(Graphs):
    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        widths = (1, 32, 32, 64, 64, 64, 64)
        self.norm("first_bn", 1)
        for branch in ("encoder1", "encoder2"):
            for i, (before, after) in enumerate(pairwise(widths)):
                name = f"{branch}.{i}.0"
                self.make_block(name, before, after, "conv1" if i else "conv_1", project=before != after and i > 0)
                if i:
                    self.norm(f"{name}.bn1", before)
                    self.map(f"{name}.conv_1", after, 1, 2, 3)
        for i, (before, after) in enumerate(((64, 32), (64, 32), (32, 16)), 1):
            self.make_attention(f"GAT_layer{i}", before, after)
            self.full(f"pool{i}.proj", 1, after)
        self.full("proj1", 12, 14)
        self.full("proj2", 12, 23)
        self.full("proj", 1, 16)
        self.full("proj_node", 2, 7)

    def forward(self, x: Tensor) -> Tensor:
        start, sides = self.front(x), []
        for number, axis, keep in ((1, 3, 14), (2, 2, 23)):
            maps = start
            for i in range(6):
                maps = self.block(f"encoder{number}.{i}.0", maps, "conv1" if i else "conv_1")
            nodes = self.attention(f"GAT_layer{number}", maps.abs().max(dim=axis).values.transpose(1, 2), 1.0)
            nodes = self.pool(f"pool{number}", nodes, keep)
            sides.append(self.linear(f"proj{number}", nodes.transpose(1, 2)))
        nodes = self.attention("GAT_layer3", (sides[0] * sides[1]).transpose(1, 2), 1.0)
        return self.linear("proj_node", self.linear("proj", self.pool("pool3", nodes, 7))[..., 0])


class Lcnn(Voice):
    """The numbers are the places of the layers in the published sequence."""

    convs = ((0, 1, 64, 5), (3, 32, 64, 1), (6, 32, 96, 3), (10, 48, 96, 1), (13, 48, 128, 3), (16, 64, 128, 1),
             (19, 64, 64, 3), (22, 32, 64, 1), (25, 32, 64, 3))  # fmt: skip
    norms = ((5, 32), (9, 48), (12, 48), (18, 64), (21, 32), (24, 32))
    pools = (2, 8, 15, 27)

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        for name, value in (("input_mean", 0.0), ("input_std", 1.0), ("output_mean", 0.0), ("output_std", 1.0)):
            self.state[name] = torch.tensor([value])
        for place, before, after, kernel in self.convs:
            self.map(f"m_transform.0.{place}", after, before, kernel, kernel)
        for place, width in self.norms:
            self.plain_norm(f"m_transform.0.{place}", width)
        self.full("m_output_act.0.1", 160, 4416)
        self.full("m_output_act.0.3", 2, 80)
        edges = np.linspace(0, 8000, 22)
        hz = np.linspace(0, 8000, 257)
        bank = [np.interp(hz, edges[i : i + 3], [0, 1, 0], left=0, right=0) for i in range(20)]
        self.state["m_frontend.0.lfcc_fb"] = torch.from_numpy(np.stack(bank, axis=1)).float()
        k, n = np.arange(20)[:, None], np.arange(20)
        dct = np.cos(np.pi * k * (n + 0.5) / 20) * np.sqrt(np.where(k == 0, 1, 2) / 20)
        self.state["m_frontend.0.l_dct.weight"] = torch.from_numpy(dct).float()
        self.normal("m_a_softmax.0.weight", 2, 2, std=1.0)

    def lfcc(self, x: np.ndarray) -> np.ndarray:
        """float[750, 60] of one recording, frame by frame."""
        bank, dct = (self.state[f"m_frontend.0.{n}"].double().numpy() for n in ("lfcc_fb", "l_dct.weight"))
        x = np.concatenate([x[:1], x[1:] - 0.97 * x[:-1]]).astype(np.float64)
        window = np.zeros(512)
        window[96:416] = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(320) / 320)
        padded, rows = np.pad(x, 256), []
        for t in range(len(x) // 160 + 1):
            power = np.abs(np.fft.rfft(padded[160 * t : 160 * t + 512] * window)) ** 2
            row = dct @ np.log10(power @ bank + 2.0**-23)
            row[0] = np.log10(power.sum() / 512 + 2.0**-23)
            rows.append(row)
        static = np.array(rows)
        slopes = [static]
        for _ in range(2):
            last = slopes[-1]
            slopes.append(np.concatenate([last[1:], last[-1:]]) - np.concatenate([last[:1], last[:-1]]))
        return np.concatenate(slopes, axis=1)[:750]

    def forward(self, x: Tensor) -> Tensor:
        y = torch.from_numpy(np.stack([self.lfcc(row) for row in x.numpy()])).float()[:, None]
        convs, norms = {c[0]: c for c in self.convs}, dict(self.norms)
        for place in range(28):
            if place in convs:
                y = self.conv(f"m_transform.0.{place}", y, padding=convs[place][3] // 2)
                y = torch.max(y[:, : y.shape[1] // 2], y[:, y.shape[1] // 2 :])
            elif place in norms:
                y = self.norm_any(f"m_transform.0.{place}", y, affine=False)
            elif place in self.pools:
                y = F.max_pool2d(y, 2)
        y = self.linear("m_output_act.0.1", y.flatten(1))
        y = self.linear("m_output_act.0.3", torch.max(y[:, :80], y[:, 80:]))
        w = self.state["m_a_softmax.0.weight"]
        length = y.norm(dim=1, keepdim=True)
        return (y @ w) / length / w.norm(dim=0) * length


class RawNetLite(Voice):
    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self.map("conv_pre", 64, 1, 3)
        self.norm("bn_pre", 64)
        for block in "123":
            for i in "12":
                self.map(f"resblock{block}.conv{i}", 64, 64, 3)
                self.norm(f"resblock{block}.bn{i}", 64)
        for end in ("", "_reverse"):
            self.normal(f"gru.weight_ih_l0{end}", 384, 64, std=0.1)
            self.normal(f"gru.weight_hh_l0{end}", 384, 128, std=0.1)
            self.normal(f"gru.bias_ih_l0{end}", 384, std=0.1)
            self.normal(f"gru.bias_hh_l0{end}", 384, std=0.1)
        self.full("fc1", 64, 256)
        self.full("fc2", 1, 64)

    def _conv1(self, name: str, norm: str, x: Tensor) -> Tensor:
        y = F.conv1d(x, self.state[f"{name}.weight"], self.state[f"{name}.bias"], padding=1)
        return self.norm_any(norm, y)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self._conv1("conv_pre", "bn_pre", x[:, None]))
        for b in "123":
            y = F.relu(self._conv1(f"resblock{b}.conv1", f"resblock{b}.bn1", x))
            x = F.relu(x + self._conv1(f"resblock{b}.conv2", f"resblock{b}.bn2", y))
        x = x.reshape(len(x), 64, 64, -1).mean(dim=3).transpose(1, 2)
        steps = gru(self.state, "gru", x), gru(self.state, "gru", x[:, -1:], "_reverse")
        last = torch.cat([steps[0][:, -1], steps[1][:, -1]], dim=1)
        return self.linear("fc2", self.linear("fc1", last))


def gru(s: dict[str, Tensor], name: str, x: Tensor, end: str = "") -> Tensor:
    """A recurrent layer (Cho et al., 2014), step by step, float[N, T, W]."""
    h, out = torch.zeros(len(x), s[f"{name}.weight_hh_l0{end}"].shape[1]), []
    for t in range(x.shape[1]):
        a = x[:, t] @ s[f"{name}.weight_ih_l0{end}"].T + s[f"{name}.bias_ih_l0{end}"]
        b = h @ s[f"{name}.weight_hh_l0{end}"].T + s[f"{name}.bias_hh_l0{end}"]
        (ra, ua, na), (rb, ub, nb) = a.chunk(3, dim=1), b.chunk(3, dim=1)
        update = torch.sigmoid(ua + ub)
        h = (1 - update) * torch.tanh(na + torch.sigmoid(ra + rb) * nb) + update * h
        out.append(h)
    return torch.stack(out, dim=1)


def saved(reference: Any, path: Any, sound: np.ndarray) -> Any:
    """The reference calibrated on ``sound`` and written to ``path``."""
    reference.logits(torch.from_numpy(sound), calibrate=True)
    return reference.save(path)
