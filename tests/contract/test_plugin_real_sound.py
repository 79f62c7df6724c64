"""The published files of what listens, and of faces: complete, their golden values, and the sign."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch

from core.detectors.audio import AudioDetector, load_audio_detector
from core.detectors.sync import SpeakingDetector
from core.faces.detect import FaceFinder, face_finder
from core.faces.mesh import FaceMesher, cut_face, landmarks_68, lips
from core.registry import card
from core.settings import FaceSettings, Settings, build_settings
from core.types import Face
from core.weights.files import verified
from core.weights.keymap import key_map
from core.weights.keys import audit
from core.weights.states import read_state

FOLDER = os.environ.get("UNMASK_WEIGHTS_DIR")
LISTENERS = ["aasist", "aasist-l", "rawgat-st", "lfcc-lcnn", "rawnetlite"]

pytestmark = [pytest.mark.data, pytest.mark.skipif(not FOLDER, reason="UNMASK_WEIGHTS_DIR names no folder of weights")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_settings(data_dir=tmp_path_factory.mktemp("data"), faces=FaceSettings(finder="yunet"))


def file(name: str, settings: Settings) -> Path:
    """The verified file of a detector; its absence is a reason to skip, a wrong file is not."""
    if next(Path(FOLDER or ".").rglob(card(name).weights.file), None) is None:
        pytest.skip(f"the file of {name} is not in UNMASK_WEIGHTS_DIR")
    return verified(card(name), settings)


def listener(name: str, settings: Settings) -> AudioDetector:
    return load_audio_detector(card(name), file(name, settings), "cpu")


def hiss(seed: int, samples: int) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(samples) * 0.05).astype(np.float32)


@pytest.mark.parametrize("name", LISTENERS)
def test_every_key_is_used_or_dropped_for_a_reason(name: str, settings: Settings) -> None:
    state, names = read_state(file(name, settings), ()), key_map(card(name).weights.key_map)
    report = audit(state, listener(name, settings).network, names)
    dropped = sum(len(keys) for keys in report.dropped.values())
    assert report.ok and not report.filled and len(report.matched) + dropped == len(state)
    assert dropped == {"aasist": 25, "aasist-l": 25, "rawgat-st": 70, "lfcc-lcnn": 4, "rawnetlite": 0}[name]


@pytest.mark.parametrize("name", LISTENERS)
def test_the_golden_logit_is_reproduced(name: str, settings: Settings) -> None:
    golden, detector = card(name).golden, listener(name, settings)
    assert golden is not None
    logit = detector.logits(hiss(golden.seed, detector.spec.samples)[None])[0]
    assert logit == pytest.approx(golden.logit, abs=golden.tolerance)


def test_aasist_gives_both_published_outputs_and_p_fake_is_the_first(settings: Settings) -> None:
    detector = listener("aasist", settings)
    tone = (0.1 * np.sin(2 * np.pi * 220 * np.arange(64_600) / 16_000)).astype(np.float32)
    both = np.stack([tone, hiss(0, 64_600)])
    with torch.inference_mode():
        out = detector.network(torch.from_numpy(both)).numpy()
    np.testing.assert_allclose(out, [[0.6756, -1.5647], [1.5698, -1.6516]], atol=5e-4)
    p_fake = np.exp(out[:, 0]) / np.exp(out).sum(axis=1)
    np.testing.assert_allclose(1 / (1 + np.exp(-detector.logits(both))), p_fake, atol=1e-5)


def test_every_key_of_lr_asd_is_used_and_it_answers_in_every_frame(settings: Settings) -> None:
    path = file("lr-asd", settings)
    detector = SpeakingDetector(card("lr-asd"), path, "cpu")
    report = audit(read_state(path, ()), detector.network, key_map("lr-asd"))
    assert report.ok and len(report.matched) == 166 and sum(map(len, report.dropped.values())) == 2
    still = np.full((25, 224, 224, 3), 128, np.uint8)
    assert (detector.speaking(still, np.zeros(16_000, np.float32)) < 0).all(), "a grey still and silence: nobody speaks"


# ---- faces --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portrait() -> tuple[np.ndarray, Face]:
    """A photograph and its face by the default finder."""
    picture = np.ascontiguousarray(skimage.data.astronaut())
    ((face,),) = FaceFinder(FaceSettings(), "cpu").find([picture])
    return picture, face


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_yunet_finds_the_face_that_the_default_finder_finds(
    turns: int, portrait: tuple[np.ndarray, Face], settings: Settings
) -> None:
    file("yunet", settings)
    finder = face_finder(settings, "cpu")
    picture, face = portrait
    (found,) = finder.find([np.ascontiguousarray(np.rot90(picture, turns))])
    points, side = np.array(found[0].landmarks), picture.shape[0]
    for _ in range(turns):  # back by a clockwise quarter turn of a square each
        points = np.stack([side - points[:, 1], points[:, 0]], axis=1)
    assert len(found) == 1
    np.testing.assert_allclose(points, face.landmarks, atol=12)
    assert finder.find([np.zeros((80, 60, 3), np.uint8)]) == [[]]


def test_the_mesh_lies_on_the_face(portrait: tuple[np.ndarray, Face], settings: Settings) -> None:
    path = file("face-mesh", settings)
    mesher, (picture, face) = FaceMesher(card("face-mesh"), path, "cpu"), portrait
    assert audit(read_state(path, ()), mesher.network).ok
    mesh = mesher.of_faces([picture], [face])
    points = landmarks_68(mesh)[0]
    seen = [points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48], points[54]]
    np.testing.assert_allclose(seen, face.landmarks, atol=4)
    outer, inner = lips(mesh)
    assert outer[0, :, 0].min() < inner[0, :, 0].min() < inner[0, :, 0].max() < outer[0, :, 0].max()
    there = mesher.look(np.stack([cut_face(picture, face.box), np.full((192, 192, 3), 90, np.uint8)]))[1]
    assert there[0] > 0.9 > there[1]
