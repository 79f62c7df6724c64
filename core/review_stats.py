"""What a review session adds up to: pace, agreement with the program and among reviewers, and where these contradict
each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from core.review import Judgement, Review, State
from core.types import Label

BREAK_S = 1800.0
"""A longer pause ends a sitting."""
_PAUSE_S = 300.0
_SIDES = {Judgement.FAKE: Label.FAKE, Judgement.AUTHENTIC: Label.REAL}


@dataclass(frozen=True, slots=True)
class Sitting:
    """One reviewer's work without a long break. ``seconds`` is the mean time from one closed item to the next (None
    with fewer than two; pauses of over five minutes are left out). Of ``decided`` items both the reviewer and the
    program said fake or real: ``blind_same`` of ``blind`` agreed before the score was seen, ``same`` with the word that
    stands; ``changed`` judgements differ from the blind ones."""

    submitted: int
    discarded: int
    seconds: float | None
    blind: int
    blind_same: int
    decided: int
    same: int
    changed: int


def last_sitting(reviews: Iterable[Review]) -> tuple[Review, ...]:
    """The closed reviews of a reviewer since the last long break, in the order in which they were closed."""
    closed = [r for r in reviews if r.state in (State.SUBMITTED, State.DISCARDED) and r.at]
    closed.sort(key=lambda r: r.at)
    for place in range(len(closed) - 1, 0, -1):
        if _gap(closed[place - 1], closed[place]) > BREAK_S:
            return tuple(closed[place:])
    return tuple(closed)


def sitting(reviews: Iterable[Review], said: Mapping[str, Label]) -> Sitting:
    """Figures of closed reviews.

    Args:
        reviews: in the order in which they were closed.
        said: the program's verdict by item.
    """
    closed = list(reviews)
    done = [r for r in closed if r.state is State.SUBMITTED and r.judgement is not None]
    gaps = [gap for a, b in pairwise(closed) if (gap := _gap(a, b)) <= _PAUSE_S]
    blind = [(r.blind, said.get(r.item)) for r in done]
    final = [(r.judgement, said.get(r.item)) for r in done]
    return Sitting(
        submitted=len(done),
        discarded=sum(r.state is State.DISCARDED for r in closed),
        seconds=sum(gaps) / len(gaps) if gaps else None,
        blind=sum(_comparable(*pair) for pair in blind),
        blind_same=sum(_agree(*pair) for pair in blind),
        decided=sum(_comparable(*pair) for pair in final),
        same=sum(_agree(*pair) for pair in final),
        changed=sum(r.blind is not None and r.blind is not r.judgement for r in done),
    )


def submitted(reviews: Mapping[str, Review]) -> dict[str, Judgement]:
    """A reviewer's words that stand, by item."""
    return {i: r.judgement for i, r in reviews.items() if r.state is State.SUBMITTED and r.judgement is not None}


def contested(judged: Mapping[str, Mapping[str, Judgement]], reviewer: str) -> frozenset[str]:
    """Items on which the other reviewers are split evenly between fake and authentic, so that one word settles them.

    Args:
        judged: judgements by reviewer, then by item.
        reviewer: who is asked; the own word does not count.
    """
    fake: Counter[str] = Counter()
    real: Counter[str] = Counter()
    for name, words in judged.items():
        if name != reviewer:
            fake.update(item for item, word in words.items() if word is Judgement.FAKE)
            real.update(item for item, word in words.items() if word is Judgement.AUTHENTIC)
    return frozenset(item for item, count in fake.items() if count == real[item])


def krippendorff_alpha(judged: Mapping[str, Mapping[str, Judgement]]) -> float | None:
    """Agreement of any number of reviewers beyond chance, nominal, with missing judgements (Krippendorff 2011,
    "Computing Krippendorff's Alpha-Reliability").

    Args:
        judged: judgements by reviewer, then by item.

    Returns:
        1 = full agreement, 0 = chance; None where it is undefined: no item was judged by two, or there is but one
        answer throughout.
    """
    units: dict[str, Counter[Judgement]] = {}
    for words in judged.values():
        for item, word in words.items():
            units.setdefault(item, Counter())[word] += 1
    shared = [unit for unit in units.values() if unit.total() > 1]
    total = sum(shared, Counter[Judgement]())
    n = total.total()
    expected = n * n - sum(count * count for count in total.values())
    if expected == 0:
        return None
    observed = sum((u.total() ** 2 - sum(c * c for c in u.values())) / (u.total() - 1) for u in shared)
    return 1.0 - (n - 1) * observed / expected


def _gap(first: Review, second: Review) -> float:
    return (datetime.fromisoformat(second.at) - datetime.fromisoformat(first.at)).total_seconds()


def _comparable(word: Judgement | None, label: Label | None) -> bool:
    return word in _SIDES and label in _SIDES.values()


def _agree(word: Judgement | None, label: Label | None) -> bool:
    return word is not None and label is not None and _SIDES.get(word) is label
