"""Networks of clips: shapes, gradients, masks, curves, polarity."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import pytest
import timm
import torch
from safetensors.torch import save_file

from core import networks
from core.errors import ConfigError, NotFoundError, WeightsError
from core.networks.blocks import Attention, Readout, Recurrent, Trunk, with_changes
from core.networks.clip import ClipNetwork, EfficientNetBiLstmAttention, SpaceTimeVit

TRUNK = "test_resnet"
TINY: dict[str, dict[str, Any]] = {
    "resnext-lstm-slim": {"trunk": TRUNK, "hidden": 8, "drop": 0.0},
    "efficientnet-bilstm-attention-slim": {"trunk": TRUNK, "width": 16, "heads": 2, "drop": 0.0},
    "cnn-bilstm-slim": {"channels": (4, 4, 8, 8), "hidden": 8, "drop": 0.0},
    "embedding-bilstm-slim": {"features": 12, "width": 16, "drop": 0.0},
    "space-time-vit-slim": {"width": 16, "space_layers": 1, "time_layers": 1, "heads": 2, "drop": 0.0},
}
CASES = [pytest.param(name, id=name) for name in TINY]


def _tiny(name: str, **options: Any) -> ClipNetwork:
    torch.manual_seed(0)
    return cast(ClipNetwork, networks.build(name, **{**TINY[name], **options}))


def _clip(name: str, n: int = 2, t: int = 5, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (n, t, 12) if networks.entry(name).task == "embedding" else (n, t, 3, 32, 32)
    return torch.randn(shape, generator=generator)


def test_every_clip_network_has_a_tiny_form_here() -> None:
    assert {f"{n.removesuffix('-slim')}-slim" for t in ("clip", "embedding") for n in networks.names(t)} == set(TINY)


@pytest.mark.parametrize("name", CASES)
def test_one_logit_a_clip_and_a_curve_over_its_frames(name: str) -> None:
    net = _tiny(name).eval()
    for n, t in ((1, 1), (3, 7)):
        x = _clip(name, n, t)
        assert net(x).shape == (n,)
        curve = net.curve(x)
        assert curve.shape == (n, t)
        assert torch.isfinite(curve).all()


@pytest.mark.parametrize("name", CASES)
def test_gradients_reach_every_parameter(name: str) -> None:
    net = _tiny(name).train()
    for part in net.modules():
        if isinstance(part, torch.nn.BatchNorm2d):  # timm begins residual blocks at zero: nothing flows there yet
            torch.nn.init.ones_(part.weight)
    net(_clip(name, 3, 4)).square().sum().backward()
    silent = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("name", CASES)
def test_equal_seeds_give_equal_networks_and_equal_answers(name: str) -> None:
    one, two = _tiny(name).eval(), _tiny(name).eval()
    x = _clip(name)
    assert torch.equal(one(x), two(x))
    assert torch.equal(one(x), one(x))


@pytest.mark.parametrize("name", CASES)
def test_what_lies_in_missing_frames_changes_nothing(name: str) -> None:
    net = _tiny(name).eval()
    x = _clip(name, 2, 6)
    mask = torch.tensor([[1, 1, 0, 1, 0, 1], [0, 1, 1, 1, 1, 0]], dtype=torch.bool)
    other = torch.where(mask.reshape(*mask.shape, *[1] * (x.ndim - 2)), x, torch.full_like(x, math.nan))
    assert torch.allclose(net(x, mask), net(other, mask), atol=1e-6)
    curve = net.curve(other, mask)
    assert torch.equal(torch.isnan(curve), ~mask)
    assert torch.allclose(curve[mask], net.curve(x, mask)[mask], atol=1e-6)
    assert not torch.allclose(net(x, mask), net(x), atol=1e-6)


@pytest.mark.parametrize("name", [n for n in TINY if n != "space-time-vit-slim"])
def test_recurrent_networks_see_the_shorter_clip(name: str) -> None:
    net = _tiny(name).eval()
    x = _clip(name, 2, 6)
    mask = torch.tensor([[1, 0, 1, 1, 0, 1]] * 2, dtype=torch.bool)
    assert torch.allclose(net(x, mask), net(x[:, mask[0]]), atol=1e-5)
    assert torch.allclose(net.curve(x, mask)[:, mask[0]], net.curve(x[:, mask[0]]), atol=1e-5)


def test_masks_that_do_not_fit_or_leave_nothing_are_refused() -> None:
    net = _tiny("cnn-bilstm-slim")
    x = _clip("cnn-bilstm-slim", 2, 3)
    with pytest.raises(ValueError, match="mask"):
        net(x, torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least one frame"):
        net(x, torch.tensor([[True] * 3, [False] * 3]))


def test_a_mask_without_gaps_is_no_mask() -> None:
    net = _tiny("resnext-lstm-slim").eval()
    x = _clip("resnext-lstm-slim")
    assert torch.equal(net(x, torch.ones(x.shape[:2], dtype=torch.bool)), net(x))


def test_training_drops_frames_and_analysis_does_not() -> None:
    net = _tiny("cnn-bilstm-slim", drop_frames=0.5)
    x = _clip("cnn-bilstm-slim", 4, 8)
    net.eval()
    assert torch.equal(net(x), net(x))
    net.train()
    torch.manual_seed(5)
    first = net(x)
    assert not torch.allclose(first, net(x))
    torch.manual_seed(5)
    assert torch.allclose(first, net(x))


def test_the_logit_is_the_weighted_mean_of_the_curve() -> None:
    torch.manual_seed(0)
    readout = Readout(6).eval()
    torch.nn.init.zeros_(readout.attend.weight)
    states = torch.randn(3, 5, 6)
    logit, curve = readout(states)
    assert torch.allclose(logit, curve.mean(dim=1), atol=1e-6)
    mask = torch.tensor([[True, True, False, False, True]] * 3)
    logit, curve = readout(states, mask)
    assert torch.allclose(logit, curve[:, [0, 1, 4]].mean(dim=1), atol=1e-6)


def test_recurrence_skips_gaps_in_both_directions() -> None:
    torch.manual_seed(0)
    net = Recurrent(3, 4, 2).eval()
    x = torch.randn(1, 5, 3)
    mask = torch.tensor([[False, True, True, False, True]])
    out = net(x, mask)
    assert torch.allclose(out[:, mask[0]], net(x[:, mask[0]]), atol=1e-6)
    assert torch.equal(out[:, ~mask[0]], torch.zeros(1, 2, net.width))


def test_what_changes_from_frame_to_frame_is_shown_beside_the_frames() -> None:
    frames = torch.tensor([0.0, 0.0, 0.1, 0.3, 9.0])[None, :, None, None, None].expand(1, 5, 2, 4, 4)
    shown = with_changes(frames)
    assert shown.shape == (1, 5, 6, 4, 4)
    assert torch.equal(shown[:, :, :2], frames)
    assert torch.allclose(shown[0, :, 2, 0, 0], torch.tensor([0.0, 0.0, 0.8, 1.6, 3.0]))
    assert torch.allclose(shown[0, :, 4, 0, 0], torch.tensor([0.0, 0.8, 0.8, 3.0, 0.0]))
    gap = torch.tensor([[True, True, False, True, True]])
    known = with_changes(frames, gap)
    assert known[0, :, 2, 0, 0].tolist() == [0.0, 0.0, 0.0, 0.0, 3.0]
    assert not known[:, :, 4:].any()
    assert with_changes(frames[:, :1]).shape == (1, 1, 6, 4, 4) and not with_changes(frames[:, :1])[:, :, 2:].any()


def test_heads_must_share_the_width() -> None:
    with pytest.raises(ConfigError, match="heads"):
        Attention(10, 3)


def test_two_heads_and_the_fingerprint_is_part_of_the_verdict() -> None:
    net = cast(EfficientNetBiLstmAttention, _tiny("efficientnet-bilstm-attention-slim").eval())
    x = _clip("efficientnet-bilstm-attention-slim")
    before = net.look(x)
    assert torch.equal(before.logit, net(x))
    heads = dict(before.heads)
    assert list(heads) == ["motion", "fingerprint"] and heads["fingerprint"].shape == (2,)
    assert torch.allclose(heads["motion"] + heads["fingerprint"], before.logit, atol=1e-5)
    with torch.no_grad():
        net.fingerprint_readout.head.bias.add_(1.0)
    raised = net.look(x)
    assert torch.allclose(raised.logit, before.logit + 1.0, atol=1e-5)
    assert torch.allclose(dict(raised.heads)["fingerprint"], heads["fingerprint"] + 1.0, atol=1e-5)
    assert torch.equal(dict(raised.heads)["motion"], heads["motion"])


def test_the_fingerprint_looks_at_grain_and_not_at_light() -> None:
    net = cast(EfficientNetBiLstmAttention, _tiny("efficientnet-bilstm-attention-slim"))
    filters = cast(torch.Tensor, net.fingerprint.filters)
    lit = torch.nn.functional.conv2d(torch.full((1, 3, 16, 16), 0.7), filters.repeat(3, 1, 1, 1), groups=3)
    assert lit.abs().max() < 1e-5
    grain = torch.nn.functional.conv2d(_clip("cnn-bilstm-slim")[0], filters.repeat(3, 1, 1, 1), groups=3)
    assert grain.abs().mean() > 0.1


def test_motion_consistency_is_a_share_of_every_step() -> None:
    net = cast(SpaceTimeVit, _tiny("space-time-vit-slim").eval())
    x = _clip("space-time-vit-slim", 2, 6)
    steps = net.motion_consistency(x)
    assert steps.shape == (2, 5)
    assert ((steps >= 0) & (steps <= 1)).all()
    mask = torch.tensor([[True, True, False, True, True, True]] * 2)
    assert torch.isnan(net.motion_consistency(x, mask)).tolist() == [[False, True, True, False, False]] * 2


def test_less_consistent_motion_never_lowers_the_logit() -> None:
    net = cast(SpaceTimeVit, _tiny("space-time-vit-slim").eval())
    x = _clip("space-time-vit-slim", 2, 6)
    before, consistency = net(x), net.motion_consistency(x)
    last = cast(torch.nn.Linear, net.step[-1])
    with torch.no_grad():
        last.bias.add_(1.0)
    assert (net.motion_consistency(x) < consistency).all()
    assert (net(x) > before).all()


def test_a_still_clip_moves_consistently_where_training_says_so() -> None:
    """Consistency is learned: a few steps teach that jumping frames are fake, and the measure follows."""
    net = cast(SpaceTimeVit, _tiny("space-time-vit-slim"))
    still = _clip("space-time-vit-slim", 4, 1).expand(-1, 6, -1, -1, -1) + 0.02 * _clip("space-time-vit-slim", 4, 6)
    jumping = _clip("space-time-vit-slim", 4, 6, seed=3)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    label = torch.cat([torch.zeros(4), torch.ones(4)])
    for _ in range(40):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(torch.cat([still, jumping])), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    net.eval()
    assert net.motion_consistency(still).mean() > net.motion_consistency(jumping).mean()


def test_one_batch_can_be_learned_and_fakes_score_high() -> None:
    name = "efficientnet-bilstm-attention-slim"
    net = _tiny(name).train()
    x = _clip(name, 8, 4)
    fake = torch.tensor([0.0, 1.0] * 4)
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x), fake)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1
    logit = net(x)
    assert (logit[fake == 1] > 0).all()
    assert (logit[fake == 0] < 0).all()


def test_a_trunk_begins_with_the_weights_of_a_frame_detector(tmp_path: Path) -> None:
    torch.manual_seed(3)
    detector: Any = timm.create_model(TRUNK, num_classes=1).eval()
    file = tmp_path / "frame.safetensors"
    save_file({k: v.half() if v.ndim > 1 else v for k, v in detector.state_dict().items()}, file)
    trunk = Trunk(TRUNK, str(file)).eval()
    x = torch.randn(2, 3, 32, 32)
    expected = detector.forward_head(detector.forward_features(x), pre_logits=True)
    assert torch.allclose(trunk(x), expected, atol=1e-2)
    assert all(p.dtype == torch.float32 for p in trunk.parameters())


def test_a_trunk_is_taken_out_of_a_network_of_our_own(tmp_path: Path) -> None:
    whole = timm.create_model(TRUNK, num_classes=1)
    state = {f"trunk.{k}": v for k, v in whole.state_dict().items()} | {"join.weight": torch.ones(1, 3)}
    save_file(state, tmp_path / "frame.safetensors")
    trunk = Trunk(TRUNK, str(tmp_path / "frame.safetensors"))
    kept = trunk.net.state_dict()
    assert all(torch.equal(kept[k], whole.state_dict()[k]) for k in kept)


def test_a_trunk_takes_no_other_networks_weights(tmp_path: Path) -> None:
    file = tmp_path / "frame.safetensors"
    state = timm.create_model(TRUNK, num_classes=1).state_dict()
    save_file({k: v for k, v in state.items() if not k.startswith("conv1")}, file)
    with pytest.raises(WeightsError, match="does not fit test_resnet: conv1"):
        Trunk(TRUNK, str(file))
    save_file(dict(timm.create_model(TRUNK, num_classes=2).state_dict()), file)
    with pytest.raises(WeightsError, match="does not fit"):
        Trunk(TRUNK, str(file))
    file.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match="cannot be read"):
        Trunk(TRUNK, str(file))


def test_unknown_names_trunks_and_options_are_named() -> None:
    with pytest.raises(NotFoundError, match="no network called 'resnext-lsmt'") as caught:
        networks.build("resnext-lsmt")
    assert "resnext-lstm" in caught.value.hint
    with pytest.raises(ConfigError, match="surprise"):
        networks.build("cnn-bilstm-slim", surprise=1)
    with pytest.raises(ConfigError, match="no network 'nothing'"):
        networks.build("resnext-lstm-slim", trunk="nothing")


def test_slim_and_full_are_the_same_class() -> None:
    for name in networks.names():
        if name.endswith("-slim"):
            assert networks.entry(name).where == networks.entry(name.removesuffix("-slim")).where
