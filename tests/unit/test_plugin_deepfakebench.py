"""Xception, EfficientNet-B4 and F3-Net of DeepfakeBench and Self-Blended Images' EfficientNet-B4: files of the
published layout load completely, give the logits of a reference, and are refused by name where they do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from torch import Tensor

from core.detectors.base import load_detector
from core.errors import ConfigError, WeightsError
from core.networks.efficientnet_static import efficientnet_b4_static
from core.networks.xception_fad import XceptionFad
from core.registry import card
from core.types import RGB
from core.weights.keymap import key_map
from core.weights.keys import KeyReport, audit
from core.weights.states import read_state
from tests.unit.plugin_samples import EfficientNetB4, Reference, Xception, card_for, fed, pictures


class F3Net(Xception):
    """The frequency-aware branch, by scipy's transforms rather than by the matrices in the file."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(channels=12, head="last_linear.1", seed=seed)
        size, index = 256, np.arange(256)
        matrix = torch.from_numpy(scipy.fft.dct(np.eye(size), axis=0, norm="ortho")).float()
        self.state |= {"FAD_head._DCT_all": matrix, "FAD_head._DCT_all_T": matrix.T.contiguous()}
        total = index[:, None] + index[None]
        # 256 // 2.82 = 90
        for i, (low, high) in enumerate(((0, 90), (90, 128), (128, 512), (0, 512))):
            self.state[f"FAD_head.filters.{i}.base"] = torch.from_numpy((total >= low) & (total <= high)).float()
            self.normal(f"FAD_head.filters.{i}.learnable", size, size, std=0.3)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = scipy.fft.dctn(x.double().numpy(), axes=(2, 3), norm="ortho")
        bands = []
        for i in range(4):
            learnt = self.state[f"FAD_head.filters.{i}.learnable"].double()
            weights = self.state[f"FAD_head.filters.{i}.base"].double() + 2.0 * torch.sigmoid(learnt) - 1.0
            bands.append(scipy.fft.idctn(spectrum * weights.numpy(), axes=(2, 3), norm="ortho"))
        return super().forward(torch.from_numpy(np.concatenate(bands, axis=1)).float())


def prepared(reference: Reference, crops: RGB, mean: float, std: float) -> Reference:
    reference.logits(fed(crops, mean, std), calibrate=True)
    return reference


@pytest.fixture(scope="module")
def crops() -> RGB:
    return pictures(1, 256)


@pytest.fixture(scope="module")
def xception(crops: RGB) -> Reference:
    return prepared(Xception(), crops, 0.5, 0.5)


@pytest.fixture(scope="module")
def efficientnet(crops: RGB) -> Reference:
    made = EfficientNetB4("backbone.efficientnet.", "backbone.last_layer", padded_stem=False)
    return prepared(made, crops, 0.5, 0.5)


@pytest.fixture(scope="module")
def f3net(crops: RGB) -> Reference:
    return prepared(F3Net(), crops, 0.5, 0.5)


def agrees(name: str, reference: Reference, crops: RGB, folder: Path, mean: float, std: float, **around: Any) -> None:
    """The detector's logit is the reference's difference of fake and real, and its sigmoid the softmax of fake."""
    file = reference.save(folder / "w.pth", **around)
    detector = load_detector(card_for(name, file), file, "cpu")
    want = reference.logits(fed(crops, mean, std))
    np.testing.assert_allclose(detector.logits(crops), want[:, 1] - want[:, 0], atol=1e-4)
    p_fake = torch.from_numpy(want).softmax(dim=1)[:, 1].numpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-detector.logits(crops))), p_fake, atol=1e-4)


# ---- logits -----------------------------------------------------------------------------------------------------


def test_xception_gives_the_logits_of_the_reference(xception: Reference, crops: RGB, tmp_path: Path) -> None:
    agrees("deepfakebench-xception", xception, crops, tmp_path, 0.5, 0.5)


def test_efficientnet_gives_the_logits_of_the_reference(efficientnet: Reference, crops: RGB, tmp_path: Path) -> None:
    agrees("deepfakebench-efficientnet-b4", efficientnet, crops, tmp_path, 0.5, 0.5)


def test_f3net_gives_the_logits_of_the_reference(f3net: Reference, crops: RGB, tmp_path: Path) -> None:
    agrees("deepfakebench-f3net", f3net, crops, tmp_path, 0.5, 0.5)


@pytest.mark.slow
def test_self_blended_images_give_the_logits_of_the_reference(tmp_path: Path) -> None:
    crops = pictures(1, 380)
    reference = prepared(EfficientNetB4("net.", "net._fc", padded_stem=True), crops, 0.0, 1.0)
    assert len(reference.state) == 706
    agrees("sbi-efficientnet-b4", reference, crops, tmp_path, 0.0, 1.0, epoch=100, optimizer={"state": {}})


def test_other_padding_would_be_noticed(efficientnet: Reference, crops: RGB) -> None:
    """The four pads and the epsilon matter: with timm's own the logits are far off."""
    import timm

    own = timm.create_model("efficientnet_b4", pretrained=False, num_classes=2)
    own.load_state_dict(dict(zip(own.state_dict(), efficientnet.state.values(), strict=True)))
    with torch.inference_mode():
        got = own.eval()(fed(crops, 0.5, 0.5)).numpy()
    assert np.abs(got - efficientnet.logits(fed(crops, 0.5, 0.5))).max() > 1e-2


# ---- keys -------------------------------------------------------------------------------------------------------


def report(name: str, reference: Reference, network: torch.nn.Module) -> KeyReport:
    return audit(reference.state, network, key_map(card(name).weights.key_map))


def test_every_key_of_xception_is_used_or_dropped_for_a_reason(xception: Reference) -> None:
    import timm

    net = timm.create_model("legacy_xception", num_classes=2)
    found = report("deepfakebench-xception", xception, net)
    assert len(xception.state) == 283
    assert sum(v.numel() for k, v in xception.state.items() if k.endswith((".weight", ".bias"))) == 21_861_162
    assert found.ok and len(found.matched) == 276
    assert {len(names) for names in found.dropped.values()} == {7}
    assert all(n.startswith("backbone.adjust_channel.") for names in found.dropped.values() for n in names)


def test_every_key_of_efficientnet_is_used_in_order(efficientnet: Reference) -> None:
    found = report("deepfakebench-efficientnet-b4", efficientnet, efficientnet_b4_static(stem_pad=(0, 0, 0, 0)))
    assert len(efficientnet.state) == len(found.matched) == 706
    assert found.ok and not found.dropped
    pairs = dict(found.matched)
    assert pairs["backbone.efficientnet._blocks.2._depthwise_conv.weight"] == "blocks.1.0.conv_dw.weight"
    assert pairs["backbone.efficientnet._blocks.22._se_reduce.bias"] == "blocks.5.0.se.conv_reduce.bias"
    assert pairs["backbone.last_layer.weight"] == "classifier.weight"


def test_every_key_of_f3net_is_used_or_dropped_for_a_reason(f3net: Reference) -> None:
    found = report("deepfakebench-f3net", f3net, XceptionFad())
    assert len(f3net.state) == 293
    assert found.ok and len(found.matched) == 286
    assert {len(names) for names in found.dropped.values()} == {7}


def test_the_decomposition_made_here_is_the_published_one(f3net: Reference) -> None:
    own = XceptionFad().FAD_head.state_dict()
    torch.testing.assert_close(own["_DCT_all"], f3net.state["FAD_head._DCT_all"], atol=1e-6, rtol=0.0)
    for i in range(4):
        assert torch.equal(own[f"filters.{i}.base"], f3net.state[f"FAD_head.filters.{i}.base"])


# ---- refused ----------------------------------------------------------------------------------------------------


def renamed(state: dict[str, Tensor], key: str) -> None:
    state[f"{key}_x"] = state.pop(key)


def dropped(state: dict[str, Tensor], key: str) -> None:
    del state[key]


def transposed(state: dict[str, Tensor], key: str) -> None:
    state[key] = state[key].transpose(0, 1).contiguous()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(renamed, "missing: conv2.weight"), (dropped, "missing: conv2.weight"), (transposed, "wrong shape: conv2.weight")],
)
def test_a_spoilt_xception_is_refused_by_name(
    xception: Reference, tmp_path: Path, spoil: Callable[[dict[str, Tensor], str], None], words: str
) -> None:
    state = dict(xception.state)
    spoil(state, "backbone.conv2.weight")
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        load_detector(card_for("deepfakebench-xception", tmp_path / "w.pth"), tmp_path / "w.pth", "cpu")
    assert words in str(caught.value)
    assert spoil is not renamed or "backbone.conv2.weight_x" in str(caught.value)


def test_one_renamed_key_of_efficientnet_is_refused_by_name(efficientnet: Reference, tmp_path: Path) -> None:
    old, new = "backbone.efficientnet._blocks.7._bn1.weight", "backbone.efficientnet._blocks.7._bnX.weight"
    torch.save({new if k == old else k: v for k, v in efficientnet.state.items()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"unexpected: .*_blocks\.7\._bnX\.weight"):
        load_detector(card_for("deepfakebench-efficientnet-b4", tmp_path / "w.pth"), tmp_path / "w.pth", "cpu")


def test_f3net_given_to_xception_is_refused_by_name(f3net: Reference, tmp_path: Path) -> None:
    file = f3net.save(tmp_path / "w.pth")
    with pytest.raises(WeightsError) as caught:
        load_detector(card_for("deepfakebench-xception", file), file, "cpu")
    for words in (
        "missing: fc.bias",
        "unexpected: FAD_head",
        "wrong shape: conv1.weight (32×12×3×3 instead of 32×3×3×3)",
    ):
        assert words in str(caught.value)


def test_self_blended_images_need_their_root(efficientnet: Reference, tmp_path: Path) -> None:
    file = efficientnet.save(tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="no weights under 'model'"):
        load_detector(card_for("sbi-efficientnet-b4", file), file, "cpu")


@pytest.mark.parametrize("name", ["deepfakebench-xception", "deepfakebench-efficientnet-b4", "deepfakebench-f3net"])
def test_another_size_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    file.write_bytes(b"never read")
    wrong = card_for(name, file, input=card(name).input.model_copy(update={"size": 224}))
    with pytest.raises(ConfigError, match="256 px"):
        load_detector(wrong, file, "cpu")


def test_what_is_saved_is_what_is_read(xception: Reference, tmp_path: Path) -> None:
    state = read_state(xception.save(tmp_path / "w.pth"), ())
    assert list(state) == list(xception.state)


@pytest.mark.parametrize(
    ("name", "size", "crop", "mean", "std"),
    [
        ("deepfakebench-xception", 256, "aligned", 0.5, 0.5),
        ("deepfakebench-efficientnet-b4", 256, "aligned", 0.5, 0.5),
        ("deepfakebench-f3net", 256, "aligned", 0.5, 0.5),
        ("sbi-efficientnet-b4", 380, "stretched", 0.0, 1.0),
    ],
)
def test_cards_feed_as_the_authors_did(name: str, size: int, crop: str, mean: float, std: float) -> None:
    spec = card(name).input
    assert (spec.size, spec.crop, spec.via) == (size, crop, None)
    assert spec.mean == (mean,) * 3 and spec.std == (std,) * 3
    assert spec.resize == ("bicubic" if crop == "aligned" else "bilinear")
