"""The published files themselves, where they are at hand: complete, their golden logits, and the sign."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from core.detectors.base import load_detector
from core.detectors.classnseg import ClassNSegDetector
from core.detectors.lrnet import LandmarkDetector
from core.detectors.mesonet import counted
from core.networks.classnseg import Decoder, Encoder
from core.networks.lrnet import LrNet
from core.networks.mesonet import Meso4, MesoInception4
from core.registry import card
from core.settings import Settings, build_settings
from core.training.export import golden_input
from core.weights.files import companion, verified
from core.weights.keymap import SAME_NAMES, key_map
from core.weights.keys import audit
from core.weights.states import read_state
from tests.unit.plugin_samples import pictures
from tests.unit.test_plugin_mesonet import Keras
from tests.unit.test_plugin_small import landmark_card

MESONET = ["mesonet-meso4-df", "mesonet-meso4-f2f", "mesonet-inception4-df", "mesonet-inception4-f2f"]
FOLDER = os.environ.get("UNMASK_WEIGHTS_DIR")

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


@pytest.mark.parametrize("folder", ["lrnet", "lrnet-dfo"])
def test_every_key_of_lrnet_is_used(folder: str) -> None:
    place = Path(FOLDER or ".") / folder
    if not place.is_dir():
        pytest.skip(f"{folder} is not in UNMASK_WEIGHTS_DIR")
    for name in ("g1.pth", "g2.pth"):
        state = read_state(place / name, ())
        report = audit(state, LrNet(), SAME_NAMES)
        assert report.ok and len(report.matched) == len(state) == 15
    detector = LandmarkDetector(landmark_card(place, block=60), place / "g1.pth", "cpu")
    rng = np.random.default_rng(0)
    steady = rng.uniform(80, 320, (1, 68, 2)) + np.cumsum(rng.normal(0, 0.3, (120, 1, 2)), axis=0)
    p_fake = detector.p_fake(steady)
    assert p_fake.shape == (2,) and ((p_fake > 0) & (p_fake < 1)).all()
