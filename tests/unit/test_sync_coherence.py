"""Vectors of mouths and voices: shift with its sign, surety, moments, and the words about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core import schema
from core.figures import shown_curves, sync_over_time
from core.sync.coherence import FPS, REACH, VOTES, Piece, coherence, spoken_at, worst
from core.sync.correlation import coherence_of
from core.sync.lips import FACE, MOUTH, cut_lips, on_grid
from core.sync.mouth import MouthMotion
from core.sync.speech import envelope
from core.sync.telling import told
from core.sync.together import by_both
from core.sync.votes import window_logits
from core.sync.words import READING, summary
from core.types import AudioClip, Frame, Status, SyncCurve, SyncStretch
from tests import analyses
from tests.media_drawing import voice

WIDTH = 16


def series(frames: int, seed: int) -> np.ndarray:
    """Unit vectors that wander as speech does."""
    x = np.random.default_rng(seed).normal(size=(frames + 8, WIDTH))
    smooth = np.stack([np.convolve(column, np.ones(4) / 4, "valid") for column in x.T], axis=1)[:frames]
    return smooth / np.linalg.norm(smooth, axis=1, keepdims=True)


def piece(frames: int = 200, lag: int = 0, noise: float = 0.5, seed: int = 0, start_s: float = 10.0) -> Piece:
    """Mouths whose sound comes ``lag`` frames later."""
    said = series(frames + 4 * REACH, seed)
    grain = np.random.default_rng(seed + 100).normal(size=(frames, WIDTH)) * noise / np.sqrt(WIDTH)
    mouths = said[2 * REACH : 2 * REACH + frames] + grain
    voices = said[REACH - lag : REACH - lag + frames + 2 * REACH]
    return Piece(start_s, mouths, voices, np.ones(frames, bool))


@pytest.mark.parametrize("lag", [-15, -10, -3, 0, 1, 8, 15])
def test_the_shift_is_found_and_late_sound_is_positive(lag):
    found = coherence([piece(lag=lag)])
    assert found is not None
    assert found.lag == lag
    assert found.confidence > 0.999
    assert np.median(found.lags) == lag


def test_distances_say_the_same_as_products():
    one = piece(lag=4)
    found = coherence([replace(one, by_distance=True)])
    assert found is not None
    assert found.lag == 4
    assert found.curve.max() <= 0


def test_foreign_sound_is_not_called_related():
    sure = []
    for seed in range(20):
        mine, other = piece(seed=seed), piece(seed=seed + 500)
        found = coherence([replace(mine, voices=other.voices)])
        assert found is not None
        sure.append(found.confidence)
    assert sum(s >= 0.975 for s in sure) <= 3
    assert np.median(sure) < 0.9


def test_several_pieces_count_together():
    weak = [piece(60, 2, 2.0, seed, 10.0 * seed) for seed in range(1, 5)]
    found = coherence(weak)
    assert found is not None
    assert found.lag == 2
    assert (np.diff(found.t_s) > 0).all()
    assert found.moments.shape == (len(found.t_s), 2 * REACH + 1)


def test_a_replaced_stretch_is_the_worst():
    whole, other = piece(300), piece(300, seed=9)
    voices = whole.voices.copy()
    voices[140:220] = other.voices[140:220]
    found = coherence([replace(whole, voices=voices)])
    assert found is not None
    (part, *_) = worst(found)
    middle = 10.0 + (180 - REACH) / FPS
    assert part.start_s < middle < part.end_s
    assert not worst(coherence([whole]) or found)


def test_silence_is_trimmed():
    one = piece(200)
    heard = np.arange(200) >= 100
    found = coherence([replace(one, heard=heard)])
    assert found is not None
    assert found.t_s.min() > 10.0 + 100 / FPS - 1.0
    assert coherence([replace(one, heard=np.zeros(200, bool))]) is None
    assert coherence([]) is None


def test_speech_is_heard_a_little_around():
    times = np.arange(100) / 100
    heard = (times > 0.5) & (times < 0.6)
    assert spoken_at(np.array([0.1, 0.35, 0.55, 0.75, 0.95]), times, heard).tolist() == [False, True, True, True, False]


def test_votes_ignore_a_constant_shift():
    t_s, still = window_logits(coherence([piece(lag=0)], VOTES))
    _, late = window_logits(coherence([piece(lag=9)], VOTES))
    _, foreign = window_logits(coherence([replace(piece(), voices=piece(seed=77).voices)], VOTES))
    assert len(t_s) == len(still) >= 3
    assert still.mean() == pytest.approx(late.mean(), rel=0.1)
    assert foreign.mean() > still.mean() + 0.15
    assert not len(window_logits(None)[0])


def mouth_of(audio: AudioClip, lag: int, noise: float, seed: int = 0) -> MouthMotion:
    """Lips that part as it gets louder, ``lag`` frames before the sound, with grain."""
    times, loudness = envelope(audio)
    rise = np.gradient(np.interp((np.arange(200) + lag + 0.5) / FPS, times, loudness)) * FPS
    opening = rise + noise * rise.std() * np.random.default_rng(seed + 900).normal(size=200)
    return moved(opening)


def moved(opening: np.ndarray) -> MouthMotion:
    speed = np.asarray(opening, np.float64)
    return MouthMotion(np.asarray((np.arange(200) + 0.5) / FPS, np.float64), np.abs(speed), speed, FPS)


def test_two_measures_find_together_what_neither_finds_alone():
    audio = AudioClip(voice(10.0, 16_000, 1), 16_000)
    hits = {"both": 0, "network": 0, "motion": 0}
    for seed in range(12):
        weak = piece(lag=3, noise=30.0, seed=seed, start_s=0.0)
        lips = mouth_of(audio, 3, 5.0, seed)
        both, network = by_both([weak], [lips], audio), coherence([weak])
        motion = coherence_of([lips], audio)
        assert both is not None and network is not None and motion is not None
        hits["both"] += both.lag == 3
        hits["network"] += network.lag == 3
        hits["motion"] += motion.lag == 3
    assert hits["both"] > max(hits["network"], hits["motion"])


def test_where_the_mouth_is_still_the_network_speaks_alone():
    audio = AudioClip(voice(10.0, 16_000, 1), 16_000)
    one = piece(lag=4, start_s=0.0)
    alone, still = coherence([one]), by_both([one], [moved(np.zeros(200))], audio)
    assert alone is not None and still is not None
    assert still.lag == alone.lag == 4
    assert still.confidence == alone.confidence
    assert by_both([], [mouth_of(audio, 0, 0.0)], audio) is None


def test_the_row_is_whole_and_can_be_written():
    found = coherence([piece(lag=2)])
    assert found is not None
    row = told(found, "measure", 1, FPS, "Caveat.")
    assert row.best_offset_ms == 80.0
    assert "Sound follows picture by 80 ms" in row.summary
    assert row.summary.endswith("Caveat.")
    assert len(row.t_s) == len(row.coherence) == len(row.offset_at_ms) == len(row.agreement_at)
    analysis = replace(analyses.clip(), sync=(row,))
    stored = schema.load(schema.dump(analysis))
    assert stored.sync[0].coherence == row.coherence
    assert schema.dump(stored) == schema.dump(analysis)


@pytest.mark.parametrize(
    ("offset_ms", "confidence", "said"),
    [
        (0.0, 1.0, "without a shift"),
        (-80.0, 1.0, "Sound leads picture by 80 ms"),
        (40.0, 1.0, "nobody notices"),
        (200.0, 1.0, "not a sign of a fake by itself"),
        (600.0, 1.0, "or more"),
        (0.0, 0.6, "no proof of a fake"),
    ],
)
def test_words(offset_ms, confidence, said):
    assert said in summary(offset_ms, 40.0, 600.0, confidence, ())
    assert "0 ms" in READING


def test_the_worst_stretches_are_named_in_order_of_time():
    text = summary(0.0, 40.0, 600.0, 1.0, (SyncStretch(5.0, 7.0, -0.1), SyncStretch(1.0, 2.5, 0.0)))
    assert "1.0–2.5 s and 5.0–7.0 s" in text


def test_the_figure_has_a_map_a_line_and_a_strip_a_person():
    found = coherence([piece(lag=2)])
    assert found is not None
    rows = tuple(told(found, "measure", who, FPS, "") for who in (1, 2))
    other = SyncCurve("other", Status.OK, "", 1, (0.0,), (1.0,), 0.0, 1.0)
    analysis = replace(analyses.clip(), sync=(*rows, other))
    assert [c.track_id for c in shown_curves(analysis)] == [2, 1]
    figure = sync_over_time(analysis)
    assert [trace.type for trace in figure.data] == ["heatmap", "scatter", "bar"] * 2
    assert figure.data[2].customdata[0][1] == 2
    assert len(figure.data[0].z) == 31


def test_other_frame_rates_are_brought_to_25_by_time():
    assert on_grid(np.arange(50) / 25) == list(range(50))
    doubled = on_grid(np.arange(100) / 50)
    assert len(doubled) == 50
    assert all(place in (2 * i, 2 * i + 1) for i, place in enumerate(doubled))
    slow = on_grid(np.arange(15) / 12.5)
    assert slow == [i // 2 for i in range(30)]


def test_mouths_are_cut_where_the_landmarks_are():
    rgb = np.zeros((240, 320, 3), np.uint8)
    points = np.array([[130, 90], [180, 90], [155, 120], [135, 145], [175, 145]], float)
    rgb[140:150, 135:176] = 255
    frames = [Frame(i, 2.0 + i / 25, rgb) for i in range(30)]
    times = np.array([f.t_s for f in frames])
    mouth = MouthMotion(times, times, times, FPS, times, np.repeat(points[None], 30, 0))
    (lips,) = cut_lips(frames, mouth)
    assert lips.crops.shape == (30, 64, 64)
    assert lips.start_s == 2.0
    assert lips.crops[0][28:34, 20:44].mean() > 150
    assert lips.crops[0][:12].mean() < 5
    (faces,) = cut_lips(frames, mouth, FACE)
    assert faces.crops.shape == (30, 224, 224, 3)
    (wide,) = cut_lips(frames, mouth, MOUTH.with_margin(8))
    assert np.abs(wide.crops[:, 8:-8, 8:-8].astype(int) - lips.crops).max() <= 2
    gap = replace(mouth, shown_s=np.delete(times, slice(10, 20)), landmarks=mouth.landmarks[:20])
    assert [len(part.crops) for part in cut_lips(frames, gap)] == [10, 10]
