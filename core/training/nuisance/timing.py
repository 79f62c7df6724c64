"""What happens to honest clips in time: frames shown twice, light that wobbles. On whole frames uint8[T, H, W, 3]."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.faces.windows import FPS
from core.types import RGB


def held(rng: np.random.Generator, clip: RGB, strength: float) -> RGB:
    """Whole frames shown again in place of the next: dropped ones at random, or every n-th as a conversion of the frame
    rate leaves it."""
    count = len(clip)
    period, phase = int(rng.integers(2, 7)), int(rng.integers(6))
    odds = float(rng.uniform(0.05, 0.05 + 0.3 * strength))
    regular, lost = rng.random() < 0.4, rng.random(count) < odds
    again = (np.arange(count) + phase) % period == 0 if regular else lost
    again[:1] = False
    shown = np.maximum.accumulate(np.where(again, 0, np.arange(count)))
    return clip[shown]


def wobble(rng: np.random.Generator, clip: RGB, strength: float) -> RGB:
    """The light of the whole frame changes: the flicker of lamps, an exposure that drifts or one that jumps."""
    t = np.arange(len(clip)) / FPS
    lamp = rng.uniform(0.0, 0.05) * np.sin(2 * np.pi * (rng.uniform(0.5, 12.0) * t + rng.random()))
    drift = rng.uniform(-0.25, 0.25) * t
    jump = rng.normal(0.0, 0.08) * (t > rng.uniform(0.0, 2.0)) * (rng.random() < 0.3)
    gain: npt.NDArray[np.float64] = np.exp(strength * (lamp + drift + jump))
    curves = np.clip(np.rint(np.arange(256) * gain[:, None]), 0, 255).astype(np.uint8)
    return np.stack([curve[frame] for curve, frame in zip(curves, clip, strict=True)])
