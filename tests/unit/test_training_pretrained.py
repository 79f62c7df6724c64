"""The pretrained start: every key finds its place, and what happens without the file."""

from __future__ import annotations

import importlib.util
from typing import Any

import cv2
import pytest
import timm
import torch

from core.errors import WeightsError, WeightsMissingError
from core.networks.frame import create
from core.training import pretrained

needs_package = pytest.mark.skipif(
    importlib.util.find_spec(pretrained.LITE_PACKAGE) is None, reason="needs requirements-train.txt"
)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "LITE_PACKAGE", "no_such_package_at_all")
    with pytest.raises(WeightsMissingError, match="no_such_package_at_all"):
        pretrained.load_lite(create("tf_efficientnet_lite0"))


@needs_package
def test_another_network_is_refused() -> None:
    with pytest.raises(WeightsError, match="does not fit"):
        pretrained.load_lite(create("mobilenetv2_100"))


@needs_package
def test_an_altered_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "LITE_SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="not the known file"):
        pretrained.load_lite(create("tf_efficientnet_lite0"))


@needs_package
def test_the_start_still_knows_imagenet() -> None:
    """A cat of scikit-image lands among the classifier's cats (281 to 285 of 1,000)."""
    from skimage import data

    net: Any = timm.create_model("tf_efficientnet_lite0")
    pretrained.load_lite(net)
    state = torch.load(pretrained._lite_file(), map_location="cpu", weights_only=True)
    with torch.no_grad():
        net.classifier.weight.copy_(state["_fc.weight"])
        net.classifier.bias.copy_(state["_fc.bias"])
    cat = cv2.resize(data.chelsea()[:, 75:375], (224, 224), interpolation=cv2.INTER_AREA)
    x = torch.from_numpy(cat[None]).permute(0, 3, 1, 2).float() / 127.5 - 1
    with torch.inference_mode():
        assert int(net.eval()(x).argmax()) in range(281, 286)


@needs_package
def test_the_trunk_of_a_hybrid_takes_the_same_weights() -> None:
    net: Any = create("vit-tiny-hybrid")
    pretrained.load_lite(net)
    state = torch.load(pretrained._lite_file(), map_location="cpu", weights_only=True)
    assert torch.equal(net.trunk.conv_stem.weight, state["_conv_stem.weight"])
