"""The gate: what a file is by its content, limits, names."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import (
    DamagedMediaError,
    EmptyMediaError,
    LimitError,
    NotFoundError,
    UnsupportedMediaError,
    WorkbenchError,
)
from core.media import guard
from core.media.guard import MAX_NAME, clean_name, identify
from core.settings import Limits
from core.types import MediaKind
from tests import media
from tests.media import Samples

LIMITS = Limits()


@pytest.mark.parametrize(
    ("writer", "name", "kind", "format_"),
    [
        ("portrait", "a.jpg", MediaKind.IMAGE, "jpeg"),
        ("portrait", "a.png", MediaKind.IMAGE, "png"),
        ("portrait", "a.webp", MediaKind.IMAGE, "webp"),
        ("portrait", "a.bmp", MediaKind.IMAGE, "bmp"),
        ("portrait", "a.tif", MediaKind.IMAGE, "tiff"),
        ("portrait", "a.gif", MediaKind.IMAGE, "gif"),
        ("portrait", "a.avif", MediaKind.IMAGE, "avif"),
        ("animated", "a.gif", MediaKind.VIDEO, "gif"),
        ("animated", "a.webp", MediaKind.VIDEO, "webp"),
        ("animated", "a.png", MediaKind.VIDEO, "apng"),
        ("animated", "a.avif", MediaKind.VIDEO, "avif"),
        ("talking_clip", "a.mp4", MediaKind.VIDEO, "mp4"),
        ("numbered_clip", "a.mov", MediaKind.VIDEO, "mov"),
        ("numbered_clip", "a.mkv", MediaKind.VIDEO, "mkv"),
        ("numbered_clip", "a.webm", MediaKind.VIDEO, "webm"),
        ("numbered_clip", "a.avi", MediaKind.VIDEO, "avi"),
        ("numbered_clip", "a.ts", MediaKind.VIDEO, "ts"),
        ("numbered_clip", "a.mpg", MediaKind.VIDEO, "mpg"),
        ("speech", "a.wav", MediaKind.AUDIO, "wav"),
        ("speech", "a.mp3", MediaKind.AUDIO, "mp3"),
        ("speech", "a.flac", MediaKind.AUDIO, "flac"),
        ("speech", "a.ogg", MediaKind.AUDIO, "ogg"),
        ("speech", "a.m4a", MediaKind.AUDIO, "m4a"),
        ("speech", "a.mp4", MediaKind.AUDIO, "mp4"),
        ("speech", "a.webm", MediaKind.AUDIO, "webm"),
        ("speech_with_cover", "a.mp3", MediaKind.AUDIO, "mp3"),
        ("speech_with_cover", "a.m4a", MediaKind.AUDIO, "mp4"),
        ("speech_with_cover", "a.flac", MediaKind.AUDIO, "flac"),
        ("garbled_picture_clip", "a.mp4", MediaKind.AUDIO, "mp4"),
    ],
)
def test_kind_and_format_come_from_the_content(samples: Samples, tmp_path: Path, writer, name, kind, format_):
    disguised = tmp_path / "file.txt"
    shutil.copy(samples(writer, name), disguised)
    ref = identify(disguised, LIMITS)
    assert (ref.kind, ref.format) == (kind, format_)
    assert ref.sha256 == hashlib.sha256(disguised.read_bytes()).hexdigest()
    assert ref.size_bytes == disguised.stat().st_size
    assert (ref.path, ref.name) == (disguised, "file.txt")


def test_heic_is_read_where_its_library_is_installed(samples: Samples):
    pytest.importorskip("pillow_heif")
    assert identify(samples("portrait", "a.heic", size=128), LIMITS).format == "heic"


@pytest.mark.parametrize("suffix", [".svg", ".html", ".pdf", ".zip", ".txt", ".m3u8", ".exe", ".bin"])
def test_what_is_no_medium_is_refused_with_a_hint(samples: Samples, suffix: str):
    with pytest.raises(UnsupportedMediaError) as caught:
        identify(samples("foreign", f"a{suffix}"), LIMITS)
    assert len(caught.value.hint) > 20


def test_a_play_list_named_mp4_opens_no_other_file(samples: Samples, tmp_path: Path):
    clip = samples("numbered_clip", "a.ts")
    listing = media.bytes_of(tmp_path / "a.mp4", f"#EXTM3U\n#EXTINF:3,\nfile://{clip}\n#EXT-X-ENDLIST\n".encode())
    with pytest.raises(UnsupportedMediaError, match="play list"):
        identify(listing, LIMITS)


@pytest.mark.parametrize("seed", range(12))
def test_noise_is_no_medium(tmp_path: Path, seed: int):
    path = media.bytes_of(tmp_path / "noise.mp3", np.random.default_rng(seed).bytes(50_000))
    with pytest.raises(UnsupportedMediaError):
        identify(path, LIMITS)


def test_empty_missing_and_folder(tmp_path: Path):
    with pytest.raises(EmptyMediaError):
        identify(media.empty(tmp_path / "a.jpg"), LIMITS)
    with pytest.raises(NotFoundError):
        identify(tmp_path / "nothing.jpg", LIMITS)
    with pytest.raises(UnsupportedMediaError):
        identify(tmp_path, LIMITS)


def test_a_clip_without_frames_is_empty(samples: Samples):
    with pytest.raises(EmptyMediaError) as caught:
        identify(samples("zero_frame_clip", "a.mp4"), LIMITS)
    assert caught.value.hint


def test_too_many_bytes(samples: Samples):
    with pytest.raises(LimitError, match="MB"):
        identify(samples("portrait", "a.png"), Limits(max_bytes=1000))


def test_a_picture_bomb_is_refused_undecoded(samples: Samples):
    bomb = samples("bomb", "a.png")
    assert bomb.stat().st_size < 1000
    with pytest.raises(LimitError):
        identify(bomb, LIMITS)


def test_too_many_pixels_in_picture_and_video(samples: Samples):
    for path in (samples("portrait", "a.png"), samples("talking_clip", "a.mp4"), samples("animated", "a.gif")):
        with pytest.raises(LimitError, match="pixels"):
            identify(path, Limits(max_pixels=10_000))


def test_a_broken_head_is_damage_not_a_foreign_format(samples: Samples, tmp_path: Path):
    picture = samples("portrait", "a.png").read_bytes()
    with pytest.raises(DamagedMediaError):
        identify(media.bytes_of(tmp_path / "a.png", picture[:20]), LIMITS)
    with pytest.raises(DamagedMediaError):
        identify(media.truncated(tmp_path / "a.mp4", samples("talking_clip", "a.mp4"), 0.5), LIMITS)


def test_a_picture_with_something_behind_it_is_a_picture(samples: Samples, tmp_path: Path):
    both = samples("portrait", "a.jpg").read_bytes() + samples("foreign", "a.zip").read_bytes()
    assert identify(media.bytes_of(tmp_path / "a.zip", both), LIMITS).kind is MediaKind.IMAGE


@pytest.mark.parametrize("name", [n for n in media.HOSTILE_NAMES if "/" not in n and "\0" not in n and n.strip(". ")])
def test_files_with_hostile_names_are_read(samples: Samples, tmp_path: Path, name: str):
    path = tmp_path / os.fsdecode(os.fsencode(name)[:250])
    shutil.copy(samples("talking_clip", "a.mp4"), path)
    ref = identify(path, LIMITS)
    assert ref.kind is MediaKind.VIDEO
    assert ref.name == clean_name(path.name)


def test_the_given_name_is_shown_instead_of_the_path(samples: Samples):
    assert identify(samples("portrait", "a.jpg"), LIMITS, name="../my\u202e photo.jpg").name == "my photo.jpg"


def assert_is_safe(name: str) -> None:
    assert 0 < len(name) <= MAX_NAME
    assert not set(name) & set("/\\\0\n\r\t")
    assert name.isprintable()
    assert name == name.strip()
    name.encode("utf-8")


@pytest.mark.parametrize("name", media.HOSTILE_NAMES)
def test_hostile_names_become_safe(name: str):
    assert_is_safe(clean_name(name))


@given(st.text(st.characters(codec=None), max_size=400))
def test_any_name_becomes_safe_and_stays_so(name: str):
    cleaned = clean_name(name)
    assert_is_safe(cleaned)
    assert clean_name(cleaned) == cleaned


def test_ordinary_names_are_kept():
    for name in ("holiday.jpg", "Mein Gesicht (2).mp4", "写真.png", ".hidden.png"):
        assert clean_name(name) == name
    assert clean_name("x" * 300 + ".mp4").endswith("….mp4")


def test_every_refusal_has_message_and_hint(samples: Samples):
    refused = [samples("foreign", f"a{s}") for s in (".svg", ".bin")] + [samples("bomb", "a.png")]
    for path in refused:
        with pytest.raises(WorkbenchError) as caught:
            identify(path, LIMITS)
        assert caught.value.message.endswith(".")
        assert caught.value.hint.endswith(".")


def test_bytes_that_are_known_are_not_decoded_again(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = identify(samples("talking_clip", "a.mp4"), LIMITS)
    other = Path(shutil.copy(first.path, tmp_path / "other name.mov"))

    def refuse(*_: object) -> None:
        raise AssertionError("it was decoded again")

    monkeypatch.setattr(guard, "open_container", refuse)
    again = identify(other, LIMITS)
    assert (again.kind, again.format, again.sha256) == (first.kind, first.format, first.sha256)
    assert (again.path, again.name) == (other, "other name.mov")
    with pytest.raises(AssertionError):
        identify(samples("numbered_clip", "a.mkv"), Limits(max_pixels=LIMITS.max_pixels - 1))
