"""Tiny-LaDeDa, ClassNSeg and LRNet: files of the published layout against references, and the maps beside scores."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.detectors.base import load_detector
from core.detectors.classnseg import ClassNSegDetector
from core.detectors.ladeda import TinyLaDeDaDetector
from core.detectors.lrnet import LandmarkDetector
from core.errors import ConfigError, WeightsError, WeightsMissingError
from core.registry import Card, InputSpec, WeightsFile, WeightsSpec, card
from core.types import Modality
from tests.unit.plugin_samples import Reference, card_for, fed, pictures

IMAGENET = (torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1))


# ---- Tiny-LaDeDa ------------------------------------------------------------------------------------------------


class TinyLaDeDa(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.kernel("conv1", 8, 3, 1, 1)
        self.kernel("conv2", 8, 8, 3, 3)
        self.norm("bn1", 8)
        for i, side in ((1, 1), (2, 3)):
            self.kernel(f"layer1.0.conv{i}", 8, 8, side, side)
            self.norm(f"layer1.0.bn{i}", 8)
        self.kernel("fc", 1, 8)
        self.bias("fc", 1)

    def features(self, x: Tensor) -> Tensor:
        """What the patches give before they are pooled; the gradient is written as shifts of the padded picture."""
        p = F.pad(x, (1, 1, 1, 1))
        h, w = x.shape[2:]

        def at(row: int, column: int) -> Tensor:
            return p[:, :, row : row + h, column : column + w]

        x = -2 * at(0, 0) - at(0, 1) - at(1, 0) + at(1, 2) + at(2, 1) + 2 * at(2, 2)
        x = F.relu(self.bn("bn1", self.conv("conv2", self.conv("conv1", x))))
        x = F.relu(self.bn("layer1.0.bn1", self.conv("layer1.0.conv1", x)))
        return F.relu(self.bn("layer1.0.bn2", self.conv("layer1.0.conv2", x, stride=2)))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear("fc", self.features(x).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def ladeda() -> TinyLaDeDa:
    made = TinyLaDeDa()
    made.logits((fed(pictures(2, 256)) - IMAGENET[0]) / IMAGENET[1], calibrate=True)
    return made


def test_tiny_ladeda_gives_the_logits_of_the_reference(ladeda: TinyLaDeDa, tmp_path: Path) -> None:
    weights = [v for k, v in ladeda.state.items() if k.endswith((".weight", ".bias"))]
    assert sum(v.numel() for v in weights) == 1297
    file, crops = ladeda.save(tmp_path / "w.pth"), pictures(2, 256)
    detector = load_detector(card_for("tiny-ladeda-wildrf", file), file, "cpu")
    want = ladeda.logits((fed(crops) - IMAGENET[0]) / IMAGENET[1])[:, 0]
    np.testing.assert_allclose(detector.logits(crops), want, atol=1e-4)


def test_tiny_ladeda_shows_which_patches(ladeda: TinyLaDeDa, tmp_path: Path) -> None:
    file, crops = ladeda.save(tmp_path / "w.pth"), pictures(2, 256)
    detector = load_detector(card_for("tiny-ladeda-wildrf", file), file, "cpu")
    assert isinstance(detector, TinyLaDeDaDetector)
    shown = detector.patch_map(crops)
    assert shown.shape == (2, 126, 126) and shown.min() >= 0 and shown.max() <= 1
    logits = np.log(shown / (1 - shown)).mean(axis=(1, 2))
    np.testing.assert_allclose(logits, detector.logits(crops), atol=1e-3)


def test_tiny_ladeda_sees_the_whole_picture() -> None:
    for name in ("tiny-ladeda-wildrf", "tiny-ladeda-forensynth"):
        spec = card(name).input
        assert (spec.size, spec.crop, spec.resize) == (256, "whole", "antialiased")


# ---- ClassNSeg --------------------------------------------------------------------------------------------------

DOWN = ((3, 8, 1), (8, 8, 2), (8, 16, 1), (16, 16, 2), (16, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2), (64, 128, 1))
SHARED = ((128, 64, 1), (64, 64, 2), (64, 32, 1), (32, 32, 2))
UP = ((32, 16, 1), (16, 16, 2), (16, 8, 1), (8, 8, 2))


class Encoder(Reference):
    def __init__(self) -> None:
        super().__init__()
        for i, (before, after, _) in enumerate(DOWN):
            self.kernel(f"encoder.{3 * i}", after, before, 3, 3)
            self.bias(f"encoder.{3 * i}", after)
            self.norm(f"encoder.{3 * i + 1}", after)

    def forward(self, x: Tensor) -> Tensor:
        for i, (_, _, stride) in enumerate(DOWN):
            x = F.relu(self.bn(f"encoder.{3 * i + 1}", self.conv(f"encoder.{3 * i}", x, stride=stride, padding=1)))
        return x


class Decoder(Reference):
    def __init__(self) -> None:
        super().__init__(1)
        for branch, plan, last in (("shared", SHARED, 0), ("segmenter", UP, 2), ("decoder", UP, 3)):
            for i, (before, after, _) in enumerate(plan):
                self.normal(f"{branch}.{3 * i}.weight", before, after, 3, 3, std=(2 / before / 9) ** 0.5)
                self.bias(f"{branch}.{3 * i}", after)
                self.norm(f"{branch}.{3 * i + 1}", after)
            if last:
                self.normal(f"{branch}.12.weight", 8, last, 3, 3, std=0.2)
                self.bias(f"{branch}.12", last)

    def _up(self, branch: str, x: Tensor, plan: tuple[tuple[int, int, int], ...]) -> Tensor:
        for i, (_, _, stride) in enumerate(plan):
            x = self._grown(f"{branch}.{3 * i}", x, stride)
            x = F.relu(self.bn(f"{branch}.{3 * i + 1}", x))
        return x

    def _grown(self, name: str, x: Tensor, stride: int) -> Tensor:
        weight, bias = self.state[f"{name}.weight"], self.state[f"{name}.bias"]
        return F.conv_transpose2d(x, weight, bias, stride, 1, output_padding=stride - 1)

    def forward(self, x: Tensor) -> Tensor:
        latent = self._up("shared", x, SHARED)
        self._grown("decoder.12", self._up("decoder", latent, UP), 1)
        return self._grown("segmenter.12", self._up("segmenter", latent, UP), 1).softmax(dim=1)[:, 1]


@pytest.fixture(scope="module")
def classnseg() -> tuple[Encoder, Decoder]:
    encoder, decoder = Encoder(), Decoder()
    features = encoder.logits((fed(pictures(2, 256)) - IMAGENET[0]) / IMAGENET[1], calibrate=True)
    decoder.logits(torch.from_numpy(features), calibrate=True)
    return encoder, decoder


def save_both(both: tuple[Encoder, Decoder], folder: Path) -> Card:
    file, more = both[0].save(folder / "encoder_46.pt"), both[1].save(folder / "decoder_46.pt")
    known = card_for("classnseg-face2face", file)
    spec = WeightsFile(file=more.name, sha256=hashlib.sha256(more.read_bytes()).hexdigest(), size_bytes=1)
    return known.model_copy(update={"weights": known.weights.model_copy(update={"more": (spec,)})})


def test_classnseg_gives_the_scores_and_map_of_the_reference(
    classnseg: tuple[Encoder, Decoder], tmp_path: Path
) -> None:
    known, crops = save_both(classnseg, tmp_path), pictures(2, 256)
    detector = load_detector(known, tmp_path / "encoder_46.pt", "cpu")
    assert isinstance(detector, ClassNSegDetector)
    features = classnseg[0].logits((fed(crops) - IMAGENET[0]) / IMAGENET[1])
    altered, original = (np.abs(part).mean(axis=(1, 2, 3)) for part in (features[:, :64], features[:, 64:]))
    np.testing.assert_allclose(detector.logits(crops), altered - original, atol=1e-4)
    silent = features.copy()
    for i in range(len(silent)):
        silent[i, slice(0, 64) if original[i] >= altered[i] else slice(64, None)] = 0.0
    shown = detector.alteration_map(crops)
    assert shown.shape == (2, 256, 256)
    np.testing.assert_allclose(shown, classnseg[1].logits(torch.from_numpy(silent)), atol=1e-4)


def test_a_missing_or_altered_further_file_is_refused(classnseg: tuple[Encoder, Decoder], tmp_path: Path) -> None:
    known, main = save_both(classnseg, tmp_path), tmp_path / "encoder_46.pt"
    other = tmp_path / "decoder_46.pt"
    other.write_bytes(main.read_bytes())
    with pytest.raises(WeightsError, match="is not the one its card names"):
        load_detector(known, main, "cpu")
    other.unlink()
    with pytest.raises(WeightsMissingError, match="does not lie beside"):
        load_detector(known, main, "cpu")


# ---- LRNet ------------------------------------------------------------------------------------------------------


class LrNet(Reference):
    """A recurrent network both ways (Cho et al., 2014), step by step, and its head."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.normal("hidden_state", 2, 1, 32, std=1.0)
        for end in ("", "_reverse"):
            self.normal(f"gru.weight_ih_l0{end}", 96, 136, std=0.1)
            self.normal(f"gru.weight_hh_l0{end}", 96, 32, std=0.2)
            self.normal(f"gru.bias_ih_l0{end}", 96, std=0.1)
            self.normal(f"gru.bias_hh_l0{end}", 96, std=0.1)
        for i in (0, 3):
            self.kernel(f"dense.1.fn.net.{i}", 64, 64)
            self.bias(f"dense.1.fn.net.{i}", 64)
        self.kernel("dense.3", 2, 64)
        self.bias("dense.3", 2)

    def _pass(self, x: Tensor, start: Tensor, end: str) -> Tensor:
        h, s = start.expand(len(x), -1), self.state
        for step in range(x.shape[1]):
            a = x[:, step] @ s[f"gru.weight_ih_l0{end}"].T + s[f"gru.bias_ih_l0{end}"]
            b = h @ s[f"gru.weight_hh_l0{end}"].T + s[f"gru.bias_hh_l0{end}"]
            reset, update = torch.sigmoid(a[:, :32] + b[:, :32]), torch.sigmoid(a[:, 32:64] + b[:, 32:64])
            h = (1 - update) * torch.tanh(a[:, 64:] + reset * b[:, 64:]) + update * h
        return h

    def forward(self, x: Tensor) -> Tensor:
        first = self.state["hidden_state"]
        both = torch.cat([self._pass(x, first[0], ""), self._pass(x.flip(1), first[1], "_reverse")], dim=1)
        inner = F.relu(self.linear("dense.1.fn.net.0", both))
        return self.linear("dense.3", both + self.linear("dense.1.fn.net.3", inner))


def landmark_card(folder: Path, **options: object) -> Card:
    g1, g2 = folder / "g1.pth", folder / "g2.pth"
    more = WeightsFile(file=g2.name, sha256=hashlib.sha256(g2.read_bytes()).hexdigest(), size_bytes=1)
    weights = WeightsSpec(
        file=g1.name, size_bytes=1, licence="MIT", trained_on="-", how_to_get="-", format="pytorch", more=(more,)
    )
    return Card(
        id="lrnet",
        title="LRNet",
        family="motion",
        modality=Modality.CLIP,
        implementation="core.detectors.lrnet:LandmarkDetector",
        architecture="lrnet",
        summary="-",
        input=InputSpec(size=400),
        weights=weights,
        options=options,
    )


def test_lrnet_is_the_mean_of_places_and_moves(tmp_path: Path) -> None:
    places, moves = LrNet(0), LrNet(1)
    places.save(tmp_path / "g1.pth")
    moves.save(tmp_path / "g2.pth")
    detector = LandmarkDetector(landmark_card(tmp_path, block=30), tmp_path / "g1.pth", "cpu")
    points = np.random.default_rng(0).uniform(40, 360, (75, 68, 2))
    x = torch.from_numpy((points[:60] - 200) / 200).float().reshape(2, 30, 136)
    want = [torch.from_numpy(n.logits(v)).softmax(dim=1)[:, 1] for n, v in ((places, x), (moves, x.diff(dim=1)))]
    got = detector.p_fake(points)
    assert got.shape == (2,)
    np.testing.assert_allclose(got, (want[0] + want[1]).numpy() / 2, atol=1e-4)
    assert detector.p_fake(points[:29]).shape == (0,)
    with pytest.raises(ValueError, match="68"):
        detector.p_fake(np.zeros((30, 5, 2)))


def test_lrnet_needs_to_know_its_block(tmp_path: Path) -> None:
    LrNet(0).save(tmp_path / "g1.pth")
    LrNet(1).save(tmp_path / "g2.pth")
    with pytest.raises(ConfigError, match="options.block"):
        LandmarkDetector(landmark_card(tmp_path), tmp_path / "g1.pth", "cpu")
