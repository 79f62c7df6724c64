"""Still pictures: colour modes, depth, orientation, damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import DamagedMediaError, LimitError
from core.media.guard import identify
from core.media.image import read_image, to_rgb
from core.settings import Limits
from core.types import RGB
from tests import media
from tests.media import Samples

LIMITS = Limits()


def read(path: Path, limits: Limits = LIMITS) -> tuple[RGB, list[str]]:
    frames, notes = read_image(identify(path, limits), limits)
    assert len(frames) == 1
    assert (frames[0].index, frames[0].t_s) == (0, 0.0)
    rgb = frames[0].rgb
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3
    assert rgb.flags.c_contiguous
    return rgb, notes


def difference(a: RGB, b: RGB) -> float:
    return float(np.abs(a.astype(float) - b.astype(float)).mean())


@pytest.mark.parametrize(
    ("suffix", "tolerance"),
    [(".png", 0), (".bmp", 0), (".tif", 0), (".jpg", 4), (".webp", 4), (".avif", 5)],
)
def test_formats(samples: Samples, suffix: str, tolerance: float):
    rgb, notes = read(samples("portrait", f"a{suffix}", size=256))
    assert difference(rgb, media.head(256)) <= tolerance
    assert notes == []


def test_heic(samples: Samples):
    pytest.importorskip("pillow_heif")
    rgb, _ = read(samples("portrait", "a.heic", size=128))
    assert difference(rgb, media.head(128)) < 5


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_is_scaled_not_clipped(samples: Samples, suffix: str):
    rgb, _ = read(samples("grey16", f"a{suffix}"))
    grey = media.head(256).mean(axis=2)
    assert np.abs(rgb - grey[..., None]).max() <= 1
    assert rgb.max() > 200
    assert rgb.min() < 30


def test_sixteen_bit_stays_dark_where_it_is_dark(tmp_path: Path):
    Image.fromarray(np.full((32, 32), 2570, np.uint16)).save(tmp_path / "dark.png")
    assert set(np.unique(read(tmp_path / "dark.png")[0])) == {10}


@pytest.mark.parametrize(("top", "expected"), [(1.0, 128), (255.0, 128), (4000.0, 128)])
def test_real_numbers_are_scaled_by_their_range(top: float, expected: int):
    values = np.full((8, 8), top / 2, np.float32)
    values[0, 0] = top
    assert to_rgb(Image.fromarray(values))[4, 4, 0] == expected


def test_transparency_is_laid_on_white(samples: Samples):
    rgb, _ = read(samples("rgba", "a.png"))
    assert (rgb[0, 0] == 255).all()
    assert (rgb[128, 128] == media.head(256)[128, 128]).all()


def test_transparency_of_grey_and_palette(tmp_path: Path):
    assert (to_rgb(Image.new("LA", (4, 4), (0, 0))) == 255).all()
    Image.fromarray(np.zeros((4, 4), np.uint8)).convert("P").save(tmp_path / "a.png", transparency=0)
    assert (read(tmp_path / "a.png")[0] == 255).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "YCbCr", "HSV", "CMYK", "I", "F", "LAB"])
def test_every_mode_becomes_rgb(mode: str):
    source = Image.fromarray(media.head(32)).convert("L" if mode in ("1", "I", "F") else "RGB")
    picture = Image.new("LAB", (32, 32), (128, 128, 128)) if mode == "LAB" else source.convert(mode)
    assert to_rgb(picture).shape == (32, 32, 3)


@pytest.mark.parametrize("suffix", [".png", ".gif", ".bmp"])
def test_palette(samples: Samples, suffix: str):
    rgb, _ = read(samples("palette", f"a{suffix}"))
    assert difference(rgb, media.head(256)) < 8


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk(samples: Samples, suffix: str):
    rgb, _ = read(samples("cmyk", f"a{suffix}"))
    assert difference(rgb, media.head(256)) < 8


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_exif_orientation(samples: Samples, orientation: int):
    rgb, _ = read(samples("exif_rotated", "a.jpg", orientation=orientation))
    assert rgb.shape == (256, 384, 3)
    assert difference(rgb[:, :256], media.head(256)) < 6


def test_a_grey_picture_has_three_channels(tmp_path: Path):
    Image.fromarray(media.head(64)).convert("L").save(tmp_path / "grey.jpg")
    rgb, _ = read(tmp_path / "grey.jpg")
    assert (rgb[..., 0] == rgb[..., 2]).all()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".tif", ".gif"])
def test_most_of_a_picture_is_read_with_a_warning(samples: Samples, tmp_path: Path, suffix: str):
    whole = samples("portrait", f"a{suffix}", size=256)
    cut = media.truncated(tmp_path / f"cut{suffix}", whole, 0.8)
    rgb, notes = read(cut)
    assert 128 <= len(rgb) <= 256
    assert len(notes) == 1
    assert "cut off" in notes[0]
    expected = read(whole)[0]
    part = expected[-len(rgb) :] if suffix == ".bmp" else expected[: len(rgb)]
    assert np.median(np.abs(rgb.astype(int) - part)) <= 2


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".avif"])
def test_less_than_half_a_picture_is_damage(samples: Samples, tmp_path: Path, suffix: str):
    cut = media.truncated(tmp_path / f"cut{suffix}", samples("portrait", f"a{suffix}", size=256), 0.3)
    with pytest.raises(DamagedMediaError) as caught:
        read(cut)
    assert caught.value.hint


def test_a_cut_off_progressive_picture_says_that_detail_is_missing(samples: Samples, tmp_path: Path):
    cut = media.truncated(tmp_path / "cut.jpg", samples("portrait", "p.jpg", size=256, progressive=True), 0.7)
    rgb, notes = read(cut)
    assert len(rgb) == 256
    assert "detail" in notes[0]
    assert difference(rgb, media.head(256)) < 12


def test_limits_hold_when_reading(samples: Samples):
    ref = identify(samples("portrait", "a.png"), LIMITS)
    with pytest.raises(LimitError, match="pixels"):
        read_image(ref, Limits(max_pixels=1000))
