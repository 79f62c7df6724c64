"""Frame networks: shapes, gradients, what each of our own is blind to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from core.errors import ConfigError
from core.networks.frame import OWN, create, dct_kernels
from core.training import losses
from core.training.model import Localiser

SIZE = 160


@pytest.mark.parametrize("name", sorted(OWN))
def test_each_gives_one_logit_and_learns_with_all_it_has(name: str) -> None:
    torch.manual_seed(0)
    net = create(name).train()
    out = net(torch.randn(2, 3, SIZE, SIZE))
    assert out.shape == (2, 1)
    (out**2).sum().backward()
    idle = [key for key, p in net.named_parameters() if p.grad is None]
    assert idle == []


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ConfigError, match="nonsense"):
        create("nonsense")


def test_the_dct_basis_is_orthonormal() -> None:
    flat = dct_kernels().reshape(64, 64).numpy()
    assert np.allclose(flat @ flat.T, np.eye(64), atol=1e-6)


def test_the_frequency_network_sees_no_colour() -> None:
    torch.manual_seed(0)
    net = create("frequency-net").eval()
    grey = torch.rand(1, 1, SIZE, SIZE).expand(1, 3, SIZE, SIZE)
    shift = torch.tensor([0.587, -0.299, 0.0]).view(1, 3, 1, 1) * 0.2
    with torch.inference_mode():
        assert torch.allclose(net(grey), net(grey + shift), atol=1e-4)


def test_a_patch_of_the_gate_sees_few_pixels() -> None:
    torch.manual_seed(0)
    net: Any = create("patch-gate").eval()
    x = torch.rand(1, 3, SIZE, SIZE)
    other = x.clone()
    other[:, :, 80, 80] += 1.0
    with torch.inference_mode():
        apart = (net.patches(x) != net.patches(other))[0, 0].nonzero()
    assert len(apart) > 0
    assert int((apart.max(dim=0).values - apart.min(dim=0).values).max()) <= 5


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "vit-tiny-hybrid", "efficientnetv2-slim", "resnet18"])
def test_the_localiser_adds_a_map_and_leaves_the_logit_alone(name: str) -> None:
    torch.manual_seed(0)
    net = create(name)
    learner = Localiser(net, SIZE).eval()
    x = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        logit, where = learner(x)
        assert where.shape == (2, 1, 10, 10)
        assert torch.allclose(logit, net(x), atol=1e-5)


def test_a_network_without_fitting_features_cannot_be_localised() -> None:
    with pytest.raises(ConfigError, match="stride 16"):
        Localiser(create("cnn4"), SIZE)


def test_the_location_loss_is_low_where_the_map_is_right() -> None:
    changed = torch.zeros(1, 10, 10, dtype=torch.uint8)
    changed[:, 4:6, 4:6] = 255
    right = torch.full((2, 1, 10, 10), -8.0)
    right[1, 0, 4:6, 4:6] = 8.0
    assert float(losses.location(right, changed)) < 0.01
    assert float(losses.location(-right, changed)) > 4
