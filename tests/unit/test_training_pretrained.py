"""The pretrained start: layout, the undone normalisation, and what happens without the file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import WeightsError, WeightsMissingError
from core.training.pretrained import INT8_NAME, _calibrator, _layout, find_int8, load_int8


def test_layouts_are_those_of_pytorch() -> None:
    ohwi = np.arange(2 * 3 * 3 * 4, dtype=np.float32).reshape(2, 3, 3, 4)
    assert _layout(ohwi, depthwise=False)[1, 2, 0, 1] == ohwi[1, 0, 1, 2]
    depthwise = np.arange(9 * 5, dtype=np.float32).reshape(1, 3, 3, 5)
    out = _layout(depthwise, depthwise=True)
    assert out.shape == (5, 1, 3, 3)
    assert out[4, 0, 1, 2] == depthwise[0, 1, 2, 4]


def test_normalisation_is_undone_in_both_modes() -> None:
    torch.manual_seed(0)
    conv, norm, bias = nn.Conv2d(3, 6, 3, bias=False), nn.BatchNorm2d(6), torch.randn(6)
    x = torch.randn(4, 3, 16, 16) * 3 + 1
    hook = norm.register_forward_pre_hook(_calibrator(bias))
    with torch.no_grad():
        norm.eval()(conv(x))
    hook.remove()
    expected = conv(x) + bias[None, :, None, None]
    assert torch.allclose(norm.eval()(conv(x)), expected, atol=1e-4)
    assert torch.allclose(norm.train()(conv(x)), expected, atol=1e-4)


def test_a_missing_or_altered_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="not found"):
        find_int8(tmp_path)
    with pytest.raises(WeightsMissingError, match="not found"):
        find_int8(None)
    (tmp_path / INT8_NAME).write_bytes(b"something else")
    with pytest.raises(WeightsError, match="not the known file"):
        find_int8(tmp_path)


@pytest.mark.skipif("UNMASK_WEIGHTS_DIR" not in os.environ, reason="needs UNMASK_WEIGHTS_DIR with the public file")
def test_the_start_still_knows_imagenet() -> None:
    """A cat of scikit-image lands among the classifier's cats (281 to 286 of 1,001)."""
    import cv2
    import timm
    from skimage import data

    cat = data.chelsea()[:, 75:375]
    x = torch.from_numpy(cv2.resize(cat, (224, 224), interpolation=cv2.INTER_AREA)[None]).permute(0, 3, 1, 2).float()
    net = timm.create_model("mobilenetv2_100", num_classes=0)
    layers = load_int8(net, find_int8(Path(os.environ["UNMASK_WEIGHTS_DIR"])), x / 127.5 - 1)
    weight, bias = (torch.from_numpy(a) for a in layers[-1])
    with torch.no_grad():
        scores = net(x / 127.5 - 1) @ weight.reshape(len(weight), -1).T + bias
    assert 281 <= int(scores.argmax()) <= 286
