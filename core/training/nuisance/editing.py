"""What people and their applications do to a picture: beauty filters, subtitles, captions. All on uint8[H, W, 3]."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from core.types import RGB

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_PLAIN,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
)


def beauty(rng: np.random.Generator, rgb: RGB, strength: float) -> RGB:
    """Skin made smooth (a bilateral filter, mixed in where the colour is that of skin) and a little brighter."""
    share = float(rng.uniform(0.2, 0.25 + 0.45 * strength))
    levels, reach = float(rng.uniform(12.0, 35.0)), float(rng.uniform(2.0, 5.0))
    lift = float(rng.uniform(0.0, 0.12 * strength))
    smooth = np.asarray(cv2.bilateralFilter(rgb, 7, levels, reach), dtype=np.float32)
    weight = share * _skin(rgb)[:, :, None]
    out = rgb + (smooth - rgb) * weight
    out += 4.0 * lift * out * (1.0 - out / 255.0) * weight
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def _skin(rgb: RGB) -> npt.NDArray[np.float32]:
    """How much a pixel's colour looks like skin of any tone, float32[H, W] in [0, 1], soft at the edges."""
    chroma = cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[:, :, 1:].astype(np.float32)
    far = ((chroma[:, :, 0] - 152.0) / 18.0) ** 2 + ((chroma[:, :, 1] - 108.0) / 18.0) ** 2
    near = np.exp(-0.5 * far).astype(np.float32)
    return np.asarray(cv2.blur(near, (7, 7)), dtype=np.float32)


def subtitles(rng: np.random.Generator, rgb: RGB) -> RGB:
    """One or two lines of outlined text near the lower edge, half of them on a translucent bar."""
    height, width = rgb.shape[:2]
    out = rgb.copy()
    font, tall = int(rng.choice(_FONTS)), height * float(rng.uniform(0.035, 0.07))
    base = int(height * rng.uniform(0.9, 0.98))
    colour = (255, 255, 255) if rng.random() < 0.6 else (255, int(rng.integers(200, 256)), int(rng.integers(0, 120)))
    lines, bar = int(rng.integers(1, 3)), rng.random() < 0.5
    opacity = float(rng.uniform(0.3, 0.8))
    if bar:
        top = max(0, int(base - 1.5 * tall * lines))
        out[top:] = np.rint(out[top:] * (1.0 - opacity)).astype(np.uint8)
    for line in range(lines):
        words = _words(rng, int(rng.integers(6, 24)))
        left = int(width * rng.uniform(0.02, 0.3))
        _write(out, words, (left, int(base - 1.4 * tall * line)), font, tall, colour, outlined=not bar)
    return out


def overlay(rng: np.random.Generator, rgb: RGB) -> RGB:
    """A caption or logo: text or a bar near the lower or upper edge."""
    out = rgb.copy()
    height, width = out.shape[:2]
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    y = int(height * (rng.uniform(0.86, 0.98) if rng.random() < 0.7 else rng.uniform(0.04, 0.12)))
    if rng.random() < 0.4:
        cv2.rectangle(out, (0, y), (width, y + height // 12), (red, green, blue), -1)
    text = _words(rng, int(rng.integers(3, 12)))
    at = (int(rng.uniform(0, 0.5) * width), y)
    cv2.putText(out, text, at, cv2.FONT_HERSHEY_SIMPLEX, height / 400, (red, green, blue), 1, cv2.LINE_AA)
    return out


def _words(rng: np.random.Generator, count: int) -> str:
    """So many random letters and spaces."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz      "
    return "".join(letters[int(i)] for i in rng.integers(0, len(letters), count))


def _write(
    canvas: RGB, text: str, at: tuple[int, int], font: int, tall: float, colour: tuple[int, int, int], *, outlined: bool
) -> None:
    """Text of about ``tall`` px, drawn into ``canvas``; the outline is the text moved a pixel or two each way."""
    (_, drawn), _ = cv2.getTextSize("X", font, 1.0, 1)
    scale, width, edge = tall / max(drawn, 1), max(1, round(tall / 10)), max(1, round(tall / 12))
    for dx, dy in ((-edge, -edge), (edge, -edge), (-edge, edge), (edge, edge)) if outlined else ():
        cv2.putText(canvas, text, (at[0] + dx, at[1] + dy), font, scale, (0, 0, 0), width, cv2.LINE_AA)
    cv2.putText(canvas, text, at, font, scale, colour, width, cv2.LINE_AA)
