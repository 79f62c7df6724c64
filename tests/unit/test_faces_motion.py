"""Facts of motion: what optical flow explains, frames that repeat, landmarks that tremble."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.faces.motion import motion_facts, tremor
from core.faces.windows import FaceWindow
from core.types import RGB, Face, FaceQuality, FaceTrack

GOOD = FaceQuality(100.0, 100.0, 120.0, 0.0, 0.0)
LANDMARKS = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 55.0], [35.0, 75.0], [65.0, 75.0]])


def _texture(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (100, 120, 3)).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0))


def _window(crops: RGB, fresh: np.ndarray | None = None) -> FaceWindow:
    count = len(crops)
    fresh = np.ones(count, bool) if fresh is None else fresh
    return FaceWindow(crops, np.arange(count) / 25, np.tile(LANDMARKS, (count, 1, 1)), fresh)


def _sliding(count: int = 8) -> RGB:
    whole = _texture()
    return np.stack([whole[:96, i : i + 96] for i in range(count)])


def _track(offsets: np.ndarray, step_s: float = 0.1) -> FaceTrack:
    faces = []
    for x in offsets:
        points = tuple((float(a + x), float(b)) for a, b in LANDMARKS)
        faces.append(Face((float(x), 0.0, 100.0 + float(x), 100.0), points, 0.99))
    count = len(faces)
    return FaceTrack(3, tuple(range(count)), tuple(i * step_s for i in range(count)), tuple(faces), (GOOD,) * count)


EVEN = _track(np.arange(6) * 2.0)


def test_flow_explains_what_slides_and_not_what_is_made_anew() -> None:
    slides = motion_facts(EVEN, [_window(_sliding())])
    anew = motion_facts(EVEN, [_window(np.stack([_texture(i)[:96, :96] for i in range(8)]))])
    assert slides.explained is not None and slides.explained > 0.8
    assert anew.explained is not None and anew.explained < slides.explained - 0.3
    assert slides.track_id == 3 and slides.n == 8 and "Optical flow explains" in slides.summary


def test_frames_that_repeat_are_counted_only_where_a_new_one_is_shown() -> None:
    crops = _sliding()
    crops[3] = crops[2]
    assert motion_facts(EVEN, [_window(crops)]).repeated == pytest.approx(1 / 7)
    held = np.ones(8, bool)
    held[3] = False
    assert motion_facts(EVEN, [_window(crops, held)]).repeated == 0.0


def test_tremor_is_what_leaves_an_even_motion() -> None:
    assert tremor(EVEN) == pytest.approx(0.0)
    shaking = _track(np.arange(6) * 2.0 + np.array([0, 1, 0, 1, 0, 1]))
    assert tremor(shaking) == pytest.approx(1.0 / 40.0)
    assert tremor(_track(np.arange(6) * 2.0, step_s=0.5)) is None
    assert tremor(replace(EVEN, t_s=(0.0, 0.1, 0.3, 0.4, 0.5, 0.6))) != pytest.approx(0.0)


def test_a_still_face_gives_no_figure_but_words() -> None:
    still = motion_facts(_track(np.zeros(2)), [_window(np.stack([_sliding(1)[0]] * 4))])
    assert still.explained is None and still.repeated == 1.0 and still.tremor is None
    assert "100%" in still.summary


def test_unrest_has_a_curve_and_says_that_it_is_not_calibrated() -> None:
    facts = motion_facts(EVEN, [_window(_sliding())] * 2, [0.2, 0.4])
    assert facts.unrest == (0.2, 0.4) and len(facts.t_s) == 2
    assert "30%" in facts.summary and "not calibrated" in facts.summary
