"""Thresholds by conformal prediction, and calibration by quality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from core import registry
from core.errors import ConfigError, NotFoundError
from core.fusion.calibration import calibrated, sigmoid
from core.fusion.quality import QUALITY_BINS, bin_of, quality_bins
from core.registry import Calibration, Card, Ensemble, InputSpec, QualityFit, ThresholdFit
from core.training import calibrate, cli_api, thresholds
from core.training.config import TrainConfig
from core.training.fused import restricted
from core.training.thresholds import fit_band, write_thresholds
from core.training.validation import ValidationSet


def scores(n: int, seed: int, gap: float) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    fake = np.arange(n) % 2 == 1
    return fake, sigmoid(rng.normal(0, 1.5, n) + gap * (fake - 0.5))


@pytest.mark.parametrize("gap", [0.5, 2.0, 4.0])
def test_promised_error_rates_hold_on_new_data(gap: float) -> None:
    alarms, misses = [], []
    for seed in range(150):
        band = fit_band(*scores(600, seed, gap), false_alarms=0.02, alpha=0.05)
        fake, p = scores(4000, 1000 + seed, gap)
        alarms.append(np.mean(p[~fake] >= band.fake))
        misses.append(np.mean(p[fake] <= band.real))
        assert band.real <= band.fake
        assert band.false_alarms <= 0.02 and band.misses <= 0.05
    # Five standard errors of the mean over the draws of the fit.
    assert np.mean(alarms) <= 0.02 + 5 * np.std(alarms) / np.sqrt(150)
    assert np.mean(misses) <= 0.05 + 5 * np.std(misses) / np.sqrt(150)
    assert np.mean(alarms) > 0.015, "no stricter than promised"


def test_overlapping_classes_leave_a_band_and_clear_ones_little() -> None:
    wide, narrow = (fit_band(*scores(800, 0, gap), false_alarms=0.01, alpha=0.05) for gap in (0.5, 9.0))
    assert wide.uncertain > 0.5 > narrow.uncertain
    assert wide.fake - wide.real > 0.5


def test_bounds_are_exact_order_statistics() -> None:
    p = np.concatenate([np.linspace(0.001, 0.199, 199), np.linspace(0.501, 0.699, 199)])
    fake = np.arange(398) >= 199
    band = fit_band(fake, p, false_alarms=0.01, alpha=0.05)
    assert int((p[~fake] > 0.198).sum()) == 1, "one of 199 may lie above: (1 + 1) / 200 <= 0.01"
    assert (band.real, band.fake) == (0.1981, 0.5099), "neither label fits between clear classes"
    few = fit_band(fake[149:249], p[149:249], false_alarms=0.01, alpha=0.01)
    assert (few.false_alarms, few.misses) == (0.0, 0.0)


def test_too_few_are_refused() -> None:
    fake, p = scores(98, 0, 2.0)
    with pytest.raises(calibrate.TooFewError, match="50 real and 50 fake items; there are 49 and 49"):
        fit_band(fake, p, false_alarms=0.01, alpha=0.05)


# --- the preset ----------------------------------------------------------------------------------------------------


def preset_facts(**changes: Any) -> dict[str, Any]:
    facts = {"id": "both", "title": "Both", "summary": "s", "members": [{"detector": "a"}, {"detector": "b"}]}
    return facts | {"thresholds": {"fake": 0.5, "real": 0.5}} | changes


def card(name: str, modality: str = "image") -> Card:
    weights = {"file": f"{name}.x", "sha256": "0" * 64, "size_bytes": 1, "licence": "l", "trained_on": "t"}
    return Card.model_validate(
        {
            "id": name,
            "title": name,
            "family": "f",
            "modality": modality,
            "implementation": "collections:OrderedDict",
            "architecture": "n",
            "summary": "s",
            "input": {"size": 64 if name == "a" else 96},
            "weights": weights | {"how_to_get": "g"},
        }
    )


def known(n: int, size: int = 64, blur: bool = False) -> ValidationSet:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 255, (n, size, size, 3), dtype=np.uint8)
    if blur:
        half = [np.asarray(cv2.GaussianBlur(one, (0, 0), 4), np.uint8) for one in pixels[: n // 2]]
        pixels[: n // 2] = np.stack(half)
    fake = np.arange(n) % 2 == 1
    text = np.array([f"p{i // 2}" for i in range(n)])
    return ValidationSet(pixels, fake, np.where(fake, "m", "pristine"), text, text)


def test_a_preset_is_fitted_and_its_file_says_on_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ensembles").mkdir()
    path = tmp_path / "ensembles" / "both.yaml"
    path.write_text(yaml.safe_dump(preset_facts()))
    asked: list[tuple[int, tuple[str, ...]]] = []

    def make(crops: object, config: Any, *, seed: int, methods: tuple[str, ...]) -> ValidationSet:
        asked.append((config.input.size, methods))
        return known(240, config.input.size)

    class Detector:
        def __init__(self, size: int) -> None:
            self.noise = np.random.default_rng(size).normal(0, 1, 240)
            self.at = 0

        def logits(self, crops: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
            here = np.arange(self.at, self.at + len(crops))
            self.at += len(crops)
            return np.asarray(3.0 * (here % 2) - 1.5 + self.noise[here], np.float32)

    config = TrainConfig.model_validate(
        {
            "id": "a",
            "title": "A",
            "summary": "s",
            "input": {"size": 64},
            "fakes": {"swap": 1, "mouth": 2},
            "model": {"architecture": "n"},
            "optim": {"epochs": 1, "pairs_per_epoch": 1, "lr": 1e-3},
        }
    )
    monkeypatch.setattr(cli_api, "CONFIGS", tmp_path)
    monkeypatch.setattr(registry, "ensemble", lambda _: Ensemble.model_validate(preset_facts()))
    monkeypatch.setattr(thresholds, "read_card", lambda path: card(path.stem))
    monkeypatch.setattr(thresholds, "training_config", lambda _: config)
    monkeypatch.setattr(thresholds, "calibration_crops", lambda *_: None)
    monkeypatch.setattr(thresholds, "make_validation", make)
    monkeypatch.setattr(thresholds, "load_detector", lambda c, *_: Detector(c.input.size))
    text = cli_api.thresholds("both", data=tmp_path, store=tmp_path, false_alarms=0.01, alpha=0.05)
    preset = Ensemble.model_validate(yaml.safe_load(path.read_text()))
    assert preset.fit is not None
    assert (preset.fit.n_real, preset.fit.n_fake, preset.fit.alpha) == (120, 120, 0.05)
    assert 0 < preset.limits.real < preset.limits.fake < 1
    assert f"fake from {preset.limits.fake:.4f} up" in text and "120 real" in text
    assert [size for size, _ in asked] == [64, 96] and asked[0][1] == asked[1][1] == tuple(sorted(config.fakes))
    cli_api.thresholds("both", data=tmp_path, store=tmp_path, false_alarms=0.01, alpha=0.05, never_real=True)
    again = Ensemble.model_validate(yaml.safe_load(path.read_text()))
    assert (again.limits.real, again.limits.fake, again.fit) == (0.0, preset.limits.fake, preset.fit)


def test_members_without_pictures_are_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kinds = {"a": "audio", "b": "image"}
    monkeypatch.setattr(thresholds, "read_card", lambda path: card(path.stem, kinds[path.stem]))
    preset = Ensemble.model_validate(preset_facts())
    assert [c.id for c in thresholds.frame_members(preset)] == ["b"]
    strict = preset.model_copy(update={"min_members": 2})
    assert restricted(strict, ["b"]).min_members == 1 and restricted(strict, ["a", "b"]).min_members == 2
    with pytest.raises(ConfigError, match="looks at pictures"):
        restricted(preset, [])
    with pytest.raises(ConfigError, match="fitted with its fusion"):
        thresholds.fit(preset.model_copy(update={"fusion": "gate"}), tmp_path, tmp_path, false_alarms=0.01, alpha=0.05)
    with pytest.raises(NotFoundError, match="no training configuration for 'a'"):
        thresholds.training_config("a", tmp_path)


def test_a_wrong_preset_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(yaml.safe_dump(preset_facts()))
    fit = ThresholdFit(n_real=60, n_fake=60, false_alarms=0.01, alpha=0.05, sha256="0" * 64)
    with pytest.raises(ValueError):
        write_thresholds(path, {"fake": 0.2, "real": 0.8}, fit)
    assert yaml.safe_load(path.read_text()) == preset_facts()


# --- quality -------------------------------------------------------------------------------------------------------


def test_bins_follow_sharpness() -> None:
    assert [bin_of(v) for v in (0.0, 24.9, 25.0, 59.9, 60.0, 149.0, 150.0, 9e3)] == [
        "blurred",
        "blurred",
        "soft",
        "soft",
        "fair",
        "fair",
        "sharp",
        "sharp",
    ]
    pixels = known(8, blur=True).pixels
    assert quality_bins(pixels).tolist() == ["blurred"] * 4 + ["sharp"] * 4
    assert set(QUALITY_BINS) == {"blurred", "soft", "fair", "sharp"}
    assert quality_bins(pixels[:0]).shape == (0,)


def test_quality_bins_have_their_own_scaling() -> None:
    soft = QualityFit(a=1.0, b=-2.0, n_real=60, n_fake=60)
    fit = Calibration(a=0.5, b=0.0, n_real=90, n_fake=90, ece=0.1, fit_sha256="0" * 64, by_quality={"blurred": soft})
    pixels, logits = known(8, blur=True).pixels, np.full(8, 4.0)
    p = calibrated(logits, fit, pixels)
    np.testing.assert_allclose(p, sigmoid(np.repeat([2.0, 2.0], 4)))
    np.testing.assert_allclose(calibrated(logits + 2, fit, pixels), sigmoid(np.repeat([4.0, 3.0], 4)))
    np.testing.assert_allclose(calibrated(logits + 2, fit), sigmoid(np.full(8, 3.0)))


@pytest.mark.parametrize("shift", [1.5, 0.0])
def test_a_bin_has_a_fit_of_its_own_drawn_toward_the_common_one(shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = known(480, blur=True)
    rng = np.random.default_rng(5)
    side = np.where(np.arange(480) < 240, shift, -shift)
    logit = rng.normal(0, 1, 480) + 2.0 * pictures.fake + side
    bins = quality_bins(pictures.pixels)
    common = np.array(calibrate.fit_platt(logit, pictures.fake))
    found = calibrate.fits_by_bin(logit, pictures.fake, bins)
    assert set(found) == {"blurred", "sharp"}
    far = {name: np.abs(np.array(fit) - common).max() for name, fit in found.items()}
    assert min(far.values()) > 0.5 if shift else max(far.values()) < 0.4
    alone, own = (calibrate.cross_fitted(logit, pictures.fake, pictures.identity, bins=which) for which in (None, bins))
    loss = [-np.log(np.where(pictures.fake, p, 1 - p)).mean() for p in (alone, own)]
    assert loss[1] < 0.9 * loss[0] if shift else loss[1] < 1.02 * loss[0]
    monkeypatch.setattr(calibrate, "PRIOR", 1e6)
    pooled = calibrate.fits_by_bin(logit, pictures.fake, bins)
    assert np.allclose([*pooled.values()], common, atol=0.05), "a prior of a million items leaves nothing of its own"
    assert calibrate.fits_by_bin(logit[:80], pictures.fake[:80], bins[:80]) == {}, "40 of a class are too few"


def test_input_specs_can_be_compared() -> None:
    assert InputSpec(size=64) == InputSpec(size=64) and hash(InputSpec(size=64)) == hash(InputSpec(size=64))
