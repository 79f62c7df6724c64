"""Nuisances: what happens to honest and forged pictures alike on their way (compression, resizing, noise, light).

A real picture and its fake get the same chain from equal generators, so none of it can tell them apart.
"""

from __future__ import annotations

import io

import cv2
import numpy as np
import numpy.typing as npt

from core.types import RGB


def degrade(rng: np.random.Generator, rgb: RGB, strength: float = 1.0) -> RGB:
    """A random chain over uint8[S, S, 3]; ``strength`` in [0, 1] scales how likely and how hard each step is."""
    out = rgb
    if rng.random() < 0.5 * strength:
        out = light(rng, out, strength)
    if rng.random() < 0.4 * strength:
        out = rescale(rng, out, 1.0 - 0.6 * strength * rng.random())
    if rng.random() < 0.2 * strength:
        out = blur(rng, out, rng.uniform(0.3, 0.3 + 1.2 * strength))
    if rng.random() < 0.25 * strength:
        out = noise(rng, out, rng.uniform(1.0, 1.0 + 9.0 * strength))
    if rng.random() < 0.15 * strength:
        out = overlay(rng, out)
    return _compress(rng, out, strength)


def finish(rng: np.random.Generator, rgb: RGB, odds: float) -> RGB:
    """Compression at the detector's own resolution, in ``odds`` of the cases: what a small picture went through."""
    return _compress(rng, rgb, 1.0) if rng.random() < odds else rgb


def _compress(rng: np.random.Generator, rgb: RGB, strength: float) -> RGB:
    out = rgb
    kind = rng.random()
    if kind < 0.55 * strength:
        out = jpeg(out, int(rng.integers(int(95 - 60 * strength), 98)))
        if rng.random() < 0.3:
            out = jpeg(rescale(rng, out, rng.uniform(0.6, 1.0)), int(rng.integers(50, 98)))
    elif kind < 0.7 * strength:
        out = webp(out, int(rng.integers(int(90 - 55 * strength), 96)))
    elif kind < 0.85 * strength:
        out = h264(out, int(rng.integers(18, 19 + int(18 * strength))))
    return out


def jpeg(rgb: RGB, quality: int) -> RGB:
    """Encode and decode as JPEG, quality in [1, 100]."""
    return _through(rgb, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def webp(rgb: RGB, quality: int) -> RGB:
    """Encode and decode as lossy WebP, quality in [1, 100]."""
    return _through(rgb, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def _through(rgb: RGB, suffix: str, options: list[int]) -> RGB:
    ok, data = cv2.imencode(suffix, np.ascontiguousarray(rgb[:, :, ::-1]), options)
    if not ok:
        raise ValueError(f"cannot encode as {suffix}")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[:, :, ::-1])


def h264(rgb: RGB, crf: int) -> RGB:
    """One H.264 intra frame at a constant rate factor in [0, 51]."""
    import av

    side = rgb.shape[0] - rgb.shape[0] % 2
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as box:
        stream = box.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "veryfast", "threads": "1"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[:side, :side]), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            box.mux(packet)
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        decoded = np.asarray(next(source.decode(video=0)).to_ndarray(format="rgb24"), dtype=np.uint8)
    if side == rgb.shape[0]:
        return decoded
    return np.asarray(cv2.copyMakeBorder(decoded, 0, 1, 0, 1, cv2.BORDER_REPLICATE), dtype=np.uint8)


def rescale(rng: np.random.Generator, rgb: RGB, factor: float) -> RGB:
    """Resize by ``factor`` in (0, 1] and back, filters at random."""
    side = max(24, round(rgb.shape[0] * factor))
    down = int(rng.choice([cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    up = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))
    small = cv2.resize(rgb, (side, side), interpolation=down)
    return np.asarray(cv2.resize(small, rgb.shape[1::-1], interpolation=up), dtype=np.uint8)


def blur(rng: np.random.Generator, rgb: RGB, sigma: float) -> RGB:
    """Out of focus, or moved in a random direction."""
    if rng.random() < 0.7:
        return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), dtype=np.uint8)
    length = max(3, int(2 * round(1.5 * sigma) + 1))
    kernel = np.zeros((length, length), dtype=np.float32)
    kernel[length // 2] = 1.0 / length
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), rng.uniform(0, 180), 1.0)
    kernel = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), dtype=np.float32)
    return np.asarray(cv2.filter2D(rgb, -1, kernel / max(float(kernel.sum()), 1e-6)), dtype=np.uint8)


def noise(rng: np.random.Generator, rgb: RGB, sigma: float) -> RGB:
    """Gaussian sensor noise of ``sigma`` grey levels, coloured or grey."""
    channels = 3 if rng.random() < 0.6 else 1
    grain: npt.NDArray[np.float32] = rng.standard_normal((*rgb.shape[:2], channels), dtype=np.float32) * sigma
    return np.clip(rgb + grain, 0, 255).astype(np.uint8)


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


def overlay(rng: np.random.Generator, rgb: RGB) -> RGB:
    """A caption or logo: text or a bar near the lower or upper edge."""
    out = rgb.copy()
    size = out.shape[0]
    colour = tuple(int(v) for v in rng.integers(0, 256, 3))
    y = int(size * (rng.uniform(0.86, 0.98) if rng.random() < 0.7 else rng.uniform(0.04, 0.12)))
    if rng.random() < 0.4:
        cv2.rectangle(out, (0, y), (size, y + size // 12), colour, -1)
    text = "".join(chr(int(c)) for c in rng.integers(65, 91, int(rng.integers(3, 12))))
    cv2.putText(
        out, text, (int(rng.uniform(0, 0.5) * size), y), cv2.FONT_HERSHEY_SIMPLEX, size / 400, colour, 1, cv2.LINE_AA
    )
    return out
