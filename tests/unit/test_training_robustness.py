"""Curves of scores under worsening pictures."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import numpy.typing as npt
import pytest

from core.training import metrics
from core.training.results import curve_facts, curve_from
from core.training.robustness import Series, all_series, brightness, curves
from core.types import RGB

SIDE = 48


def picture(seed: int, height: int = SIDE, width: int = SIDE) -> RGB:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, height)[:, None, None] + np.linspace(-30, 30, width)[None, :, None]
    return np.clip(ramp + rng.normal(0, 12, (height, width, 3)), 0, 255).astype(np.uint8)


def sharpness(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Falls as pictures lose detail, in [0, 1]."""
    return np.clip(np.abs(np.diff(pixels.astype(float), axis=2)).mean(axis=(1, 2, 3)) / 40, 0, 1)


def loudness(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    return pixels.mean(axis=(1, 2, 3)) / 255


FAKE = np.array([False, False, True, True, False])
PICTURES = [picture(i) for i in range(5)]


def test_first_point_is_the_untouched_picture() -> None:
    series = {"jpeg": all_series()["jpeg"]}
    (found,) = curves(PICTURES, FAKE, loudness, series=series)
    clean = loudness(np.stack(PICTURES))
    first = found.points[0]
    assert first.level is None
    assert [first.p_real, first.p_fake] == pytest.approx([clean[~FAKE].mean(), clean[FAKE].mean()])
    assert (first.rise_real, first.rise_half) == (0.0, 0.0)
    assert first.auc == metrics.auc(FAKE, clean)
    assert [p.level for p in found.points[1:]] == list(series["jpeg"].levels)
    assert (found.real, found.fake) == (3, 2)


@pytest.mark.parametrize("name", ["jpeg", "webp", "h264", "scale", "blur"])
def test_nuisances_that_take_detail_away_do_so_more_and_more(name: str) -> None:
    (found,) = curves(PICTURES, FAKE, sharpness, series={name: all_series()[name]})
    values = [p.p_real for p in found.points]
    assert values[-1] < 0.75 * values[0]
    assert all(later <= earlier + 0.02 for earlier, later in itertools.pairwise(values)), values


def test_noise_adds_detail_and_light_moves_the_mean() -> None:
    found = {c.name: c for c in curves(PICTURES, FAKE, sharpness, series={"noise": all_series()["noise"]})}
    assert found["noise"].points[-1].rise_real > 0.05
    light = {n: all_series()[n] for n in ("darker", "brighter")}
    darker, brighter = curves(PICTURES, FAKE, loudness, series=light)
    assert [p.p_real for p in darker.points] == sorted((p.p_real for p in darker.points), reverse=True)
    assert [p.p_real for p in brighter.points] == sorted(p.p_real for p in brighter.points)


def test_all_series_keep_shape_and_type() -> None:
    assert set(all_series()) == {"jpeg", "webp", "h264", "scale", "blur", "noise", "darker", "brighter"}
    for one in all_series().values():
        out = one.apply(np.random.default_rng(0), PICTURES[0], one.levels[-1])
        assert out.shape == PICTURES[0].shape
        assert out.dtype == np.uint8


@pytest.mark.parametrize("shape", [(40, 64), (65, 41), (33, 33)])
@pytest.mark.parametrize("name", ["jpeg", "webp", "h264", "scale"])
def test_pictures_of_any_shape_with_a_cut(shape: tuple[int, int], name: str) -> None:
    seen: list[tuple[int, tuple[int, ...]]] = []

    def cut(rgb: RGB, number: int) -> RGB:
        seen.append((number, rgb.shape))
        return rgb[:24, :24]

    pictures = [picture(i, *shape) for i in range(3)]
    one = all_series()[name]
    short = Series(one.name, one.unit, one.levels[:1], one.apply)
    (found,) = curves(pictures, FAKE[:3], loudness, series={name: short}, cut=cut, batch=2)
    assert seen == [(i, (*shape, 3)) for i in (0, 1, 2)] * 2
    assert abs(found.points[1].rise_real) < 0.02, "a margin that is cut off again does not darken the picture"


def test_equal_runs_are_equal_and_seed_matters() -> None:
    series = {"noise": all_series()["noise"]}
    runs = [curves(PICTURES, FAKE, sharpness, series=series, seed=s) for s in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_batches_do_not_change_the_result() -> None:
    series = {"blur": all_series()["blur"]}
    assert curves(PICTURES, FAKE, sharpness, series=series, batch=1) == curves(
        PICTURES, FAKE, sharpness, series=series, batch=4
    )


def test_rise_counts_each_group_once() -> None:
    series = {"step": Series("step", "x", (1.0,), brightness)}
    shift = iter([np.zeros(4), np.array([0.4, 0.4, 0.4, 0.0])])
    (found,) = curves(
        PICTURES[:4], np.zeros(4, bool), lambda _: next(shift), series=series, groups=["a", "a", "a", "b"]
    )
    assert found.points[1].rise_real == pytest.approx(0.2)
    assert found.points[1].rise_half == pytest.approx(1.959964 * np.std([0.4, 0.0], ddof=1) / math.sqrt(2))
    assert math.isnan(found.points[1].auc)
    assert math.isnan(found.points[1].p_fake)


def test_worst_rise_up_to_a_level() -> None:
    values = iter([np.zeros(2), np.full(2, 0.1), np.full(2, 0.05), np.full(2, 0.9)])
    series = {"s": Series("s", "x", (3.0, 2.0, 1.0), brightness)}
    (found,) = curves(PICTURES[:2], np.zeros(2, bool), lambda _: next(values), series=series)
    assert found.worst_rise(2.0) == pytest.approx(0.1)
    assert found.worst_rise(1.0) == pytest.approx(0.9)
    with pytest.raises(ValueError, match="no level 7"):
        found.worst_rise(7.0)


def test_wrong_calls() -> None:
    with pytest.raises(ValueError, match="at least one"):
        curves([], np.zeros(0, bool), loudness)
    with pytest.raises(ValueError, match="as many labels"):
        curves(PICTURES, FAKE[:2], loudness)


@pytest.mark.parametrize("scores", [np.array([np.nan] * 5), np.zeros((5, 2)), np.zeros(3)])
def test_scorers_that_return_something_else(scores: npt.NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="one finite number"):
        curves(PICTURES, FAKE, lambda _: scores)


def test_curves_survive_json() -> None:
    (found,) = curves(PICTURES[:2], FAKE[:2], loudness, series={"darker": all_series()["darker"]})
    back = curve_from(json.loads(json.dumps(curve_facts(found), allow_nan=False)))
    assert [p.level for p in back.points] == [p.level for p in found.points]
    assert math.isnan(back.points[1].auc)
    np.testing.assert_allclose([p.p_real for p in back.points], [p.p_real for p in found.points], atol=1e-6)
