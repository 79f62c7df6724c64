"""Weights are found, checked and loaded strictly; scores come out as P(fake)."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from core.detectors.timm_frame import TimmFrameDetector
from core.errors import WeightsError, WeightsMissingError
from core.registry import Card, InputSpec, WeightsSpec
from core.settings import Settings, build_settings
from core.types import Modality
from core.weights.files import locate, verified

ARCHITECTURE = "test_vit"


def make_card(file: str, sha256: str = "0" * 64) -> Card:
    return Card(
        id="probe",
        title="Probe",
        family="test",
        modality=Modality.IMAGE,
        implementation="core.detectors.timm_frame:TimmFrameDetector",
        architecture=ARCHITECTURE,
        summary="a network made for tests",
        input=InputSpec(size=160),
        weights=WeightsSpec(
            file=file, sha256=sha256, size_bytes=1, licence="none", trained_on="nothing", how_to_get="make it"
        ),
    )


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model(ARCHITECTURE, num_classes=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build_settings(data_dir=tmp_path, weights_dir=tmp_path)


def test_logits_match_the_network_fed_by_hand(network: torch.nn.Module, tmp_path: Path) -> None:
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    detector = TimmFrameDetector(make_card("w.safetensors"), tmp_path / "w.safetensors", "cpu")
    crops = np.random.default_rng(0).integers(0, 256, (3, 160, 160, 3), dtype=np.uint8)
    x = (crops / 255.0 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    with torch.inference_mode():
        want = network.eval()(torch.from_numpy(x.transpose(0, 3, 1, 2)).float())[:, 0].numpy()
    np.testing.assert_allclose(detector.logits(crops), want, atol=1e-4)
    assert detector.memory_bytes >= 4 * sum(p.numel() for p in network.parameters())


def drop(state: dict[str, torch.Tensor], key: str) -> None:
    del state[key]


def rename(state: dict[str, torch.Tensor], key: str) -> None:
    state[key + "_x"] = state.pop(key)


def reshape(state: dict[str, torch.Tensor], key: str) -> None:
    state[key] = state[key].flatten()[:1].clone()


@pytest.mark.parametrize(("spoil", "word"), [(drop, "missing"), (rename, "unexpected"), (reshape, "wrong shape")])
def test_a_file_that_does_not_fit_is_refused_by_name(network, tmp_path: Path, spoil, word: str) -> None:
    state = dict(network.state_dict())
    spoil(state, "head.weight")
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=rf"{word}: head\.weight"):
        TimmFrameDetector(make_card("w.safetensors"), tmp_path / "w.safetensors", "cpu")


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="cannot be read"):
        TimmFrameDetector(make_card("w.safetensors"), tmp_path / "w.safetensors", "cpu")


def test_weights_are_sought_in_the_configured_folder_and_checked(settings: Settings, tmp_path: Path) -> None:
    card = make_card("w.bin", hashlib.sha256(b"right").hexdigest())
    assert locate(card, settings) is None
    with pytest.raises(WeightsMissingError, match="make it"):
        verified(card, settings)
    (tmp_path / "w.bin").write_bytes(b"right")
    assert verified(card, settings) == tmp_path / "w.bin"


def test_altered_weights_are_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"wrong")
    with pytest.raises(WeightsError, match="is not the one its card names"):
        verified(make_card("w.bin"), settings)
