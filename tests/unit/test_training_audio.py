"""Fakes and nuisances of speech, voices on disk, and pairs of sounds."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ConfigError, NotFoundError
from core.training.config import TrainConfig
from core.training.data.audio import SAMPLES, AudioPairs, make_audio_validation, segment
from core.training.data.manifest import Item
from core.training.data.voices import Voice, build, read_sound, speaker_of, trimmed
from core.training.fakes.speech import SR_HZ, all_speech_fakes, speech_fake
from core.training.nuisance import sound
from core.types import PCM
from tests.media import silence, speech, voice

METHODS = ("griffin-lim", "images")
HERE = sorted(set(all_speech_fakes()) - ({"world"} if importlib.util.find_spec("pyworld") is None else set()))


def _voice(seed: int = 0, seconds: float = 2.0) -> PCM:
    hiss = 0.003 * np.random.default_rng(seed).standard_normal(round(seconds * SR_HZ))
    return (0.5 * voice(seconds, SR_HZ, seed) + hiss).astype(np.float32)


def _config(**changes: Any) -> TrainConfig:
    values = {
        "id": "t",
        "title": "t",
        "summary": "t",
        "input": {"size": 1},
        "fakes": {"griffin-lim": 1, "images": 1, "recorded": 1},
        "model": {"architecture": "lfcc-lcnn-slim"},
        "optim": {"epochs": 1, "pairs_per_epoch": 8, "pairs_per_batch": 2, "lr": 1e-3},
    }
    return TrainConfig.model_validate(values | changes)


def _item(path: str, number: int, *, fake: bool = False, source: str = "x", method: str = "bonafide") -> Item:
    return Item(path, f"{number:064x}", "audio", fake, method, source, f"{source}/{number}", "train")


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> list[Voice]:
    """Three real voices with two copies each, and two recorded fakes."""
    root = tmp_path_factory.mktemp("voices")
    items = []
    for i in range(5):
        speech(root / f"{i}.wav", seconds=2.0, seed=i)
        items.append(_item(f"{i}.wav", i, fake=i > 2, method="tts" if i > 2 else "bonafide"))
    return build(root, items, root / "store", METHODS)


# --- fakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HERE)
def test_every_speech_fake_is_seeded_and_keeps_length_and_power(name: str) -> None:
    real = _voice()
    first, again = (speech_fake(name).make(np.random.default_rng(4), real) for _ in range(2))
    assert first.dtype == np.float32
    assert first.shape == real.shape
    assert np.array_equal(first, again)
    assert np.isfinite(first).all()
    assert np.sqrt(np.mean(first**2)) == pytest.approx(float(np.sqrt(np.mean(real**2))), rel=0.1)
    assert np.abs(first - real).mean() > 0.01 * np.abs(real).mean()


@pytest.mark.parametrize("name", HERE)
def test_every_speech_fake_survives_silence_and_short_sounds(name: str) -> None:
    method = speech_fake(name)
    assert not np.any(np.isnan(method.make(np.random.default_rng(0), np.zeros(4000, np.float32))))
    assert method.make(np.random.default_rng(0), _voice(seconds=0.1)).shape == (1600,)


def test_copies_still_speak_at_the_same_moments() -> None:
    """The loudness over time of a copy follows the voice's."""
    real = _voice(seconds=3.0)
    for name in HERE:
        copy = speech_fake(name).make(np.random.default_rng(1), real)
        curves = [np.square(x[: 46 * 1024]).reshape(46, 1024).mean(axis=1) for x in (real, copy)]
        assert np.corrcoef(*curves)[0, 1] > 0.6, name


def test_images_mirror_the_lower_band() -> None:
    tone = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(SR_HZ) / SR_HZ)).astype(np.float32)
    seen = set()
    for seed in range(8):
        spectrum = np.abs(np.fft.rfft(speech_fake("images").make(np.random.default_rng(seed), tone)))
        seen |= {hz for hz in (3000, 5000, 7000) if spectrum[hz - 5 : hz + 6].max() > 30 * np.median(spectrum)}
    assert 7000 in seen


def test_without_pyworld_its_method_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyworld", None)
    with pytest.raises(ConfigError, match="needs the package pyworld"):
        speech_fake("world").make(np.random.default_rng(0), _voice())


def test_unknown_speech_fakes_are_named() -> None:
    with pytest.raises(NotFoundError, match="'parrot'"):
        speech_fake("parrot")


# --- nuisances ---------------------------------------------------------------------------------------------------

STEPS: dict[str, Callable[[np.random.Generator, PCM], PCM]] = {
    "convolutive": sound.convolutive,
    "impulsive": sound.impulsive,
    "stationary": lambda rng, pcm: sound.stationary(rng, pcm, 20.0),
    "room": sound.room,
    "band-limit": lambda rng, pcm: sound.band_limit(pcm, 3500.0),
    "telephone": lambda rng, pcm: sound.telephone(pcm),
    "mp3": lambda rng, pcm: sound.coded(pcm, "mp3", 32),
    "aac": lambda rng, pcm: sound.coded(pcm, "aac", 32),
    "opus": lambda rng, pcm: sound.coded(pcm, "opus", 16),
    "chain": sound.degrade_sound,
}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_every_nuisance_is_seeded_and_keeps_length(step: str) -> None:
    for pcm in (_voice(), np.zeros(8000, np.float32)):
        first, again = (STEPS[step](np.random.default_rng(2), pcm) for _ in range(2))
        assert first.dtype == np.float32
        assert first.shape == pcm.shape
        assert np.isfinite(first).all()
        assert np.abs(first).max() <= 1.0
        assert np.array_equal(first, again)


@pytest.mark.parametrize("step", sorted(STEPS))
def test_nuisances_draw_as_much_for_every_sound(step: str) -> None:
    """Equal generators stay equal, so that a real voice and its fake go through the same."""
    generators = [np.random.default_rng(7) for _ in range(2)]
    for generator, pcm in zip(generators, (_voice(0), _voice(1)), strict=True):
        STEPS[step](generator, pcm)
    assert generators[0].random() == generators[1].random()


def test_noise_has_its_level() -> None:
    pcm = _voice()
    noise = sound.stationary(np.random.default_rng(0), pcm, 20.0) - pcm
    assert 10 * np.log10(np.mean(pcm**2) / np.mean(noise**2)) == pytest.approx(20.0, abs=0.3)


def test_a_telephone_has_no_bass_and_no_treble() -> None:
    hiss = (0.1 * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32)
    power = np.abs(np.fft.rfft(sound.telephone(hiss))) ** 2
    hz = np.fft.rfftfreq(32_000, 1 / SR_HZ)
    inside = power[(hz > 500) & (hz < 3200)].mean()
    assert power[hz < 150].mean() < 0.05 * inside
    assert power[hz > 4200].mean() < 0.01 * inside


def test_codecs_return_the_sound_and_lose_less_at_more_bits() -> None:
    pcm = _voice(seconds=3.0)

    def loss(kbit_s: int) -> float:
        there, back = (np.abs(np.fft.rfft(x)) for x in (pcm, sound.coded(pcm, "mp3", kbit_s)))
        return float(np.abs(there - back).sum() / there.sum())

    assert loss(96) < loss(24) < 1.0


# --- voices ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "source", "speaker"),
    [
        ("a/r/real/samples__LJ040-0073.flac", "wavefake_lj", "voice/ljspeech"),
        ("a/r/real/audio__wavenet_vocoder__mixture_lj__3_target.flac", "r9y9_gt", "voice/ljspeech"),
        ("a/r/real/recordings__0_george_0.flac", "fsdd", "voice/digits/george"),
        ("a/r/fake/demo__AISHELL3__SSB00800003_synthesized.flac", "fastspeech2", "voice/aishell3/SSB0080"),
        ("a/r/real/x__1688__1688-142285-0001.flac", "resemblyzer_librispeech", "voice/libri/1688"),
        ("a/r/real/GT__1089_m__1089_134686_000002_000004.flac", "yourtts_gt", "voice/libri/1089"),
        ("a/r/real/GT__VCTK__p326__p326_271.flac", "yourtts_gt", "voice/vctk/p326"),
        ("a/r/fake/output__bdl_arctic_b0474.flac", "nii_nsf", "voice/arctic/bdl"),
        ("a/r/real/samples__1320_00000.flac", "rtvc", "voice/libri/1320"),
        ("a/r/real/Speaker_2_Male__Voice_36.flac", "algan_self_recorded", "voice/algan_self_recorded/Speaker_2_Male"),
        ("a/r/real/anything.flac", "x", "voice/x/0"),
    ],
)
def test_speakers_are_told_by_name(path: str, source: str, speaker: str) -> None:
    assert speaker_of(_item(path, 0, source=source)) == speaker


def test_silence_round_a_voice_is_cut_off() -> None:
    pcm = np.concatenate([np.zeros(8000, np.float32), _voice(seconds=1.0), np.zeros(16_000, np.float32)])
    kept = trimmed(pcm)
    assert SR_HZ * 0.5 < len(kept) < SR_HZ * 1.2
    assert len(trimmed(np.zeros(16_000, np.float32))) == 0
    assert len(trimmed(np.zeros(10, np.float32))) == 0


def test_sound_is_read_as_mono_at_16_khz(tmp_path: Path) -> None:
    pcm = read_sound(speech(tmp_path / "a.wav", seconds=1.5))
    assert len(pcm) == pytest.approx(1.5 * SR_HZ, abs=200)
    assert len(read_sound(tmp_path / "a.wav", longest_s=0.5)) == 8000


def test_voices_are_stored_once_with_their_copies(voices: list[Voice]) -> None:
    assert [v.row.fake for v in voices] == [False] * 3 + [True] * 2
    real = voices[0].samples()
    for method in METHODS:
        assert voices[0].samples(method).shape == real.shape
        assert not np.array_equal(voices[0].samples(method), real)
    names = {p.name for p in voices[3].path.parent.glob(f"{voices[3].path.stem}*")}
    assert names == {voices[3].path.name}  # nothing is copied from a fake


def test_what_is_stored_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech(tmp_path / "a.wav", seconds=1.0)
    first = build(tmp_path, [_item("a.wav", 1)], tmp_path / "store", METHODS)
    monkeypatch.setattr("core.training.data.voices.read_sound", lambda path: pytest.fail("read again"))
    again = build(tmp_path, [_item("a.wav", 1)], tmp_path / "store", METHODS)
    assert np.array_equal(first[0].samples("images"), again[0].samples("images"))


def test_silent_and_broken_files_are_no_voices(tmp_path: Path) -> None:
    silence(tmp_path / "quiet.wav")
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    (tmp_path / "empty.wav").write_bytes(b"")
    items = [_item(f"{name}.wav", i) for i, name in enumerate(("quiet", "bad", "empty", "absent"))]
    with pytest.raises(NotFoundError, match="No voice"):
        build(tmp_path, items, tmp_path / "store", METHODS)


# --- pairs -------------------------------------------------------------------------------------------------------


def test_pairs_of_sounds_are_the_same_for_ever_and_new_each_epoch(voices: list[Voice]) -> None:
    one, two = (AudioPairs(voices, _config(), 16_000) for _ in range(2))
    assert len(one) == 8
    items = [one[i] for i in range(8)]
    for i in (0, 3):
        assert np.array_equal(items[i][0].numpy(), two[i][0].numpy())
    two.epoch = 1
    assert not np.array_equal(items[3][0].numpy(), two[3][0].numpy())
    pixels, number, index = items[3]
    assert pixels.shape == (2, 16_000)
    assert not np.array_equal(*pixels.numpy())
    assert one.methods[number] in _config().fakes
    assert 0 <= index < 3
    assert {one.methods[item[1]] for item in items} == set(_config().fakes)
    with pytest.raises(IndexError):
        one[8]


def test_without_recorded_fakes_only_copies_are_drawn(voices: list[Voice]) -> None:
    pairs = AudioPairs(voices[:3], _config(), 16_000)
    assert list(pairs.methods) == ["griffin-lim", "images"]
    with pytest.raises(ConfigError, match="no real voice"):
        AudioPairs(voices[3:], _config(), 16_000)


def test_both_of_a_pair_come_from_the_same_moment(voices: list[Voice]) -> None:
    quiet = _config(nuisance={"strength": 0.0}, fakes={"griffin-lim": 1})
    pairs = AudioPairs(voices[:3], quiet, 16_000)
    real, copy = pairs[0][0].numpy()
    curves = [np.square(x[:15_360]).reshape(15, 1024).mean(axis=1) for x in (real, copy)]
    assert np.corrcoef(*curves)[0, 1] > 0.6


def test_short_sounds_repeat_and_long_ones_are_cut() -> None:
    ramp = np.arange(10, dtype=np.float32)
    assert segment(ramp, 25, 0.3).tolist() == [*range(10), *range(10), *range(5)]
    assert segment(ramp, 4, 0.0).tolist() == [0, 1, 2, 3]
    assert segment(ramp, 4, 1.0).tolist() == [6, 7, 8, 9]
    assert SAMPLES == 64_000


def test_validation_has_reals_copies_and_recorded_fakes(voices: list[Voice]) -> None:
    known = make_audio_validation(voices, _config(), 16_000)
    assert known.pixels.shape == (3 + 3 + 2, 16_000)
    assert known.fake.sum() == 5
    assert set(known.method.tolist()) == {"bonafide", "griffin-lim", "images", "tts"}
    facts = known.report(known.fake.astype(np.float64))
    assert facts == {"auc": 1.0, "auc/griffin-lim": 1.0, "auc/images": 1.0, "auc/tts": 1.0}
    assert known.report(-known.fake.astype(np.float64))["auc"] == 0.0
    assert np.array_equal(known.pixels, make_audio_validation(voices, _config(), 16_000).pixels)
