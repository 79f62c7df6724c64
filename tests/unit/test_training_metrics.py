"""Measures against scikit-learn, against closed forms, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score, roc_curve

from core.training import metrics
from core.training.calibrate import TooFewError, cross_fitted, fit_platt


def _data(seed: int, n: int = 300, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    fake = rng.random(n) < 0.4
    p = 1 / (1 + np.exp(-(rng.normal(0, 1, n) + 1.2 * fake)))
    return fake, np.round(p, 1) if ties else p


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_ranked_measures_agree_with_scikit_learn(seed: int, ties: bool) -> None:
    fake, p = _data(seed, ties=ties)
    assert metrics.auc(fake, p) == pytest.approx(roc_auc_score(fake, p), abs=1e-12)
    assert metrics.average_precision(fake, p) == pytest.approx(average_precision_score(fake, p), abs=1e-12)
    assert metrics.brier(fake, p) == pytest.approx(brier_score_loss(fake, p), abs=1e-12)
    fpr, tpr, _ = roc_curve(fake, p, drop_intermediate=False)
    mine = metrics.roc(fake, p)
    assert np.allclose(mine[0], fpr)
    assert np.allclose(mine[1], tpr)
    for limit in (0.01, 0.05, 0.2):
        assert metrics.tpr_at(fake, p, limit) == pytest.approx(tpr[fpr <= limit].max())


def test_eer_lies_where_misses_equal_alarms() -> None:
    rng = np.random.default_rng(0)
    fake = np.arange(40_000) % 2 == 0
    p = rng.normal(0, 1, 40_000) + 2.0 * fake
    assert metrics.eer(fake, p) == pytest.approx(0.1587, abs=0.006)  # Phi(-1)
    assert metrics.eer(np.array([True, False]), np.array([0.9, 0.1])) == 0.0
    assert metrics.eer(np.array([True, False]), np.array([0.1, 0.9])) == 1.0


def test_threshold_keeps_its_promise() -> None:
    fake, p = _data(4, 2000)
    threshold = metrics.threshold_at(fake, p, 0.01)
    assert metrics.false_alarms(fake, p, threshold) <= 0.01
    assert metrics.recall(fake, p, threshold) == pytest.approx(metrics.tpr_at(fake, p, 0.01))


def test_ece_is_zero_for_a_calibrated_score_and_large_for_a_bold_one() -> None:
    rng = np.random.default_rng(5)
    p = rng.random(50_000)
    fake = rng.random(50_000) < p
    assert metrics.ece(fake, p) < 0.01
    assert metrics.ece(fake, (p > 0.5).astype(float)) > 0.2


def test_undefined_measures_are_nan() -> None:
    only = np.ones(5, dtype=bool)
    p = np.linspace(0, 1, 5)
    assert np.isnan(metrics.auc(only, p))
    assert np.isnan(metrics.false_alarms(only, p))
    assert np.isnan(metrics.recall(~only, p))


def test_grouped_intervals_are_wider_than_those_of_independent_items() -> None:
    fake, p = _data(6, 60)
    fake, p = np.repeat(fake, 10), np.repeat(p, 10)
    who = np.repeat(np.arange(60), 10).astype(str).tolist()
    grouped = metrics.bootstrap(metrics.auc, fake, p, who, rounds=300)
    naive = metrics.bootstrap(metrics.auc, fake, p, rounds=300)
    assert grouped.low < grouped.value < grouped.high
    assert grouped.high - grouped.low > 2 * (naive.high - naive.low)
    assert grouped == metrics.bootstrap(metrics.auc, fake, p, who, rounds=300)


def test_platt_agrees_with_unpenalised_logistic_regression() -> None:
    rng = np.random.default_rng(7)
    fake = rng.random(20_000) < 0.5
    logit = rng.normal(0, 2, 20_000) + 3 * fake
    a, b = fit_platt(logit, fake)
    reference = LogisticRegression(C=np.inf).fit(logit[:, None], fake)
    assert a == pytest.approx(reference.coef_[0, 0], rel=0.01)
    assert b == pytest.approx(reference.intercept_[0], rel=0.02)


def test_more_fakes_than_reals_do_not_make_a_file_more_likely_fake() -> None:
    rng = np.random.default_rng(9)
    fake = np.arange(8000) % 2 == 0
    logit = rng.normal(0, 1, 8000) + 2 * fake
    kept = fake | (rng.random(8000) < 0.25)
    a, b = fit_platt(logit[kept], fake[kept])
    assert (a, b) == pytest.approx(fit_platt(logit, fake), abs=0.1)
    p = 1 / (1 + np.exp(-(a * logit + b)))
    assert metrics.ece(fake[kept], p[kept], even=True) < 0.03 < 0.1 < metrics.ece(fake[kept], p[kept])


def test_platt_refuses_small_sets() -> None:
    fake = np.arange(120) < 49
    with pytest.raises(TooFewError, match="71 and 49"):
        fit_platt(np.zeros(120), fake)


def test_cross_fitting_does_not_see_the_held_out_identity() -> None:
    rng = np.random.default_rng(8)
    fake = np.arange(400) % 2 == 0
    logit = rng.normal(0, 1, 400) + 2 * fake
    who = np.array([f"p{i // 4}" for i in range(400)])
    p = cross_fitted(logit, fake, who)
    changed = logit.copy()
    changed[:4] = 50.0
    q = cross_fitted(changed, fake, who)
    same_fold = np.abs(p - q) < 1e-12
    assert same_fold.sum() >= 60  # the fold of the changed identity was fitted without it
    assert not same_fold[:4].any()


def test_few_answers_of_perfect_calibration_look_off_by_chance() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.random(118), rng.random(40_000)
    mean, most = metrics.ece_by_chance(few)
    assert 0.06 < mean < most < 0.15
    assert metrics.ece_by_chance(many, rounds=20)[1] < 0.01
    assert metrics.ece_by_chance(np.array([0.0, 1.0, 1.0])) == (0.0, 0.0)
    off = metrics.ece(rng.random(40_000) < many**3, many)
    assert off > 10 * metrics.ece_by_chance(many, rounds=20)[1]
