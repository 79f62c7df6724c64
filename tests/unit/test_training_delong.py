"""DeLong's variance and test, error against coverage, Wilson's interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.training import metrics
from core.training.delong import auc_covariance, compare, estimate, midranks
from core.training.intervals import wilson, z_of
from core.training.selective import certainty, error_coverage


def draw(seed: int, n: int, shift: float = 1.0, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels and two correlated scores in [0, 1]."""
    rng = np.random.default_rng(seed)
    fake = rng.random(n) < 0.4
    common = rng.normal(size=n) + shift * fake
    scores = [1 / (1 + np.exp(-(common + rng.normal(scale=s, size=n)))) for s in (0.7, 1.1)]
    if ties:
        scores = [np.round(s, 1) for s in scores]
    return fake, scores[0], scores[1]


def brute_components(fake: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each fake's share of reals below it and each real's share of fakes above it, pair by pair."""
    wins = np.array([[(f > r) + 0.5 * (f == r) for r in p[~fake]] for f in p[fake]])
    return wins.mean(axis=1), wins.mean(axis=0)


@pytest.mark.parametrize("ties", [False, True])
def test_covariance_against_brute_force(ties: bool) -> None:
    fake, a, b = draw(1, 90, ties=ties)
    aucs, covariance = auc_covariance(fake, np.stack([a, b]))
    (fa, ra), (fb, rb) = brute_components(fake, a), brute_components(fake, b)
    expected = np.cov(np.stack([fa, fb])) / len(fa) + np.cov(np.stack([ra, rb])) / len(ra)
    np.testing.assert_allclose(covariance, expected, rtol=1e-10)
    np.testing.assert_allclose(aucs, [metrics.auc(fake, a), metrics.auc(fake, b)], rtol=1e-12)


def test_variance_against_bootstrap() -> None:
    fake, a, _ = draw(2, 400)
    rng = np.random.default_rng(0)
    fakes, reals = a[fake], a[~fake]
    labels = np.r_[np.ones(len(fakes), bool), np.zeros(len(reals), bool)]
    drawn = [
        metrics.auc(labels, np.r_[rng.choice(fakes, len(fakes)), rng.choice(reals, len(reals))]) for _ in range(800)
    ]
    assert estimate(fake, a).variance == pytest.approx(float(np.var(drawn)), rel=0.2)


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    truth = 0.5 * (1 + math.erf(1.0 / math.sqrt(1 + 0.49) / math.sqrt(2) / math.sqrt(2)))
    inside = 0
    for seed in range(300):
        fake, a, _ = draw(seed, 120)
        found = estimate(fake, a)
        inside += found.low <= truth <= found.high
    assert 0.91 <= inside / 300 <= 0.985


def test_interval_stays_in_range_and_is_wider_for_fewer() -> None:
    few, many = estimate(*draw(3, 40, 3.0)[:2]), estimate(*draw(3, 4000, 3.0)[:2])
    for found in (few, many):
        assert 0 <= found.low < found.auc < found.high <= 1
    assert few.high - few.low > 4 * (many.high - many.low)


def test_perfect_separation_has_no_empty_interval() -> None:
    fake = np.array([True] * 5 + [False] * 9)
    p = np.where(fake, 0.9, 0.1)
    found = estimate(fake, p)
    assert (found.auc, found.high, found.variance) == (1.0, 1.0, 0.0)
    assert found.low == pytest.approx(0.025 ** (1 / 5))
    worst = estimate(fake, 1 - p)
    assert worst.low == 0.0
    assert worst.high == pytest.approx(1 - 0.025 ** (1 / 5))


def test_too_few_items() -> None:
    fake = np.array([True, False, False])
    assert math.isnan(estimate(fake, np.array([0.9, 0.1, 0.2])).auc)
    with pytest.raises(ValueError, match="two fakes"):
        compare(fake, np.zeros(3), np.zeros(3))


def test_comparison_against_bootstrap_and_sign() -> None:
    fake, a, b = draw(4, 500)
    found = compare(fake, a, b)
    assert found.difference == pytest.approx(metrics.auc(fake, a) - metrics.auc(fake, b))
    assert compare(fake, b, a).z == pytest.approx(-found.z)
    rng = np.random.default_rng(0)
    fakes, reals = np.nonzero(fake)[0], np.nonzero(~fake)[0]
    drawn = []
    for _ in range(500):
        index = np.r_[rng.choice(fakes, len(fakes)), rng.choice(reals, len(reals))]
        drawn.append(metrics.auc(fake[index], a[index]) - metrics.auc(fake[index], b[index]))
    spread = (found.high - found.low) / (2 * z_of(0.95))
    assert spread == pytest.approx(float(np.std(drawn)), rel=0.15)
    assert found.z == pytest.approx(found.difference / spread)


def test_p_value_is_uniform_without_a_difference() -> None:
    values = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        fake = rng.random(100) < 0.5
        common = rng.normal(size=100) + fake
        values.append(compare(fake, common + rng.normal(size=100), common + rng.normal(size=100)).p_value)
    assert 0.02 <= np.mean(np.array(values) < 0.05) <= 0.09
    assert 0.42 <= np.mean(values) <= 0.58


def test_equal_ranks_do_not_differ() -> None:
    fake, a, _ = draw(5, 60)
    found = compare(fake, a, a**3)
    assert (found.z, found.p_value, found.difference) == (0.0, 1.0, 0.0)


def test_certain_difference() -> None:
    fake = np.array([True] * 4 + [False] * 4)
    p = np.where(fake, 0.9, 0.1)
    found = compare(fake, p, 1 - p)
    assert (found.difference, found.p_value) == (1.0, 0.0)


def test_midranks() -> None:
    np.testing.assert_array_equal(midranks(np.array([0.2, 0.1, 0.2, 0.9])), [2.5, 1.0, 2.5, 4.0])


# --- Wilson ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_against_published_values(hits: int, n: int, low: float, high: float) -> None:
    assert wilson(hits, n) == pytest.approx((low, high), abs=5e-5)


def test_wilson_at_the_ends() -> None:
    assert wilson(0, 5)[0] == 0.0
    assert wilson(5, 5)[1] == 1.0
    assert wilson(2, 7) == pytest.approx(tuple(1 - x for x in reversed(wilson(5, 7))))
    assert all(math.isnan(x) for x in wilson(0, 0))


# --- error against coverage --------------------------------------------------------------------------------------


def test_error_coverage_by_hand() -> None:
    fake = np.array([True, True, False, False])
    p = np.array([0.99, 0.4, 0.05, 0.7])
    found = error_coverage(fake, p)
    # Most certain first: .99 right, .05 right, .7 wrong, .4 wrong.
    np.testing.assert_allclose(found.coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(found.error, [0, 0, 1 / 3, 0.5])
    assert found.area == pytest.approx((1 / 3 + 0.5) / 4)
    assert found.area == found.best_area
    assert [found.error_at(c) for c in (0.5, 0.6, 1.0)] == pytest.approx([0.0, 1 / 3, 0.5])


def test_ties_share_their_errors_whatever_their_order() -> None:
    fake = np.array([True, False, True, False])
    p = np.full(4, 0.8)
    found = error_coverage(fake, p)
    np.testing.assert_allclose(found.error, 0.5)
    np.testing.assert_allclose(error_coverage(fake[::-1], p).error, 0.5)
    assert found.best_area < found.area


def test_certainty_is_measured_from_the_threshold() -> None:
    p = np.array([0.5, 0.9, 0.99])
    assert certainty(p, 0.9).argmin() == 1
    assert np.isfinite(certainty(np.array([0.0, 1.0]))).all()
    assert np.isfinite(certainty(p, math.inf)).all()


def test_threshold_decides_what_is_an_error() -> None:
    fake = np.array([True, False])
    p = np.array([0.6, 0.55])
    assert error_coverage(fake, p, 0.5).error[-1] == 0.5
    assert error_coverage(fake, p, 0.58).error[-1] == 0.0
    with pytest.raises(ValueError, match="no scores"):
        error_coverage(np.zeros(0, bool), np.zeros(0))
