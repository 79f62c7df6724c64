"""The published files themselves, where they are at hand: complete, their golden logits, and the sign."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from core.detectors.base import load_detector
from core.detectors.classnseg import ClassNSegDetector
from core.detectors.lrnet import LandmarkDetector, load_landmark_detector
from core.detectors.mesonet import counted
from core.faces.detect import FaceFinder
from core.faces.identity import FaceIdentifier, aligned, consistency
from core.networks.classnseg import Decoder, Encoder
from core.networks.lrnet import LrNet
from core.networks.mesonet import Meso4, MesoInception4
from core.registry import card
from core.settings import FaceSettings, Settings, build_settings
from core.training.data.faces import read_frames
from core.training.golden import golden_input
from core.types import Face, FaceTrack, Frame
from core.weights.files import companion, verified
from core.weights.keymap import SAME_NAMES, key_map
from core.weights.keys import audit
from core.weights.states import read_state
from tests.unit.plugin_samples import pictures
from tests.unit.test_plugin_mesonet import Keras

MESONET = ["mesonet-meso4-df", "mesonet-meso4-f2f", "mesonet-inception4-df", "mesonet-inception4-f2f"]
FOLDER = os.environ.get("UNMASK_WEIGHTS_DIR")
DATA = os.environ.get("UNMASK_TEST_DATA")

pytestmark = [pytest.mark.data, pytest.mark.skipif(not FOLDER, reason="UNMASK_WEIGHTS_DIR names no folder of weights")]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build_settings(data_dir=tmp_path_factory.mktemp("data"))


def files(name: str, settings: Settings) -> tuple[Path, ...]:
    """The verified files of a detector, the main one first; their absence is a reason to skip, a wrong file is not."""
    if not all((next(Path(FOLDER or ".").rglob(f), None)) for f in named(name)):
        pytest.skip(f"the files of {name} are not in UNMASK_WEIGHTS_DIR")
    main = verified(card(name), settings)
    return (main, *(companion(card(name), main, more.file) for more in card(name).weights.more))


def named(name: str) -> list[str]:
    return [card(name).weights.file, *(more.file for more in card(name).weights.more)]


@pytest.mark.parametrize("name", [*MESONET, "classnseg-face2face"])
def test_the_golden_logit_is_reproduced(name: str, settings: Settings) -> None:
    known, golden = card(name), card(name).golden
    assert golden is not None
    detector = load_detector(known, files(name, settings)[0], "cpu")
    logit = detector.logits(golden_input(golden.seed, known.input.size)[None])[0]
    assert logit == pytest.approx(golden.logit, abs=golden.tolerance)


@pytest.mark.parametrize("name", MESONET)
def test_every_value_of_mesonet_is_used_and_p_fake_is_one_minus_keras(name: str, settings: Settings) -> None:
    from core.detectors.hdf5 import read_hdf5

    file = files(name, settings)[0]
    arrays = read_hdf5(file)
    network = Meso4() if "meso4" in name else MesoInception4()
    report = audit(counted(arrays), network, key_map("mesonet-keras"))
    assert report.ok and len(report.matched) == len(arrays) == (28 if "meso4" in name else 52)
    assert len(report.filled) == 4 and not report.dropped
    crops = pictures(3, 256)
    p_fake = 1 / (1 + np.exp(-load_detector(card(name), file, "cpu").logits(crops)))
    reference = Keras({key: np.asarray(value, np.float32) for key, value in arrays.items()})
    np.testing.assert_allclose(p_fake, 1 - reference.p_real(crops), atol=1e-5)


def test_every_key_of_classnseg_is_used(settings: Settings) -> None:
    encoder, decoder = files("classnseg-face2face", settings)
    for path, network in ((encoder, Encoder()), (decoder, Decoder())):
        state = read_state(path, ())
        report = audit(state, network, SAME_NAMES)
        assert report.ok and len(report.matched) == len(state)
    detector = load_detector(card("classnseg-face2face"), encoder, "cpu")
    assert isinstance(detector, ClassNSegDetector)
    shown = detector.alteration_map(pictures(2, 256))
    assert shown.shape == (2, 256, 256) and np.isfinite(shown).all() and shown.min() >= 0 and shown.max() <= 1


def walk(seed: int, frames: int) -> np.ndarray:
    """Landmarks that wander, float64[frames, 68, 2] px."""
    rng = np.random.default_rng(seed)
    return rng.uniform(80, 320, (1, 68, 2)) + np.cumsum(rng.normal(0, 0.3, (frames, 1, 2)), axis=0)


@pytest.mark.parametrize("name", ["lrnet", "lrnet-dfo"])
def test_every_key_of_lrnet_is_used_and_the_golden_value_reproduced(name: str, settings: Settings) -> None:
    main, more = files(name, settings)
    for path in (main, more):
        state = read_state(path, ())
        report = audit(state, LrNet(), SAME_NAMES)
        assert report.ok and len(report.matched) == len(state) == 15
    detector, golden = LandmarkDetector(card(name), main, "cpu"), card(name).golden
    assert golden is not None
    p_fake = detector.p_fake(walk(golden.seed, 2 * detector.block))
    assert p_fake.shape == (2,)
    assert np.log(p_fake[0] / (1 - p_fake[0])) == pytest.approx(golden.logit, abs=golden.tolerance)


def test_lrnet_judges_a_clip_from_its_frames(settings: Settings) -> None:
    """A still picture for a second: nothing moves, and there is one figure with the second's times."""
    files("face-mesh", settings)
    main = files("lrnet", settings)[0]
    detector = load_landmark_detector(card("lrnet"), main, "cpu", settings)
    picture = np.ascontiguousarray(skimage.data.astronaut())
    face = Face((175.0, 75.0, 275.0, 195.0), (), 1.0)
    person = FaceTrack(1, (0, 24), (0.0, 0.96), (face, face), ())
    found = detector.segments([Frame(i, i / 25, picture) for i in range(33)], person)
    assert [(s.start_s, s.end_s) for s in found] == [(0.0, 29 / 25)]
    assert 0 < found[0].p_fake < 1


def test_every_key_of_mobilefacenet_is_used_and_its_golden_value_reproduced(settings: Settings) -> None:
    path = files("mobilefacenet", settings)[0]
    identifier = FaceIdentifier(card("mobilefacenet"), path, "cpu")
    state = read_state(path, ())
    report = audit(state, identifier.network, SAME_NAMES)
    assert report.ok and len(report.matched) == len(state) == 307
    (point,) = identifier.embed(golden_input(20240, 112)[None])
    np.testing.assert_allclose(point[:6], [0.03671, -0.09439, 0.02189, 0.00828, 0.09935, 0.23414], atol=1e-3)


@pytest.mark.skipif(not DATA, reason="UNMASK_TEST_DATA names no folder of media")
def test_faces_of_one_clip_are_closer_than_those_of_others(settings: Settings) -> None:
    path = files("mobilefacenet", settings)[0]
    clips = sorted(Path(DATA or ".").glob("video/calib/*/real/*.mp4"))
    if len(clips) < 3:
        pytest.skip("there are no clips in video/calib")
    finder, identifier = FaceFinder(FaceSettings(), "cpu"), FaceIdentifier(card("mobilefacenet"), path, "cpu")
    points, who = [], []
    for number, clip in enumerate(clips):
        pictures_ = [rgb for _, rgb in read_frames(clip, 3)]
        crops = [aligned(rgb, faces[0]) for rgb, faces in zip(pictures_, finder.find(pictures_), strict=True) if faces]
        points.append(identifier.embed(np.stack(crops)))
        who += [number] * len(crops)
        middle = consistency(points[-1], range(len(crops))).median
        assert middle is not None and middle > 0.7
    cosine, same = np.concatenate(points) @ np.concatenate(points).T, np.equal.outer(who, who)
    assert cosine[same].min() > cosine[~same].max() + 0.05
