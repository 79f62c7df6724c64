"""Crops of the public detectors: exactly where their authors put the face."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from core.faces.align import align, crop, crop_stretched, crop_whole, similarity, template
from core.registry import InputSpec, card
from core.types import Face
from tests.unit.plugin_samples import pictures

# Measured on DeepfakeBench's own function, scale 1.3.
TARGETS = {
    256: [(96.87, 120.43), (158.82, 120.09), (128.04, 155.67), (102.59, 191.94), (153.90, 191.66)],
    224: [(84.76, 105.38), (138.97, 105.08), (112.04, 136.21), (89.77, 167.95), (134.66, 167.70)],
}


@pytest.mark.parametrize("size", [256, 224])
def test_target_points_are_those_of_deepfakebench(size: int) -> None:
    np.testing.assert_allclose(template(size, 1.3), TARGETS[size], atol=0.006)


def test_a_turned_face_lands_on_the_target_points() -> None:
    spec = card("deepfakebench-xception").input
    turn, scale = np.deg2rad(25), 1.7
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.array(TARGETS[256]) @ matrix.T + (150, 40)
    picture = np.zeros((900, 900, 3), np.uint8)
    for x, y in points:
        cv2.circle(picture, (round(x), round(y)), 5, (255, 255, 255), -1)
    out = align(picture, points, spec)[..., 0]
    for x, y in TARGETS[256]:
        around = out[int(y) - 5 : int(y) + 7, int(x) - 5 : int(x) + 7].astype(float)
        rows, columns = np.mgrid[int(y) - 5 : int(y) + 7, int(x) - 5 : int(x) + 7]
        centre = ((columns * around).sum() / around.sum(), (rows * around).sum() / around.sum())
        np.testing.assert_allclose(centre, (x, y), atol=0.8)
    np.testing.assert_allclose(
        points @ similarity(points, template(256))[:, :2].T[:, :] + similarity(points, template(256))[:, 2],
        TARGETS[256],
        atol=0.01,
    )


def face(box: tuple[float, float, float, float]) -> Face:
    x0, y0, x1, y1 = box
    points = np.array(TARGETS[256]) / 256 * (x1 - x0, y1 - y0) + (x0, y0)
    return Face(box=box, landmarks=tuple((float(x), float(y)) for x, y in points), confidence=1.0)


def test_effort_sees_the_crop_of_256_px_resized() -> None:
    spec = card("effort-clip").input
    picture = pictures(1, 500)[0]
    seen = crop(picture, face((100, 90, 380, 420)), spec)
    whole = crop(picture, face((100, 90, 380, 420)), card("deepfakebench-xception").input)
    assert seen.shape == (224, 224, 3)
    assert np.array_equal(seen, cv2.resize(whole, (224, 224), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize(
    ("box", "part"),
    [
        ((100.0, 80.0, 180.0, 240.0), (90, 60, 191, 261)),
        ((-30.0, 10.0, 90.0, 130.0), (0, 0, 106, 146)),
        ((350.0, 200.0, 520.0, 290.0), (328, 188, 400, 300)),
    ],
)
def test_self_blended_images_see_the_grown_box_stretched(
    box: tuple[float, float, float, float], part: tuple[int, int, int, int]
) -> None:
    """An eighth of the box's width and height more on each side, as far as the picture goes."""
    picture, spec = pictures(1, 400)[0][:300], card("sbi-efficientnet-b4").input
    left, top, right, bottom = part
    want = cv2.resize(picture[top:bottom, left:right], (380, 380), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(crop(picture, face(box), spec), want)


@pytest.mark.parametrize("box", [(-90.0, -90.0, -10.0, -10.0), (500.0, 500.0, 600.0, 600.0), (7.0, 7.0, 7.0, 7.0)])
def test_a_box_outside_the_picture_still_gives_a_crop(box: tuple[float, float, float, float]) -> None:
    spec = InputSpec(size=32, crop="stretched", scale=1.25, resize="bilinear")
    assert crop_stretched(pictures(1, 64)[0], box, spec).shape == (32, 32, 3)


def test_antialiased_is_what_pillow_does() -> None:
    picture = pictures(1, 700)[0][:, :500]
    spec = InputSpec(size=256, crop="whole", resize="antialiased")
    want = np.asarray(Image.fromarray(picture).resize((256, 256), Image.Resampling.BILINEAR))
    assert np.array_equal(crop_whole(picture, spec), want)
    assert np.array_equal(crop(picture, face((10, 10, 50, 50)), spec), want)
