"""Facts about files, and their price."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
import skimage.data
from PIL import Image

from core.errors import LimitError
from core.media import jpeg
from core.media import probe as probe_module
from core.media.guard import identify
from core.media.hints import bits_per_pixel, container_hints
from core.media.probe import probe
from core.settings import Limits
from core.types import MediaInfo, MediaKind
from tests import media
from tests.media import Samples

LIMITS = Limits()


def facts(path: Path) -> MediaInfo:
    return probe(identify(path, LIMITS), LIMITS)


def test_facts_of_a_talking_clip(samples: Samples):
    info = facts(samples("talking_clip", "a.mp4"))
    assert (info.kind, info.container) == (MediaKind.VIDEO, "mp4")
    assert (info.width, info.height, info.rotation_deg) == (256, 256, 0)
    assert info.duration_s == pytest.approx(3.0, abs=0.05)
    assert (info.fps, info.frame_count) == (25.0, 75)
    assert (info.video_codec, info.video_profile, info.pixel_format) == ("h264", "High", "yuv420p")
    assert info.variable_frame_rate is False
    assert (info.has_audio, info.audio_codec) == (True, "aac")
    assert (info.audio_sample_rate_hz, info.audio_channels) == (48_000, 1)
    assert info.bitrate_bps is not None
    assert 20_000 < info.bitrate_bps < 1_000_000
    assert info.video_start_s == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("gop", [5, 10])
def test_key_frame_distance(tmp_path: Path, gop: int):
    options = {"g": str(gop), "sc_threshold": "0"}
    info = facts(media.numbered_clip(tmp_path / "a.mp4", options=options))
    assert info.gop_frames == pytest.approx(gop, abs=0.5)


def test_a_clip_with_one_key_frame_tells_its_length(tmp_path: Path):
    info = facts(media.numbered_clip(tmp_path / "a.mp4", count=40, options={"sc_threshold": "0"}))
    assert info.gop_frames == 40


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_rate(samples: Samples, suffix: str):
    info = facts(samples("vfr_clip", f"a{suffix}"))
    assert info.variable_frame_rate is True
    assert info.fps == pytest.approx(60 / 3.22, rel=0.02)


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".avi", ".mpg", ".ts"])
def test_constant_frame_rate_in_other_containers(samples: Samples, suffix: str):
    info = facts(samples("numbered_clip", f"a{suffix}"))
    assert info.variable_frame_rate is False
    assert info.fps == pytest.approx(25, abs=0.1)
    assert info.duration_s == pytest.approx(3.0, abs=0.15)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation(samples: Samples, degrees: int):
    info = facts(samples("rotated_clip", "a.mp4", degrees=degrees))
    assert info.rotation_deg == degrees
    assert (info.width, info.height) == ((320, 256) if degrees == 180 else (256, 320))


def test_a_live_recording_without_length_is_measured(samples: Samples, tmp_path: Path):
    live = media.remuxed(tmp_path / "live.webm", samples("numbered_clip", "a.webm"), live="1")
    with av.open(str(live)) as container:
        assert container.duration is None
    assert facts(live).duration_s == pytest.approx(3.0, abs=0.1)


def test_sound_that_starts_later(tmp_path: Path):
    info = facts(media.talking_clip(tmp_path / "a.mkv", seconds=2, sound_start_s=0.4))
    assert info.audio_start_s == pytest.approx(0.4, abs=0.03)
    assert info.video_start_s == pytest.approx(0.0, abs=0.01)


def test_starts_are_counted_from_the_earliest(samples: Samples):
    info = facts(samples("talking_clip", "a.ts"))
    assert info.video_start_s is not None
    assert info.audio_start_s is not None
    assert 0 <= min(info.video_start_s, info.audio_start_s) < 0.001
    assert max(info.video_start_s, info.audio_start_s) < 0.1


def test_facts_of_sound(samples: Samples):
    info = facts(samples("speech", "a.wav"))
    assert (info.kind, info.container, info.audio_codec) == (MediaKind.AUDIO, "wav", "pcm_s16le")
    assert info.duration_s == pytest.approx(3.0, abs=0.01)
    assert info.width is None
    assert info.video_codec is None


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_facts_of_animated_pictures(samples: Samples, suffix: str):
    info = facts(samples("animated", f"a{suffix}"))
    assert info.frame_count == 12
    assert info.duration_s == pytest.approx(0.96)
    assert info.fps == pytest.approx(12.5)
    assert info.variable_frame_rate is False


def test_facts_of_a_picture(samples: Samples):
    info = facts(samples("exif_rotated", "a.jpg"))
    assert (info.width, info.height, info.rotation_deg) == (384, 256, 90)
    assert (info.kind, info.frame_count, info.duration_s) == (MediaKind.IMAGE, 1, None)


def test_too_long(samples: Samples):
    limits = Limits(max_seconds=2.0)
    for name in ("talking_clip", "speech"):
        ref = identify(samples(name, "a.mp4"), LIMITS)
        with pytest.raises(LimitError, match="long"):
            probe(ref, limits)


def test_only_the_head_of_a_long_file_is_read(samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ten minutes of packets: the probe demuxes no more than the first seconds of them."""
    path = media.repeated(tmp_path / "long.mkv", samples("numbered_clip", "a.mp4"), 200)
    seen = 0
    real = probe_module._decoded

    def counted(packet):
        nonlocal seen
        seen += 1
        return real(packet)

    monkeypatch.setattr(probe_module, "_decoded", counted)
    info = facts(path)
    assert info.duration_s == pytest.approx(600, abs=1)
    assert 0 < seen < 800


def test_software_encoding_is_told(samples: Samples):
    hints = " ".join(facts(samples("talking_clip", "a.mp4")).hints)
    assert "x264" in hints
    assert "FFmpeg" in hints
    assert "No camera is named" in hints


def test_a_phone_is_named_and_nothing_is_missing():
    tags = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.model": "iPhone 15\u202e"}
    assert container_hints(tags, b"") == ["The file names the camera Apple iPhone 15."]


def test_bits_per_pixel():
    info = MediaInfo(MediaKind.VIDEO, "mp4", width=100, height=100, fps=10.0, bitrate_bps=100_000)
    assert bits_per_pixel(info) == pytest.approx(1.0)
    assert bits_per_pixel(MediaInfo(MediaKind.VIDEO, "mp4")) is None


def test_large_frames_say_at_what_size_they_are_analysed(tmp_path: Path):
    frames = [np.zeros((2160, 3840, 3), np.uint8)]
    info = facts(media.write_clip(tmp_path / "a.mp4", frames, 25, options={"preset": "ultrafast"}))
    assert (info.width, info.height) == (3840, 2160)
    assert any("1920 x 1080" in hint for hint in info.hints)


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


@pytest.mark.parametrize("quality", [10, 40, 50, 75, 90, 98])
def test_jpeg_quality_is_recovered(quality: int):
    table = jpeg.luma_table(as_jpeg(Image.fromarray(media.head(64)), quality))
    assert table is not None
    assert jpeg.quality(table) == (quality, True)


def test_foreign_tables_are_told_apart(tmp_path: Path):
    Image.fromarray(media.head(64)).save(tmp_path / "a.jpg", qtables=[[7 + i % 5 for i in range(64)]])
    with Image.open(tmp_path / "a.jpg") as picture:
        table = jpeg.luma_table(picture)
    assert table is not None
    assert jpeg.quality(table)[1] is False


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "camera"])
def test_double_compression_is_told_from_single(name: str):
    source = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    for quality in (60, 75, 90):
        single = jpeg.observations(as_jpeg(source, quality))
        assert not any("twice" in text for text in single), (name, quality)
    for first, second in ((50, 75), (60, 90), (75, 95)):
        double = jpeg.observations(as_jpeg(as_jpeg(source, first).convert("RGB"), second))
        assert any("twice" in text for text in double), (name, first, second)


def test_exif_software_and_camera(tmp_path: Path):
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Canon", "Canon EOS 5D", "PhotoTool 3\nevil"
    Image.fromarray(media.head(64)).save(tmp_path / "a.jpg", exif=exif)
    hints = facts(tmp_path / "a.jpg").hints
    assert "EXIF names the camera Canon EOS 5D." in hints
    assert "EXIF names the software PhotoTool 3evil." in hints
