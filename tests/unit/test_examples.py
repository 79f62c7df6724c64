"""The examples that the program makes itself."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from core.errors import StorageError
from core.examples import LANDMARKS, examples, landscape, loudness, portrait, self_blended, talking_frames, voice
from core.media.guard import identify
from core.media.probe import probe
from core.settings import build_settings
from core.types import MediaKind


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    settings = build_settings(data_dir=tmp_path_factory.mktemp("examples"))
    return settings, examples(settings)


def test_there_is_one_of_each_sort_and_each_is_what_it_claims(made):
    settings, tries = made
    assert [t.id for t in tries] == [
        "portrait",
        "portrait-self-blended",
        "talking-portrait",
        "talking-portrait-blended",
        "computed-voice",
        "hills",
    ]
    for example in tries:
        assert identify(example.path, settings.limits).kind is example.kind
        assert example.title
        assert example.caption


def test_they_are_made_once(made):
    settings, tries = made
    before = [t.path.stat().st_mtime_ns for t in tries]
    assert [t.path.stat().st_mtime_ns for t in examples(settings)] == before


def test_the_same_bytes_are_made_again(made, tmp_path):
    _, tries = made
    again = examples(build_settings(data_dir=tmp_path))
    digests = [[hashlib.sha256(t.path.read_bytes()).hexdigest() for t in group] for group in (tries, again)]
    assert digests[0] == digests[1]


def test_the_portrait_is_untouched_and_the_fake_is_not():
    real, fake = portrait().astype(int), self_blended().astype(int)
    changed = np.abs(real - fake).max(axis=2) > 8
    (x0, y0), (x1, y1) = np.min(LANDMARKS, axis=0), np.max(LANDMARKS, axis=0)
    assert changed[int(y0) : int(y1), int(x0) : int(x1)].mean() > 0.3, "the face was not changed"
    assert changed[300:, :].mean() < 0.01, "more than the face was changed"


def test_the_clip_has_picture_and_sound_of_one_length(made):
    settings, tries = made
    clip = next(t for t in tries if t.kind is MediaKind.VIDEO)
    info = probe(identify(clip.path, settings.limits), settings.limits)
    assert info.has_audio
    assert info.fps == 25
    assert info.duration_s == pytest.approx(4.0, abs=0.1)


def test_the_mouth_moves_with_the_voice():
    envelope = loudness()
    frames = [f[150:330, 130:350].astype(int) for f in talking_frames(portrait(), envelope)]
    energy = np.array([envelope[i * 960 : (i + 1) * 960].mean() for i in range(len(frames))])
    mouth = np.array([frame[65:120, 60:160].mean() for frame in frames])
    motion, change = np.abs(np.diff(mouth)), np.abs(np.diff(energy))
    fit = [np.corrcoef(np.roll(motion, lag)[12:-12], change[12:-12])[0, 1] for lag in range(-10, 11)]
    assert abs(int(np.argmax(fit)) - 10) <= 1, "picture and sound are not in time"
    assert max(fit) > 0.4


def test_the_voice_is_silent_in_its_pauses():
    envelope = loudness()
    sound = voice(envelope)
    assert np.abs(sound[envelope == 0]).max() == 0
    assert 0.5 < np.abs(sound).max() <= 0.6 + 1e-6


def test_the_landscape_is_a_picture_of_the_asked_size():
    assert landscape(320, 200).shape == (200, 320, 3)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "examples").write_text("in the way")
    with pytest.raises(StorageError, match="could not be written"):
        examples(build_settings(data_dir=tmp_path))
