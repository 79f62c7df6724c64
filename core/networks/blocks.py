"""Building blocks that the networks of clips and of sound share. N = batch, T = time steps, W = width of a state."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import ConfigError, WeightsError
from core.networks.dropout import Dropout


class Readout(nn.Module):
    """States to one logit and a curve: attention weighs the steps, one linear head reads them.

    The head is linear, so the logit is the weighted mean of the curve: no curve without its verdict, and the reverse.
    """

    def __init__(self, width: int, drop: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.drop = Dropout(drop)
        self.attend = nn.Linear(width, 1, bias=False)
        self.head = nn.Linear(width, 1)

    def forward(self, states: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """float[N, T, W] and bool[N, T] (true = present) to logit float[N] and curve float[N, T]."""
        logit, curve, _ = self.weighed(states, mask)
        return logit, curve

    def weighed(self, states: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Logit and curve as :meth:`forward`, and how much each step counts, float[N, T] of sum 1."""
        states = self.drop(self.norm(states))
        curve = self.head(states).squeeze(-1)
        weights = self.attend(states).squeeze(-1)
        if mask is not None:
            weights = weights.masked_fill(~mask, -math.inf)
            curve = curve.masked_fill(~mask, 0.0)
        weights = weights.softmax(dim=1)
        return (weights * curve).sum(dim=1), curve, weights


class Recurrent(nn.Module):
    """LSTM (Hochreiter and Schmidhuber, 1997) over the steps that are present, as if the others had never been."""

    def __init__(self, inputs: int, hidden: int, layers: int = 1, *, both_ways: bool = True, drop: float = 0.0) -> None:
        super().__init__()
        self.lstm = nn.LSTM(
            inputs, hidden, layers, batch_first=True, bidirectional=both_ways, dropout=drop if layers > 1 else 0.0
        )
        self.width = hidden * (2 if both_ways else 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """float[N, T, inputs] to float[N, T, width]; zeros where nothing is present."""
        if mask is None:
            out: Tensor = self.lstm(x)[0]
            return out
        order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
        front = x.gather(1, order[..., None].expand_as(x))
        lengths = mask.sum(dim=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(front, lengths, batch_first=True, enforce_sorted=False)
        states, _ = nn.utils.rnn.pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=x.shape[1])
        return torch.zeros_like(states).scatter(1, order[..., None].expand_as(states), states)


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., 2017, arXiv:1706.03762) that sees only what is present."""

    def __init__(self, width: int, heads: int, drop: float = 0.0) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"A width of {width} cannot be shared by {heads} heads.", hint="Choose a multiple.")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.drop = drop

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """float[N, T, W] to the same shape."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = None if mask is None else mask[:, None, None, :]
        drop = self.drop if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=drop)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def shares(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """How much each step looks at each other one, float[N, T, T] of rows with sum 1, the mean over the heads."""
        q, k, _ = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        alike = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        if mask is not None:
            alike = alike.masked_fill(~mask[:, None, None, :], -math.inf)
        return alike.softmax(dim=-1).mean(dim=1)


class TransformerLayer(nn.Module):
    """Attention and a two-layer perceptron, each normalised before and added to its input."""

    def __init__(self, width: int, heads: int, *, growth: int = 4, drop: float = 0.0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, drop)
        self.feed = nn.Sequential(
            nn.Linear(width, growth * width),
            nn.GELU(),
            Dropout(drop),
            nn.Linear(growth * width, width),
            Dropout(drop),
        )

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.norm1(x), mask)
        out: Tensor = x + self.feed(self.norm2(x))
        return out


class Trunk(nn.Module):
    """A timm network without its head: pictures float[M, 3, S, S] to features float[M, width].

    Args:
        name: of the timm network.
        file: safetensors of a frame detector of the same network (one logit) to begin with; None starts from scratch.
        frozen: keep the weights as they are while the rest learns.

    Raises:
        ConfigError: timm knows no such network.
        WeightsError: the file does not fit.
    """

    def __init__(self, name: str, file: str | None = None, *, frozen: bool = False) -> None:
        super().__init__()
        import timm

        try:
            self.net = timm.create_model(name, pretrained=False, num_classes=0)
        except RuntimeError as exc:
            raise ConfigError(f"timm has no network '{name}'.", hint="See the option 'trunk'.") from exc
        width: Any = getattr(self.net, "head_hidden_size", None) or self.net.num_features
        self.width = int(width)
        if file is not None:
            load_trunk(self.net, name, Path(file))
        self.frozen = frozen
        self.requires_grad_(not frozen)

    def train(self, mode: bool = True) -> Self:
        return super().train(mode and not self.frozen)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out


def load_trunk(net: nn.Module, name: str, file: Path) -> None:
    """Fill a headless timm network from a frame detector's file: of a timm network with one logit, or of one of our own
    that has such a network as its ``trunk``. Only the keys of heads are left out.

    Raises:
        WeightsError: the file is missing or unreadable, or a key or shape does not fit.
    """
    import timm
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(file)
    except (OSError, SafetensorError) as exc:
        raise WeightsError(f"The file {file.name} cannot be read.", hint="Train or fetch the detector first.") from exc
    inner = {key.removeprefix("trunk."): value for key, value in state.items() if key.startswith("trunk.")}
    state, own = inner or state, net.state_dict()
    with torch.device("meta"):
        whole = timm.create_model(name, pretrained=False, num_classes=1).state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    if shapes != {key: tuple(value.shape) for key, value in whole.items()}:
        differing = sorted(k for k in shapes.keys() | whole.keys() if shapes.get(k) != _shape(whole.get(k)))
        raise WeightsError(
            f"The file {file.name} does not fit {name}: {', '.join(differing[:5])} ({len(differing)} in all).",
            hint="Name the weights of a frame detector of the same network, with one logit.",
        )
    net.load_state_dict({key: state[key].to(own[key].dtype) for key in own}, strict=True)


def _shape(tensor: Tensor | None) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def per_frame(net: nn.Module, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Apply ``net`` to each frame that is present: float[N, T, ...] to float[N, T, W], zeros elsewhere."""
    if mask is None:
        out: Tensor = net(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return out
    seen = net(x[mask])
    states = seen.new_zeros(*mask.shape, *seen.shape[1:])
    states[mask] = seen
    return states


_GAIN, _LARGEST = 8.0, 3.0


def with_changes(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Each frame, its change since the one before, and how that change goes on into the next: float[N, T, C, S, S] to
    float[N, T, 3 C, S, S]. Changes are magnified and bounded, and zero where a frame they need is missing."""
    seen = x.new_ones(len(x), x.shape[1] - 1, dtype=torch.bool) if mask is None else mask[:, 1:] & mask[:, :-1]
    change = _where(seen, x[:, 1:] - x[:, :-1])
    bend = _where(seen[:, 1:] & seen[:, :-1], change[:, 1:] - change[:, :-1])
    none = torch.zeros_like(x[:, :1])
    since, turn = torch.cat([none, change], dim=1), torch.cat([none, bend, none], dim=1)[:, : x.shape[1]]
    return torch.cat([x, *((_GAIN * part).clamp(-_LARGEST, _LARGEST) for part in (since, turn))], dim=2)


def _where(seen: Tensor, values: Tensor) -> Tensor:
    return torch.where(seen[:, :, None, None, None], values, 0.0)


def sinusoids(count: int, width: int, like: Tensor) -> Tensor:
    """Positions as sines and cosines float[count, width] (Vaswani et al., 2017); ``width`` is even."""
    position = torch.arange(count, device=like.device, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(10_000.0) / width))
    waves = torch.stack([torch.sin(position * rate), torch.cos(position * rate)], dim=-1)
    return waves.flatten(1).to(like.dtype)


def grid_sinusoids(rows: int, columns: int, width: int, like: Tensor) -> Tensor:
    """Positions on a grid float[rows * columns, width]: one half of the width tells the row, the other the column."""
    down = sinusoids(rows, width // 2, like)[:, None].expand(rows, columns, -1)
    across = sinusoids(columns, width // 2, like)[None].expand(rows, columns, -1)
    return torch.cat([down, across], dim=-1).flatten(0, 1)
