"""The face mesh: a file of the published layout against a reference, its subsets, and where crops lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.detectors.base import load_detector
from core.errors import ConfigError, WeightsError, WeightsMissingError
from core.faces.detect import FaceFinder, face_finder
from core.faces.mesh import IBUG_68, LIPS_INNER, LIPS_OUTER, FaceMesher, cut_face, in_steady_crop, landmarks_68, lips
from core.faces.yunet import YuNetFinder
from core.registry import card
from core.settings import FaceSettings, build_settings
from core.types import Face
from tests.unit.plugin_samples import Reference, card_for, fed, pictures

STAGES = ((16, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 64, 1),
          (64, 128, 2), (128, 128, 1), (128, 128, 1), (128, 128, 2), (128, 128, 1), (128, 128, 1))  # fmt: skip
COORDS = ((0, 128, 128, 2), (1, 128, 128, 1), (2, 128, 128, 1), (5, 32, 32, 1))
THERE = ((0, 128, 128, 2), (3, 32, 32, 1))


class Mesh(Reference):
    def __init__(self) -> None:
        super().__init__()
        self.map("backbone.0", 16, 3, 3)
        self.normal("backbone.1.weight", 16, std=0.2)
        for i, (before, after, _) in enumerate(STAGES, 2):
            self.make_block(f"backbone.{i}", before, after)
        for head, plan, mix, last in (("coord_head", COORDS, 3, 1404), ("conf_head", THERE, 1, 1)):
            for i, before, after, _ in plan:
                self.make_block(f"{head}.{i}", before, after)
            self.map(f"{head}.{mix}", 32, 128, 1)
            self.normal(f"{head}.{mix + 1}.weight", 32, std=0.2)
            self.map(f"{head}.{plan[-1][0] + 1}", last, 32, 3)

    def map(self, name: str, after: int, before: int, side: int) -> None:
        self.kernel(name, after, before, side, side)
        self.bias(name, after)

    def make_block(self, name: str, before: int, after: int) -> None:
        self.map(f"{name}.convs.0", before, 1, 3)
        self.map(f"{name}.convs.1", after, before, 1)
        self.normal(f"{name}.act.weight", after, std=0.2)

    def block(self, name: str, x: Tensor, stride: int) -> Tensor:
        y = F.pad(x, (0, 2, 0, 2) if stride == 2 else (1, 1, 1, 1))
        y = self.conv(f"{name}.convs.1", self.conv(f"{name}.convs.0", y, stride=stride, groups=x.shape[1]))
        x = F.max_pool2d(x, stride) if stride == 2 else x
        x = torch.cat([x, torch.zeros(len(x), y.shape[1] - x.shape[1], *x.shape[2:])], dim=1)
        return self.leaky(f"{name}.act", x + y)

    def leaky(self, name: str, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.state[f"{name}.weight"].view(1, -1, 1, 1) * x)

    def head(self, name: str, plan: tuple[tuple[int, int, int, int], ...], mix: int, x: Tensor) -> Tensor:
        for i, _, _, stride in plan[:-1]:
            x = self.block(f"{name}.{i}", x, stride)
        x = self.leaky(f"{name}.{mix + 1}", self.conv(f"{name}.{mix}", x))
        return self.conv(f"{name}.{plan[-1][0] + 1}", self.block(f"{name}.{plan[-1][0]}", x, 1)).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x[:, :, 1:2], x], dim=2)
        x = torch.cat([x[..., 1:2], x], dim=3)
        x = self.leaky("backbone.1", self.conv("backbone.0", x, stride=2))
        for i, (_, _, stride) in enumerate(STAGES, 2):
            x = self.block(f"backbone.{i}", x, stride)
        return torch.cat([self.head("coord_head", COORDS, 3, x), self.head("conf_head", THERE, 1, x)], dim=1)


def test_a_file_of_the_published_layout_gives_the_points_of_the_reference(tmp_path: Path) -> None:
    reference, crops = Mesh(), pictures(3, 192)
    assert len(reference.state) == 113 and sum(v.numel() for v in reference.state.values()) == 604_685
    file = reference.save(tmp_path / "facemesh.pth")
    mesher = FaceMesher(card_for("face-mesh", file), file, "cpu")
    want = reference.logits(fed(crops) * 2 - 1)
    mesh, there = mesher.look(crops)
    scale = np.abs(want[:, :-1]).max()
    np.testing.assert_allclose(mesh / scale, want[:, :-1].reshape(3, 468, 3) / scale, atol=1e-4)
    np.testing.assert_allclose(there, torch.from_numpy(want[:, -1]).sigmoid(), atol=1e-4)
    np.testing.assert_array_equal(mesher.mesh(crops), mesh)
    assert mesher.mesh(crops[:0]).shape == (0, 468, 3) and mesher.of_faces([], []).shape == (0, 468, 3)
    with pytest.raises(ValueError, match="192"):
        mesher.mesh(pictures(1, 96))


def test_subsets_name_each_point_once() -> None:
    for numbers, count in ((IBUG_68, 68), (LIPS_OUTER, 20), (LIPS_INNER, 20)):
        assert len(set(numbers)) == len(numbers) == count and min(numbers) >= 0 and max(numbers) < 468
    assert not set(LIPS_OUTER) & set(LIPS_INNER)
    assert set(IBUG_68[48:60]) <= set(LIPS_OUTER) and set(IBUG_68[60:]) <= set(LIPS_INNER)
    mesh = np.arange(468 * 3, dtype=np.float32).reshape(1, 468, 3)
    np.testing.assert_array_equal(landmarks_68(mesh)[0, 48], mesh[0, 61, :2])
    assert [part.shape for part in lips(mesh)] == [(1, 20, 3)] * 2


@pytest.mark.parametrize("half", [30, 400])
def test_points_return_to_where_the_crop_was_cut(half: int, tmp_path: Path) -> None:
    """A mark in the frame lies in the crop where its place says."""
    frame = np.zeros((1200, 1200, 3), np.uint8)
    spot = max(3, half // 10)
    frame[600 - spot : 600 + spot, 640 - spot : 640 + spot] = 255
    box = (600.0 - half, 600.0 - half, 600.0 + half, 600.0 + half)
    crop = cut_face(frame, box)
    y, x = np.argwhere(crop[..., 0] > 127).mean(axis=0) + 0.5
    side = 3.0 * half
    assert (x, y) == pytest.approx(((640 - 600 + side / 2) * 192 / side, 96), abs=1.5)


def test_points_for_lrnet_are_those_of_a_steady_crop() -> None:
    points = np.array([[[100.0, 100.0], [160.0, 40.0]]], np.float32)
    placed = in_steady_crop(points, [(50.0, 60.0, 150.0, 140.0)], 400.0)
    np.testing.assert_allclose(placed, [[[200.0, 200.0], [400.0, 0.0]]], atol=1e-3)


def test_the_finder_is_a_setting(tmp_path: Path) -> None:
    assert type(face_finder(build_settings(data_dir=tmp_path), "cpu")) is FaceFinder
    other = build_settings(data_dir=tmp_path, weights_dir=None, faces=FaceSettings(finder="yunet"))
    with pytest.raises(WeightsMissingError, match="YuNet") as caught:
        face_finder(other, "cpu")
    assert "weights pull yunet" in caught.value.hint
    assert build_settings().result_facts() != other.result_facts()


def test_a_file_that_is_no_finder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "yunet.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match="cannot be read as a face finder"):
        YuNetFinder(FaceSettings(finder="yunet"), tmp_path / "yunet.onnx")


def test_a_face_in_each_frame_is_asked_for(tmp_path: Path) -> None:
    file = Mesh().save(tmp_path / "facemesh.pth")
    mesher = FaceMesher(card_for("face-mesh", file), file, "cpu")
    face = Face((10.0, 20.0, 110.0, 120.0), ((40.0, 60.0),) * 5, 1.0)
    frame = pictures(1, 150)[0]
    inside = mesher.mesh(cut_face(frame, face.box)[None])
    side = 150.0
    want = inside * (side / 192) + np.array([60 - side / 2, 70 - side / 2, 0])
    np.testing.assert_allclose(mesher.of_faces([frame], [face]), want, rtol=1e-4, atol=1e-2)
    with pytest.raises(ValueError):
        mesher.of_faces([frame, frame], [face])


@pytest.mark.parametrize("name", ["yunet", "face-mesh", "syncnet-v2", "lr-asd"])
def test_helpers_are_no_members_of_a_preset(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not judge pictures"):
        load_detector(card(name), tmp_path / "not opened", "cpu")
