"""Effort: low-rank parts are folded, the published layout fits, and the logits are those of the unfolded network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.detectors.base import load_detector
from core.errors import ConfigError, WeightsError
from core.networks.clip_vision import LARGE_14, ClipClassifier
from core.registry import card
from core.weights.keymap import key_map
from core.weights.keys import resolve
from tests.unit.plugin_samples import Reference, card_for, fed, pictures

SMALL = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}


class Effort(Reference):
    """CLIP's picture encoder with a rank-one part beside each of the attention's matrices, never folded."""

    def __init__(self, width: int, inner: int, layers: int, heads: int, seed: int = 0) -> None:
        super().__init__(seed)
        self.width, self.layers, self.heads, b = width, layers, heads, "module.backbone."
        self.normal(f"{b}embeddings.class_embedding", width, std=1.0)
        self.normal(f"{b}embeddings.patch_embedding.weight", width, 3, 14, 14, std=0.1)
        self.normal(f"{b}embeddings.position_embedding.weight", 257, width, std=0.5)
        self._norm(f"{b}pre_layrnorm")
        for i in range(layers):
            name = f"{b}encoder.layers.{i}"
            for part in ("k_proj", "v_proj", "q_proj", "out_proj"):
                self._projection(f"{name}.self_attn.{part}")
            self._norm(f"{name}.layer_norm1")
            for part, before, after in (("fc1", width, inner), ("fc2", inner, width)):
                self.kernel(f"{name}.mlp.{part}", after, before)
                self.bias(f"{name}.mlp.{part}", after)
            self._norm(f"{name}.layer_norm2")
        self._norm(f"{b}post_layernorm")
        self.kernel("module.head", 2, width)
        self.bias("module.head", 2)

    def _norm(self, name: str) -> None:
        self.normal(f"{name}.weight", self.width, std=0.3)
        self.bias(name, self.width)

    def _projection(self, name: str) -> None:
        self.normal(f"{name}.weight_main", self.width, self.width, std=self.width**-0.5)
        self.bias(name, self.width)
        self.state[f"{name}.S_residual"] = torch.tensor([1.5])
        self.normal(f"{name}.U_residual", self.width, 1, std=self.width**-0.5)
        self.normal(f"{name}.V_residual", 1, self.width, std=0.5)

    def _layer_norm(self, name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        scaled = centred / torch.sqrt(centred.pow(2).mean(dim=-1, keepdim=True) + 1e-5)
        return scaled * self.state[f"{name}.weight"] + self.state[f"{name}.bias"]

    def _project(self, name: str, x: Tensor) -> Tensor:
        s = self.state
        residual = (x @ s[f"{name}.V_residual"].T * s[f"{name}.S_residual"]) @ s[f"{name}.U_residual"].T
        return x @ s[f"{name}.weight_main"].T + residual + s[f"{name}.bias"]

    def _attend(self, name: str, x: Tensor) -> Tensor:
        q, k, v = (
            self._project(f"{name}.{p}_proj", x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for p in ("q", "k", "v")
        )
        weights = (q @ k.transpose(2, 3) / (self.width / self.heads) ** 0.5).softmax(dim=-1)
        return self._project(f"{name}.out_proj", (weights @ v).transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:
        b = "module.backbone."
        patches = F.conv2d(x, self.state[f"{b}embeddings.patch_embedding.weight"], stride=14).flatten(2).transpose(1, 2)
        first = self.state[f"{b}embeddings.class_embedding"].expand(len(x), 1, -1)
        x = torch.cat([first, patches], dim=1) + self.state[f"{b}embeddings.position_embedding.weight"]
        x = self._layer_norm(f"{b}pre_layrnorm", x)
        for i in range(self.layers):
            name = f"{b}encoder.layers.{i}"
            x = x + self._attend(f"{name}.self_attn", self._layer_norm(f"{name}.layer_norm1", x))
            inner = self.linear(f"{name}.mlp.fc1", self._layer_norm(f"{name}.layer_norm2", x))
            x = x + self.linear(f"{name}.mlp.fc2", inner * torch.sigmoid(1.702 * inner))
        return self.linear("module.head", self._layer_norm(f"{b}post_layernorm", x[:, 0]))


@pytest.fixture(scope="module")
def small() -> Effort:
    return Effort(64, 96, 2, 4)


def test_the_folded_network_gives_the_logits_of_the_unfolded_one(small: Effort, tmp_path: Path) -> None:
    file, crops = small.save(tmp_path / "w.pth"), pictures(2, 224)
    detector = load_detector(card_for("effort-clip", file, options=SMALL), file, "cpu")
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (card("effort-clip").input.mean, card("effort-clip").input.std))
    want = small.logits((fed(crops) - mean) / std)
    got = detector.logits(crops)
    np.testing.assert_allclose(got, want[:, 1] - want[:, 0], atol=1e-4)
    assert abs(got[0] - got[1]) > 1e-3, "the example tells pictures apart"


def test_without_its_low_rank_part_the_logits_would_differ(small: Effort) -> None:
    x = fed(pictures(1, 224), 0.5, 0.25)
    whole = small.logits(x)
    other = Effort(64, 96, 2, 4)
    for name, values in small.state.items():
        other.state[name] = torch.zeros_like(values) if name.endswith("S_residual") else values
    assert np.abs(other.logits(x) - whole).max() > 1e-2


def test_the_whole_published_layout_fits() -> None:
    """All 681 keys at full size, without their values."""
    with torch.device("meta"):
        network = ClipClassifier()
        published = _shapes_of_large()
    assert len(published) == 681
    assert sum(v.numel() for v in published.values()) == 303_378_530
    tensors, report = resolve(published, network.state_dict(), key_map("effort-clip"))
    assert report.ok and len(tensors) == len(network.state_dict()) == 681 - 3 * 96
    assert not report.dropped and not report.filled


def _shapes_of_large() -> dict[str, Tensor]:
    width, inner, layers = (LARGE_14[n] for n in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.class_embedding": (width,),
        "embeddings.patch_embedding.weight": (width, 3, 14, 14),
        "embeddings.position_embedding.weight": (257, width),
    }
    norms = ["pre_layrnorm", "post_layernorm"]
    for i in range(layers):
        name = f"encoder.layers.{i}"
        norms += [f"{name}.layer_norm1", f"{name}.layer_norm2"]
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            at = f"{name}.self_attn.{part}"
            shapes |= {f"{at}.weight_main": (width, width), f"{at}.bias": (width,), f"{at}.S_residual": (1,)}
            shapes |= {f"{at}.U_residual": (width, 1), f"{at}.V_residual": (1, width)}
        shapes |= {f"{name}.mlp.fc1.weight": (inner, width), f"{name}.mlp.fc1.bias": (inner,)}
        shapes |= {f"{name}.mlp.fc2.weight": (width, inner), f"{name}.mlp.fc2.bias": (width,)}
    for name in norms:
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    published = {f"module.backbone.{name}": torch.empty(shape) for name, shape in shapes.items()}
    return published | {"module.head.weight": torch.empty(2, width), "module.head.bias": torch.empty(2)}


@pytest.mark.parametrize("part", ["U_residual", "S_residual", "V_residual", "weight_main"])
def test_a_missing_part_of_a_matrix_is_refused_by_name(small: Effort, tmp_path: Path, part: str) -> None:
    gone = f"module.backbone.encoder.layers.1.self_attn.v_proj.{part}"
    torch.save({k: v for k, v in small.state.items() if k != gone}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"missing: backbone\.encoder\.layers\.1\.self_attn\.v_proj\.weight"):
        load_detector(card_for("effort-clip", tmp_path / "w.pth", options=SMALL), tmp_path / "w.pth", "cpu")


def test_unknown_options_are_refused(small: Effort, tmp_path: Path) -> None:
    file = small.save(tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="layers"):
        load_detector(card_for("effort-clip", file, options={"layers": 2}), file, "cpu")


def test_the_card_feeds_as_the_benchmark_did() -> None:
    spec = card("effort-clip").input
    assert (spec.size, spec.via, spec.crop, spec.scale, spec.resize) == (224, 256, "aligned", 1.3, "bicubic")
    assert card("effort-clip").options == {}
