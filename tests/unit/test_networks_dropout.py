"""Dropout that is drawn while a network is only asked: seeded, bounded, and nothing else changes."""

from __future__ import annotations

from threading import Thread
from typing import Any, cast

import pytest
import torch

from core import networks
from core.errors import ConfigError
from core.networks.clip import ClipNetwork
from core.networks.dropout import drawn, has_dropout
from core.networks.frame import create

TRUNK = "test_resnet"
CLIPS: dict[str, dict[str, Any]] = {
    "resnext-lstm-slim": {"trunk": TRUNK, "hidden": 8},
    "efficientnet-bilstm-attention-slim": {"trunk": TRUNK, "width": 16, "heads": 2},
    "cnn-bilstm-slim": {"channels": (4, 4, 8, 8), "hidden": 8},
    "embedding-bilstm-slim": {"features": 12, "width": 16},
    "space-time-vit-slim": {"width": 16, "space_layers": 1, "time_layers": 1, "heads": 2},
}
FRAMES = ("tf_efficientnet_lite0", "resnext-slim", "cnn4", "patch-gate", "frequency-net", "vit-tiny-hybrid")


def _clip_network(name: str, **options: Any) -> ClipNetwork:
    torch.manual_seed(0)
    return cast(ClipNetwork, networks.build(name, **(CLIPS[name] | options)).eval())


def _clip(name: str, n: int = 2) -> torch.Tensor:
    shape = (n, 5, 12) if networks.entry(name).task == "embedding" else (n, 5, 3, 32, 32)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", CLIPS)
def test_draws_differ_from_each_other_and_are_the_same_every_time(name: str) -> None:
    net, x = _clip_network(name), _clip(name)
    with torch.inference_mode():
        before = net(x)
        first, again = drawn(net, net, x, 6), drawn(net, net, x, 6)
        after = net(x)
    assert first is not None and again is not None
    assert first.shape == (6, 2) and torch.equal(first, again)
    assert (first.std(dim=0) > 0).all()
    assert torch.equal(before, after)


@pytest.mark.parametrize("name", CLIPS)
def test_without_dropout_there_are_no_draws(name: str) -> None:
    net = _clip_network(name, drop=0.0)
    assert not has_dropout(net)
    assert drawn(net, net, _clip(name), 4) is None


def test_the_mean_of_many_draws_is_the_answer_of_a_linear_head() -> None:
    net, x = _clip_network("cnn-bilstm-slim", drop=0.1), _clip("cnn-bilstm-slim", 1)
    torch.nn.init.zeros_(net.readout.attend.weight)  # type: ignore[union-attr,arg-type]
    with torch.inference_mode():
        found = drawn(net, net, x, 4000)
        assert found is not None
        assert float(found.mean()) == pytest.approx(float(net(x)), abs=4 * float(found.std()) / 4000**0.5)


@pytest.mark.parametrize("name", FRAMES)
def test_frame_networks_draw_the_dropout_they_were_trained_with(name: str) -> None:
    torch.manual_seed(0)
    net, plain = create(name, drop_rate=0.3).eval(), create(name).eval()
    assert list(net.state_dict()) == list(plain.state_dict())
    assert has_dropout(net) and not has_dropout(plain)
    plain.load_state_dict(net.state_dict())
    x = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(net(x), plain(x))
        found = drawn(net, lambda pictures: net(pictures)[:, 0], x, 5)
    assert found is not None and found.shape == (5, 2) and float(found.std(dim=0).max()) > 0


def test_training_drops_as_much_as_it_is_told() -> None:
    net = create("tf_efficientnet_lite0", drop_rate=0.25).train()
    kept = []
    net.classifier.drop.register_forward_hook(lambda _, args, out: kept.append((out != 0)[args[0] != 0]))  # type: ignore[union-attr]
    net(torch.randn(4, 3, 64, 64))
    assert float(torch.cat(kept).float().mean()) == pytest.approx(0.75, abs=0.05)


def test_normalisation_never_sees_the_batch_of_the_draws() -> None:
    net, x = _clip_network("cnn-bilstm-slim"), _clip("cnn-bilstm-slim")
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with torch.inference_mode():
        drawn(net, net, x, 5)
        alone = drawn(net, net, x[:1], 5)
    assert alone is not None
    assert not any(part.training for part in net.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_another_thread_that_asks_meanwhile_gets_its_plain_answer() -> None:
    net, x = _clip_network("cnn-bilstm-slim"), _clip("cnn-bilstm-slim")
    found: list[torch.Tensor] = []

    def plain() -> None:
        with torch.inference_mode():
            found.append(net(x))

    def ask(clips: torch.Tensor) -> torch.Tensor:
        other = Thread(target=plain)
        other.start()
        other.join()
        return cast(torch.Tensor, net(clips))

    with torch.inference_mode():
        drawn(net, ask, x, 3)
        assert torch.equal(found[0], net(x))


def test_an_option_that_a_network_does_not_have_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be built"):
        create("cnn4", colour="blue")
