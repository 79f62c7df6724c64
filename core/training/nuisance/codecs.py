"""Lossy codecs: a picture encoded and decoded, as uint8[H, W, 3] of the size it had."""

from __future__ import annotations

import io
from typing import Literal

import cv2
import numpy as np

from core.types import RGB

# x265 refuses pictures smaller than its coding block.
_H265_MIN_PX = 64


def jpeg(rgb: RGB, quality: int) -> RGB:
    """Encode and decode as JPEG, quality in [1, 100]."""
    return _through(rgb, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def webp(rgb: RGB, quality: int) -> RGB:
    """Encode and decode as lossy WebP, quality in [1, 100]."""
    return _through(rgb, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def h264(rgb: RGB, crf: int) -> RGB:
    """One H.264 intra frame at a constant rate factor in [0, 51]."""
    return _intra(rgb, "libx264", {"crf": str(crf), "preset": "veryfast", "threads": "1"})


def h265(rgb: RGB, crf: int) -> RGB:
    """One H.265 intra frame at a constant rate factor in [0, 51]. Some ten times slower than :func:`h264`."""
    quiet = "log-level=none:pools=none:frame-threads=1:info=0:keyint=1"
    options = {"crf": str(crf), "preset": "ultrafast", "x265-params": quiet}
    return _intra(rgb, "libx265", options, least=_H265_MIN_PX)


def _through(rgb: RGB, suffix: str, options: list[int]) -> RGB:
    ok, data = cv2.imencode(suffix, np.ascontiguousarray(rgb[:, :, ::-1]), options)
    if not ok:
        raise ValueError(f"cannot encode as {suffix}")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[:, :, ::-1])


def _intra(rgb: RGB, codec: Literal["libx264", "libx265"], options: dict[str, str], *, least: int = 2) -> RGB:
    """Through a video encoder; the picture is padded to even sides of at least ``least`` px and cut again."""
    import av

    height, width = rgb.shape[:2]
    below, right = (max(least, side + side % 2) - side for side in (height, width))
    padded = np.asarray(cv2.copyMakeBorder(rgb, 0, below, 0, right, cv2.BORDER_REPLICATE), dtype=np.uint8)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as box:
        stream = box.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = padded.shape[:2]
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(padded), format="rgb24")
        for packet in (*stream.encode(frame), *stream.encode(None)):
            box.mux(packet)
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        decoded = next(source.decode(video=0)).to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[:height, :width])
