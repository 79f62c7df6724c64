"""Frames: exact times in every container, seeking, rotation, strategies, damage."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from core.errors import CancelledError, DamagedMediaError
from core.media import sampling as sampling_module
from core.media import video
from core.media.guard import identify
from core.media.probe import probe
from core.media.reader import MAX_SIDE_PX, VideoReader, delivered_size
from core.media.video import frame_at, read_frames, read_grey_window, read_window
from core.settings import Limits, Sampling
from core.types import Frame, MediaInfo, MediaRef
from tests import media
from tests.media import Samples, frame_number

LIMITS = Limits()
CONTAINERS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mpg", ".flv")


def opened(path: Path) -> tuple[MediaRef, MediaInfo]:
    ref = identify(path, LIMITS)
    return ref, probe(ref, LIMITS)


def sample(path: Path, strategy="uniform", frames: int = 8, **options) -> tuple[list[Frame], list[str]]:
    return read_frames(*opened(path), Sampling(strategy=strategy, frames=frames), **options)


def assert_in_order(frames: list[Frame]) -> None:
    times = [f.t_s for f in frames]
    assert times == sorted(set(times))


def assert_times_are_right(frames: list[Frame], start_s: float = 0.0, fps: float = 25.0) -> None:
    """Each frame shows the number that belongs to its time."""
    assert_in_order(frames)
    assert [frame_number(f.rgb) for f in frames] == [round((f.t_s - start_s) * fps) for f in frames]


@pytest.fixture
def hopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every clip as a long one."""
    monkeypatch.setattr(sampling_module, "RUN_PIXELS", 1)


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize("strategy", ["uniform", "all", "quality"])
def test_times_are_exact(samples: Samples, suffix: str, strategy: str):
    path = samples("numbered_clip", f"a{suffix}", options={"g": "10"})
    frames, warnings = sample(path, strategy)
    assert warnings == []
    assert len(frames) == (75 if strategy == "all" else 8)
    assert_times_are_right(frames, opened(path)[1].video_start_s or 0.0)


def test_uniform_takes_the_middle_of_equal_parts(samples: Samples):
    frames, _ = sample(samples("numbered_clip", "a.mp4"), frames=5)
    assert [frame_number(f.rgb) for f in frames] == [7, 22, 37, 52, 67]
    assert [f.index for f in frames] == [7, 22, 37, 52, 67]


@pytest.mark.parametrize("suffix", [s for s in CONTAINERS if s != ".mpg"])
def test_times_are_exact_when_hopping(samples: Samples, hopping: None, suffix: str):
    path = samples("numbered_clip", f"a{suffix}", options={"g": "10"})
    frames, warnings = sample(path)
    assert warnings == []
    assert len(frames) == 8
    assert_times_are_right(frames, opened(path)[1].video_start_s or 0.0)
    gaps = np.diff([f.t_s for f in frames])
    assert max(gaps) < 1.0


def test_hopping_takes_key_frames(samples: Samples, hopping: None):
    path = samples("numbered_clip", "a.mp4", options={"g": "10", "sc_threshold": "0", "bf": "0"})
    frames, _ = sample(path, frames=5)
    assert [frame_number(f.rgb) for f in frames] == [0, 20, 30, 50, 60]


def test_hopping_with_one_key_frame_goes_on_from_where_it_is(samples: Samples, hopping: None):
    path = samples("numbered_clip", "a.mp4", options={"g": "300", "sc_threshold": "0"})
    frames, _ = sample(path, frames=6)
    assert_times_are_right(frames)
    assert len(frames) == 6


def test_an_hour_is_sampled_without_being_decoded(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = media.repeated(tmp_path / "hour.mp4", samples("numbered_clip", "a.mp4", options={"g": "25"}), 1200)
    decoded = 0
    real = VideoReader.frames

    def counted(reader: VideoReader):
        nonlocal decoded
        for frame in real(reader):
            decoded += 1
            yield frame

    monkeypatch.setattr(VideoReader, "frames", counted)
    frames, warnings = sample(path, frames=30)
    assert warnings == []
    assert len(frames) == 30
    assert decoded <= 120
    assert_in_order(frames)
    assert frames[-1].t_s > 3500
    assert all(frame_number(f.rgb) == round(f.t_s * 25) % 75 for f in frames)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate_keeps_its_times(samples: Samples, suffix: str):
    frames, _ = sample(samples("vfr_clip", f"a{suffix}"), "all")
    assert [round(f.t_s * 1000) for f in frames] == media.vfr_ticks(60)


def test_variable_frame_rate_is_sampled_by_time(samples: Samples):
    frames, _ = sample(samples("vfr_clip", "a.mp4"), frames=16)
    gaps = np.diff([f.t_s for f in frames])
    assert gaps.min() > 0.09
    assert gaps.max() < 0.31


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_frames_are_upright(samples: Samples, degrees: int):
    path = samples("rotated_clip", "a.mp4", degrees=degrees)
    frame = sample(path, frames=1)[0][0]
    info = opened(path)[1]
    assert frame.rgb.shape == (info.height, info.width, 3)
    clip = sample(samples("talking_clip", "a.mp4"), frames=1)[0][0]
    stored = np.pad(np.rot90(clip.rgb, k=degrees // 90), ((0, 0), (0, 64), (0, 0)))
    upright = np.rot90(stored, k=-degrees // 90)
    assert np.corrcoef(frame.rgb.ravel(), upright.ravel())[0, 1] > 0.9


def test_a_mirrored_picture_is_righted(tmp_path: Path):
    half = np.zeros((64, 96, 3), np.uint8)
    half[:, :32] = 255
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=25)
        track.width, track.height, track.pix_fmt = 96, 64, "yuv420p"
        track.set_display_rotation(0, hflip=True)
        for i in range(5):
            frame = av.VideoFrame.from_ndarray(half, "rgb24")
            frame.pts = i
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    ref, info = opened(path)
    rgb = read_frames(ref, info, Sampling(frames=1))[0][0].rgb
    assert rgb[:, -20:].mean() > 200
    assert rgb[:, :40].mean() < 50
    assert any("mirror" in hint for hint in info.hints)


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as out:
        track = out.add_stream("libx264", rate=25)
        track.width, track.height, track.pix_fmt = 100, 100, "yuv420p"
        track.codec_context.sample_aspect_ratio = Fraction(2)
        frame = av.VideoFrame.from_ndarray(np.zeros((100, 100, 3), np.uint8), "rgb24")
        frame.pts = 0
        out.mux(track.encode(frame))
        out.mux(track.encode(None))
    ref, info = opened(path)
    assert (info.width, info.height) == (200, 100)
    assert read_frames(ref, info, Sampling())[0][0].rgb.shape == (100, 200, 3)


def test_large_frames_are_delivered_smaller(tmp_path: Path):
    picture = np.zeros((2160, 3840, 3), np.uint8)
    path = media.write_clip(tmp_path / "a.mp4", [picture], 25, options={"preset": "ultrafast"})
    assert sample(path)[0][0].rgb.shape == (1080, 1920, 3)
    assert frame_at(path, 0.0).rgb.shape == (1080, 1920, 3)
    assert delivered_size(4000, 100) == (MAX_SIDE_PX, 48)
    assert delivered_size(640, 480) == (640, 480)


@pytest.mark.parametrize("suffix", [*CONTAINERS, ".gif"])
def test_a_click_gives_the_very_frame(samples: Samples, suffix: str):
    is_picture = suffix == ".gif"
    path = samples("animated", "a.gif") if is_picture else samples("numbered_clip", f"a{suffix}", options={"g": "10"})
    for frame in sample(path, frames=4)[0]:
        for t_s in (frame.t_s, round(frame.t_s, 3), frame.t_s + 0.015):
            clicked = frame_at(path, t_s)
            assert clicked.t_s == pytest.approx(frame.t_s, abs=1e-6)
            assert np.array_equal(clicked.rgb, frame.rgb)


def test_a_click_outside_gives_the_nearest_frame(samples: Samples):
    path = samples("numbered_clip", "a.mp4")
    assert frame_number(frame_at(path, -5).rgb) == 0
    assert frame_number(frame_at(path, 99).rgb) == 74


def test_a_click_on_a_still_picture_fails_with_a_hint(samples: Samples):
    with pytest.raises(DamagedMediaError) as caught:
        frame_at(samples("portrait", "a.png"), 0.0)
    assert caught.value.hint


def test_auto_reads_short_clips_whole(tmp_path: Path):
    assert len(sample(media.numbered_clip(tmp_path / "short.mp4", count=20), "auto")[0]) == 20
    assert len(sample(media.numbered_clip(tmp_path / "long.mp4", count=50), "auto")[0]) == 8


def test_all_frames_are_bounded_by_memory(samples: Samples, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(video, "MAX_FRAMES", 20)
    frames, warnings = sample(samples("numbered_clip", "a.mp4"), "all")
    assert len(frames) == 20
    assert "too long" in warnings[0]
    assert frames[-1].t_s > 2.5


def test_fewer_frames_than_asked_come_once_each(tmp_path: Path):
    frames, warnings = sample(media.numbered_clip(tmp_path / "a.mp4", count=5), frames=32)
    assert [frame_number(f.rgb) for f in frames] == [0, 1, 2, 3, 4]
    assert warnings == []


def test_quality_prefers_the_better_frame_of_each_part(samples: Samples):
    frames, _ = sample(samples("numbered_clip", "a.mp4"), "quality", 5, rate=lambda rgb: frame_number(rgb) % 2)
    plain, _ = sample(samples("numbered_clip", "a.mp4"), "uniform", 10)
    pairs = [(frame_number(a.rgb), frame_number(b.rgb)) for a, b in zip(plain[::2], plain[1::2], strict=True)]
    assert [frame_number(f.rgb) for f in frames] == [b if b % 2 > a % 2 else a for a, b in pairs]


def test_quality_takes_the_sharper_frame(tmp_path: Path):
    sharp = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    soft = np.full_like(sharp, 128)
    path = media.write_clip(tmp_path / "a.mp4", [sharp if i % 10 < 5 else soft for i in range(40)], 25)
    frames, _ = sample(path, "quality", 4)
    assert len(frames) == 4
    assert all(f.rgb.std() > 20 for f in frames)


def test_every_scene_has_a_frame(tmp_path: Path):
    """Four scenes of 70, 4, 4 and 22 frames: uniform sampling misses some, scene sampling does not."""
    rng = np.random.default_rng(3)
    scenes = [np.kron(rng.integers(0, 255, (3, 5, 3)), np.ones((32, 32, 1))).astype(np.uint8) for _ in range(4)]
    frames = [scenes[k] for k, length in enumerate((70, 4, 4, 22)) for _ in range(length)]
    path = media.write_clip(tmp_path / "a.mp4", frames, 25)

    def seen(strategy: str) -> set[int]:
        chosen, _ = sample(path, strategy, 6)
        assert len(chosen) == 6
        return {int(np.argmin([np.abs(f.rgb - s.astype(float)).mean() for s in scenes])) for f in chosen}

    assert seen("scene") == {0, 1, 2, 3}
    assert seen("uniform") != {0, 1, 2, 3}


def test_progress_is_told_and_may_stop_the_reading(samples: Samples):
    told: list[tuple[int, int]] = []
    sample(samples("numbered_clip", "a.mp4"), on_frame=lambda done, of: told.append((done, of)))
    assert told == [(i, 8) for i in range(1, 9)]

    def stop(done: int, of: int) -> None:
        raise CancelledError("Stopped.", hint="Start again.")

    with pytest.raises(CancelledError):
        sample(samples("numbered_clip", "a.mp4"), on_frame=stop)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_animated_pictures_are_clips(samples: Samples, suffix: str):
    path = samples("animated", f"a{suffix}")
    frames, warnings = sample(path, "all")
    assert warnings == []
    assert [round(f.t_s * 1000) for f in frames] == list(range(0, 960, 80))
    drawn = list(media.talking(12 / 25, 25, 128))
    assert max(np.abs(f.rgb.astype(int) - d).mean() for f, d in zip(frames, drawn, strict=True)) < 12
    assert [f.t_s for f in sample(path, "uniform", 3)[0]] == pytest.approx([0.16, 0.48, 0.8])


def test_a_cut_off_animation_gives_what_is_there(samples: Samples, tmp_path: Path):
    cut = media.truncated(tmp_path / "a.gif", samples("animated", "a.gif"), 0.5)
    frames, _ = sample(cut, "all")
    assert 4 <= len(frames) <= 7


def test_a_grey_window_holds_the_same_part_of_each_frame(samples: Samples):
    ref, info = opened(samples("numbered_clip", "a.mp4"))
    whole = read_window(ref, info, 1.0, 1.4)
    parts = read_grey_window(ref, info, 1.0, 1.4, (10, 4, 60, 44))
    assert [p.t_s for p in parts] == [f.t_s for f in whole]
    for part, frame in zip(parts, whole, strict=True):
        assert part.grey.shape == (40, 50) and part.grey.flags.owndata
        assert np.array_equal(part.grey, cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)[4:44, 10:60])
    outside = read_grey_window(ref, info, 1.0, 1.1, (5000, 5000, 5010, 5010))
    assert outside[0].grey.shape == whole[0].rgb.shape[:2]
    with pytest.raises(DamagedMediaError):
        read_grey_window(ref, info, 50.0, 51.0, (0, 0, 20, 20))


def test_a_window_holds_all_its_frames(samples: Samples):
    ref, info = opened(samples("numbered_clip", "a.mp4"))
    assert [frame_number(f.rgb) for f in read_window(ref, info, 1.0, 1.4)] == list(range(25, 35))
    assert [frame_number(f.rgb) for f in read_window(ref, info, 1.0, 1.4, max_fps=12.5)] == [25, 27, 29, 31, 33]
    with pytest.raises(DamagedMediaError):
        read_window(ref, info, 50.0, 51.0)


@pytest.mark.parametrize("share", [0.5, 0.7])
@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".flv"])
def test_the_readable_part_of_a_cut_off_clip_is_sampled(samples: Samples, tmp_path: Path, suffix: str, share: float):
    path = samples("numbered_clip", f"a{suffix}", options={"g": "10"})
    frames, warnings = sample(media.truncated(tmp_path / f"cut{suffix}", path, share))
    assert len(frames) >= 6
    assert_in_order(frames)
    assert frames[-1].t_s < 3 * share + 0.2
    assert any("Only the first" in text for text in warnings)


def test_a_clip_whose_index_outlives_its_data(samples: Samples, tmp_path: Path):
    """An MP4 made for streaming that lost its second half still has the full index."""
    path = media.remuxed(tmp_path / "fast.mp4", samples("talking_clip", "a.mp4"), movflags="faststart")
    frames, warnings = sample(media.truncated(tmp_path / "cut.mp4", path, 0.5), frames=12)
    assert len(frames) >= 8
    assert 0.5 < frames[-1].t_s < 2.2
    assert any("Only the first" in text for text in warnings)


def test_a_clip_that_lies_about_its_length(samples: Samples, tmp_path: Path):
    """The head of a 3 s clip claims two hours."""
    content = samples("numbered_clip", "a.mkv", options={"g": "10"}).read_bytes()
    at = content.index(b"\x44\x89\x88") + 3
    path = media.bytes_of(tmp_path / "a.mkv", content[:at] + struct.pack(">d", 7_200_000.0) + content[at + 8 :])
    assert opened(path)[1].duration_s == pytest.approx(7200)
    frames, warnings = sample(path)
    assert len(frames) >= 6
    assert_times_are_right(frames)
    assert "of 7200.0 seconds" in warnings[0]


def test_damage_in_the_middle_is_stepped_over(samples: Samples, tmp_path: Path):
    content = bytearray(samples("talking_clip", "a.mkv", options={"g": "5"}).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    frames, _ = sample(media.bytes_of(tmp_path / "a.mkv", bytes(content)), frames=12)
    assert len(frames) >= 8
    assert frames[0].t_s < 0.5
    assert frames[-1].t_s > 2.5


def test_a_stream_without_container_is_decoded_to_a_copy_first(tmp_path: Path):
    path = media.numbered_clip(tmp_path / "a.h264", container="h264")
    frames, warnings = sample(path)
    assert_times_are_right(frames)
    assert len(frames) == 8
    assert "no time stamps" in warnings[0]
    assert frame_number(frame_at(path, 1.0).rgb) == 25


def test_a_fragmented_clip(samples: Samples, tmp_path: Path):
    source = samples("numbered_clip", "a.mp4", options={"g": "10"})
    path = media.remuxed(tmp_path / "a.mp4", source, movflags="frag_keyframe+empty_moov")
    frames, warnings = sample(path)
    assert warnings == []
    assert len(frames) == 8
    assert_times_are_right(frames)
    assert np.diff([f.t_s for f in frames]).max() < 0.5


def test_sound_without_picture_has_no_frames(samples: Samples):
    ref, info = opened(samples("speech", "a.mp4"))
    with pytest.raises(Exception, match="no moving picture") as caught:
        read_frames(ref, info, Sampling())
    assert caught.value.hint  # type: ignore[attr-defined]


def test_temporary_copies_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sample(media.numbered_clip(tmp_path / "a.h264", container="h264"))
    assert [p.name for p in tmp_path.iterdir()] == ["a.h264"]


def test_spread_gives_each_scene_its_share():
    from core.media.strategies import spread

    times = [float(i) for i in range(20)]
    assert spread(times, [], 4) == [2.0, 7.0, 12.0, 17.0]
    assert spread(times, [18], 3)[-1] in (18.0, 19.0)
    assert spread(times, list(range(1, 20)), 5) == spread(times, list(range(1, 20)), 5)
    assert len(spread(times, [5, 6, 7], 3)) == 3
    assert spread([], [], 3) == []
    assert spread(times, [10], 40) == times
