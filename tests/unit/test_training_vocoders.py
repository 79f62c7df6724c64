"""Vocoders of our own: what they take and give, that training them brings voices closer, and what is said without."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import ConfigError, NotFoundError, WeightsMissingError
from core.settings import CONFIGS
from core.training import cli_api, vocoders
from core.training.data.crops import CropRow
from core.training.data.voices import Voice
from core.training.fakes.speech import SR_HZ, VOCODERS
from core.training.fakes.vocoder import HOP, LEVELS, VARIANTS, Codes, LogMel, Vocoder, drawn_anew, load_vocoder
from tests.media import voice


@pytest.fixture
def voices(tmp_path: Path) -> list[Voice]:
    made = []
    for number in range(3):
        path = tmp_path / f"{number}.npy"
        np.save(path, (voice(2.0, SR_HZ, number) * 16_000).astype(np.int16))
        row = CropRow(f"{number:064x}", 0.0, False, "bonafide", "x", f"x/{number}", "train", "audio", 0.0, ())
        made.append(Voice(row, path))
    return made


def test_the_fakes_of_speech_name_all_of_them() -> None:
    assert tuple(VARIANTS) == VOCODERS


@pytest.mark.parametrize("variant", VOCODERS)
def test_a_vocoder_gives_as_many_samples_as_it_takes(variant: str) -> None:
    with torch.inference_mode():
        assert Vocoder(*VARIANTS[variant])(torch.zeros(2, 5 * HOP)).shape == (2, 5 * HOP)


def test_codes_have_few_levels_and_let_gradients_through() -> None:
    torch.manual_seed(0)
    codes = Codes()
    wave = torch.randn(1, 8 * HOP).requires_grad_()
    out = codes(wave)
    levels = out.detach() * (LEVELS - 1) / 2
    assert torch.allclose(levels, levels.round(), atol=1e-5)
    out.sum().backward()
    assert wave.grad is not None and float(wave.grad.abs().sum()) > 0


@pytest.mark.parametrize("variant", VOCODERS)
def test_shipped_vocoders_keep_the_spectrum_and_change_the_wave(variant: str) -> None:
    real = (0.1 * voice(2.0, SR_HZ, 5)).astype(np.float32)
    made = drawn_anew(np.random.default_rng(0), real, variant)
    mel = LogMel()
    length = len(real) // HOP * HOP
    spectra = [mel(torch.from_numpy(x[None, :length])).flatten().numpy() for x in (real, made)]
    assert np.corrcoef(*spectra)[0, 1] > 0.7
    assert abs(np.corrcoef(real, made)[0, 1]) < 0.99


def test_training_brings_copies_closer(voices: list[Voice]) -> None:
    distance = vocoders.Distance()
    true = vocoders.stretches(np.random.default_rng(9), voices)
    trained = [vocoders.train_vocoder("vocoder-istft", voices, steps=steps) for steps in (2, 25)]
    with torch.inference_mode():
        apart = [float(distance(net(true), true)) for net in trained]
    assert apart[1] < apart[0]


def test_an_untrained_vocoder_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="not trained"):
        load_vocoder("codec", tmp_path)
    with pytest.raises(NotFoundError, match="no vocoder"):
        load_vocoder("parrot", tmp_path)


def test_a_file_of_clips_has_no_generators(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no generators of their own"):
        cli_api.generators(CONFIGS / "training" / "clips" / "clip-cnn-bilstm.yaml", data=tmp_path, store=tmp_path)


def test_what_is_there_is_not_trained_again(tmp_path: Path) -> None:
    config = CONFIGS / "training" / "voices" / "audio-lfcc-lcnn.yaml"
    assert cli_api.generators(config, data=tmp_path, store=tmp_path) == []
