"""Whose face it is: a file of the published layout against a reference, crops, and what a track says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.detectors.base import load_detector
from core.errors import ConfigError, WeightsError
from core.faces.align import template
from core.faces.identity import FaceIdentifier, aligned, consistency
from core.registry import card
from core.types import Face
from tests.unit.plugin_samples import Reference, card_for, fed, pictures

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)

# Width before and after, width between and stride of each block, as its publication lists them.
BLOCKS = [(64, 64, 128, 2), *[(64, 64, 128, 1)] * 4, (64, 128, 256, 2), *[(128, 128, 256, 1)] * 6]
BLOCKS += [(128, 128, 512, 2), *[(128, 128, 256, 1)] * 2]


class Identity(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.step("conv1.0", "conv1.1", 64, 3, 3)
        self.step("dw_conv.depthwise", "dw_conv.bn1", 64, 1, 3)
        self.step("dw_conv.pointwise", "dw_conv.bn2", 64, 64, 1)
        for i, (before, after, wide, _) in enumerate(BLOCKS):
            name = f"features.{i}.conv"
            self.step(f"{name}.0.0", f"{name}.0.1", wide, before, 1)
            self.step(f"{name}.1.0", f"{name}.1.1", wide, 1, 3)
            self.step(f"{name}.2", f"{name}.3", after, wide, 1)
        self.step("conv2.0", "conv2.1", 512, 128, 1)
        self.step("gdconv.depthwise", "gdconv.bn", 512, 1, 7)
        self.step("conv3", "bn", 128, 512, 1)
        self.bias("conv3", 128)

    def step(self, conv: str, norm: str, after: int, before: int, side: int) -> None:
        self.kernel(conv, after, before, side, side)
        self.norm(norm, after)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn("conv1.1", self.conv("conv1.0", x, stride=2, padding=1)).clamp(0, 6)
        x = F.relu(self.bn("dw_conv.bn1", self.conv("dw_conv.depthwise", x, padding=1, groups=64)))
        x = F.relu(self.bn("dw_conv.bn2", self.conv("dw_conv.pointwise", x)))
        for i, (before, after, wide, stride) in enumerate(BLOCKS):
            name = f"features.{i}.conv"
            y = self.bn(f"{name}.0.1", self.conv(f"{name}.0.0", x)).clamp(0, 6)
            y = self.conv(f"{name}.1.0", y, stride=stride, padding=1, groups=wide)
            y = self.bn(f"{name}.3", self.conv(f"{name}.2", self.bn(f"{name}.1.1", y).clamp(0, 6)))
            x = x + y if stride == 1 and before == after else y
        x = self.bn("conv2.1", self.conv("conv2.0", x)).clamp(0, 6)
        x = self.bn("gdconv.bn", self.conv("gdconv.depthwise", x, groups=512))
        x = self.bn("bn", self.conv("conv3", x)).flatten(1)
        return x / x.norm(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Identity]:
    made = Identity()
    made.logits((fed(pictures(4, 112)) - MEAN) / STD, calibrate=True)
    return made.save(tmp_path_factory.mktemp("identity") / "mobilefacenet.pt"), made


def identifier(file: Path) -> FaceIdentifier:
    return FaceIdentifier(card_for("mobilefacenet", file), file, "cpu")


def test_a_file_of_the_published_layout_gives_the_embeddings_of_the_reference(file: tuple[Path, Identity]) -> None:
    path, reference = file
    assert len(reference.state) == 307
    crops, known = pictures(3, 112, seed=5), identifier(path)
    got = known.embed(crops)
    np.testing.assert_allclose(got, reference.logits((fed(crops) - MEAN) / STD), atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(got, axis=1), 1.0, atol=1e-5)
    assert got.dtype == np.float32 and known.embed(crops[:0]).shape == (0, 128)
    many = np.concatenate([crops] * 12)
    np.testing.assert_allclose(known.embed(many)[-3:], got, atol=1e-5)
    assert known.memory_bytes > 3_900_000


def test_wrong_crops_and_wrong_files_are_refused(file: tuple[Path, Identity], tmp_path: Path) -> None:
    path, reference = file
    with pytest.raises(ValueError, match="112"):
        identifier(path).embed(pictures(1, 96))
    state = dict(reference.state)
    state["features.0.conv.9.weight"] = state.pop("features.0.conv.2.weight")
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"missing: features\.0\.conv\.2\.weight.*unexpected: features\.0\.conv\.9"):
        identifier(tmp_path / "other.pt")


def test_it_is_no_member_of_a_preset(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not judge pictures"):
        load_detector(card("mobilefacenet"), tmp_path / "not opened", "cpu")


@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_a_face_lands_on_the_five_points(turn: float) -> None:
    target = template(112, 1.0).astype(np.float64)
    np.testing.assert_allclose(target[[0, 4]], [[38.2946, 51.6963], [70.7299, 92.2041]], atol=1e-3)
    matrix = 2.5 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = target @ matrix.T + (220, 60)
    frame = np.zeros((500, 600, 3), np.uint8)
    for x, y in points:
        frame[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5] = 255
    face = Face((0.0, 0.0, 1.0, 1.0), tuple((float(x), float(y)) for x, y in points), 1.0)
    crop = aligned(frame, face)
    assert crop.shape == (112, 112, 3) and crop.dtype == np.uint8
    for x, y in target:
        assert crop[round(y), round(x)].min() > 200
    with pytest.raises(ValueError, match="coincide"):
        aligned(frame, Face((0.0, 0.0, 1.0, 1.0), ((5.0, 5.0),) * 5, 1.0))


def test_a_stranger_among_the_faces_of_a_track_stands_out() -> None:
    rng = np.random.default_rng(0)
    one, other = np.eye(128, dtype=np.float32)[:2]
    faces = np.stack([one] * 16 + [other] * 4) + rng.normal(0, 0.01, (20, 128)).astype(np.float32)
    faces /= np.linalg.norm(faces, axis=1, keepdims=True)
    found = consistency(faces, [i / 5 for i in range(20)])
    assert found.t_s[1] == pytest.approx(0.2) and len(found.cosine) == 20
    assert min(found.cosine[:16]) > 0.9 > 0.2 > max(found.cosine[16:])
    assert found.median is not None and found.median > 0.9 and found.low is not None and found.low < 0.2
    assert consistency(faces[:16], range(16)).low == pytest.approx(1.0, abs=0.1)


def test_a_track_without_faces_says_nothing() -> None:
    found = consistency(np.zeros((0, 128), np.float32), [])
    assert (found.t_s, found.cosine, found.median, found.low) == ((), (), None, None)
    with pytest.raises(ValueError, match="moments"):
        consistency(np.zeros((2, 128), np.float32), [0.0])
