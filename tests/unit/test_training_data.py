"""Manifests, identities, splits, the crop store and the pairs drawn from it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import ConfigError, NotFoundError
from core.faces.align import template
from core.registry import InputSpec
from core.training.config import TrainConfig, read_config
from core.training.data import crops as crop_store
from core.training.data.crops import STORE_PX, STORE_SCALE, CropRow, Crops
from core.training.data.faces import Found, read_image
from core.training.data.manifest import Item, identity_of, read_manifest
from core.training.data.pairs import Drawer, Pairs, native, to_input
from core.training.data.splits import load_or_make, split_identities
from core.training.prepare import complete

HEAD = "path,modality,label,method,source,split,licence,sha256\n"
POINTS = tuple((float(x), float(y)) for x, y in template(STORE_PX, STORE_SCALE))


def _row(i: int, source: str = "lfw", face_px: float = 125.0) -> CropRow:
    return CropRow(f"{i:064x}", 0.0, False, "pristine", source, f"{source}/p{i}", "train", "image", face_px, POINTS)


def _crops(n: int, **facts: object) -> Crops:
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (n, 8, 8, 3), dtype=np.uint8)
    pixels = np.stack([cv2.resize(c, (STORE_PX, STORE_PX), interpolation=cv2.INTER_CUBIC) for c in coarse])
    return Crops(pixels, tuple(_row(i, **facts) for i in range(n)))  # type: ignore[arg-type]


def _config(**changes: object) -> TrainConfig:
    values = {
        "id": "t",
        "title": "t",
        "summary": "t",
        "input": {"size": 48},
        "fakes": {"self-blend": 1, "swap": 1},
        "model": {"architecture": "resnet18"},
        "optim": {"epochs": 1, "pairs_per_epoch": 12, "pairs_per_batch": 4, "lr": 1e-3},
    }
    return TrainConfig.model_validate(values | changes)


def test_manifest_is_read_with_identities(tmp_path: Path) -> None:
    rows = [
        "image/train/lfw/real/images__Ann_Lee__Ann_Lee_0001.jpg,image,real,pristine,lfw,train,B: free,aa",
        "video/test/x/fake/a__b__clip.mp4,video,fake,SadTalker,x,test,,bb",
        "audio/a.flac,audio,real,pristine,v,train,,cc",
    ]
    (tmp_path / "manifest.csv").write_text(HEAD + "\n".join(rows) + "\n")
    items = read_manifest(tmp_path)
    assert [i.identity for i in items] == ["lfw/ann_lee", "x/clip"]
    assert [i.fake for i in items] == [False, True]
    assert items[0].licence == "B: free"


@pytest.mark.parametrize("text", ["path,modality\na,image\n", HEAD + "a,image,maybe,m,s,train,,x\n"])
def test_wrong_manifests_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"manifest\.csv"):
        read_manifest(tmp_path)


def test_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no manifest"):
        read_manifest(tmp_path)


def test_clips_of_one_person_share_an_identity() -> None:
    same = {identity_of("styletalk", f"video/Obama_clip{i}.mp4") for i in (1, 2, 3)}
    same.add(identity_of("styletalk_style", "a__b__Obama_clip3.mp4"))
    assert same == {"styletalk/obama"}
    assert identity_of("lfw", "x__Bob_Ray_0002.jpg") == identity_of("lfw", "x__Bob_Ray_0001.jpg")


def test_split_never_divides_an_identity() -> None:
    rows = [_row(i % 40, "lfw" if i % 40 < 30 else "grid") for i in range(120)]
    split = split_identities(rows, 0.2, 3)
    by_person: dict[str, set[str]] = {}
    for row in rows:
        by_person.setdefault(row.identity, set()).add(split[row.sha256])
    assert all(len(v) == 1 for v in by_person.values())
    held = {p for p, v in by_person.items() if v == {"val"}}
    assert {p.split("/")[0] for p in held} == {"lfw", "grid"}
    assert len(held) == 8


def test_split_file_is_obeyed_and_must_cover_the_data(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    rows = [_row(i) for i in range(20)]
    first = load_or_make(path, rows, 0.2, 1)
    assert load_or_make(path, rows, 0.5, 99) == first
    assert str(tmp_path) not in path.read_text()
    with pytest.raises(ConfigError, match="does not know 1 files"):
        load_or_make(path, [*rows, _row(99)], 0.2, 1)


class _FixedFinder:
    """Stands in for the face finder: one face in the middle."""

    calls = 0

    def largest(self, rgb: np.ndarray) -> Found:
        _FixedFinder.calls += 1
        points = template(100, 1.0) + 30
        return Found(np.array([30, 30, 130, 130], np.float32), points.astype(np.float32), 0.99)


def test_crop_store_keeps_landmarks_and_is_not_made_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop_store, "Finder", _FixedFinder)
    image = np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), image[:, :, ::-1])
    assert np.array_equal(read_image(tmp_path / "a.png"), image)
    item = Item("a.png", "ab" * 32, "image", False, "pristine", "lfw", "lfw/a", "train")
    first = crop_store.build(tmp_path, [item], tmp_path / "store")
    calls = _FixedFinder.calls
    again = crop_store.build(tmp_path, [item], tmp_path / "store")
    assert _FixedFinder.calls == calls
    assert np.array_equal(first.pixels, again.pixels)
    assert np.abs(first.rows[0].landmarks - template(STORE_PX, STORE_SCALE)).max() < 0.01


def test_unreadable_files_leave_no_crop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crop_store, "Finder", _FixedFinder)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    item = Item("bad.jpg", "cd" * 32, "image", False, "pristine", "lfw", "lfw/a", "train")
    with pytest.raises(NotFoundError, match="No face"):
        crop_store.build(tmp_path, [item], tmp_path / "store")


def test_crops_are_worked_on_at_their_own_resolution() -> None:
    small, large = _crops(1, face_px=73.0), _crops(1, face_px=400.0)
    assert native(large, 0).pixels.shape[0] == STORE_PX
    face = native(small, 0)
    assert 130 < face.pixels.shape[0] < 170
    spec = InputSpec(size=96)
    there = to_input(face.pixels, face.landmarks, spec).astype(int)
    assert np.abs(there - to_input(small.pixels[0], small.rows[0].landmarks, spec)).mean() < 3


def test_faces_cut_off_by_the_picture_are_left_out() -> None:
    crops = _crops(3)
    crops.pixels[1, :, :128] = 0
    assert complete(crops) == [0, 2]


def test_drawing_follows_the_weights_and_partners_differ() -> None:
    rows = [_row(i, "lfw") for i in range(30)] + [_row(100 + i, "grid") for i in range(3)]
    crops = Crops(np.zeros((33, 1, 1, 3), np.uint8), tuple(rows))
    drawer = Drawer(crops, {"lfw": 0.5}, 0.5)
    rng = np.random.default_rng(0)
    drawn = [drawer.draw(rng) for _ in range(2000)]
    assert np.mean([i >= 30 for i in drawn]) == pytest.approx(0.5, abs=0.05)
    assert all(rows[drawer.partner(rng, i)].identity != rows[i].identity for i in drawn[:200])


def test_pairs_are_the_same_for_ever_and_new_each_epoch() -> None:
    crops, config = _crops(6), _config()
    one, two = Pairs(crops, config), Pairs(crops, config)
    assert np.array_equal(one[3][0].numpy(), two[3][0].numpy())
    two.epoch = 1
    assert not np.array_equal(one[3][0].numpy(), two[3][0].numpy())
    real, forged = one[3][0].numpy()
    assert real.shape == (48, 48, 3)
    assert not np.array_equal(real, forged)


@pytest.mark.parametrize("field", ["worn_reals", "struck_reals"])
def test_reals_that_are_worn_alone_leave_their_fakes_as_they_are(field: str) -> None:
    crops, plain = _crops(6), _config()
    nuisance = plain.nuisance.model_copy(update={field: 1.0, "strength": 0.0, "finish": 0.0})
    calm = plain.model_copy(update={"nuisance": nuisance.model_copy(update={field: 0.0})})
    worn, spared = Pairs(crops, plain.model_copy(update={"nuisance": nuisance})), Pairs(crops, calm)
    pairs, alone = zip(*((worn[i][0].numpy(), spared[i][0].numpy()) for i in range(6)), strict=True)
    changed = [not np.array_equal(pair[0], clean[0]) for pair, clean in zip(pairs, alone, strict=True)]
    assert sum(changed) >= 4
    assert all(np.array_equal(pair[1], clean[1]) for pair, clean in zip(pairs, alone, strict=True))


def test_shipped_training_files_are_valid() -> None:
    from core.settings import CONFIGS
    from core.training.fakes import all_fakes

    files = sorted((CONFIGS / "training").glob("*.yaml"))
    assert files
    for path in files:
        config = read_config(path)
        assert config.id == path.stem
        assert set(config.fakes) <= set(all_fakes())


def test_wrong_training_files_name_the_field(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("id: x\noptim: {epochs: 0}\n")
    with pytest.raises(ConfigError, match="epochs"):
        read_config(tmp_path / "x.yaml")


def test_people_of_the_training_split_do_not_calibrate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from core.training import calibrate

    known = json.loads(calibrate.LEFT_OUT.read_text())["files"][0]
    rows = [f"{n}.jpg,image,real,pristine,lfw,{split},,{sha}" for n, split, sha in
            (("a", "calib", known), ("b", "calib", "22"), ("c", "train", "33"), ("d", "test", "44"))]  # fmt: skip
    (tmp_path / "manifest.csv").write_text(HEAD + "\n".join(rows) + "\n")
    asked: list[str] = []
    monkeypatch.setattr(calibrate, "build", lambda root, items, store, frames: asked.extend(i.path for i in items))
    calibrate.calibration_crops(tmp_path, tmp_path, 5)
    assert asked == ["b.jpg"]
