"""LRNet from the frames of a clip: steady crops, calmer landmarks, blocks with their times, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest

from core.detectors.base import load_detector
from core.detectors.lrnet import SIDE_PX, LandmarkDetector, load_landmark_detector, steady_squares
from core.errors import ConfigError, WeightsMissingError
from core.faces.calm import calmed
from core.faces.mesh import IBUG_68, FaceMesher
from core.registry import Card, card, ensemble
from core.runtime.pool import shared_pool
from core.settings import Settings, build_settings
from core.stages.context import Context
from core.stages.reading import Material
from core.stages.scoring import ask
from core.types import (
    RGB,
    Face,
    FaceQuality,
    FaceTrack,
    Frame,
    MediaInfo,
    MediaKind,
    MediaRef,
    Modality,
    Score,
    Status,
)
from core.weights.files import file_sha256
from tests.unit.plugin_samples import pictures
from tests.unit.test_plugin_small import LrNet, landmark_card

BLOCK = 10


class Drawn:
    """A face mesh that puts 468 points evenly into the box it is asked about."""

    memory_bytes = 7
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 26), np.linspace(0, 1, 18)), axis=-1).reshape(468, 2)

    def of_faces(self, frames: list[RGB], faces: list[Face]) -> np.ndarray:
        corners = np.array([face.box for face in faces], np.float32)
        placed = corners[:, None, :2] + self.grid * (corners[:, None, 2:] - corners[:, None, :2])
        return np.concatenate([placed, np.zeros((*placed.shape[:2], 1))], axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lrnet")
    LrNet(0).save(made / "g1.pth")
    LrNet(1).save(made / "g2.pth")
    return made


def detector(folder: Path, mesher: Drawn | None) -> LandmarkDetector:
    own = landmark_card(folder, block=BLOCK)
    return LandmarkDetector(own, folder / "g1.pth", "cpu", cast("FaceMesher | None", mesher))


def clip(times: list[float]) -> list[Frame]:
    picture = pictures(1, 120)[0]
    return [Frame(i, t, picture) for i, t in enumerate(times)]


def track(times: list[float]) -> FaceTrack:
    faces = tuple(Face((20.0 + 10 * t, 30.0, 80.0 + 10 * t, 90.0), (), 1.0) for t in times)
    return FaceTrack(1, tuple(range(len(times))), tuple(times), faces, ())


def test_every_whole_block_gets_a_figure_and_its_times(folder: Path) -> None:
    shots, person = clip([i / 25 for i in range(35)]), track([0.0, 0.5, 1.0, 1.5])
    found = detector(folder, Drawn()).segments(shots, person)
    assert [(s.start_s, s.end_s) for s in found] == [(0.0, 0.36), (0.4, 0.76), (0.8, 1.16)]
    assert all(0 < s.p_fake < 1 for s in found)
    assert detector(folder, Drawn()).memory_bytes == detector(folder, None).memory_bytes + 7


def test_the_figures_are_those_of_the_points_in_the_steady_crop(folder: Path) -> None:
    """A picture that moves with its face: flow and found points agree, so the points stay as they are found."""
    asked = detector(folder, Drawn())
    still = track([0.0, 1.0])
    still = FaceTrack(1, still.frame, still.t_s, (still.faces[0],) * 2, ())
    found = asked.segments(clip([i / 25 for i in range(BLOCK)]), still)
    placed = (Drawn.grid[list(IBUG_68)] - 0.5) / 1.2
    extent = np.ptp(Drawn.grid[list(IBUG_68)], axis=0).max()
    middle = (placed.max(axis=0) + placed.min(axis=0)) / 2
    points = ((placed - middle) / extent + 0.5) * SIDE_PX
    want = asked.p_fake(np.repeat(points[None], BLOCK, axis=0))
    assert [s.p_fake for s in found] == pytest.approx(want.tolist(), abs=1e-3)


@pytest.mark.parametrize(
    ("times", "seen"),
    [
        ([i / 25 for i in range(9)], [0.0, 0.3]),  # shorter than a block
        ([i / 5 for i in range(30)], [0.0, 3.0, 6.0]),  # sampled, not all frames
        ([i / 25 for i in range(40)], [9.0]),  # somebody else's time
        ([], [0.0]),
    ],
)
def test_what_is_no_block_gets_no_figure(folder: Path, times: list[float], seen: list[float]) -> None:
    assert detector(folder, Drawn()).segments(clip(times), track(seen)) == ()


def test_a_block_does_not_reach_over_a_gap(folder: Path) -> None:
    times = [i / 25 for i in range(15)] + [3 + i / 25 for i in range(12)]
    found = detector(folder, Drawn()).segments(clip(times), track([0.0, 0.5, 3.0, 3.4]))
    assert [round(s.start_s, 2) for s in found] == [0.0, 3.0]


def test_without_the_face_mesh_it_says_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="face mesh") as caught:
        detector(folder, None).segments(clip([0.0]), track([0.0]))
    assert "weights pull face-mesh" in caught.value.hint
    nothing = build_settings(data_dir=tmp_path, weights_dir=None)
    with pytest.raises(WeightsMissingError, match="Face mesh"):
        load_landmark_detector(landmark_card(folder, block=BLOCK), folder / "g1.pth", "cpu", nothing)


@pytest.mark.parametrize("name", ["lrnet", "lrnet-dfo"])
def test_the_cards_say_how_it_looks(name: str, tmp_path: Path) -> None:
    known = card(name)
    assert known.modality is Modality.CLIP and known.options == {"block": 30}
    assert known.weights.more[0].file == "g2.pth" and known.weights.more[0].sha256 != known.weights.sha256
    with pytest.raises(ConfigError, match="does not judge pictures"):
        load_detector(known, tmp_path / "not opened", "cpu")


# ---- steady and calm --------------------------------------------------------------------------------------------


def test_squares_keep_their_size_and_ignore_small_steps() -> None:
    base = np.array([[0.0, 0.0], [100.0, 80.0]])
    points = np.stack([base, base + 1.0, base + 10.0, base * 1.2 + 10.0])
    squares = np.array(steady_squares(points))
    sides = squares[:, 2:] - squares[:, :2]
    np.testing.assert_allclose(sides, 105.0)
    centres = (squares[:, 2:] + squares[:, :2]) / 2
    np.testing.assert_allclose(centres, [[50, 40], [50, 40], [60, 50], [70, 58]])


def moving(steps: int, step: float) -> tuple[list[RGB], np.ndarray]:
    """A texture that moves to the right and points that are fixed on it."""
    wide = cv2.GaussianBlur(pictures(1, 500, seed=3)[0], (0, 0), 2)
    shifts = [np.array([[1.0, 0.0, step * i - 40], [0.0, 1.0, -40.0]]) for i in range(steps)]
    crops = [cv2.warpAffine(wide, matrix, (400, 400)).astype(np.uint8) for matrix in shifts]
    start = np.random.default_rng(0).uniform(60, 300, (68, 2))
    return crops, np.stack([start + np.array([step * i, 0.0]) for i in range(steps)])


def test_trembling_points_are_calmed() -> None:
    crops, truth = moving(20, 2.0)
    found = truth + np.random.default_rng(1).normal(0, 1.5, truth.shape)
    calm = calmed(crops, found)
    assert calm.shape == truth.shape
    np.testing.assert_array_equal(calm[0], found[0])
    raw, left = (np.abs(np.diff(p - truth, axis=0)[5:]).mean() for p in (found, calm))
    assert left < 0.5 * raw
    assert np.abs(calm - truth).mean() < 1.5 * np.abs(found - truth).mean()


def test_points_that_the_flow_loses_stay_where_they_were_found() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (2, 400, 400, 3)).astype(np.uint8)
    found = np.random.default_rng(3).uniform(50, 350, (2, 68, 2))
    calm = calmed(noise, found)
    assert (calm[1] == found[1]).all(axis=1).mean() > 0.5
    assert calmed([], np.zeros((0, 68, 2))).shape == (0, 68, 2)


# ---- as a member of a preset ------------------------------------------------------------------------------------


def asked(kind: MediaKind, tracks: tuple[FaceTrack, ...], own: Card, settings: Settings) -> Score:
    ref = MediaRef(Path("clip"), "0" * 64, kind, "x", 1, "clip")
    material = Material(ref, MediaInfo(kind, "x"), tuple(clip([i / 5 for i in range(5)])), None)
    context = Context(settings, ensemble("default"), shared_pool(settings.runtime))
    (answer,) = ask(own, material, tracks, context)
    return answer.score


def test_as_a_member_it_says_why_it_does_not_answer(folder: Path, tmp_path: Path) -> None:
    """Not applicable without a person over time, unavailable without the face mesh; never a figure."""
    settings = build_settings(data_dir=tmp_path, weights_dir=folder)
    own, quality = landmark_card(folder, block=BLOCK), FaceQuality(80.0, 1.0, 120.0, 0.0, 0.0)
    known = own.model_copy(
        update={"weights": own.weights.model_copy(update={"sha256": file_sha256(folder / "g1.pth")})}
    )
    person = replace(track([0.0, 0.2, 0.4]), quality=(quality,) * 3)
    for kind, tracks, status, word in (
        (MediaKind.IMAGE, (person,), Status.NOT_APPLICABLE, "does not move"),
        (MediaKind.AUDIO, (), Status.NOT_APPLICABLE, "sound only"),
        (MediaKind.VIDEO, (), Status.NOT_APPLICABLE, "no face"),
        (MediaKind.VIDEO, (person,), Status.UNAVAILABLE, "weights pull face-mesh"),
    ):
        score = asked(kind, tracks, known, settings)
        assert (score.status, score.p_fake) == (status, None) and word in score.reason
