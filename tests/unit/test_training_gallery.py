"""The gallery: pictures of every method from a face that may be shipped, small files, and a page that shows them."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import WeightsMissingError
from core.settings import ROOT
from core.training import gallery
from core.training.fakes import FaceCrop, all_fakes
from core.training.fakes.clips import all_clip_fakes
from core.types import RGB

PAGE = ROOT / "docs" / "fakes.md"
PICTURES = ROOT / "docs" / "pictures" / "fakes"


def test_the_page_explains_every_method() -> None:
    explained = set(re.findall(r"^### `([\w-]+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert explained == set(all_fakes()) | set(all_clip_fakes())


def test_the_page_shows_every_picture_and_all_are_small() -> None:
    shown = set(re.findall(r"\(pictures/fakes/([\w.-]+)\)", PAGE.read_text(encoding="utf-8")))
    stored = {path.name for path in PICTURES.iterdir()}
    assert shown == stored
    assert len(stored) >= 20
    assert all(path.stat().st_size < gallery.LIMIT_BYTES for path in PICTURES.iterdir())


def test_the_partner_has_its_landmarks_in_order_and_another_face() -> None:
    face, partner = gallery.face(), gallery.partner()
    assert partner.pixels.shape == face.pixels.shape
    assert partner.landmarks[0, 0] < partner.landmarks[2, 0] < partner.landmarks[1, 0]
    assert partner.landmarks[3, 0] < partner.landmarks[4, 0]
    mirrored = np.abs(face.pixels[:, ::-1].astype(int) - partner.pixels).mean()
    assert mirrored > 10


def test_landmarks_of_the_clip_go_with_its_pixels() -> None:
    """A mark painted on the nose is found where the landmark of each frame says."""
    face = gallery.face()
    marked = np.zeros_like(face.pixels)
    x, y = np.rint(face.landmarks[2]).astype(int)
    cv2.circle(marked, (int(x), int(y)), 4, (255, 255, 255), -1)
    for frame in gallery.clip(FaceCrop(marked, face.landmarks)):
        found = np.argwhere(frame.pixels.mean(axis=2) > 128).mean(axis=0)[::-1]
        assert np.abs(found - frame.landmarks[2]).max() < 1.5


def test_strips_hold_real_fake_and_difference() -> None:
    real = np.full((10, 12, 3), 100, np.uint8)
    strip = gallery.strip(real + np.uint8(5), real)
    assert strip.shape == (10, 36, 3)
    assert (strip[:, :12] == 100).all() and (strip[:, 12:24] == 105).all() and (strip[:, 24:] == 148).all()
    moving = np.full((3, 130, 130, 3), 100, np.uint8)
    assert gallery.strip(moving, moving).shape == (3 * gallery.FRAME_PX, 3 * gallery.FRAME_PX, 3)


def test_the_typical_fake_is_the_one_in_the_middle() -> None:
    real = np.zeros((4, 4, 3), np.uint8)
    order = iter([7, 1, 9, 3, 200, 5, 8, 2, 4])
    assert gallery.typical(lambda _: np.full_like(real, next(order)), real).max() == 5


def test_files_get_as_good_as_their_limit_allows(tmp_path: Path) -> None:
    calm = np.full((200, 600, 3), 90, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (300, 600, 3), dtype=np.uint8)
    gallery.write(tmp_path / "calm.jpg", calm)
    assert (tmp_path / "calm.jpg").stat().st_size < gallery.LIMIT_BYTES
    with pytest.raises(ValueError, match=r"noise\.jpg"):
        gallery.write(tmp_path / "noise.jpg", noise)
    assert not (tmp_path / "noise.jpg").exists()


class _Untrained:
    name = "untrained"
    needs_partner = False

    def make(self, rng: np.random.Generator, face: FaceCrop, partner: FaceCrop | None = None) -> RGB:
        raise WeightsMissingError("The generator is not trained.", hint="Train it.")


def test_methods_without_weights_are_left_out_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gallery, "all_fakes", lambda: {"untrained": _Untrained(), "swap": all_fakes()["swap"]})
    monkeypatch.setattr(gallery, "all_clip_fakes", lambda: {"jitter": all_clip_fakes()["jitter"]})
    monkeypatch.setattr(gallery, "SEEDS", range(1))
    with caplog.at_level(logging.INFO, logger="core"):
        written = gallery.gallery(tmp_path / "new")
    assert sorted(path.name for path in written) == ["clip-jitter.jpg", "nuisances.jpg", "partner.jpg", "swap.jpg"]
    assert all(path.is_file() for path in written)
    [record] = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert vars(record)["method"] == "untrained"
    assert "not trained" in vars(record)["reason"]
