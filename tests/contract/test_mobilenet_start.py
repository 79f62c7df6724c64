"""The quantised MobileNetV2 as a start of training: complete, and it still knows ImageNet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import timm
import torch

from core.errors import WeightsError, WeightsMissingError
from core.networks.frame import create
from core.registry import card
from core.training import pretrained
from core.training.config import ModelConfig
from core.training.model import start
from core.training.tflite import read_layers
from core.weights.keymap import SAME_NAMES
from core.weights.keys import audit

FOLDER = os.environ.get("UNMASK_WEIGHTS_DIR")
FILE = next(Path(FOLDER).rglob(card(pretrained.MOBILENET).weights.file), None) if FOLDER else None
needs_file = pytest.mark.skipif(FILE is None, reason="UNMASK_WEIGHTS_DIR names no folder with the file")


@pytest.mark.data
@needs_file
def test_every_layer_finds_its_place_and_a_cat_is_a_cat() -> None:
    assert FILE is not None
    net: Any = timm.create_model("mobilenetv2_100", num_classes=1001, pad_type="same")
    state = pretrained.mobilenetv2_state(net, FILE)
    report = audit(state, net, SAME_NAMES)
    assert report.ok and len(report.matched) == len(state) == 314
    net.load_state_dict(state)
    pictures = [skimage.data.chelsea()[:, 75:375], skimage.data.coffee()[:, 100:500]]
    small = np.stack([cv2.resize(p, (224, 224), interpolation=cv2.INTER_AREA) for p in pictures])
    with torch.inference_mode():
        said = net.eval()(torch.from_numpy(small).permute(0, 3, 1, 2).float() / 127.5 - 1).argmax(dim=1).tolist()
    assert said[0] - 1 in range(281, 286), "a cat"
    assert said[1] - 1 in (504, 967, 968), "a cup of coffee"


@pytest.mark.data
@needs_file
def test_a_network_of_one_logit_starts_from_it() -> None:
    net: Any = create("mobilenetv2-tf")
    start(net, ModelConfig(architecture="mobilenetv2-tf", start="imagenet-mobilenetv2"))
    assert FILE is not None
    torch.testing.assert_close(net.conv_stem.weight, read_layers(FILE)[0][0].permute(0, 3, 1, 2))
    assert net.classifier.weight.shape == (1, 1280) and net.classifier.weight.std() < 0.02
    with pytest.raises(WeightsError, match="layers"):
        pretrained.mobilenetv2_state(create("cnn4"), FILE)


def test_without_the_file_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNMASK_WEIGHTS_DIR", raising=False)
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path))
    with pytest.raises(WeightsMissingError, match="MobileNetV2") as caught:
        pretrained.load_mobilenetv2(create("mobilenetv2-tf"))
    assert "weights pull mobilenetv2-imagenet" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"short", b"\x00" * 64, b"\x1c\x00\x00\x00TFL3" + b"\xff" * 64])
def test_other_bytes_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(data)
    with pytest.raises(WeightsError, match="cannot be read as a quantised"):
        read_layers(tmp_path / "x.tflite")


@pytest.mark.data
@needs_file
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    assert FILE is not None
    whole = FILE.read_bytes()
    for length in (100, len(whole) // 2):
        (tmp_path / "x.tflite").write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="cannot be read as a quantised"):
            read_layers(tmp_path / "x.tflite")
