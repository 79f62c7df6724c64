"""What the camera and its software do: focus, motion, sensor noise, light and sharpening. All on uint8[H, W, 3]."""

from __future__ import annotations

import cv2
import numpy as np

from core.types import RGB


def blur(rng: np.random.Generator, rgb: RGB, sigma: float) -> RGB:
    """Out of focus, or moved in a random direction; ``sigma`` in px."""
    if rng.random() < 0.7:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), dtype=np.uint8)
    length = max(3, int(2 * round(1.5 * sigma) + 1))
    kernel = np.zeros((length, length), dtype=np.float32)
    kernel[length // 2] = 1.0 / length
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), rng.uniform(0, 180), 1.0)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), dtype=np.float32)
    return np.asarray(cv2.filter2D(rgb, -1, kernel / max(float(kernel.sum()), 1e-6)), dtype=np.uint8)


def noise(rng: np.random.Generator, rgb: RGB, sigma: float, grain: np.random.Generator | None = None) -> RGB:
    """Gaussian sensor noise of ``sigma`` grey levels, coloured or grey, drawn from ``grain`` where it is given."""
    channels = 3 if rng.random() < 0.6 else 1
    drawn = (grain or rng).standard_normal((*rgb.shape[:2], channels), dtype=np.float32) * sigma
    return np.clip(rgb + drawn, 0, 255).astype(np.uint8)


def light(rng: np.random.Generator, rgb: RGB, strength: float) -> RGB:
    """Gamma, gain, colour cast and saturation."""
    levels = np.arange(256, dtype=np.float32) / 255.0
    gamma = float(np.exp(rng.normal(0.0, 0.25 * strength)))
    curves = []
    for _ in range(3):
        gain = rng.uniform(1.0 - 0.15 * strength, 1.0 + 0.1 * strength)
        curves.append(np.clip(255.0 * gain * levels**gamma, 0, 255).astype(np.uint8))
    out = cv2.LUT(rgb, np.stack(curves, axis=1)[None])
    if rng.random() < 0.3:
        grey = cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)[:, :, None]
        share = rng.uniform(0.0, 0.8 * strength)
        out = np.rint(out * (1.0 - share) + grey * share).astype(np.uint8)
    return np.asarray(out, dtype=np.uint8)


def low_light(rng: np.random.Generator, rgb: RGB, strength: float, grain: np.random.Generator | None = None) -> RGB:
    """Too little light: fewer photons, raised again by the sensor's gain, with the shot noise that this leaves.

    The noise is normal with the variance of the light (a Poisson draw would take a number of random numbers that
    depends on the picture), read-out noise added; both come from ``grain`` where it is given.
    """
    exposure = float(rng.uniform(1.0 - 0.75 * strength, 1.0))
    gain = float(rng.uniform(0.55, 1.0)) / exposure
    photons = float(rng.uniform(200.0, 1500.0)) / max(strength, 0.05)
    read_out = float(rng.uniform(0.001, 0.004)) * strength
    light_in = (np.arange(256, dtype=np.float32) / 255.0) ** 2.2 * np.float32(exposure)
    spread = np.sqrt(light_in / photons + read_out**2).astype(np.float32)
    drawn = (grain or rng).standard_normal(rgb.shape, dtype=np.float32)
    linear = light_in[rgb] + spread[rgb] * drawn
    shown = np.clip(linear * np.float32(gain), 0.0, 1.0) ** np.float32(1.0 / 2.2)
    return np.rint(shown * 255.0).astype(np.uint8)


def unsharp(rng: np.random.Generator, rgb: RGB, strength: float) -> RGB:
    """The sharpening of phones: brightness only, small radius, differences within the noise left alone."""
    amount = float(rng.uniform(0.2, 0.3 + 0.9 * strength))
    sigma, core = float(rng.uniform(0.6, 1.8)), float(rng.uniform(0.0, 3.0))
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = grey - np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), dtype=np.float32)
    kept = np.sign(detail) * np.maximum(np.abs(detail) - core, 0.0)
    return np.clip(np.rint(rgb + amount * kept[:, :, None]), 0, 255).astype(np.uint8)
