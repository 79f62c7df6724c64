"""How scores move when pictures get worse: P(fake) and AUC against the strength of one nuisance at a time."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.training import metrics, nuisance
from core.types import RGB

log = logging.getLogger(__name__)

Scorer = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float64]]
Apply = Callable[[np.random.Generator, RGB, float], RGB]
Cut = Callable[[RGB, int], RGB]
_Z = 1.959964


@dataclass(frozen=True, slots=True)
class Series:
    """One nuisance at rising strength. ``levels`` are in ``unit``, mildest first."""

    name: str
    unit: str
    levels: tuple[float, ...]
    apply: Apply


def brightness(_: np.random.Generator, rgb: RGB, gain: float) -> RGB:
    """All channels times ``gain``, clipped."""
    curve = np.clip(np.arange(256) * gain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(rgb, curve), dtype=np.uint8)


def all_series() -> dict[str, Series]:
    """Every nuisance by name. H.264 is one intra frame at a constant rate factor."""
    made = (
        Series("jpeg", "quality", (90, 70, 50, 40, 30), lambda _, x, v: nuisance.jpeg(x, int(v))),
        Series("webp", "quality", (80, 50, 30), lambda _, x, v: nuisance.webp(x, int(v))),
        Series("h264", "CRF", (23, 28, 32, 36), lambda _, x, v: nuisance.h264(x, int(v))),
        Series("scale", "factor", (0.75, 0.5, 0.35, 0.25), nuisance.rescale),
        Series("blur", "sigma (px)", (1.0, 2.0, 3.0), nuisance.blur),
        Series("noise", "sigma (grey levels)", (5.0, 10.0, 20.0), nuisance.noise),
        Series("darker", "gain", (0.75, 0.5, 0.3), brightness),
        Series("brighter", "gain", (1.25, 1.5), brightness),
    )
    return {series.name: series for series in made}


def one_strong(rng: np.random.Generator, rgb: RGB) -> RGB:
    """A square uint8[S, S, 3] after one nuisance at one of its levels, all drawn evenly."""
    series = list(all_series().values())
    one = series[int(rng.integers(len(series)))]
    return one.apply(rng, rgb, one.levels[int(rng.integers(len(one.levels)))])


@dataclass(frozen=True, slots=True)
class Point:
    """Scores at one level, or of the untouched pictures (``level`` None).

    ``p_real`` and ``p_fake`` are means of P(fake) over groups; ``rise_real`` is the mean change of P(fake) of the
    reals against the untouched pictures and ``rise_half`` the half width of its 95 % interval (paired, normal, over
    groups). NaN where a class is missing.
    """

    level: float | None
    p_real: float
    p_fake: float
    auc: float
    rise_real: float
    rise_half: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One nuisance; ``points[0]`` are the untouched pictures."""

    name: str
    unit: str
    points: tuple[Point, ...]
    real: int
    fake: int

    def worst_rise(self, upto: float) -> float:
        """The largest rise of the reals' mean P(fake) from the mildest level to ``upto`` (included); NaN without
        reals."""
        levels = [point.level for point in self.points]
        if upto not in levels:
            raise ValueError(f"{self.name} has no level {upto:g}")
        return max(point.rise_real for point in self.points[1 : levels.index(upto) + 1])


def curves(
    pictures: Sequence[RGB],
    fake: metrics.Labels,
    scorer: Scorer,
    *,
    series: Mapping[str, Series] | None = None,
    cut: Cut | None = None,
    groups: Sequence[str] | None = None,
    batch: int = 32,
    seed: int = 0,
) -> tuple[Curve, ...]:
    """Score every picture untouched and at each level of each nuisance.

    A picture meets the same random choices (grain, filters) at all levels, so only the strength differs.

    Args:
        pictures: N of uint8[H, W, 3], crops or whole pictures.
        fake: bool[N].
        scorer: uint8[B, S, S, 3] → P(fake) float[B].
        series: nuisances; all by default.
        cut: makes the scorer's input uint8[S, S, 3] of a worsened picture and its position; by default the picture is
            the input, and all must be of one size.
        groups: of each picture (identity, clip): each group counts once in the means.

    Raises:
        ValueError: no pictures, or lengths that differ.
    """
    if not pictures or len(pictures) != len(fake) or (groups is not None and len(groups) != len(fake)):
        raise ValueError("as many labels (and groups) as pictures are needed, and at least one")
    names = np.asarray(groups if groups is not None else np.arange(len(fake)).astype(str))
    run = _Run(pictures, scorer, cut, batch, seed)
    clean = run.scores(None, 0.0)
    made = []
    for one in (all_series() if series is None else series).values():
        points = [_point(None, fake, clean, clean, names)]
        points += [_point(level, fake, run.scores(one.apply, level), clean, names) for level in one.levels]
        made.append(Curve(one.name, one.unit, tuple(points), int((~fake).sum()), int(fake.sum())))
        log.info("robustness: %s done", one.name)
    return tuple(made)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    pictures: Sequence[RGB]
    scorer: Scorer
    cut: Cut | None
    batch: int
    seed: int

    def scores(self, apply: Apply | None, level: float) -> npt.NDArray[np.float64]:
        parts = []
        for start in range(0, len(self.pictures), self.batch):
            numbers = range(start, min(start + self.batch, len(self.pictures)))
            parts.append(np.asarray(self.scorer(np.stack([self._input(i, apply, level) for i in numbers])), np.float64))
        scores = np.concatenate(parts)
        if scores.shape != (len(self.pictures),) or not np.isfinite(scores).all():
            raise ValueError("the scorer must return one finite number a picture")
        return scores

    def _input(self, number: int, apply: Apply | None, level: float) -> RGB:
        picture = self.pictures[number]
        if apply is not None:
            picture = on_square(apply, np.random.default_rng((self.seed, number)), picture, level)
        return picture if self.cut is None else self.cut(picture, number)


def on_square(apply: Apply, rng: np.random.Generator, rgb: RGB, level: float) -> RGB:
    """The nuisances are made for squares: other pictures get a margin that is taken off again."""
    height, width = rgb.shape[:2]
    side = max(height, width)
    if height != width:
        rgb = np.asarray(
            cv2.copyMakeBorder(rgb, 0, side - height, 0, side - width, cv2.BORDER_REPLICATE), dtype=np.uint8
        )
    return np.ascontiguousarray(apply(rng, rgb, level)[:height, :width])


def _point(
    level: float | None,
    fake: metrics.Labels,
    p: npt.NDArray[np.float64],
    clean: npt.NDArray[np.float64],
    names: npt.NDArray[np.str_],
) -> Point:
    rises = _group_means((p - clean)[~fake], names[~fake])
    half = _Z * float(rises.std(ddof=1)) / math.sqrt(len(rises)) if len(rises) > 1 else math.nan
    return Point(
        level,
        p_real=_mean(_group_means(p[~fake], names[~fake])),
        p_fake=_mean(_group_means(p[fake], names[fake])),
        auc=metrics.auc(fake, p),
        rise_real=_mean(rises),
        rise_half=half,
    )


def _group_means(values: npt.NDArray[np.float64], names: npt.NDArray[np.str_]) -> npt.NDArray[np.float64]:
    _, which = np.unique(names, return_inverse=True)
    return np.asarray(np.bincount(which, weights=values) / np.maximum(np.bincount(which), 1), dtype=np.float64)


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if values.size else math.nan
