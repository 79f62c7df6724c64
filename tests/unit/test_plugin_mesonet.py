"""MesoNet: Keras files are read without Keras, count as Keras counts, and say how fake a face is."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.detectors.base import load_detector
from core.detectors.hdf5 import read_hdf5
from core.detectors.mesonet import counted
from core.errors import ConfigError, WeightsError
from core.registry import card
from core.types import RGB
from tests.unit.plugin_hdf5 import hdf5
from tests.unit.plugin_samples import card_for, pictures

Arrays = dict[str, np.ndarray]
Shapes = list[tuple[int, int, int, int]]


def layout(shapes: Shapes, widths: list[int], *, first: int, seed: int = 0) -> Arrays:
    """A Keras file's arrays: convolutions of ``shapes``, normalisations of ``widths``, two dense layers; every count
    begins at ``first``."""
    rng = np.random.default_rng(seed)
    made: Arrays = {}

    def put(kind: str, number: int, **parts: np.ndarray) -> None:
        layer = f"{kind}_{number}"
        made.update({f"{layer}/{layer}/{name}:0": v.astype(np.float32) for name, v in parts.items()})

    for i, shape in enumerate(shapes):
        kernel = rng.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape)
        put("conv2d", first + i, kernel=kernel, bias=rng.normal(0, 0.1, shape[3]))
    for i, width in enumerate(widths):
        statistics = {"moving_mean": rng.normal(0.3, 0.1, width), "moving_variance": rng.uniform(0.002, 1.5, width)}
        put(
            "batch_normalization",
            first + i,
            gamma=rng.uniform(0.8, 1.2, width),
            beta=rng.normal(0, 0.1, width),
            **statistics,
        )
    for i, (before, after) in enumerate([(1024, 16), (16, 1)]):
        kernel = rng.normal(0, np.sqrt(0.1 / before), (before, after))
        put("dense", first + i, kernel=kernel, bias=rng.normal(0, 0.1, after))
    return made


def inception(before: int, a: int, b: int, c: int, d: int) -> Shapes:
    return [(1, 1, before, a)] + [s for w in (b, c, d) for s in ((1, 1, before, w), (3, 3, w, w))]


LAYOUTS: dict[str, tuple[Shapes, list[int]]] = {
    "mesonet-meso4-df": ([(3, 3, 3, 8), (5, 5, 8, 8), (5, 5, 8, 16), (5, 5, 16, 16)], [8, 8, 16, 16]),
    "mesonet-inception4-df": (
        [*inception(3, 1, 4, 4, 2), *inception(11, 2, 4, 4, 2), (5, 5, 12, 16), (5, 5, 16, 16)],
        [11, 12, 16, 16],
    ),
}


class Keras:
    """What Keras computes from such a file, layer by layer in the order of their numbers."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.first = min(int(n.split("/")[0].rpartition("_")[2]) for n in arrays if n.startswith("conv2d"))
        self.base = {
            kind: min(int(n.split("/")[0].rpartition("_")[2]) for n in arrays if n.startswith(kind))
            for kind in ("conv2d", "batch_normalization", "dense")
        }

    def _get(self, kind: str, place: int, name: str) -> Tensor:
        layer = f"{kind}_{self.base[kind] + place}"
        return torch.from_numpy(self.arrays[f"{layer}/{layer}/{name}:0"])

    def conv(self, place: int, x: Tensor, dilation: int = 1) -> Tensor:
        kernel = self._get("conv2d", place, "kernel")
        pad = dilation * (kernel.shape[0] // 2)
        return F.relu(
            F.conv2d(x, kernel.permute(3, 2, 0, 1), self._get("conv2d", place, "bias"), padding=pad, dilation=dilation)
        )

    def norm(self, place: int, x: Tensor) -> Tensor:
        mean, var, gamma, beta = (
            self._get("batch_normalization", place, n)[:, None, None]
            for n in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return (x - mean) / torch.sqrt(var + 1e-3) * gamma + beta

    def dense(self, place: int, x: Tensor) -> Tensor:
        return x @ self._get("dense", place, "kernel") + self._get("dense", place, "bias")

    def block(self, first: int, x: Tensor) -> Tensor:
        branches = [self.conv(first, x)]
        for i, dilation in ((1, 1), (3, 2), (5, 3)):
            branches.append(self.conv(first + i + 1, self.conv(first + i, x), dilation))
        return torch.cat(branches, dim=1)

    def p_real(self, crops: RGB) -> np.ndarray:
        x = torch.from_numpy(crops).float().permute(0, 3, 1, 2) / 255
        last = sum(n.startswith("conv2d") for n in self.arrays) // 2 - 1
        if last > 4:
            x = F.max_pool2d(self.norm(0, self.block(0, x)), 2)
            x = F.max_pool2d(self.norm(1, self.block(7, x)), 2)
        else:
            x = F.max_pool2d(self.norm(0, self.conv(0, x)), 2)
            x = F.max_pool2d(self.norm(1, self.conv(1, x)), 2)
        x = F.max_pool2d(self.norm(2, self.conv(last - 1, x)), 2)
        x = F.max_pool2d(self.norm(3, self.conv(last, x)), 4)
        rows = self.dense(0, x.permute(0, 2, 3, 1).reshape(len(x), -1))
        return torch.sigmoid(self.dense(1, torch.where(rows > 0, rows, 0.1 * rows)))[:, 0].numpy()


@pytest.mark.parametrize("name", list(LAYOUTS))
@pytest.mark.parametrize("first", [1, 5, 95])
def test_p_fake_is_one_minus_what_keras_says(name: str, first: int, tmp_path: Path) -> None:
    arrays = layout(*LAYOUTS[name], first=first)
    file, crops = tmp_path / "w.h5", pictures(3, 256)
    file.write_bytes(hdf5(arrays))
    logits = load_detector(card_for(name, file), file, "cpu").logits(crops)
    p_real = Keras(arrays).p_real(crops)
    assert p_real.min() > 0.001 and p_real.max() < 0.999, "the example says something"
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), 1 - p_real, atol=1e-5)
    np.testing.assert_allclose(logits, np.log((1 - p_real) / p_real), atol=1e-4)


def test_layers_are_counted_by_number_and_not_by_spelling() -> None:
    arrays = {f"conv2d_{i}/conv2d_{i}/kernel:0": np.full((1, 1, 1, 1), i, np.float32) for i in (10, 8, 9, 11)}
    assert {k: float(v) for k, v in counted(arrays).items()} == {
        "conv2d.0.kernel": 8, "conv2d.1.kernel": 9, "conv2d.2.kernel": 10, "conv2d.3.kernel": 11,
    }  # fmt: skip


def test_other_names_are_left_for_the_audit(tmp_path: Path) -> None:
    arrays = layout(*LAYOUTS["mesonet-meso4-df"], first=1) | {"extra": np.ones(2, np.float32)}
    file = tmp_path / "w.h5"
    file.write_bytes(hdf5(arrays))
    with pytest.raises(WeightsError, match="unexpected: extra"):
        load_detector(card_for("mesonet-meso4-df", file), file, "cpu")


def test_meso4_given_to_inception_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "w.h5"
    file.write_bytes(hdf5(layout(*LAYOUTS["mesonet-meso4-df"], first=1)))
    with pytest.raises(WeightsError, match=r"missing: convs\.10\.bias"):
        load_detector(card_for("mesonet-inception4-df", file), file, "cpu")


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.h5"
    file.write_bytes(b"never read")
    with pytest.raises(ConfigError, match="meso9"):
        load_detector(card_for("mesonet-meso4-df", file, architecture="meso9"), file, "cpu")


@pytest.mark.parametrize("name", ["meso4-df", "meso4-f2f", "inception4-df", "inception4-f2f"])
def test_cards_feed_as_the_authors_did(name: str) -> None:
    spec = card(f"mesonet-{name}").input
    assert (spec.size, spec.mean, spec.std) == (256, (0, 0, 0), (1, 1, 1))


# ---- the reader of HDF5 -----------------------------------------------------------------------------------------


def test_arrays_come_back_as_they_were_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"g{i}/sub/v{i}": rng.normal(size=(2, i + 1)).astype(np.float32) for i in range(20)}
    (tmp_path / "a.h5").write_bytes(hdf5(arrays | {"empty": np.zeros((0, 3), np.float32)}))
    found = read_hdf5(tmp_path / "a.h5")
    assert found.keys() == {*arrays, "empty"}
    assert all(np.array_equal(found[n], v) and found[n].dtype == np.float32 for n, v in arrays.items())


@pytest.mark.parametrize("keep", [0, 7, 60, 95, 96, 400, -8])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    whole = hdf5({"group/values": np.arange(200, dtype=np.float32)})
    (tmp_path / "a.h5").write_bytes(whole[:keep])
    with pytest.raises(WeightsError, match="cannot be read as HDF5"):
        read_hdf5(tmp_path / "a.h5")


def test_a_file_of_another_kind_or_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"PK\x03\x04 not HDF5" * 20)
    for path in (tmp_path / "a.h5", tmp_path / "none.h5", tmp_path):
        with pytest.raises(WeightsError):
            read_hdf5(path)


def test_flipped_bytes_are_refused_or_still_numbers(tmp_path: Path) -> None:
    """Whatever is in the file, reading it ends with arrays or with a refusal, never otherwise."""
    whole = hdf5({f"g{i}/v": np.arange(6, dtype=np.float32) for i in range(4)})
    rng, path, refused = np.random.default_rng(0), tmp_path / "a.h5", 0
    for _ in range(300):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            assert all(v.dtype.kind == "f" for v in read_hdf5(path).values())
        except WeightsError:
            refused += 1
    assert refused > 20


def test_a_group_that_contains_itself_is_refused(tmp_path: Path) -> None:
    data = bytearray(hdf5({"group/values": np.ones(3, np.float32)}))
    root = struct.unpack_from("<Q", data, 64)[0]
    leaf = data.rindex(b"SNOD")
    struct.pack_into("<Q", data, leaf + 16, root)
    (tmp_path / "a.h5").write_bytes(data)
    with pytest.raises(WeightsError, match="contains itself"):
        read_hdf5(tmp_path / "a.h5")
