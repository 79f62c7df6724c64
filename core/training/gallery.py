"""Pictures of every pseudo-fake for the documentation, made from the public-domain portrait of :mod:`core.examples`.

``python -m core.training.gallery --out docs/pictures/fakes``
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from core import logs
from core.errors import WeightsMissingError
from core.examples import LANDMARKS, portrait
from core.faces.align import similarity, template, warp
from core.training import nuisance
from core.training.fakes import FaceCrop, all_fakes
from core.training.fakes import geometry as geo
from core.training.fakes.clips import all_clip_fakes
from core.types import RGB

log = logging.getLogger("core.training.gallery")

Make: TypeAlias = Callable[[np.random.Generator], RGB]

FACE_PX, FRAME_PX, FRAMES, CELL_PX = 208, 112, 6, 120
SEEDS = range(9)
LIMIT_BYTES = 40_000
_GAIN = 4
_STEPS = ("light", "low_light", "blur", "noise", "unsharp", "beauty", "subtitles", "overlay", "rescale", "screenshot",
          "social", "jpeg", "webp", "h264", "h265")  # fmt: skip
_LEVELS = {"blur": 1.5, "noise": 10.0, "rescale": 0.4, "jpeg": 25, "webp": 20, "h264": 36, "h265": 36}


def face() -> FaceCrop:
    """The portrait, cut as the training crops are, at about its own resolution."""
    points = np.asarray(LANDMARKS, dtype=np.float32)
    goal = template(FACE_PX, 1.6)
    return FaceCrop(warp(portrait(), similarity(points, goal), FACE_PX, reflect=True), goal)


def partner() -> FaceCrop:
    """A second person computed from the first: mirrored, with other proportions and another complexion."""
    first = face()
    unit = geo.face_scale(first.landmarks)
    mirrored = np.ascontiguousarray(first.pixels[:, ::-1])
    points = first.landmarks.copy()
    points[:, 0] = FACE_PX - 1 - points[:, 0]
    points = points[[1, 0, 2, 4, 3]]
    field = _proportions(points, unit)
    other = cv2.cvtColor(geo.move(mirrored, field), cv2.COLOR_RGB2HSV).astype(np.int16)
    other[..., 0] = (other[..., 0] + 4) % 180
    other[..., 1] = np.clip(other[..., 1] * 1.15, 0, 255)
    other[..., 2] = other[..., 2] * 0.72
    return FaceCrop(np.asarray(cv2.cvtColor(other.astype(np.uint8), cv2.COLOR_HSV2RGB), dtype=np.uint8), points)


def _proportions(points: npt.NDArray[np.float32], unit: float) -> geo.FloatImage:
    """Larger eyes and a larger nose, a smaller mouth: a displacement float32[S, S, 2] that keeps the landmarks."""
    ys, xs = np.mgrid[0:FACE_PX, 0:FACE_PX].astype(np.float32)
    field = np.zeros((FACE_PX, FACE_PX, 2), dtype=np.float32)
    mouth = (points[3] + points[4]) / 2.0
    for (x, y), zoom, reach in (*((p, 0.3, 11.0) for p in points[:2]), (points[2], 0.3, 12.0), (mouth, -0.3, 15.0)):
        near = zoom * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2.0 * (reach * unit) ** 2))
        field -= np.dstack([near * (xs - x), near * (ys - y)])
    return field


def clip(source: FaceCrop, count: int = FRAMES) -> list[FaceCrop]:
    """The face swaying, its mouth opening and closing, in ``count`` frames; landmarks go along."""
    return [_posed(source.pixels, source.landmarks, 2.0 * np.pi * t / count) for t in range(count)]


def _posed(still: RGB, points: npt.NDArray[np.float32], phase: float) -> FaceCrop:
    px = still.shape[0]
    ys, xs = np.mgrid[0:px, 0:px].astype(np.float32)
    x, y = (float(v) for v in (points[3] + points[4]) / 2.0)
    tall = np.where(ys < y, 0.04, 0.1) * px
    below = np.tanh((ys - y) / (0.03 * px)) * np.exp(-(((xs - x) / (0.13 * px)) ** 2) - ((ys - y) / tall) ** 2)
    drop = -0.012 * px * (1.0 - np.cos(phase)) * below
    spoken = geo.move(still, np.dstack([np.zeros_like(drop), drop]).astype(np.float32))
    turn = cv2.getRotationMatrix2D((px / 2.0, px), 3.0 * np.sin(phase), 1.0)
    posed = cv2.warpAffine(spoken, turn, (px, px), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    moved = points @ turn[:, :2].T + turn[:, 2]
    return FaceCrop(np.asarray(posed, dtype=np.uint8), moved.astype(np.float32))


def typical(make: Make, real: RGB) -> RGB:
    """Of the fakes from a few seeds the one that differs from ``real`` as much as half of them do."""
    made = [make(np.random.default_rng(seed)) for seed in SEEDS]
    made.sort(key=lambda fake: float(np.abs(fake.astype(np.int16) - real).mean()))
    return made[len(made) // 2]


def difference(fake: RGB, real: RGB) -> RGB:
    """Mid grey plus four times the difference."""
    return np.clip(128 + _GAIN * (fake.astype(np.int16) - real), 0, 255).astype(np.uint8)


def strip(fake: RGB, real: RGB) -> RGB:
    """real | fake | difference side by side; of clips (uint8[T, S, S, 3]) one row each, the frames small."""
    parts = (real, fake, difference(fake, real))
    if real.ndim == 3:
        return np.hstack(parts)
    return np.vstack([np.hstack([_small(frame, FRAME_PX) for frame in part]) for part in parts])


def _small(picture: RGB, px: int) -> RGB:
    return np.asarray(cv2.resize(picture, (px, px), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def nuisances(picture: RGB) -> RGB:
    """The face as it came and after each step of the nuisances, named, four in a row."""
    cells = [_named(picture, "as it came")]
    cells += [_named(typical(_step(name, picture), picture), name) for name in _STEPS]
    return np.vstack([np.hstack(cells[row : row + 4]) for row in range(0, len(cells), 4)])


def _step(name: str, picture: RGB) -> Make:
    step = getattr(nuisance, name)
    if name in ("subtitles", "overlay"):
        return lambda rng: np.asarray(step(rng, picture), dtype=np.uint8)
    level = _LEVELS.get(name, 1.0)
    if name in ("jpeg", "webp", "h264", "h265"):
        return lambda _: np.asarray(step(picture, level), dtype=np.uint8)
    return lambda rng: np.asarray(step(rng, picture, level), dtype=np.uint8)


def _named(picture: RGB, name: str) -> RGB:
    out = np.full((CELL_PX + 16, CELL_PX, 3), 255, dtype=np.uint8)
    out[:CELL_PX] = _small(picture, CELL_PX)
    cv2.putText(out, name, (3, CELL_PX + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return out


def write(path: Path, picture: RGB) -> None:
    """JPEG of the best quality that stays below ``LIMIT_BYTES``.

    Raises:
        ValueError: none does.
    """
    for quality in range(92, 20, -4):
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        _, data = cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), options)
        if len(data) < LIMIT_BYTES:
            path.write_bytes(data.tobytes())
            return
    raise ValueError(f"{path.name} does not fit into {LIMIT_BYTES} bytes")


def gallery(out: Path) -> list[Path]:
    """Write one picture for each method and one of all nuisances; methods whose weights are absent are logged and
    left out. Returns what was written."""
    out.mkdir(parents=True, exist_ok=True)
    one, other = face(), partner()
    written = [out / "partner.jpg", out / "nuisances.jpg"]
    write(written[0], np.hstack([one.pixels, other.pixels]))
    write(written[1], nuisances(one.pixels))
    for name, method in all_fakes().items():
        written += _picture(out / f"{name}.jpg", partial(method.make, face=one, partner=other), one.pixels)
    frames, others = clip(one), clip(other)
    real = np.stack([frame.pixels for frame in frames])
    for name, moving in all_clip_fakes().items():
        written += _picture(out / f"clip-{name}.jpg", partial(moving.make, clip=frames, partner=others), real)
    return written


def _picture(path: Path, make: Make, real: RGB) -> list[Path]:
    try:
        write(path, strip(typical(make, real), real))
    except WeightsMissingError as exc:
        log.warning("no picture of a method without weights", extra={"method": path.stem, "reason": str(exc)})
        return []
    return [path]


def main() -> None:
    logs.configure()
    parser = argparse.ArgumentParser(description="Pictures of every pseudo-fake for the documentation.")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/fakes"))
    written = gallery(parser.parse_args().out)
    log.info("gallery written", extra={"pictures": len(written)})


if __name__ == "__main__":
    main()
