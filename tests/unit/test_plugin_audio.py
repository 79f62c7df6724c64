"""Detectors that listen: files of the published layout against references, windows, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from core.detectors.audio import audio_spec, cut, load_audio_detector
from core.detectors.base import load_detector
from core.errors import ConfigError, WeightsError
from core.registry import AudioSpec, card
from core.types import Modality
from tests.unit.audio_samples import Aasist, Lcnn, RawGat, RawNetLite, Voice, saved, sounds
from tests.unit.plugin_samples import card_for

LISTENERS = ["aasist", "aasist-l", "rawgat-st", "lfcc-lcnn", "rawnetlite"]
REFERENCES: dict[str, tuple[Callable[[], Voice], int]] = {
    "aasist": (lambda: Aasist(64, (11, 20, 5, 10)), 299550),
    "aasist-l": (lambda: Aasist(24, (9, 14, 6, 9)), 86270),
    "rawgat-st": (RawGat, 443302),
    "lfcc-lcnn": (Lcnn, 870452),
    "rawnetlite": (RawNetLite, 241672),
}


@pytest.mark.parametrize("name", LISTENERS)
def test_a_file_of_the_published_layout_gives_the_logits_of_the_reference(name: str, tmp_path: Path) -> None:
    make, numbers = REFERENCES[name]
    reference, spec = make(), audio_spec(card(name))
    sound = sounds(2, spec.samples)
    file = saved(reference, tmp_path / "w.pth", sound)
    assert sum(v.numel() for v in reference.state.values()) == numbers
    detector = load_audio_detector(card_for(name, file), file, "cpu")
    out = reference.logits(torch.from_numpy(sound))
    want = out[:, 0] if out.shape[1] == 1 else out[:, 0] - out[:, 1]
    got = detector.logits(sound)
    assert got.shape == (2,) and got.dtype == np.float32
    np.testing.assert_allclose(got, want, atol=1e-4 * max(1.0, float(np.abs(out).max())))
    assert np.abs(want[0] - want[1]) > 1e-3, "the sounds must not look the same to the network"


@pytest.mark.parametrize("name", LISTENERS)
def test_a_renamed_key_is_named(name: str, tmp_path: Path) -> None:
    state = REFERENCES[name][0]().state
    victim = next(k for k in reversed(state) if k.endswith("weight") and "bn" not in k)
    state[victim + "s"] = state.pop(victim)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="missing") as caught:
        load_audio_detector(card_for(name, tmp_path / "w.pth"), tmp_path / "w.pth", "cpu")
    assert victim + "s" in caught.value.message


def test_the_file_of_one_is_refused_by_the_other(tmp_path: Path) -> None:
    file = Aasist(24, (9, 14, 6, 9)).save(tmp_path / "w.pth")
    for name in ("aasist", "rawgat-st", "rawnetlite"):
        with pytest.raises(WeightsError):
            load_audio_detector(card_for(name, file), file, "cpu")


def test_an_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="aasist-xl"):
        load_audio_detector(card("aasist").model_copy(update={"architecture": "aasist-xl"}), tmp_path / "w", "cpu")


@pytest.mark.parametrize("name", LISTENERS)
def test_cards_say_how_they_listen(name: str) -> None:
    spec = audio_spec(card(name))
    assert card(name).modality is Modality.AUDIO
    assert spec.sample_rate == 16_000
    assert spec.samples == {"lfcc-lcnn": 120_000, "rawnetlite": 48_000}.get(name, 64_600)
    assert (spec.pad, spec.scale) == (("zero", "peak") if name == "rawnetlite" else ("tile", "none"))


def test_who_listens_is_no_member_for_pictures(tmp_path: Path) -> None:
    file = RawNetLite().save(tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="does not judge pictures") as caught:
        load_detector(card_for("rawnetlite", file), file, "cpu")
    assert "members" in caught.value.hint
    with pytest.raises(ConfigError, match="how it listens"):
        load_audio_detector(card("classnseg-face2face"), file, "cpu")


def test_wrong_windows_are_refused(tmp_path: Path) -> None:
    file = RawNetLite().save(tmp_path / "w.pth")
    detector = load_audio_detector(card_for("rawnetlite", file), file, "cpu")
    assert detector.memory_bytes > 900_000
    assert detector.logits(np.zeros((0, 48_000), np.float32)).shape == (0,)
    for shape in ((48_000,), (1, 47_999)):
        with pytest.raises(ValueError, match="48000"):
            detector.logits(np.zeros(shape, np.float32))


# ---- windows ----------------------------------------------------------------------------------------------------

SPEC = AudioSpec(samples=1600)


def test_short_sound_is_repeated_or_filled_with_silence() -> None:
    x = np.arange(1, 701, dtype=np.float32) / np.float32(1000)
    tiled, starts = cut(x, 16_000, SPEC)
    np.testing.assert_array_equal(tiled[0], np.concatenate([x, x, x[:200]]))
    assert starts.tolist() == [0.0]
    filled, _ = cut(x, 16_000, SPEC.model_copy(update={"pad": "zero"}))
    np.testing.assert_array_equal(filled[0], np.concatenate([x, np.zeros(900)]))


@pytest.mark.parametrize("length", [1601, 2400, 4000, 4001, 16_000])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_long_sound_is_covered_to_its_end(length: int, overlap: float) -> None:
    x = np.arange(length, dtype=np.float32)
    windows, starts = cut(x, 16_000, SPEC.model_copy(update={"overlap": overlap}))
    places = np.rint(starts * 16_000).astype(int)
    assert windows.shape == (len(starts), 1600) and windows.dtype == np.float32
    np.testing.assert_array_equal(windows[:, 0], places)
    assert places[0] == 0 and places[-1] == length - 1600
    assert (np.diff(places) > 0).all() and (np.diff(places) <= round(1600 * (1 - overlap))).all()


def test_nothing_gives_no_window_and_silence_stays_silence() -> None:
    windows, starts = cut(np.zeros(0, np.float32), 16_000, SPEC)
    assert windows.shape == (0, 1600) and starts.shape == (0,)
    loud = SPEC.model_copy(update={"scale": "peak"})
    assert not cut(np.zeros(5000, np.float32), 16_000, loud)[0].any()
    assert np.abs(cut(np.full(5000, -0.2, np.float32), 16_000, loud)[0]).max() == 1.0
    with pytest.raises(ValueError, match="mono"):
        cut(np.zeros((2, 5000), np.float32), 16_000, SPEC)


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000])
def test_other_rates_are_resampled(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    windows, _ = cut(tone, rate, AudioSpec(samples=16_000))
    want = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    np.testing.assert_allclose(windows[0][500:-500], want[500:-500], atol=0.02)


def test_the_logit_of_a_window_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    file = saved(RawNetLite(), tmp_path / "w.pth", sounds(2, 48_000))
    detector = load_audio_detector(card_for("rawnetlite", file), file, "cpu")
    windows, _ = detector.windows(sounds(1, 100_000, seed=3)[0], 16_000)
    together = detector.logits(windows)
    np.testing.assert_allclose(together, [detector.logits(w[None])[0] for w in windows], atol=1e-4)
