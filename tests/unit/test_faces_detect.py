"""Finding faces: all that are there, at their true places, and none where there is none."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest
import skimage.data

from core.faces.detect import FaceFinder, plausible
from core.settings import FaceSettings
from core.types import Face
from tests.media import RGB, head, meadow, place

TRUE_EYES = ((204, 101), (247, 103))  # of the astronaut, by eye, +- 5 px
EMPTY = ("coffee", "rocket", "brick", "grass", "gravel", "hubble_deep_field", "moon", "page", "text", "chelsea")


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(FaceSettings(), "cpu")


@pytest.fixture(scope="module")
def astronaut() -> RGB:
    return np.asarray(skimage.data.astronaut())


def only(finder: FaceFinder, rgb: RGB) -> Face:
    (faces,) = finder.find([np.ascontiguousarray(rgb)])
    assert len(faces) == 1
    return faces[0]


def shrunk(rgb: RGB, side: int) -> RGB:
    return np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def test_finds_the_astronaut_where_she_is(finder, astronaut):
    face = only(finder, astronaut)
    assert face.confidence > 0.95
    np.testing.assert_allclose(face.landmarks[:2], TRUE_EYES, atol=5)
    x0, y0, x1, y1 = face.box
    assert all(x0 < x < x1 and y0 < y < y1 for x, y in face.landmarks)


@pytest.mark.parametrize("side", [192, 1024, 2048])
def test_boxes_are_mapped_back_to_the_full_frame(finder, astronaut, side):
    resized = np.asarray(cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    ours, theirs = only(finder, resized), only(finder, astronaut)
    np.testing.assert_allclose(np.array(ours.landmarks) * 512 / side, theirs.landmarks, atol=5)
    np.testing.assert_allclose(np.array(ours.box) * 512 / side, theirs.box, atol=10)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_picture_on_its_side_gives_the_same_face_turned(finder, astronaut, turns):
    upright, turned = only(finder, astronaut), only(finder, np.rot90(astronaut, turns))
    points = np.array(upright.landmarks)
    for _ in range(turns):  # a counter-clockwise quarter turn of a 512 px square
        points = np.stack([points[:, 1], 512 - points[:, 0]], axis=1)
    np.testing.assert_allclose(turned.landmarks, points, atol=1)


@pytest.mark.parametrize("degrees", [-35, -15, 15, 35])
def test_a_head_held_askew_is_found_with_its_points(finder, degrees):
    rgb = head(256)
    turn = cv2.getRotationMatrix2D((128, 128), degrees, 1)
    face = only(finder, np.asarray(cv2.warpAffine(rgb, turn, (256, 256), borderMode=cv2.BORDER_REFLECT), np.uint8))
    expected = np.array(only(finder, rgb).landmarks) @ turn[:, :2].T + turn[:, 2]
    np.testing.assert_allclose(face.landmarks, expected, atol=8)


def test_ten_faces_are_ten(finder):
    canvas = np.full((360, 900, 3), 128, np.uint8)
    for i in range(10):
        place(head(180, i % 2), canvas, 180 * (i % 5), 180 * (i // 5))
    (faces,) = finder.find([canvas])
    cells = {(int((f.box[0] + f.box[2]) / 2) // 180, int((f.box[1] + f.box[3]) / 2) // 180) for f in faces}
    assert len(faces) == len(cells) == 10


def test_no_more_than_the_largest_faces_are_kept():
    canvas = np.full((300, 500, 3), 128, np.uint8)
    place(head(300), canvas, 0, 0)
    place(head(120), canvas, 330, 50)
    (faces,) = FaceFinder(FaceSettings(max_faces=1), "cpu").find([canvas])
    assert [f.box[0] < 300 for f in faces] == [True]


@pytest.mark.parametrize("side", [48, 96])
def test_tiny_pictures(finder, side):
    face = only(finder, shrunk(head(512), side))
    x, y = np.mean(face.landmarks, axis=0) / side
    assert 0.3 < x < 0.7
    assert 0.3 < y < 0.7


def test_a_face_that_fills_the_picture(finder):
    x0, y0, x1, y1 = (round(v) for v in only(finder, head(256)).box)
    face = only(finder, head(256)[y0:y1, x0:x1])
    assert (face.box[2] - face.box[0]) * (face.box[3] - face.box[1]) > 0.6 * (x1 - x0) * (y1 - y0)


def test_boxes_stay_inside_the_frame(finder):
    rgb = np.ascontiguousarray(head(256)[:, 110:])
    (faces,) = finder.find([rgb])
    for x0, y0, x1, y1 in (f.box for f in faces):
        assert 0 <= x0 < x1 <= rgb.shape[1]
        assert 0 <= y0 < y1 <= rgb.shape[0]
    assert faces


@pytest.mark.parametrize("name", EMPTY)
def test_pictures_without_people_have_no_face(finder, name):
    rgb = np.asarray(getattr(skimage.data, name)())
    rgb = np.stack([rgb] * 3, axis=-1) if rgb.ndim == 2 else rgb[..., :3]
    assert finder.find([np.ascontiguousarray(rgb)]) == [[]]


@pytest.mark.parametrize("grain", [1, 4, 16])
def test_noise_has_no_face(finder, grain):
    rng = np.random.default_rng(grain)
    coarse = rng.integers(0, 256, (256 // grain, 320 // grain, 3), dtype=np.uint8)
    assert finder.find([np.asarray(cv2.resize(coarse, (320, 256), interpolation=cv2.INTER_CUBIC))]) == [[]]


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (11, 11), (200, 300)])
@pytest.mark.parametrize("value", [0, 255])
def test_blank_pictures_of_any_shape_have_no_face(finder, shape, value):
    assert finder.find([np.full((*shape, 3), value, np.uint8)]) == [[]]


def test_meadow_and_nothing(finder):
    assert finder.find([meadow(320, 200)]) == [[]]
    assert finder.find([]) == []


def test_frames_of_different_sizes_keep_their_order_and_progress_counts_up(finder):
    frames = [head(200), meadow(320, 200), head(256), head(200, 1), meadow(320, 200)]
    told: list[int] = []
    found = finder.find(frames, told.append)
    assert [len(faces) for faces in found] == [1, 0, 1, 1, 0]
    assert told == sorted(told)
    assert told[-1] == len(frames)


def test_the_same_frame_gives_the_same_face_alone_and_in_a_batch(finder):
    alone = only(finder, head(256))
    batch = finder.find([head(256)] * 9)
    for (face,) in batch:
        np.testing.assert_allclose(face.box, alone.box, atol=0.01)
        np.testing.assert_allclose(face.landmarks, alone.landmarks, atol=0.01)
    assert finder.find([head(256)]) == finder.find([head(256)])


def test_threads_share_a_finder(finder):
    frames = [head(200), head(256), head(200, 1), meadow(320, 200)]
    expected = [finder.find([frame]) for frame in frames]
    results: dict[int, list[list[Face]]] = {}
    threads = [
        threading.Thread(target=lambda i=i: results.update({i: finder.find([frames[i]])})) for i in range(len(frames))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [results[i] for i in range(len(frames))] == expected


def test_memory_is_told(finder):
    assert 1_000_000 < finder.memory_bytes < 20_000_000


FRONTAL = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))


def turned(degrees: float) -> tuple[tuple[float, float], ...]:
    matrix = cv2.getRotationMatrix2D((50, 60), degrees, 1)
    return tuple((float(x), float(y)) for x, y in np.array(FRONTAL) @ matrix[:, :2].T + matrix[:, 2])


@pytest.mark.parametrize(
    ("landmarks", "good"),
    [
        (FRONTAL, True),
        (turned(45), True),
        (turned(-45), True),
        (turned(90), False),
        (turned(180), False),
        (tuple((100 - x, y) for x, y in FRONTAL), False),  # mirrored: left and right exchanged
        (((50.0, 60.0),) * 5, False),
        (((30.0, 40.0), (70.0, 40.0), (50.0, 20.0), (35.0, 80.0), (65.0, 80.0)), False),  # nose above the eyes
        (((58.0, 40.0), (72.0, 40.0), (74.0, 60.0), (60.0, 80.0), (70.0, 80.0)), True),  # profile
    ],
)
def test_points_must_be_those_of_a_face(landmarks, good):
    assert plausible(Face((10.0, 10.0, 90.0, 110.0), landmarks, 0.99)) is good
