"""Examples to try the program with, made on this machine from nothing but scikit-image's public-domain portrait.

The portrait is NASA's photograph of the astronaut Eileen Collins. All else is derived from it, or computed, with fixed
seeds: the same version of the libraries makes the same bytes.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from core.errors import StorageError
from core.media.audio import write_wav
from core.settings import Settings
from core.training.fakes.base import FaceCrop, Points
from core.training.fakes.sbi import SelfBlend
from core.types import PCM, RGB, MediaKind

log = logging.getLogger(__name__)

# The portrait's eyes, nose and mouth corners in px, as MTCNN finds them.
LANDMARKS = ((203.9, 101.2), (246.7, 103.3), (224.8, 128.6), (201.6, 140.0), (245.5, 141.8))
VERSION = "1"
_CLIP_SQUARE = (64, 0, 320)  # left, top, side in px
_CLIP_PX, _FPS, _SECONDS, _SR_HZ = 480, 25, 4.0, 24_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Example:
    """A file to try: what it is called, what it truly is, and where it lies. ``focus`` is the square (left, top, side)
    in px worth showing in a thumbnail; None is all of it."""

    id: str
    title: str
    caption: str
    kind: MediaKind
    path: Path
    focus: tuple[int, int, int] | None = None


def examples(settings: Settings) -> tuple[Example, ...]:
    """All examples, made and kept in ``<data_dir>/examples`` where they are missing (a few seconds, once).

    Raises:
        StorageError: they cannot be written.
    """
    folder = settings.data_dir / "examples" / VERSION
    made = []
    for name, title, caption, kind, focus, make in _RECIPES:
        path = folder / name
        if not path.is_file():
            _write(path, make)
        made.append(Example(path.stem, title, caption, kind, path, focus))
    return tuple(made)


def portrait() -> RGB:
    """The public-domain photograph, uint8[512, 512, 3]."""
    from skimage import data  # here, because it takes most of a second

    return np.asarray(data.astronaut(), dtype=np.uint8)


def self_blended(seed: int = _SEED) -> RGB:
    """The portrait with its face blended into a changed copy of itself: a fake without a second person."""
    face = FaceCrop(portrait(), np.asarray(LANDMARKS, dtype=np.float32))
    return SelfBlend().make(np.random.default_rng(seed), face)


def landscape(width: int = 640, height: int = 420, seed: int = _SEED) -> RGB:
    """Computed hills under an evening sky, uint8[height, width, 3]: nothing that a face detector could judge."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.0, 1.0, height)[:, None, None]
    sky = (1 - ramp) * np.array([62, 96, 150.0]) + ramp * np.array([246, 190, 140.0])
    picture = np.broadcast_to(sky, (height, width, 3)).copy()
    x = np.arange(width) / width
    for depth in range(5):
        waves = np.sum([np.sin(2 * np.pi * (k * x * 1.3 + rng.random())) / k**1.3 for k in (1, 2, 3, 5, 9, 17)], axis=0)
        line = height * (0.45 + 0.11 * depth) - waves * height * 0.045
        near = (depth + 1) / 5
        colour = (1 - near) * np.array([150, 150, 165.0]) + near * np.array([30, 52, 44.0])
        below = np.arange(height)[:, None] > line[None, :]
        picture[below] = colour
    grain = cv2.GaussianBlur(rng.normal(0, 4, (height, width)), (0, 0), 0.8)
    return np.clip(picture + grain[:, :, None], 0, 255).astype(np.uint8)


def voice(envelope: npt.NDArray[np.float64], seed: int = _SEED) -> PCM:
    """Speech-like sound float32[T] at 24 kHz: a buzz through three formants, as loud as ``envelope`` in [0, 1].

    Source and filter after Klatt (1980, JASA 67(3)), much simplified. It says nothing.
    """
    from scipy.signal import lfilter

    rng = np.random.default_rng(seed)
    t = np.arange(len(envelope)) / _SR_HZ
    pitch = 185 + 25 * np.sin(2 * np.pi * 0.6 * t) + 8 * np.sin(2 * np.pi * 2.3 * t)
    phase = np.cumsum(pitch) / _SR_HZ
    sound = (phase % 1.0) * 2 - 1 + 0.08 * rng.normal(size=len(t))
    for centre, width in ((650, 90), (1350, 120), (2700, 180)):
        r = np.exp(-np.pi * width / _SR_HZ)
        sound = lfilter([1 - r], [1, -2 * r * np.cos(2 * np.pi * centre / _SR_HZ), r * r], sound)
    sound = sound * envelope
    return (0.6 * sound / np.abs(sound).max()).astype(np.float32)


def loudness(seed: int = _SEED) -> npt.NDArray[np.float64]:
    """How loud the voice is at every sample, in [0, 1]: syllables of 120 to 260 ms, with pauses between words."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int(_SECONDS * _SR_HZ))
    at = 0.25
    while at < _SECONDS - 0.45:
        length = rng.uniform(0.12, 0.26)
        start, stop = int(at * _SR_HZ), int((at + length) * _SR_HZ)
        out[start:stop] = rng.uniform(0.55, 1.0) * np.hanning(stop - start)
        at += length + (rng.uniform(0.02, 0.06) if rng.random() < 0.72 else rng.uniform(0.16, 0.34))
    return out


def talking_frames(picture: RGB, envelope: npt.NDArray[np.float64]) -> Iterator[RGB]:
    """The portrait, or a changed copy of it, its head swaying a little and its mouth opened by the loudness:
    uint8[480, 480, 3] at 25 fps."""
    left, top, side = _CLIP_SQUARE
    zoom = _CLIP_PX / side
    head = picture[top : top + side, left : left + side]
    still = np.asarray(cv2.resize(head, (_CLIP_PX, _CLIP_PX), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    points = (np.asarray(LANDMARKS, dtype=np.float32) - np.array([left, top], dtype=np.float32)) * zoom
    ys, xs = np.mgrid[0:_CLIP_PX, 0:_CLIP_PX].astype(np.float32)
    reach = _jaw(points, xs, ys)
    for index in range(round(_SECONDS * _FPS)):
        t = index / _FPS
        here = slice(int((t - 0.02) * _SR_HZ) if t > 0.02 else 0, int((t + 0.02) * _SR_HZ) + 1)
        opened = cv2.remap(still, xs, ys - np.float32(envelope[here].mean()) * reach, cv2.INTER_CUBIC)
        yield _sway(np.asarray(opened, dtype=np.uint8), t)


def _jaw(points: Points, xs: Points, ys: Points) -> Points:
    """How many px each pixel moves down when the mouth is wide open: all below the lips, most in the middle."""
    middle, width = (points[3] + points[4]) / 2, float(np.linalg.norm(points[4] - points[3]))
    across = np.exp(-(((xs - middle[0]) / (0.75 * width)) ** 2))
    below = (ys - middle[1]) / width
    down = np.clip((below + 0.25) / 0.35, 0, 1) * np.exp(-(np.clip(below - 0.35, 0, None) ** 2) / 0.5)
    return (0.3 * width * across * down).astype(np.float32)


def _sway(frame: RGB, t: float) -> RGB:
    side = frame.shape[0]
    matrix = cv2.getRotationMatrix2D((side / 2, side), 0.8 * np.sin(2 * np.pi * 0.31 * t), 1.03)
    matrix[:, 2] += (2.5 * np.sin(2 * np.pi * 0.43 * t), 1.5 * np.sin(2 * np.pi * 0.57 * t))
    return np.asarray(
        cv2.warpAffine(frame, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _write(path: Path, make: Callable[[Path], None]) -> None:
    """All of a file or nothing of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".new-", suffix=path.suffix)
        os.close(handle)
        try:
            make(Path(part))
            Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as exc:
        raise StorageError(
            f"The examples could not be written: {exc.strerror or type(exc).__name__}.",
            hint=f"Check that {path.parent} is writable and has space.",
        ) from exc
    log.info("example made", extra={"example": path.name})


def _write_portrait(path: Path) -> None:
    Image.fromarray(portrait()).save(path)


def _write_self_blended(path: Path) -> None:
    Image.fromarray(self_blended()).save(path)


def _write_landscape(path: Path) -> None:
    Image.fromarray(landscape()).save(path, quality=88)


def _write_talking(path: Path) -> None:
    _write_clip(path, portrait())


def _write_talking_blended(path: Path) -> None:
    _write_clip(path, self_blended())


def _write_voice(path: Path) -> None:
    write_wav(path, voice(loudness()), _SR_HZ)


def _write_clip(path: Path, picture: RGB) -> None:
    envelope = loudness()
    with av.open(str(path), "w") as container:
        # With macroblock trees x264 does not always turn equal frames into equal bytes.
        options = {"crf": "18", "preset": "veryfast", "threads": "1", "x264-params": "mbtree=0"}
        video = container.add_stream("libx264", rate=_FPS, options=options)
        video.width = video.height = _CLIP_PX
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=_SR_HZ, layout="mono")
        audio.bit_rate = 96_000
        for rgb in talking_frames(picture, envelope):
            container.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(video.encode())
        sound = av.AudioFrame.from_ndarray(voice(envelope)[None, :], format="fltp", layout="mono")
        sound.sample_rate, sound.time_base, sound.pts = _SR_HZ, Fraction(1, _SR_HZ), 0
        container.mux(audio.encode(sound))
        container.mux(audio.encode())


_HEAD = (112, 4, 224)
_RECIPES: tuple[tuple[str, str, str, MediaKind, tuple[int, int, int] | None, Callable[[Path], None]], ...] = (
    (
        "portrait.png",
        "Real portrait",
        "NASA's photograph of Eileen Collins (public domain).",
        MediaKind.IMAGE,
        _HEAD,
        _write_portrait,
    ),
    (
        "portrait-self-blended.png",
        "Blended face",
        "A fake: the same portrait, its face blended into a changed copy of itself.",
        MediaKind.IMAGE,
        _HEAD,
        _write_self_blended,
    ),
    (
        "talking-portrait.mp4",
        "Animated portrait",
        "No real video: the photograph, its mouth moved by a warp in time with a computed voice.",
        MediaKind.VIDEO,
        (70, 0, 340),
        _write_talking,
    ),
    (
        "talking-portrait-blended.mp4",
        "Animated, blended face",
        "A fake: the same animation made from the blended picture.",
        MediaKind.VIDEO,
        (70, 0, 340),
        _write_talking_blended,
    ),
    (
        "computed-voice.wav",
        "Computed voice",
        "No real voice: a buzz through three formants, with pauses. It says nothing.",
        MediaKind.AUDIO,
        None,
        _write_voice,
    ),
    (
        "hills.jpg",
        "Landscape",
        "No face, no voice: the answer should be that it could not be judged.",
        MediaKind.IMAGE,
        None,
        _write_landscape,
    ),
)
