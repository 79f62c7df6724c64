"""Nuisances: what happens to honest and forged pictures alike on their way (light, editing, sharing, compression).

A real picture and its fake get the same chain from equal generators, so none of it can tell them apart: what is drawn
depends on the generator and the size alone, never on the pixels.
"""

from __future__ import annotations

import numpy as np

from core.training.nuisance.camera import blur, light, low_light, noise, unsharp
from core.training.nuisance.codecs import h264, h264_clip, h265, h265_clip, jpeg, webp
from core.training.nuisance.editing import beauty, overlay, subtitles
from core.training.nuisance.sharing import rescale, screenshot, social
from core.training.nuisance.timing import held, wobble
from core.types import RGB

__all__ = [
    "beauty", "blur", "degrade", "degrade_clip", "finish", "h264", "h264_clip", "h265", "h265_clip", "held", "jpeg",
    "light", "low_light", "noise", "overlay", "rescale", "screenshot", "social", "subtitles", "unsharp", "webp",
    "wobble",
]  # fmt: skip


def degrade(rng: np.random.Generator, rgb: RGB, strength: float = 1.0, video: float = 0.0) -> RGB:
    """A random chain over uint8[H, W, 3]; ``strength`` in [0, 1] scales how likely and how hard each step is, ``video``
    in [0, 1] how often the last compression is one of video frames rather than of photographs."""
    return _compress(rng, _worn(rng, rgb, strength, rng), strength, video)


def degrade_clip(rng: np.random.Generator, clip: RGB, strength: float = 1.0, timing: float = 0.0) -> RGB:
    """One random chain over all frames of uint8[T, H, W, 3], compressed as a video: the same steps on every frame,
    new grain in each. In ``timing`` of the cases each, frames are held and the light wobbles.

    Raises:
        ValueError: there is no frame.
    """
    if not len(clip):
        raise ValueError("a clip needs a frame")
    if timing and rng.random() < timing:
        clip = wobble(rng, clip, strength)
    if timing and rng.random() < timing:
        clip = held(rng, clip, strength)
    seed = int(rng.integers(2**63))
    frames = [
        _worn(np.random.default_rng(seed), frame, strength, np.random.default_rng((seed, t)))
        for t, frame in enumerate(clip)
    ]
    return _stream(rng, np.stack(frames), strength)


def finish(rng: np.random.Generator, rgb: RGB, odds: float, video: float = 0.0) -> RGB:
    """Compression at the detector's own resolution, in ``odds`` of the cases: what a small picture went through."""
    return _compress(rng, rgb, 1.0, video) if rng.random() < odds else rgb


def _worn(rng: np.random.Generator, rgb: RGB, strength: float, grain: np.random.Generator) -> RGB:
    """All that comes before the last compression; noise is drawn from ``grain``."""
    out = _edited(rng, _taken(rng, rgb, strength, grain), strength)
    if rng.random() < 0.4 * strength:
        out = rescale(rng, out, 1.0 - 0.6 * strength * rng.random())
    if rng.random() < 0.1 * strength:
        out = screenshot(rng, out, strength)
    return out


def _taken(rng: np.random.Generator, rgb: RGB, strength: float, grain: np.random.Generator) -> RGB:
    out = rgb
    if rng.random() < 0.5 * strength:
        out = light(rng, out, strength)
    if rng.random() < 0.08 * strength:
        out = low_light(rng, out, strength, grain)
    if rng.random() < 0.2 * strength:
        out = blur(rng, out, rng.uniform(0.3, 0.3 + 1.2 * strength))
    if rng.random() < 0.25 * strength:
        out = noise(rng, out, rng.uniform(1.0, 1.0 + 9.0 * strength), grain)
    if rng.random() < 0.15 * strength:
        out = unsharp(rng, out, strength)
    return out


def _edited(rng: np.random.Generator, rgb: RGB, strength: float) -> RGB:
    out = rgb
    if rng.random() < 0.12 * strength:
        out = beauty(rng, out, strength)
    if rng.random() < 0.08 * strength:
        out = subtitles(rng, out)
    if rng.random() < 0.08 * strength:
        out = overlay(rng, out)
    return out


# Up to which share of all pictures each kind of compression reaches, of photographs and of video frames: JPEG, WebP,
# H.264, H.265 (rare, its encoder takes the longest), social media.
_PHOTOGRAPHS = np.array([0.45, 0.57, 0.71, 0.73, 0.85])
_FRAMES = np.array([0.35, 0.45, 0.75, 0.78, 0.90])


def _compress(rng: np.random.Generator, rgb: RGB, strength: float, video: float) -> RGB:
    """At most one kind."""
    out = rgb
    kind = int(np.searchsorted(strength * ((1.0 - video) * _PHOTOGRAPHS + video * _FRAMES), rng.random(), side="right"))
    if kind == 0:
        out = jpeg(out, int(rng.integers(int(95 - 60 * strength), 98)))
        if rng.random() < 0.3:
            out = jpeg(rescale(rng, out, rng.uniform(0.6, 1.0)), int(rng.integers(50, 98)))
    elif kind == 1:
        out = webp(out, int(rng.integers(int(90 - 55 * strength), 96)))
    elif kind == 2:
        out = h264(out, int(rng.integers(18, 19 + int(18 * strength))))
    elif kind == 3:
        out = h265(out, int(rng.integers(20, 21 + int(16 * strength))))
    elif kind == 4:
        out = social(rng, out, strength)
    return out


def _stream(rng: np.random.Generator, clip: RGB, strength: float) -> RGB:
    """Mostly a video codec, at times every frame as a JPEG."""
    kind = rng.random()
    if kind < 0.6 * strength:
        return h264_clip(clip, int(rng.integers(18, 19 + int(18 * strength))))
    if kind < 0.7 * strength:
        return h265_clip(clip, int(rng.integers(20, 21 + int(16 * strength))))
    if kind < 0.85 * strength:
        quality = int(rng.integers(int(95 - 55 * strength), 97))
        return np.stack([jpeg(frame, quality) for frame in clip])
    return clip
