"""Grouped, stratified folds and balanced draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError
from core.training.data.folds import balanced_draws, balanced_odds, fold_numbers, folds, leave_one_out


def collection(seed: int, people: int = 60) -> tuple[list[str], list[tuple[bool, str]]]:
    rng = np.random.default_rng(seed)
    groups, strata = [], []
    for person in range(people):
        for _ in range(int(rng.integers(1, 8))):
            fake = bool(rng.random() < 0.6)
            groups.append(f"p{person}")
            strata.append((fake, str(rng.choice(["a", "b", "c"])) if fake else "pristine"))
    return groups, strata


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6))
def test_groups_stay_whole_and_every_item_is_held_out_once(seed: int, k: int) -> None:
    groups, strata = collection(seed, people=12)
    held = np.zeros(len(groups), dtype=int)
    for train, out in folds(groups, strata, k, seed=seed):
        held[out] += 1
        assert len(train) and len(out)
        assert not {groups[i] for i in train} & {groups[i] for i in out}
        assert len(train) + len(out) == len(groups)
    assert (held == 1).all()


def test_strata_are_spread_evenly() -> None:
    groups, strata = collection(0, people=200)
    numbers = fold_numbers(groups, strata, 5)
    for stratum, total in Counter(strata).items():
        shares = [sum(s == stratum and n == f for s, n in zip(strata, numbers, strict=True)) / total for f in range(5)]
        assert max(shares) - min(shares) < 0.06, (stratum, shares)


def test_one_large_group_gets_few_companions() -> None:
    groups = ["big"] * 50 + [f"s{i}" for i in range(50)]
    numbers = fold_numbers(groups, ["x"] * 100, 2)
    assert sorted(Counter(numbers.tolist()).values()) == [50, 50]


def test_seed_decides_and_repeats() -> None:
    groups, strata = collection(1)
    first = fold_numbers(groups, strata, 4, seed=3)
    np.testing.assert_array_equal(first, fold_numbers(groups, strata, 4, seed=3))
    assert (first != fold_numbers(groups, strata, 4, seed=4)).any()


def test_order_of_items_does_not_matter() -> None:
    groups, strata = collection(2)
    order = np.random.default_rng(0).permutation(len(groups))
    first = dict(zip(groups, fold_numbers(groups, strata, 3).tolist(), strict=True))
    mixed = fold_numbers([groups[i] for i in order], [strata[i] for i in order], 3)
    assert first == dict(zip([groups[i] for i in order], mixed.tolist(), strict=True))


@pytest.mark.parametrize(("groups", "k"), [(["a", "b"], 3), (["a", "a"], 2), (["a", "b"], 1), ([], 2)])
def test_folds_that_cannot_be(groups: list[str], k: int) -> None:
    with pytest.raises(ConfigError) as caught:
        fold_numbers(groups, groups, k)
    assert caught.value.hint


def test_leave_one_method_out() -> None:
    methods = ["pristine", "a", "b", "a", "pristine"]
    real = np.array([m == "pristine" for m in methods])
    found = {name: (train.tolist(), out.tolist()) for name, (train, out) in leave_one_out(methods, real)}
    assert found == {"a": ([2], [1, 3]), "b": ([1, 3], [2])}


def test_odds_are_even_over_class_method_and_group() -> None:
    fake = np.array([False] * 10 + [True] * 90)
    methods = ["lfw"] * 2 + ["clips"] * 8 + ["a"] * 80 + ["b"] * 10
    groups = ["p0", "p1"] + ["c"] * 8 + ["long"] * 79 + ["short"] + [f"q{i}" for i in range(10)]
    odds = balanced_odds(fake, methods, groups)
    assert odds.sum() == pytest.approx(1.0)
    assert odds[fake].sum() == pytest.approx(0.5)
    for name, share in (("lfw", 0.25), ("clips", 0.25), ("a", 0.25), ("b", 0.25)):
        assert odds[[m == name for m in methods]].sum() == pytest.approx(share)
    assert odds[[g == "long" for g in groups]].sum() == pytest.approx(odds[[g == "short" for g in groups]].sum())


def test_draws_alternate_and_follow_the_odds() -> None:
    fake = np.array([False] * 5 + [True] * 95)
    methods = ["r"] * 5 + ["a"] * 90 + ["b"] * 5
    groups = [str(i) for i in range(100)]
    drawn = balanced_draws(np.random.default_rng(0), fake, methods, groups, 4001)
    assert not fake[drawn[::2]].any()
    assert fake[drawn[1::2]].all()
    counts = Counter(methods[i] for i in drawn)
    assert counts["a"] == pytest.approx(1000, abs=110)
    assert counts["b"] == pytest.approx(1000, abs=110)


def test_draws_need_both_classes() -> None:
    with pytest.raises(ConfigError):
        balanced_draws(np.random.default_rng(0), np.ones(3, bool), ["a"] * 3, ["g"] * 3, 4)
    with pytest.raises(ConfigError):
        balanced_odds(np.zeros(0, bool), [], [])
