"""Sound and lips: the shift is found with its sign, and nothing is claimed where nothing can be said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from core.faces.detect import FaceFinder
from core.faces.track import track
from core.settings import FaceSettings
from core.sync.correlation import METHOD, sync_curve
from core.sync.mouth import MouthMotion, mouth_motion
from core.sync.speech import envelope, voiced
from core.sync.window import pick_windows
from core.types import AudioClip, Face, FaceQuality, FaceTrack, Frame, Status
from tests.media import RGB, SOUND_HZ, head, loudness, meadow, speaking, talking, voice

SECONDS, FPS, SIZE = 6.0, 25.0, 160


def shots(pictures: Sequence[RGB], fps: float = FPS, start_s: float = 0.0) -> list[Frame]:
    return [Frame(i, start_s + i / fps, rgb) for i, rgb in enumerate(pictures)]


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    return FaceFinder(FaceSettings(), "cpu")


def person(finder: FaceFinder, frames: Sequence[Frame], every: int = 25) -> FaceTrack:
    """The track that sampling every n-th frame gives."""
    sampled = frames[::every]
    rgbs, times = [f.rgb for f in sampled], [f.t_s for f in sampled]
    return track(finder.find(rgbs), times, rgbs)[0]


@pytest.fixture(scope="module")
def speaker(finder: FaceFinder) -> tuple[list[Frame], FaceTrack, MouthMotion]:
    frames = shots(list(talking(SECONDS, FPS, SIZE)))
    who = person(finder, frames)
    return frames, who, mouth_motion(frames, who)


def sound(offset_ms: float = 0.0, seed: int = 0, start_s: float = 0.0) -> AudioClip:
    """A whisper: noise as loud as the mouth of the same ``seed`` is open, ``offset_ms`` later."""
    t = np.arange(round(SECONDS * 16_000)) / 16_000
    whisper = np.random.default_rng(seed + 9).normal(0, 0.1, len(t)) * loudness(t - offset_ms / 1000, seed)
    return AudioClip(whisper.astype(np.float32), 16_000, start_s)


@pytest.mark.parametrize("offset_ms", [-400, -200, -80, 0, 80, 200, 400])
def test_the_shift_is_found_with_its_sign(speaker, offset_ms):
    _, who, mouth = speaker
    curve = sync_curve(who, [mouth], sound(offset_ms))
    assert curve.status is Status.OK
    assert curve.best_offset_ms == pytest.approx(offset_ms, abs=40)
    assert curve.confidence is not None
    assert curve.confidence >= 0.975
    assert curve.track_id == who.id
    word = "follows picture" if offset_ms > 40 else "leads picture" if offset_ms < -40 else ""
    assert word in curve.summary


def test_a_voice_is_as_good_as_a_whisper(speaker):
    _, who, mouth = speaker
    curve = sync_curve(who, [mouth], AudioClip(voice(SECONDS, SOUND_HZ, 0, 160.0), SOUND_HZ))
    assert curve.best_offset_ms == pytest.approx(160, abs=40)


def test_the_curve_is_whole(speaker):
    _, who, mouth = speaker
    curve = sync_curve(who, [mouth], sound())
    assert curve.method == METHOD
    assert curve.offset_ms == tuple(float(v) for v in range(-600, 601, 40))
    assert len(curve.agreement) == 31
    assert all(-1 <= v <= 1 for v in curve.agreement)
    assert curve.agreement[curve.offset_ms.index(curve.best_offset_ms or 0.0)] == max(curve.agreement)
    assert "not a trained model" in curve.summary
    assert sync_curve(who, [mouth], sound()) == curve


def test_a_sound_track_that_begins_later_lags(speaker):
    _, who, mouth = speaker
    curve = sync_curve(who, [mouth], sound(start_s=0.24))
    assert curve.best_offset_ms == pytest.approx(240, abs=40)


def test_the_clock_need_not_begin_at_zero(finder):
    frames = shots(list(talking(4.0, FPS, SIZE)), start_s=100.0)
    who = person(finder, frames)
    curve = sync_curve(who, [mouth_motion(frames, who)], AudioClip(voice(4.0, SOUND_HZ), SOUND_HZ, 100.0))
    assert curve.best_offset_ms == pytest.approx(0, abs=40)


def test_sound_of_somebody_else_is_not_called_related(speaker):
    _, who, mouth = speaker
    curves = [sync_curve(who, [mouth], sound(seed=seed)) for seed in range(1, 11)]
    unrelated = [c for c in curves if "no proof" in c.summary]
    assert len(unrelated) >= 7
    assert all(c.confidence is not None and c.confidence < 0.975 for c in unrelated)


@pytest.mark.parametrize("fps", [15.0, 30.0, 50.0])
def test_other_frame_rates(finder, fps):
    times = np.arange(round(4 * fps)) / fps
    opening = loudness(times + 0.5 / fps)
    frames = shots(
        [speaking(head(SIZE), float(o), math.sin(2.5 * t)) for t, o in zip(times, opening, strict=True)], fps
    )
    who = person(finder, frames, every=round(fps))
    mouth = mouth_motion(frames, who)
    assert mouth.fps == 25
    assert np.diff(mouth.t_s) == pytest.approx(0.04)
    assert sync_curve(who, [mouth], sound(120)).best_offset_ms == pytest.approx(120, abs=40)


def test_a_variable_frame_rate(finder):
    steps = np.random.default_rng(0).choice([0.02, 0.04, 0.08], 110)
    times = np.cumsum(steps)
    middles = times + np.append(steps[1:], 0.04) / 2
    pictures = [speaking(head(SIZE), float(o), 0.3) for o in loudness(middles)]
    frames = [Frame(i, float(t), rgb) for i, (t, rgb) in enumerate(zip(times, pictures, strict=True))]
    who = person(finder, frames, every=20)
    assert sync_curve(who, [mouth_motion(frames, who)], sound(-120)).best_offset_ms == pytest.approx(-120, abs=40)


def test_one_sampled_frame_in_the_middle_is_enough(finder, speaker):
    frames, _, whole = speaker
    who = person(finder, frames[70:], every=1000)
    mouth = mouth_motion(frames, who)
    assert mouth.seen_s == pytest.approx(whole.seen_s, abs=0.2)
    assert sync_curve(who, [mouth], sound(-160)).best_offset_ms == pytest.approx(-160, abs=40)


def test_head_motion_is_not_mouth_motion(finder):
    nodding = shots([speaking(head(SIZE), 0.0, math.sin(0.25 * i)) for i in range(90)])
    speaks = shots([speaking(head(SIZE), 0.5 + 0.5 * math.sin(0.8 * i), 0.0) for i in range(90)])
    still, moved = (mouth_motion(f, person(finder, f)) for f in (nodding, speaks))
    assert np.nanmean(moved.motion) > 3 * np.nanmean(still.motion)
    assert np.nanstd(moved.opening) > 5 * np.nanstd(still.opening)


def test_opening_is_positive_while_the_lips_part(finder):
    frames = shots(
        [speaking(head(SIZE), min(i, 20) / 20 if i < 40 else max(0.0, 1 - (i - 40) / 20), 0) for i in range(70)]
    )
    mouth = mouth_motion(frames, person(finder, frames))
    assert np.nanmean(mouth.opening[3:18]) > 0.03
    assert np.nanmean(mouth.opening[43:58]) < -0.03


def test_after_a_cut_the_face_is_lost(finder):
    frames = shots([*talking(2.0, FPS, SIZE), *[meadow(SIZE, SIZE)] * 40])
    who = person(finder, frames)
    assert mouth_motion(frames, who).seen_s == pytest.approx(2.0, abs=0.2)


def test_a_still_mouth_is_not_applicable(finder):
    noise = np.random.default_rng(0)
    pictures = [np.clip(head(SIZE) + noise.normal(0, 2, (SIZE, SIZE, 3)), 0, 255).astype(np.uint8) for _ in range(90)]
    frames = shots(pictures)
    who = person(finder, frames)
    curve = sync_curve(who, [mouth_motion(frames, who)], sound())
    assert curve.status is Status.NOT_APPLICABLE
    assert "does not move" in curve.summary


def steady_tone() -> AudioClip:
    t = np.arange(round(SECONDS * SOUND_HZ)) / SOUND_HZ
    return AudioClip((0.3 * np.sin(2 * np.pi * 220 * t)).astype(np.float32), SOUND_HZ)


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        (None, "no sound"),
        (AudioClip(np.zeros(96_000, np.float32), SOUND_HZ), "silent"),
        (AudioClip(np.zeros(0, np.float32), SOUND_HZ), "silent"),
        (AudioClip(np.full(3, 0.5, np.float32), SOUND_HZ), "silent or too even"),
        (steady_tone(), "too even"),
        (AudioClip(voice(3.0, SOUND_HZ), SOUND_HZ, 60.0), "silent or too even"),
    ],
)
def test_sound_that_says_nothing_is_not_applicable(speaker, audio, reason):
    _, who, mouth = speaker
    curve = sync_curve(who, [mouth], audio)
    assert curve.status is Status.NOT_APPLICABLE
    assert reason in curve.summary
    assert curve.best_offset_ms is None
    assert curve.confidence is None
    assert curve.agreement == ()


def test_a_face_seen_too_briefly_or_never_is_not_applicable(speaker):
    frames, who, _ = speaker
    elsewhere = FaceTrack(9, (0,), (50.0,), who.faces[:1], who.quality[:1])
    for mouth in (mouth_motion(frames[:40], who), mouth_motion(frames, elsewhere), mouth_motion([], who)):
        curve = sync_curve(who, [mouth], sound())
        assert curve.status is Status.NOT_APPLICABLE
        assert "too short" in curve.summary


QUALITY = FaceQuality(size_px=100, blur=100, luma=120, yaw=0, occlusion=0)
FACE = Face((0, 0, 100, 130), ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0)), 1.0)


def stay(times: Sequence[float], places: Sequence[int] | None = None, quality: FaceQuality = QUALITY) -> FaceTrack:
    n = len(times)
    return FaceTrack(1, tuple(places or range(n)), tuple(times), (FACE,) * n, (quality,) * n)


def sound_between(start_s: float, end_s: float, total_s: float) -> AudioClip:
    pcm = np.zeros(round(total_s * SOUND_HZ), np.float32)
    first, last = round(start_s * SOUND_HZ), round(end_s * SOUND_HZ)
    pcm[first:last] = np.random.default_rng(0).normal(0, 0.1, last - first)
    return AudioClip(pcm, SOUND_HZ)


def test_the_window_lies_where_somebody_speaks():
    (window,) = pick_windows(stay([float(i) for i in range(30)]), sound_between(18, 26, 30))
    assert window is not None
    start_s, end_s = window
    assert end_s - start_s <= 8
    assert start_s == pytest.approx(18, abs=1)


def test_the_window_lies_where_the_face_is():
    times, places = [0.0, 1.0, 12.0, 13.0, 14.0, 15.0, 16.0], [0, 1, 12, 13, 14, 15, 16]
    (window,) = pick_windows(stay(times, places), sound_between(0, 30, 30))
    assert window is not None
    assert window[0] >= 11.4
    assert window[1] <= 16.6


def test_sparse_sightings_still_give_a_window_round_one():
    (window,) = pick_windows(stay([10.0, 70.0, 130.0]), sound_between(66, 74, 140))
    assert window is not None
    assert window[0] <= 70 <= window[1]
    assert window[1] - window[0] == pytest.approx(8, abs=0.01)


def test_no_window_without_speech_or_with_the_face_gone():
    assert not pick_windows(stay([0.0, 1.0, 2.0, 3.0, 4.0]), AudioClip(np.zeros(80_000, np.float32), SOUND_HZ))
    assert not pick_windows(stay([0.0, 0.5]), sound_between(0, 10, 10))
    assert not pick_windows(stay([50.0, 51.0, 52.0, 53.0]), sound_between(0, 10, 10))


def test_loudness_follows_the_voice_and_its_clock():
    times, level = envelope(AudioClip(voice(4.0, SOUND_HZ), SOUND_HZ, 2.0))
    assert times[0] == pytest.approx(2.0, abs=0.01)
    assert 0 <= level.min() <= level.max() <= 1
    truth = loudness(times - 2.0)
    assert np.corrcoef(level, np.sqrt(truth))[0, 1] > 0.8


def test_voiced_is_where_the_sound_is():
    times, heard = voiced(sound_between(2, 5, 8))
    assert heard[(times > 2.05) & (times < 4.95)].all()
    assert not heard[(times < 1.9) | (times > 5.1)].any()
