"""Networks of sound and what they look at."""

from __future__ import annotations

from typing import Any, cast

import librosa
import numpy as np
import pytest
import torch

from core import networks
from core.networks.audio import MIN_SAMPLES, AudioNetwork
from core.networks.frontends import SR_HZ, ConstantQ, Cqcc, Lfcc, dct_matrix, deltas, level

TINY: dict[str, dict[str, Any]] = {
    "cqcc-cnn-slim": {"channels": (4, 4, 8, 8), "coefficients": 16, "drop": 0.0},
    "lfcc-lcnn-slim": {"width": 4, "drop": 0.0},
    "raw-graph-slim": {"filters": 12, "channels": (4, 4, 8, 8), "nodes": 8, "stride": 4, "drop": 0.0},
    "wave-transformer-slim": {"channels": 16, "width": 32, "layers": 1, "heads": 2, "drop": 0.0},
}
CASES = [pytest.param(name, id=name) for name in TINY]


def _tiny(name: str, **options: Any) -> AudioNetwork:
    torch.manual_seed(0)
    return cast(AudioNetwork, networks.build(name, **{**TINY[name], **options}))


def _sound(n: int = 2, length: int = MIN_SAMPLES, seed: int = 1) -> torch.Tensor:
    return 0.1 * torch.randn(n, length, generator=torch.Generator().manual_seed(seed))


def test_every_network_of_sound_has_a_tiny_form_here() -> None:
    assert {f"{n.removesuffix('-slim')}-slim" for n in networks.names("audio")} == set(TINY)


@pytest.mark.parametrize("name", CASES)
def test_one_logit_and_a_curve_that_grows_with_the_sound(name: str) -> None:
    net = _tiny(name).eval()
    short, long = net.curve(_sound()), net.curve(_sound(1, 2 * MIN_SAMPLES))
    assert net(_sound()).shape == (2,)
    assert short.shape[0] == 2
    assert 1.7 * short.shape[1] <= long.shape[1] <= 2.3 * short.shape[1]


@pytest.mark.parametrize("name", CASES)
def test_gradients_reach_every_parameter(name: str) -> None:
    net = _tiny(name).train()
    net(_sound(3, 20_000)).square().sum().backward()
    silent = [key for key, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []


@pytest.mark.parametrize("name", CASES)
def test_loudness_and_offset_tell_nothing(name: str) -> None:
    net = _tiny(name).eval()
    x = _sound()
    assert torch.allclose(net(x), net(0.25 * x), atol=2e-2)
    assert torch.isfinite(net(torch.zeros_like(x))).all()


@pytest.mark.parametrize("name", CASES)
def test_too_little_sound_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="16000"):
        _tiny(name)(_sound(1, MIN_SAMPLES - 1))


@pytest.mark.parametrize("name", CASES)
def test_weights_hold_no_front_end(name: str) -> None:
    keys = _tiny(name).state_dict()
    assert not [k for k in keys if any(part in k for part in ("kernel", "dct", "window", "bank", "resample"))]


def test_one_batch_can_be_learned_and_fakes_score_high() -> None:
    net = _tiny("lfcc-lcnn-slim").train()
    x = _sound(6)
    fake = torch.tensor([0.0, 1.0] * 3)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(80):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x), fake)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.1
    logit = net(x)
    assert (logit[fake == 1] > 0).all()
    assert (logit[fake == 0] < 0).all()


# --- front ends --------------------------------------------------------------------------------------------------


def _chirp() -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    return 0.05 * noise + librosa.chirp(fmin=80, fmax=7000, sr=SR_HZ, length=32_000).astype(np.float32)


def _mine(sound: np.ndarray) -> np.ndarray:
    return np.asarray(ConstantQ()(torch.from_numpy(sound)[None])[0])


@pytest.mark.parametrize("bin_", [0, 30, 77, 120, 167])
def test_constant_q_is_the_sum_with_librosas_filters(bin_: int) -> None:
    sound = _chirp()
    freqs = 62.0 * 2.0 ** (np.arange(168) / 24)
    alpha = (2 ** (2 / 24) - 1) / (2 ** (2 / 24) + 1)
    bank, lengths = librosa.filters.wavelet(freqs=freqs[[bin_]], sr=SR_HZ, norm=1, pad_fft=False, alpha=alpha)
    size = bank.shape[1]
    padded = np.pad(sound, size)
    for frame in (40, 60, 90):
        begin = size + frame * 256 - size // 2
        exact = abs(np.vdot(bank[0], padded[begin : begin + size])) * np.sqrt(lengths[0])
        assert _mine(sound)[bin_, frame] == pytest.approx(exact, rel=0.05, abs=0.01)


def test_constant_q_agrees_with_librosas_own() -> None:
    """librosa halves the rate octave by octave, which damps the last bins of each: those are left out."""
    sound = _chirp()
    theirs = np.abs(librosa.cqt(sound, sr=SR_HZ, hop_length=256, fmin=62.0, n_bins=168, bins_per_octave=24, sparsity=0))
    mine = _mine(sound)
    assert mine.shape == theirs.shape
    kept = np.arange(168) % 24 < 18
    decibels = np.abs(20 * np.log10((mine[kept] + 1e-2) / (theirs[kept] + 1e-2)))
    assert np.median(decibels) < 0.2
    assert np.percentile(decibels, 95) < 1.0


def test_a_tone_lies_in_its_bin() -> None:
    frequency = 62.0 * 2.0 ** (60 / 24)
    tone = np.sin(2 * np.pi * frequency * np.arange(32_000) / SR_HZ).astype(np.float32)
    assert set(_mine(tone)[:, 30:90].argmax(axis=0)) == {60}


def test_constant_q_stays_below_half_the_rate() -> None:
    with pytest.raises(ValueError, match="half the sample rate"):
        ConstantQ(fmin_hz=70.0)


def test_cepstra_have_their_shapes_and_are_standardised() -> None:
    x = _sound(2, 64_000)
    cqcc, lfcc = Cqcc()(x), Lfcc()(x)
    assert cqcc.shape == (2, 3, 40, 251)
    assert lfcc.shape == (2, 60, 401)
    for cepstra in (cqcc, lfcc):
        assert cepstra.mean(dim=-1).abs().max() < 1e-3
        assert torch.isfinite(cepstra).all()
    assert torch.isfinite(Cqcc()(torch.zeros(1, MIN_SAMPLES))).all()


def test_front_ends_ignore_reduced_precision() -> None:
    x = _sound()
    with torch.autocast("cpu", torch.bfloat16):
        low = Lfcc()(x)
    assert low.dtype == torch.float32
    assert torch.equal(low, Lfcc()(x))


def test_derivatives_of_a_ramp_are_its_slope() -> None:
    ramp = 3.0 * torch.arange(20.0)[None]
    assert torch.allclose(deltas(ramp)[0, 2:-2], torch.full((16,), 3.0))


def test_cosine_transform_is_orthonormal() -> None:
    whole = dct_matrix(16, 16)
    assert torch.allclose(whole @ whole.T, torch.eye(16), atol=1e-5)
    from scipy.fft import dct

    x = np.random.default_rng(0).standard_normal(16)
    assert np.allclose(whole.numpy() @ x, dct(x, norm="ortho"), atol=1e-5)


def test_level_gives_unit_power_and_keeps_silence() -> None:
    x = level(_sound() + 0.3)
    assert torch.allclose(x.square().mean(dim=1), torch.ones(2), atol=1e-3)
    assert torch.equal(level(torch.zeros(1, 8)), torch.zeros(1, 8))
