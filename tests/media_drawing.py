"""What the synthetic media show and say: a moving public-domain face and speech-like sound, both from seeds.

The face is that of the astronaut picture in scikit-image (NASA, public domain), which ships in its wheel.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

RGB = npt.NDArray[np.uint8]
PCM = npt.NDArray[np.float32]

# The head in the astronaut picture (y0, y1, x0, x1), and within that square the mouth and the reach of the chin.
_HEAD = (10, 230, 115, 335)
_MOUTH_X, _MOUTH_Y = 0.502, 0.622
_MOUTH_WIDTH, _CHIN = 0.085, 0.20
_SMILE, _OPENING = 0.02, 0.06


@lru_cache(maxsize=8)
def head(size: int, person: int = 0) -> RGB:
    """uint8[size, size, 3]: head and shoulders. ``person`` 1 is the mirrored head with other colours."""
    y0, y1, x0, x1 = _HEAD
    rgb = cv2.resize(skimage.data.astronaut()[y0:y1, x0:x1], (size, size), interpolation=cv2.INTER_CUBIC)
    if person:
        rgb = np.ascontiguousarray(rgb[:, ::-1])
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV).astype(np.int16)
        hsv[..., 0] = (hsv[..., 0] + 8) % 180
        hsv[..., 2] = hsv[..., 2] * 3 // 4
        rgb = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    result = np.asarray(rgb, np.uint8)
    result.setflags(write=False)
    return result


def speaking(portrait: RGB, opening: float, sway: float) -> RGB:
    """The head with its mouth open by ``opening`` in [0, 1], moved by ``sway`` in [-1, 1]."""
    size = len(portrait)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    aside = ((x - _MOUTH_X) / _MOUTH_WIDTH) ** 2
    lips = _MOUTH_Y - _SMILE * np.minimum(aside, 1)
    drop = opening * _OPENING * np.clip(1 - aside, 0, 1) * np.clip(1 - (y - lips) / _CHIN, 0, 1)
    below = y > lips
    gap = below & (y - lips < drop)
    source = np.where(below, np.maximum(lips, y - drop), y)
    rgb = cv2.remap(portrait, x * size, source.astype(np.float32) * size, cv2.INTER_LINEAR)
    rgb[gap] = (95, 40, 40)
    turn = np.asarray(cv2.getRotationMatrix2D((size / 2, size), 3 * sway, 1.0), np.float64)
    turn[:, 2] += np.array([0.03, 0.01]) * size * sway
    return np.asarray(cv2.warpAffine(rgb, turn, (size, size), borderMode=cv2.BORDER_REFLECT), np.uint8)


def loudness(times_s: npt.NDArray[np.float64], seed: int = 0) -> npt.NDArray[np.float64]:
    """Envelope in [0, 1] of speech-like bursts: about four syllables a second, with pauses."""
    rng = np.random.default_rng(seed)
    envelope = np.zeros_like(times_s)
    start = 0.1
    while start < times_s.max(initial=0.0):
        length = rng.uniform(0.12, 0.24)
        phase = (times_s - start) / length
        envelope += rng.uniform(0.5, 1.0) * np.where((phase > 0) & (phase < 1), np.sin(np.pi * phase) ** 2, 0)
        start += length + (rng.uniform(0.25, 0.5) if rng.random() < 0.2 else rng.uniform(0.02, 0.12))
    return np.clip(envelope, 0, 1)


def voice(seconds: float, rate_hz: int, seed: int = 0, offset_ms: float = 0.0) -> PCM:
    """float32[seconds * rate_hz]: harmonics of a wavering pitch, shaped by formants and by :func:`loudness`, which
    comes ``offset_ms`` later."""
    rng = np.random.default_rng(seed + 1000)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = 125 + 20 * np.sin(2 * np.pi * 0.7 * t) + 8 * np.sin(2 * np.pi * 2.3 * t + 1)
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    first, second = 550 + 180 * np.sin(2 * np.pi * 1.1 * t), 1500 + 400 * np.sin(2 * np.pi * 0.9 * t + 2)
    sound = np.zeros_like(t)
    for k in range(1, 25):
        frequency = k * pitch
        weight = np.exp(-(((frequency - first) / 250) ** 2)) + 0.5 * np.exp(-(((frequency - second) / 300) ** 2)) + 0.03
        sound += weight / np.sqrt(k) * np.sin(k * phase)
    sound = sound / np.abs(sound).max(initial=1e-9) * loudness(t - offset_ms / 1000, seed)
    return (0.6 * sound + 0.002 * rng.standard_normal(len(t))).astype(np.float32)


def talking(seconds: float, fps: float, size: int, seed: int = 0, person: int = 0) -> Iterator[RGB]:
    """Frames uint8[size, size, 3] of a head whose mouth follows :func:`loudness` of the same ``seed``."""
    portrait = head(size, person)
    times = np.arange(round(seconds * fps)) / fps
    for t, opening in zip(times, loudness(times + 0.5 / fps, seed), strict=True):
        yield speaking(portrait, float(opening), float(np.sin(2 * np.pi * 0.4 * t + seed)))


def place(picture: RGB, canvas: RGB, x: int, y: int) -> None:
    """Paste ``picture`` into ``canvas`` with its upper left corner at (x, y)."""
    canvas[y : y + len(picture), x : x + picture.shape[1]] = picture


def meadow(width: int, height: int, seed: int = 0) -> RGB:
    """uint8[height, width, 3]: a landscape without faces: sky, hills and grass."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    horizon = height * (0.5 + 0.08 * np.sin(x / width * 7) + 0.03 * np.sin(x / width * 23))
    sky = np.stack([110 + 60 * y / height, 160 + 50 * y / height, np.full(y.shape, 235.0)], axis=-1)
    grass = np.stack([60 + 30 * y / height, 110 + 50 * y / height, np.full(y.shape, 45.0)], axis=-1)
    rgb = np.where((y > horizon)[..., None], grass, sky) + rng.normal(0, 6, (height, width, 3))
    return np.clip(rgb, 0, 255).astype(np.uint8)
