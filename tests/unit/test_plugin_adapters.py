"""Networks of others by a card alone: which output is fake, files that do not fit, and nothing fetched or run."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import timm
import torch
import yaml

from core.detectors.adapters import TimmDetector, TimmOptions, TransformersDetector, TransformersOptions
from core.detectors.base import load_detector
from core.detectors.network import NetworkDetector
from core.errors import ConfigError, WeightsError, WeightsMissingError
from core.registry import Card, InputSpec, WeightsFile, WeightsSpec, implementation
from core.settings import ROOT
from core.types import Modality
from tests.unit.plugin_samples import fed, pictures


def make_card(file: Path, kind: str, size: int, more: tuple[Path, ...] = (), **changes: Any) -> Card:
    facts = {"licence": "-", "trained_on": "-", "how_to_get": "bring it"}
    further = tuple(WeightsFile(file=p.name, sha256=digest(p), size_bytes=1) for p in more)
    fields: dict[str, Any] = {
        "id": "mine",
        "title": "Mine",
        "family": "test",
        "modality": Modality.IMAGE,
        "implementation": f"core.detectors.adapters:{kind}",
        "architecture": "-",
        "summary": "-",
        "input": InputSpec(size=size, crop="box", resize="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3),
        "weights": WeightsSpec(file=file.name, sha256=digest(file), size_bytes=1, more=further, **facts),
    }
    return Card(**(fields | changes))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64


def softmax(logits: np.ndarray) -> np.ndarray:
    return torch.from_numpy(logits).softmax(dim=1).numpy()


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


# ---- timm -------------------------------------------------------------------------------------------------------


def timm_card(folder: Path, outputs: int, options: dict[str, Any], name: str = "test_resnet") -> tuple[Card, Path]:
    torch.manual_seed(0)
    file = folder / "w.pth"
    torch.save(timm.create_model("test_resnet", num_classes=outputs).state_dict(), file)
    return make_card(file, "TimmDetector", 160, architecture=name, options=options), file


@pytest.mark.parametrize(("outputs", "fake"), [(2, 0), (2, 1), (1, 0), (1, 1)])
def test_any_timm_network_says_p_fake(tmp_path: Path, outputs: int, fake: int) -> None:
    card, file = timm_card(tmp_path, outputs, {"outputs": outputs, "fake": fake})
    net, crops = timm.create_model("test_resnet", num_classes=outputs).eval(), pictures(2, 160)
    net.load_state_dict(torch.load(file, weights_only=True))
    with torch.inference_mode():
        out = net(fed(crops, 0.5, 0.5)).numpy()
    want = softmax(out)[:, fake] if outputs == 2 else sigmoid(out[:, 0] if fake else -out[:, 0])
    got = load_detector(card, file, "cpu").logits(crops)
    np.testing.assert_allclose(sigmoid(got), want, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "options.fake"),
        ({"fake": 2}, "options.fake"),
        ({"fake": 1, "outputs": 3}, "options.outputs"),
        ({"fake": 1, "surprise": 1}, "options.surprise"),
        ({"fake": 1, "network": {"pretrained": True}}, "may not set pretrained"),
        ({"fake": 1, "network": {"checkpoint_path": "/etc/passwd"}}, "may not set checkpoint_path"),
        ({"fake": 1, "network": {"no_such_option": 1}}, "cannot be built"),
    ],
)
def test_wrong_options_of_a_timm_network_are_refused(tmp_path: Path, options: dict[str, Any], word: str) -> None:
    card, file = timm_card(tmp_path, 2, options)
    with pytest.raises(ConfigError, match=word):
        load_detector(card, file, "cpu")


@pytest.mark.parametrize("name", ["resnet_that_is_not", "hf-hub:timm/resnet18.a1_in1k", "local-dir:/etc", ""])
def test_a_name_that_timm_does_not_know_is_refused_and_nothing_fetched(tmp_path: Path, name: str) -> None:
    card, file = timm_card(tmp_path, 2, {"fake": 1}, name)
    with pytest.raises(ConfigError, match="timm has no network"):
        load_detector(card, file, "cpu")


def test_a_file_of_another_timm_network_is_refused_by_name(tmp_path: Path) -> None:
    card, file = timm_card(tmp_path, 1, {"fake": 1, "outputs": 2})
    with pytest.raises(WeightsError, match=r"wrong shape: fc\.bias \(1 instead of 2\)"):
        load_detector(card, file, "cpu")


# ---- transformers -----------------------------------------------------------------------------------------------


def save_model(folder: Path, labels: dict[int, str]) -> Any:
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(1)
    config = ViTConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        id2label=labels,
        label2id={name: index for index, name in labels.items()},
    )
    net: Any = ViTForImageClassification(config).eval()
    net.save_pretrained(folder)
    return net


def transformers_card(folder: Path, options: dict[str, Any], file: str = "model.safetensors") -> tuple[Card, Path]:
    path = folder / file
    return make_card(path, "TransformersDetector", 32, (folder / "config.json",), options=options), path


@pytest.mark.parametrize(
    ("labels", "options", "fake"),
    [
        ({0: "Fake", 1: "Real"}, {"fake_label": "fake"}, 0),
        ({0: "realism", 1: "deepfake"}, {"fake_label": "deepfake"}, 1),
        ({0: "a", 1: "b"}, {"fake_index": 1}, 1),
        ({0: "real", 1: "swapped", 2: "drawn"}, {"fake_label": "swapped"}, 1),
    ],
)
def test_any_picture_classifier_of_transformers_says_p_fake(
    tmp_path: Path, labels: dict[int, str], options: dict[str, Any], fake: int
) -> None:
    net, crops = save_model(tmp_path, labels), pictures(2, 32)
    card, file = transformers_card(tmp_path, options)
    with torch.inference_mode():
        want = softmax(net(fed(crops, 0.5, 0.5)).logits.numpy())[:, fake]
    detector = load_detector(card, file, "cpu")
    np.testing.assert_allclose(sigmoid(detector.logits(crops)), want, atol=1e-5)
    assert detector.memory_bytes >= 4 * sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("fake", [0, 1])
def test_a_classifier_with_one_output(tmp_path: Path, fake: int) -> None:
    net, crops = save_model(tmp_path, {0: "score"}), pictures(2, 32)
    card, file = transformers_card(tmp_path, {"fake_index": fake})
    with torch.inference_mode():
        out = net(fed(crops, 0.5, 0.5)).logits.numpy()[:, 0]
    np.testing.assert_allclose(load_detector(card, file, "cpu").logits(crops), out if fake else -out, atol=1e-5)


def test_names_of_the_installed_version_fit_too(tmp_path: Path) -> None:
    net, crops = save_model(tmp_path, {0: "Fake", 1: "Real"}), pictures(1, 32)
    torch.save(net.state_dict(), tmp_path / "own.bin")
    card, file = transformers_card(tmp_path, {"fake_index": 0}, "own.bin")
    other, saved = transformers_card(tmp_path, {"fake_index": 0})
    one, two = load_detector(card, file, "cpu"), load_detector(other, saved, "cpu")
    np.testing.assert_allclose(one.logits(crops), two.logits(crops), atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"fake_index": 2}, {"fake_label": "forged"}, {"fake_index": 0, "fake_label": "Fake"}, {"fake": 1}]
)
def test_wrong_options_of_a_classifier_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    save_model(tmp_path, {0: "Fake", 1: "Real"})
    card, file = transformers_card(tmp_path, options)
    with pytest.raises(ConfigError):
        load_detector(card, file, "cpu")


@pytest.mark.parametrize("change", ["rename", "drop", "extra", "shape"])
def test_weights_that_do_not_fit_the_classifier_are_refused_by_name(tmp_path: Path, change: str) -> None:
    from safetensors.torch import load_file, save_file

    save_model(tmp_path, {0: "Fake", 1: "Real"})
    state = load_file(tmp_path / "model.safetensors")
    if change in ("rename", "drop"):
        kept = state.pop("classifier.weight")
        state |= {"classifier.wieght": kept} if change == "rename" else {}
    else:
        name = "classifier.second" if change == "extra" else "classifier.weight"
        state[name] = torch.zeros(5, 32)
    save_file(state, tmp_path / "model.safetensors")
    card, file = transformers_card(tmp_path, {"fake_index": 0})
    with pytest.raises(WeightsError, match=r"classifier\.(weight|wieght|second)"):
        load_detector(card, file, "cpu")


def test_a_missing_or_foreign_config_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, {0: "Fake", 1: "Real"})
    config = tmp_path / "config.json"
    for text in ("{}", "[1", '{"model_type": "no-such-model"}', '{"model_type": "vit", "hidden_size": "wide"}'):
        config.write_text(text, encoding="utf-8")
        card, file = transformers_card(tmp_path, {"fake_index": 0})
        with pytest.raises(WeightsError, match=r"config\.json"):
            load_detector(card, file, "cpu")
    config.unlink()
    with pytest.raises(WeightsMissingError, match=r"config\.json"):
        load_detector(card, file, "cpu")


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    save_model(tmp_path, {0: "Fake", 1: "Real"})
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    settings = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    settings["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForImageClassification": "evil.Model"}
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    card, file = transformers_card(tmp_path, {"fake_index": 0})
    assert isinstance(load_detector(card, file, "cpu"), NetworkDetector)
    assert not (tmp_path / "ran").exists()


# ---- the guide --------------------------------------------------------------------------------------------------


def test_the_cards_in_the_guide_are_sound() -> None:
    text = (ROOT / "docs" / "own-networks.md").read_text(encoding="utf-8")
    cards = [Card.model_validate(yaml.safe_load(part)) for part in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    kinds = {implementation(c): c for c in cards}
    assert kinds.keys() == {TimmDetector, TransformersDetector}
    assert TimmOptions.model_validate(kinds[TimmDetector].options).fake == 1
    assert TransformersOptions.model_validate(kinds[TransformersDetector].options).fake_label == "Fake"
    crops = set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))
    assert crops - {"crop"} == set(get_args(InputSpec.model_fields["crop"].annotation))
