"""Folds that keep each identity whole, and draws that are even over classes and methods."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from core.errors import ConfigError

Fold = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def fold_numbers(groups: Sequence[str], strata: Sequence[Hashable], k: int, *, seed: int = 0) -> npt.NDArray[np.intp]:
    """The fold, 0 … k-1, of each item: all items of a group in one fold, strata spread as evenly as that allows.

    Groups are dealt out by falling size, each to the fold in which it brings the counts of the strata closest to
    even (sum of squared shares); ties are broken by total size, then by a seeded order.

    Args:
        groups: what must stay together (identities, sources), one an item.
        strata: what should be spread evenly, say (label, method), one an item.
        k: number of folds, at least 2.

    Raises:
        ConfigError: fewer than ``k`` groups, or ``k`` below 2.
    """
    if k < 2 or len(set(groups)) < k:
        raise ConfigError(
            f"{len(set(groups))} groups cannot be divided into {k} folds.",
            hint="Take at least 2 folds and at most as many as there are groups.",
        )
    counts = _counts(groups, strata)
    names = sorted(counts)
    order = np.random.default_rng(seed).permutation(len(names))
    dealt = sorted((int(i) for i in order), key=lambda i: -int(counts[names[i]].sum()))
    share = 1.0 / np.sum(list(counts.values()), axis=0)
    load = np.zeros((k, len(share)), dtype=np.float64)
    fold_of: dict[str, int] = {}
    for i in dealt:
        added = counts[names[i]] * share
        cost = ((load + added) ** 2 - load**2).sum(axis=1)
        fold = min(range(k), key=lambda f: (round(float(cost[f]), 12), float(load[f].sum())))
        load[fold] += added
        fold_of[names[i]] = fold
    return np.asarray([fold_of[name] for name in groups], dtype=np.intp)


def _counts(groups: Sequence[str], strata: Sequence[Hashable]) -> dict[str, npt.NDArray[np.int64]]:
    """Items of each stratum, int64[strata], by group."""
    number = {stratum: i for i, stratum in enumerate(dict.fromkeys(strata))}
    counts: dict[str, npt.NDArray[np.int64]] = defaultdict(lambda: np.zeros(len(number), dtype=np.int64))
    for group, stratum in zip(groups, strata, strict=True):
        counts[group][number[stratum]] += 1
    return dict(counts)


def folds(groups: Sequence[str], strata: Sequence[Hashable], k: int, *, seed: int = 0) -> Iterator[Fold]:
    """(training positions, held-out positions) of each fold; see :func:`fold_numbers`."""
    numbers = fold_numbers(groups, strata, k, seed=seed)
    for fold in range(k):
        yield np.nonzero(numbers != fold)[0], np.nonzero(numbers == fold)[0]


def leave_one_out(values: Sequence[str], always: npt.NDArray[np.bool_]) -> Iterator[tuple[str, Fold]]:
    """Each value of ``values`` (methods, sources) held out in turn.

    Args:
        values: one an item.
        always: bool[N], items on both sides whatever their value, say the reals in a leave-one-method-out.

    Yields:
        The value, and (positions without it, positions of it); those of ``always`` are in neither.
    """
    names = np.asarray(values)
    for name in sorted(set(names[~always].tolist())):
        yield str(name), (np.nonzero(~always & (names != name))[0], np.nonzero(~always & (names == name))[0])


def balanced_odds(
    fake: npt.NDArray[np.bool_], methods: Sequence[str], groups: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Drawing odds float64[N], sum 1: classes alike, methods of a class alike, groups of a method alike.

    Args:
        fake: bool[N].
        methods: of each item; for reals say the source.
        groups: of each item (identity or clip), so that a long clip counts no more than a short one.

    Raises:
        ConfigError: there is nothing to draw from.
    """
    if len(fake) == 0:
        raise ConfigError("There is nothing to draw from.", hint="Check the data folder and its splits.")
    keys = list(zip(fake.tolist(), methods, groups, strict=True))
    per_group = Counter(keys)
    groups_of = Counter((label, method) for label, method, _ in per_group)
    methods_of = Counter(label for label, _ in groups_of)
    odds = [1.0 / (len(methods_of) * methods_of[key[0]] * groups_of[key[0], key[1]] * per_group[key]) for key in keys]
    return np.asarray(odds, dtype=np.float64)


def balanced_draws(
    rng: np.random.Generator,
    fake: npt.NDArray[np.bool_],
    methods: Sequence[str],
    groups: Sequence[str],
    size: int,
) -> npt.NDArray[np.intp]:
    """``size`` positions with the odds of :func:`balanced_odds`, with repeats, classes in turn: real, fake, real …

    Raises:
        ConfigError: a class is missing.
    """
    if not fake.any() or fake.all():
        raise ConfigError("A balanced draw needs reals and fakes.", hint="Check the data folder and its splits.")
    odds = balanced_odds(fake, methods, groups)
    out = np.empty(size, dtype=np.intp)
    for label in (False, True):
        where = np.nonzero(fake == label)[0]
        out[int(label) :: 2] = rng.choice(where, size=len(out[int(label) :: 2]), p=odds[where] / odds[where].sum())
    return out
