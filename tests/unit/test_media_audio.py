"""Sound: every format, place on the clock, gaps, damage, limits."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import DamagedMediaError
from core.media.audio import read_audio
from core.media.guard import identify
from core.media.probe import probe
from core.settings import Limits
from core.types import AudioClip, MediaKind
from tests import media
from tests.media import Samples

LIMITS = Limits()


def listen(path: Path, limits: Limits = LIMITS, sr_hz: int = 16_000) -> tuple[AudioClip, list[str]]:
    ref = identify(path, LIMITS)
    clip, warnings = read_audio(ref, probe(ref, LIMITS), limits, sr_hz)
    assert clip is not None
    assert clip.pcm.dtype == np.float32
    assert clip.pcm.ndim == 1
    assert np.abs(clip.pcm).max(initial=0) <= 1.0
    return clip, warnings


def envelope(pcm: np.ndarray, sr_hz: int, step_s: float = 0.01) -> np.ndarray:
    step = int(sr_hz * step_s)
    return np.sqrt((pcm[: len(pcm) // step * step].reshape(-1, step) ** 2).mean(axis=1))


def lag_s(clip: AudioClip, seconds: float) -> float:
    """By how much the sound comes later than the loudness it was made from, on the medium's clock."""
    heard = envelope(clip.pcm, clip.sr_hz)
    times = np.arange(len(heard)) * 0.01 + 0.005 + clip.start_s
    shifts = np.arange(-0.3, 0.8, 0.005)
    scores = [np.corrcoef(heard, media.loudness(times - shift))[0, 1] for shift in shifts]
    assert max(scores) > 0.8
    return float(shifts[int(np.argmax(scores))])


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a", ".mp4", ".webm"])
def test_formats_keep_length_and_timing(samples: Samples, suffix: str):
    clip, warnings = listen(samples("speech", f"a{suffix}"))
    assert warnings == []
    assert clip.duration_s == pytest.approx(3.0, abs=0.06)
    assert clip.start_s == pytest.approx(0.0, abs=0.03)
    assert lag_s(clip, 3.0) == pytest.approx(0.0, abs=0.03)


def test_resampling_is_exact(samples: Samples):
    clip, _ = listen(samples("speech", "a.wav"), sr_hz=24_000)
    expected = media.voice(3.0, media.SOUND_HZ)[::2]
    assert clip.sr_hz == 24_000
    assert np.corrcoef(clip.pcm[:60_000], expected[:60_000])[0, 1] > 0.99


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".ts", ".mov", ".avi"])
def test_sound_of_a_clip_is_in_step_with_the_picture(samples: Samples, suffix: str):
    clip, warnings = listen(samples("talking_clip", f"a{suffix}"))
    assert warnings == []
    assert lag_s(clip, 3.0) == pytest.approx(0.0, abs=0.04)


def test_a_lag_of_the_sound_is_kept(tmp_path: Path):
    clip, _ = listen(media.talking_clip(tmp_path / "a.mp4", offset_ms=240))
    assert lag_s(clip, 3.0) == pytest.approx(0.24, abs=0.03)


def test_sound_that_starts_later_has_a_later_start(tmp_path: Path):
    clip, _ = listen(media.talking_clip(tmp_path / "a.mkv", sound_start_s=0.4))
    assert clip.start_s == pytest.approx(0.4, abs=0.03)
    assert lag_s(clip, 3.0) == pytest.approx(0.4, abs=0.03)


def test_a_gap_becomes_silence(tmp_path: Path):
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as out:
        track = out.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for start_s in (0.0, 2.0):
            pcm = (8000 * np.sin(np.arange(16_000) / 10)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, round(start_s * 16_000)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    clip, warnings = listen(path)
    assert clip.duration_s == pytest.approx(3.0, abs=0.01)
    assert np.abs(clip.pcm[17_000:31_000]).max() < 1e-3
    assert np.abs(clip.pcm[33_000:]).max() > 0.2
    assert "gaps of 1.0 seconds" in warnings[0]


def test_channels_are_mixed(tmp_path: Path):
    path = tmp_path / "stereo.wav"
    with av.open(str(path), "w") as out:
        track = out.add_stream("pcm_s16le", rate=8_000, layout="stereo")
        left = np.full(8_000, 16_000, np.int16)
        frame = av.AudioFrame.from_ndarray(np.stack([left, left * 0], axis=1).reshape(1, -1), "s16", "stereo")
        frame.sample_rate = 8_000
        out.mux(track.encode(frame))
        out.mux(track.encode(None))
    clip, _ = listen(path)
    assert clip.duration_s == pytest.approx(1.0, abs=0.01)
    assert np.median(clip.pcm) == pytest.approx(0.5 * 16_000 / 32_768, abs=0.01)


def test_silence_is_sound(samples: Samples):
    for path in (samples("silence", "a.wav"), samples("silent_clip", "a.mp4")):
        clip, warnings = listen(path)
        assert clip.duration_s == pytest.approx(2.0, abs=0.06)
        assert np.abs(clip.pcm).max() < 1e-3
        assert warnings == []


def test_only_the_allowed_length_is_read(samples: Samples):
    clip, warnings = listen(samples("speech", "a.wav"), Limits(max_audio_seconds=1.5))
    assert len(clip.pcm) == 24_000
    assert "Only the first" in warnings[0]


def test_a_medium_without_sound(samples: Samples):
    ref = identify(samples("numbered_clip", "a.mp4"), LIMITS)
    assert read_audio(ref, probe(ref, LIMITS), LIMITS) == (None, [])


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".flac"])
def test_a_cut_off_file_gives_what_is_there(samples: Samples, tmp_path: Path, suffix: str):
    cut = media.truncated(tmp_path / f"cut{suffix}", samples("speech", f"a{suffix}"), 0.6)
    clip, _ = listen(cut)
    assert 1.2 < clip.duration_s < 2.3


def test_a_cut_off_flac_says_so(samples: Samples, tmp_path: Path):
    cut = media.truncated(tmp_path / "cut.flac", samples("speech", "a.flac"), 0.5)
    _, warnings = listen(cut)
    assert any("seconds of sound can be read" in text or "damaged" in text for text in warnings)


def test_undecodable_sound_is_an_error_with_a_hint(samples: Samples):
    ref = identify(samples("garbled_sound_clip", "a.mkv"), LIMITS)
    assert ref.kind is MediaKind.VIDEO
    info = probe(ref, LIMITS)
    with pytest.raises(DamagedMediaError) as caught:
        read_audio(ref, info, LIMITS)
    assert caught.value.hint


@pytest.mark.parametrize("channels", [17, 257])
def test_more_channels_than_can_be_mixed_are_an_error_with_a_hint(samples: Samples, tmp_path: Path, channels: int):
    content = bytearray(samples("speech", "a.wav").read_bytes())
    content[22:24] = channels.to_bytes(2, "little")
    ref = identify(media.bytes_of(tmp_path / "many.wav", bytes(content)), LIMITS)
    info = probe(ref, LIMITS)
    with pytest.raises(DamagedMediaError) as told:
        read_audio(ref, info, LIMITS)
    assert told.value.hint
