"""Lossy codecs: a picture encoded and decoded, as uint8[H, W, 3] of the size it had."""

from __future__ import annotations

import io
from typing import Literal

import cv2
import numpy as np

from core.types import RGB

# x265 refuses pictures smaller than its coding block.
_H265_MIN_PX = 64
# In shorter videos x265 never sets by how much it puts frames in another order, and writes times at random.
_H265_MIN_FRAMES = 3


def jpeg(rgb: RGB, quality: int) -> RGB:
    """Encode and decode as JPEG, quality in [1, 100]."""
    return _through(rgb, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, quality])


def webp(rgb: RGB, quality: int) -> RGB:
    """Encode and decode as lossy WebP, quality in [1, 100]."""
    return _through(rgb, ".webp", [cv2.IMWRITE_WEBP_QUALITY, quality])


def h264(rgb: RGB, crf: int) -> RGB:
    """One H.264 intra frame at a constant rate factor in [0, 51]."""
    return _video(rgb[None], "libx264", _x264(crf))[0]


def h265(rgb: RGB, crf: int) -> RGB:
    """One H.265 intra frame at a constant rate factor in [0, 51]. Some three times slower than :func:`h264`."""
    return _video(rgb[None], "libx265", _x265(crf, keyint=1))[0]


def h264_clip(clip: RGB, crf: int) -> RGB:
    """uint8[T, H, W, 3] through H.264 as a video, motion compensation and all."""
    # With macroblock trees x264 reads memory that it has not written: equal clips do not become equal bytes.
    return _video(clip, "libx264", _x264(crf) | {"x264-params": "mbtree=0"})


def h265_clip(clip: RGB, crf: int) -> RGB:
    """uint8[T, H, W, 3] through H.265 as a video."""
    longer = np.pad(clip, ((0, max(0, _H265_MIN_FRAMES - len(clip))), (0, 0), (0, 0), (0, 0)), mode="edge")
    return _video(longer, "libx265", _x265(crf, keyint=250))[: len(clip)]


def _x264(crf: int) -> dict[str, str]:
    return {"crf": str(crf), "preset": "veryfast", "threads": "1"}


def _x265(crf: int, *, keyint: int) -> dict[str, str]:
    quiet = f"log-level=none:pools=none:frame-threads=1:info=0:keyint={keyint}"
    return {"crf": str(crf), "preset": "ultrafast", "x265-params": quiet}


def _through(rgb: RGB, suffix: str, options: list[int]) -> RGB:
    ok, data = cv2.imencode(suffix, np.ascontiguousarray(rgb[:, :, ::-1]), options)
    if not ok:
        raise ValueError(f"cannot encode as {suffix}")
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[:, :, ::-1])


def _video(clip: RGB, codec: Literal["libx264", "libx265"], options: dict[str, str]) -> RGB:
    """Through a video encoder; frames are padded to even sides, of at least what x265 takes, and cut again."""
    import av

    height, width = clip.shape[1:3]
    least = _H265_MIN_PX if codec == "libx265" else 2
    below, right = (max(least, side + side % 2) - side for side in (height, width))
    padded = np.pad(clip, ((0, 0), (0, below), (0, right), (0, 0)), mode="edge")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as box:
        stream = box.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = padded.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in padded:
            box.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        box.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer, "r") as source:
        decoded = [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]
    return np.ascontiguousarray(np.asarray(decoded, dtype=np.uint8)[:, :height, :width])
