"""The bank gives what the pairs give; teachers' answers stand beside it; generators do what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from core.errors import ConfigError, NotFoundError, WeightsMissingError
from core.training.config import read_config
from core.training.data.kept import Kept
from core.training.data.pairs import Pairs, changed
from core.training.distil import Softened, softened
from core.training.fakes import fake
from core.training.fakes.generator import VARIANTS, Autoencoder, load_generator, warp
from core.training.train import bank_key
from tests.unit.test_training_train import _config, _crops


def _kept(folder: Path) -> Kept:
    return Kept(Pairs(_crops(6), _config()), folder, 2)


def _same(one: tuple[Any, ...], two: tuple[Any, ...]) -> bool:
    return torch.equal(one[0], two[0]) and one[1:3] == two[1:3] and torch.equal(one[3], two[3])


def test_a_bank_goes_round_and_gives_the_same_pairs(tmp_path: Path) -> None:
    made, read, pairs = _kept(tmp_path), _kept(tmp_path), Pairs(_crops(6), _config())
    made.fill(1)
    for epoch in (0, 1, 2):
        pairs.epoch, read.epoch = epoch % 2, epoch
        assert all(_same(pairs[i], read[i]) for i in range(len(pairs)))


def test_filling_again_makes_only_what_is_missing(tmp_path: Path) -> None:
    kept = _kept(tmp_path)
    kept.fill(2)
    files = sorted(tmp_path.glob("*/*.npz"))
    assert len(files) == 2 * len(kept)
    times = [f.stat().st_mtime_ns for f in files[1:]]
    files[0].unlink()
    kept.fill(2)
    assert files[0].is_file()
    assert [f.stat().st_mtime_ns for f in files[1:]] == times


def test_the_key_follows_what_decides_the_pairs_alone() -> None:
    config, crops = _config(), _crops(6)
    other = config.model_copy(update={"title": "Another", "seed": 99})
    assert bank_key(config, crops) == bank_key(other, crops)
    assert bank_key(config, crops) != bank_key(config.model_copy(update={"fakes": {"splice": 1.0}}), crops)
    assert bank_key(config, crops) != bank_key(config, _crops(5))


def test_the_map_shows_where_a_fake_differs() -> None:
    real = np.full((160, 160, 3), 100, dtype=np.uint8)
    forged = real.copy()
    forged[32:64, 48:96] += 20
    where = changed(real, forged)
    assert where.shape == (10, 10)
    assert (where[2:4, 3:6] == 255).all() and where.sum() == 255 * 6


def test_distilling_needs_a_teacher(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="teachers"):
        softened(_kept(tmp_path), _config())


def test_soft_targets_stand_beside_their_pairs(tmp_path: Path) -> None:
    soft = Softened(_kept(tmp_path), "abc")
    for epoch in range(2):
        np.save(soft.file(epoch), np.full((8, 2), epoch, dtype=np.float32))
    soft.epoch = 3
    assert len(soft) == 8
    assert soft[0][4].tolist() == [1.0, 1.0]


def test_a_training_file_may_extend_another(tmp_path: Path) -> None:
    base = _config().model_dump(mode="json")
    (tmp_path / "base.yaml").write_text(yaml.safe_dump(base), encoding="utf-8")
    (tmp_path / "child.yaml").write_text("extends: base.yaml\nid: child\nseed: 9\n", encoding="utf-8")
    child = read_config(tmp_path / "child.yaml")
    assert (child.id, child.seed, child.fakes) == ("child", 9, _config().fakes)


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_shipped_generators_redraw_a_picture(variant: str) -> None:
    grid = np.stack(np.meshgrid(np.linspace(-0.5, 0.5, 96), np.linspace(-0.5, 0.5, 96)))
    x = torch.from_numpy(np.concatenate([grid, grid[:1]])[None].astype(np.float32))
    with torch.inference_mode():
        apart = (load_generator(variant)(x) - x).abs().mean()
    assert 0 < float(apart) < 0.15


def test_an_untrained_generator_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="not trained"):
        load_generator("nearest-8", tmp_path)
    with pytest.raises(NotFoundError, match="no generator"):
        load_generator("nonsense", tmp_path)


def test_a_flow_of_nothing_moves_nothing_and_a_constant_flow_shifts() -> None:
    image = torch.rand(1, 3, 16, 16)
    assert torch.allclose(warp(image, torch.zeros(1, 16, 16, 2)), image, atol=1e-5)
    right = torch.zeros(1, 16, 16, 2)
    right[..., 0] = 2 * 2 / 16
    assert torch.allclose(warp(image, right)[..., :14], image[..., 2:], atol=1e-5)


def test_generators_take_any_multiple_of_their_halvings() -> None:
    net = Autoencoder(*VARIANTS["transposed-8"])
    assert net(torch.zeros(1, 3, 48, 56)).shape == (1, 3, 48, 56)


def test_re_rendering_leaves_the_corners_alone() -> None:
    from core.training.data.pairs import native

    face = native(_crops(3), 0)
    out = fake("re-render").make(np.random.default_rng(0), face)
    assert out.shape == face.pixels.shape
    assert np.array_equal(out[:6, :6], face.pixels[:6, :6])
    assert not np.array_equal(out, face.pixels)
