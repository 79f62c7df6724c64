"""Tracks of faces on disk, steady crops, and pairs of clips."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.errors import ConfigError, NotFoundError
from core.faces.align import template
from core.faces.steady import smoothed, steady, steady_crops
from core.registry import InputSpec
from core.training.config import TrainConfig
from core.training.data import tracks
from core.training.data.clips import ClipMaker, ClipPairs, make_clip_validation
from core.training.data.crops import STORE_PX, STORE_SCALE, CropRow
from core.training.data.faces import Found
from core.training.data.manifest import Item
from core.training.data.tracks import FPS, Window, build, grid_frames
from core.training.fakes.clips import all_clip_fakes
from tests.media import frame_number, numbered_clip, talking, vfr_ticks, write_clip

LENGTH = 10
POINTS = tuple((float(x), float(y)) for x, y in template(STORE_PX, STORE_SCALE))


def _window(i: int, length: int = LENGTH, face_px: float = 70.0) -> Window:
    rng = np.random.default_rng(i)
    coarse = rng.integers(40, 216, (8, 8, 3), dtype=np.uint8)
    still = cv2.resize(coarse, (STORE_PX, STORE_PX), interpolation=cv2.INTER_CUBIC)
    frames = [np.roll(still, step, axis=1) for step in range(length)]
    pictures = tuple(np.asarray(cv2.imencode(".png", f)[1], dtype=np.uint8).reshape(-1) for f in frames)
    row = CropRow(f"{i:064x}", 0.0, False, "pristine", "grid", f"p{i}", "train", "video", face_px, POINTS)
    return Window(row, pictures, np.repeat(np.asarray(POINTS, np.float32)[None], length, axis=0))


def _config(**changes: Any) -> TrainConfig:
    values = {
        "id": "t",
        "title": "t",
        "summary": "t",
        "input": {"size": 32},
        "fakes": {"jitter": 1, "tracked-swap": 1},
        "model": {"architecture": "cnn-bilstm-slim"},
        "optim": {"epochs": 1, "pairs_per_epoch": 6, "pairs_per_batch": 2, "lr": 1e-3},
    }
    return TrainConfig.model_validate(values | changes)


# --- steady crops ------------------------------------------------------------------------------------------------


def _moving(count: int = 50, shake: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    t_s = np.arange(count) / FPS
    rng = np.random.default_rng(0)
    drift = np.stack([40 * t_s, 10 * t_s], axis=1)[:, None]
    return template(100, 1.3)[None] + 50 + drift + shake * rng.standard_normal((count, 5, 2)), t_s


def test_a_straight_path_is_kept_to_its_ends() -> None:
    points, t_s = _moving()
    assert np.abs(smoothed(points, t_s) - points).max() < 1e-6


def test_shaking_landmarks_give_a_steady_crop() -> None:
    points, t_s = _moving(shake=1.0)
    matrices = steady(points, t_s, 64, 1.3)
    moves = np.diff(matrices[:, :, 2], n=2, axis=0)
    single = np.stack([steady(p[None], [0.0], 64, 1.3)[0] for p in points])
    assert np.abs(moves).mean() < 0.05 * np.abs(np.diff(single[:, :, 2], n=2, axis=0)).mean()


def test_smoothing_knows_the_moments() -> None:
    points, t_s = _moving()
    kept = np.sort(np.random.default_rng(1).choice(50, 20, replace=False))
    assert np.abs(smoothed(points[kept], t_s[kept]) - points[kept]).max() < 1e-6


def test_one_frame_is_its_own_path() -> None:
    points, _ = _moving(1)
    assert np.allclose(smoothed(points, [3.0]), points)


def test_steady_crops_are_the_input_of_a_detector() -> None:
    points, t_s = _moving(3)
    frames = [np.full((300, 300, 3), 90, np.uint8)] * 3
    crops = steady_crops(frames, points, t_s, InputSpec(size=48))
    assert crops.shape == (3, 48, 48, 3)
    assert (crops == 90).all()


# --- the store ---------------------------------------------------------------------------------------------------


class _Finder:
    """Stands in for the face finder: a face in the middle, absent where the picture is dark."""

    calls = 0

    def largest(self, rgb: np.ndarray) -> Found | None:
        _Finder.calls += 1
        if rgb.mean() < 16:
            return None
        side = min(rgb.shape[:2])
        points = template(side // 2, 1.0) + side // 4
        box = np.array([side // 4, side // 4, 3 * side // 4, 3 * side // 4], np.float32)
        return Found(box, points.astype(np.float32), 0.99)

    def largest_each(self, frames: list[np.ndarray]) -> list[Found | None]:
        return [self.largest(rgb) for rgb in frames]


def _item(path: Path, name: str = "a", sha: str = "ab" * 32) -> Item:
    return Item(path.name, sha, "video", False, "pristine", "grid", f"grid/{name}", "train")


def test_frames_lie_on_a_grid_of_time(tmp_path: Path) -> None:
    path = numbered_clip(tmp_path / "a.mp4", count=30)
    seen = [(step, frame_number(rgb)) for step, rgb in grid_frames(path)]
    assert seen == [(i, i) for i in range(30)]
    slow = numbered_clip(tmp_path / "slow.mp4", count=10, fps=12.5)
    assert [frame_number(rgb) for _, rgb in grid_frames(slow)] == [i // 2 for i in range(19)]
    fast = numbered_clip(tmp_path / "fast.mp4", count=40, fps=50)
    assert [frame_number(rgb) for _, rgb in grid_frames(fast)] == list(range(0, 40, 2))


def test_a_changing_frame_rate_is_read_by_time_stamps(tmp_path: Path) -> None:
    from tests.media import numbered

    ticks = vfr_ticks(30)
    path = write_clip(tmp_path / "v.mp4", (numbered(i) for i in range(30)), 25, ticks=ticks)
    for step, rgb in grid_frames(path):
        shown = max(i for i, t in enumerate(ticks) if t <= 40 * step + 1e-6)
        assert abs(frame_number(rgb) - shown) <= 1


def test_tracks_are_cut_once_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "Finder", _Finder)
    path = write_clip(tmp_path / "a.mp4", talking(2.0, 25, 128), 25)
    first = build(tmp_path, [_item(path)], tmp_path / "store", windows=3, length=16)
    calls = _Finder.calls
    again = build(tmp_path, [_item(path)], tmp_path / "store", windows=3, length=16)
    assert _Finder.calls == calls
    assert [w.row for w in first] == [w.row for w in again]
    assert len(first) == 3
    assert [round(w.row.t_s * FPS) for w in first] == sorted({round(w.row.t_s * FPS) for w in first})
    for window in first:
        assert len(window) == 16
        assert np.abs(window.points - template(STORE_PX, STORE_SCALE)).max() < 0.05
    face = first[0].faces([0, 5])
    assert face[0].pixels.shape == (first[0].side, first[0].side, 3)
    assert not np.array_equal(face[0].pixels, face[1].pixels)


def test_windows_never_reach_over_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "Finder", _Finder)
    frames = list(talking(2.0, 25, 128))
    dark = np.zeros_like(frames[0])
    path = write_clip(tmp_path / "a.mp4", [*frames[:25], *[dark] * 10, *frames[25:]], 25)
    for window in build(tmp_path, [_item(path)], tmp_path / "store", windows=8, length=12):
        assert min(int(face.pixels.max()) for face in window.faces(range(12))) > 60


def test_clips_without_a_face_or_of_no_kind_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "Finder", _Finder)
    dark = write_clip(tmp_path / "dark.mp4", [np.zeros((64, 64, 3), np.uint8)] * 30, 25)
    (tmp_path / "bad.mp4").write_bytes(b"no clip")
    items = [_item(dark, "a", "aa" * 32), _item(tmp_path / "bad.mp4", "b", "bb" * 32)]
    with pytest.raises(NotFoundError, match="No clip shows a face"):
        build(tmp_path, items, tmp_path / "store", windows=2, length=10)


# --- pairs -------------------------------------------------------------------------------------------------------


def test_pairs_of_clips_are_the_same_for_ever_and_new_each_epoch() -> None:
    windows = [_window(i) for i in range(4)]
    one, two = (ClipPairs(windows, _config(), 4, (1, 2)) for _ in range(2))
    assert np.array_equal(one[3][0].numpy(), two[3][0].numpy())
    two.epoch = 1
    assert not np.array_equal(one[3][0].numpy(), two[3][0].numpy())
    pixels, number, index = one[3]
    assert pixels.shape == (2, 4, 32, 32, 3)
    assert not np.array_equal(*pixels.numpy())
    assert one.methods[number] in ("jitter", "tracked-swap")
    assert 0 <= index < 4
    with pytest.raises(IndexError):
        one[6]


@pytest.mark.parametrize("method", sorted(all_clip_fakes()))
def test_every_clip_fake_makes_a_pair(method: str) -> None:
    maker = ClipMaker([_window(i) for i in range(3)], _config(), 5, (1,))
    real, forged = maker.make(np.random.default_rng(0), 1, method)
    assert real.shape == forged.shape
    assert maker.cut(forged).shape == (5, 32, 32, 3)
    assert not np.array_equal(real, forged)


def test_windows_must_hold_the_longest_stride() -> None:
    with pytest.raises(ConfigError, match="shorter than 13"):
        ClipPairs([_window(0)], _config(), 5, (1, 3))


def test_validation_has_each_window_real_and_forged() -> None:
    windows = [_window(i) for i in range(4)]
    known = make_clip_validation(windows, _config(), 4, (1,))
    assert known.pixels.shape == (8, 4, 32, 32, 3)
    assert known.fake.tolist() == [False, True] * 4
    again = make_clip_validation(windows, _config(), 4, (1,))
    assert np.array_equal(known.pixels, again.pixels)
    facts = known.report(known.fake.astype(np.float64))
    assert facts == {"auc": 1.0, "auc/jitter": 1.0, "auc/tracked-swap": 1.0}
    assert known.report(-known.fake.astype(np.float64))["auc"] == 0.0
    assert not math.isnan(known.report(np.zeros(8))["auc"])
