"""What a recording is like: where speech is, level, clipping, noise, bandwidth; and which windows are judged."""

from __future__ import annotations

import numpy as np
import pytest

from core.audio import measures
from core.audio.activity import VoiceActivity, speech_of
from core.audio.facts import BANDS, COLUMNS, ENVELOPE_POINTS, envelope, mel, mel_hz, sound_facts, traces
from core.audio.spans import STEP_S, segments, spoken_s
from core.facts import SoundFacts
from core.fusion.doubts import thin_voice
from core.fusion.votes import Vote
from core.stages.asking.voices import MOST_WINDOWS, with_speech
from core.training.nuisance.sound import telephone
from core.types import PCM, AudioClip, MediaInfo, MediaKind, Modality
from tests.media import voice

SR = 16_000
# The architecture was checked against the package's own program with that one's weights: equal to 6e-7.
GOLDEN = (
    0.0222, 0.0291, 0.0213, 0.0172, 0.0102, 0.0111, 0.0092, 0.0088,
    0.0056, 0.0053, 0.0050, 0.0908, 0.9034, 0.9358, 0.9275, 0.9550,
)  # fmt: skip
INFO = MediaInfo(MediaKind.AUDIO, "wav", has_audio=True, audio_codec="pcm_s16le")


@pytest.fixture(scope="module")
def activity() -> VoiceActivity:
    return VoiceActivity()


def _voice(seconds: float = 6.0) -> PCM:
    return (0.5 * voice(seconds, SR, 0)).astype(np.float32)


def _noise(seconds: float, level: float = 0.1) -> PCM:
    return (level * np.random.default_rng(0).standard_normal(round(seconds * SR))).astype(np.float32)


def _sound(*speech: tuple[float, float]) -> SoundFacts:
    return SoundFacts(0.0, 60.0, "speech", speech, spoken_s(speech), "test", -20.0, -3.0, 0.0)


def test_a_voice_is_found_between_noise_and_placed_on_the_clock(activity: VoiceActivity) -> None:
    pcm = np.concatenate([_noise(3.0, 0.001), _voice(6.0), _noise(3.0, 0.001)])
    found = speech_of(AudioClip(pcm, SR, start_s=10.0), activity, lambda: None)
    assert found and found[0][0] == pytest.approx(13.1, abs=0.4)
    assert all(13.0 <= a < b <= 19.2 for a, b in found)


def test_noise_a_tone_and_silence_are_no_speech(activity: VoiceActivity) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(3 * SR) / SR)).astype(np.float32)
    for pcm in (_noise(3.0), tone, np.zeros(3 * SR, np.float32), np.zeros(100, np.float32)):
        assert segments(activity.probabilities(pcm)) == ()


def test_long_sound_is_heard_as_in_one_piece(activity: VoiceActivity) -> None:
    turn = np.concatenate([_noise(10.0, 1e-4), _voice(6.0)])  # 500 steps, pieces have 512
    whole, alone = activity.probabilities(np.tile(turn, 2)), activity.probabilities(turn)
    assert len(whole) == 1000 and len(alone) == 500
    assert np.abs(whole[:500] - alone).max() < 1e-5
    assert np.mean((whole[500:] > 0.5) == (alone > 0.5)) > 0.9


def test_gives_what_it_gave(activity: VoiceActivity) -> None:
    pcm = np.concatenate([_noise(0.256, 0.01)[:4096], _voice(6.0)[:4096]])
    assert activity.probabilities(pcm) == pytest.approx(GOLDEN, abs=2e-3)


def test_segments_bridge_short_pauses_and_drop_clicks() -> None:
    p = np.zeros(200, np.float32)
    p[10:40] = p[44:80] = 0.9  # a pause of 0.13 s
    p[150:153] = 0.9  # 0.1 s
    ((begin, end),) = segments(p, start_s=1.0)
    assert begin == pytest.approx(1.0 + 10 * STEP_S, abs=0.05)
    assert end == pytest.approx(1.0 + 80 * STEP_S, abs=0.05)


def test_level_peak_and_clipping() -> None:
    tone = np.sin(2 * np.pi * 100 * np.arange(SR) / SR).astype(np.float32)
    assert measures.level_db(tone) == pytest.approx(-3.01, abs=0.05)
    assert measures.peak_db(0.5 * tone) == pytest.approx(-6.02, abs=0.05)
    assert measures.level_db(np.zeros(0, np.float32)) == measures.level_db(np.zeros(99, np.float32)) == -100.0
    assert measures.clipped_share(0.9 * tone) == 0.0
    assert measures.clipped_share(np.clip(3.0 * tone, -1, 1)) == pytest.approx(0.78, abs=0.03)


@pytest.mark.parametrize("snr", [5.0, 20.0, 35.0])
def test_snr_is_that_which_was_mixed(snr: float) -> None:
    rng = np.random.default_rng(1)
    speech = (0.2 * rng.standard_normal(2 * SR)).astype(np.float32)
    pcm = np.concatenate([np.zeros(SR, np.float32), speech, np.zeros(SR, np.float32)])
    pcm = pcm + (0.2 * 10 ** (-snr / 20) * rng.standard_normal(len(pcm))).astype(np.float32)
    assert measures.snr_db(pcm, SR, [(1.0, 3.0)]) == pytest.approx(snr, abs=1.0)
    assert measures.snr_db(pcm, SR, []) is None


def test_bandwidth_of_wide_and_of_telephone_sound() -> None:
    pcm = _noise(3.0)
    assert measures.bandwidth_hz(pcm, SR, [(0.0, 3.0)]) == pytest.approx(8000, abs=50)
    narrow = measures.bandwidth_hz(telephone(pcm), SR, [(0.0, 3.0)])
    assert narrow is not None and 3300 < narrow < 4700
    assert measures.bandwidth_hz(pcm, SR, [(0.0, 0.3)]) is None
    assert any("telephone" in trace for trace in traces(INFO, narrow))
    assert traces(INFO, 8000.0) == ()


def test_what_is_drawn_stays_small_and_true() -> None:
    long = np.tile(_voice(6.0), 20)
    points, rows = envelope(long), mel(long, SR)
    assert len(points) == ENVELOPE_POINTS and min(points) >= 0 and max(points) <= 1
    assert len(rows) == BANDS and {len(row) for row in rows} == {COLUMNS}
    tone = np.sin(2 * np.pi * 1000 * np.arange(SR) / SR).astype(np.float32)
    loudest = int(np.asarray(mel(tone, SR)).mean(axis=1).argmax())
    assert mel_hz(SR)[loudest] == pytest.approx(1000, rel=0.08)
    assert mel(np.zeros(10, np.float32), SR) == () and envelope(np.zeros(0, np.float32)) == ()


def test_facts_tell_speech_from_silence_and_from_other_sound(activity: VoiceActivity) -> None:
    for pcm, kind in ((_voice(), "speech"), (np.zeros(SR, np.float32), "silence"), (_noise(2.0), "other")):
        clip = AudioClip(pcm, SR)
        facts = sound_facts(clip, speech_of(clip, activity, lambda: None), INFO)
        assert facts.kind == kind and facts.duration_s == clip.duration_s
        assert (facts.speech_s > 1.0) == (kind == "speech")


def test_little_speech_alone_calls_nobody_fake() -> None:
    heard, seen = Vote("a", 0.9, Modality.AUDIO, whole=True), Vote("b", 0.9)
    assert "1.8 s" in thin_voice([heard], 1.8)[0]
    assert thin_voice([heard], 3.0) == thin_voice([heard], None) == thin_voice([heard, seen], 1.8) == ()


def test_only_windows_with_speech_are_judged() -> None:
    starts = np.arange(0.0, 56.0, 2.0)
    assert with_speech(starts, 4.0, _sound((11.0, 14.0))) == [4, 5, 6]
    assert with_speech(starts, 4.0, _sound((10.3, 10.9), (30.0, 30.2))) == [4]
    many = np.arange(0.0, 1000.0, 2.0)
    chosen = with_speech(many, 4.0, _sound((0.0, 1000.0)))
    assert len(chosen) == MOST_WINDOWS and chosen[0] == 0 and chosen[-1] == len(many) - 1
