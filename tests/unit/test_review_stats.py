"""Figures of review sessions: sittings, contradictions, agreement of many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.review import (
    Item,
    Judgement,
    Queue,
    Review,
    State,
    allow,
    annotate,
    decide_many,
    submit_many,
    undo,
)
from core.review_stats import contested, krippendorff_alpha, last_sitting, sitting, submitted
from core.types import Label

A, F, U = Judgement.AUTHENTIC, Judgement.FAKE, Judgement.UNSURE
START = datetime(2026, 1, 2, tzinfo=UTC)


def closed(item: str, second: float, judgement: Judgement = F, blind: Judgement | None = F) -> Review:
    at = (START + timedelta(seconds=second)).isoformat()
    return Review(item, State.SUBMITTED, judgement, blind, seen=True, at=at)


def queue(n: int = 4) -> Queue:
    return Queue(tuple(Item(f"m{i}", f"m{i}.png", 0.5) for i in range(n)))


def test_alpha_of_the_worked_example_with_missing_values() -> None:
    """Four observers, nominal, from "Computing Krippendorff's Alpha-Reliability", section C: alpha = 0.743."""
    rows = (
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
    )
    judged = {
        f"r{i}": {f"u{j}": str(value) for j, value in enumerate(row) if value is not None} for i, row in enumerate(rows)
    }
    assert krippendorff_alpha(judged) == pytest.approx(0.743, abs=5e-4)  # type: ignore[arg-type]


def test_alpha_is_one_where_all_agree_and_undefined_where_nothing_can_be_said() -> None:
    words = {"x": F, "y": A}
    assert krippendorff_alpha({"ann": words, "bo": words, "cy": {"x": F}}) == 1.0
    assert krippendorff_alpha({"ann": {"x": F}, "bo": {"x": F}}) is None
    assert krippendorff_alpha({"ann": {"x": F}, "bo": {"y": A}}) is None
    assert krippendorff_alpha({}) is None


WORDS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(Judgement))


@given(st.dictionaries(st.sampled_from(["ann", "bo", "cy", "di"]), WORDS))
def test_alpha_is_at_most_one_and_indifferent_to_names(judged: dict[str, dict[str, Judgement]]) -> None:
    alpha = krippendorff_alpha(judged)
    renamed = krippendorff_alpha({f"{name}!": words for name, words in reversed(judged.items())})
    assert alpha == renamed or alpha == pytest.approx(renamed)
    assert alpha is None or alpha <= 1.0


def test_items_are_contested_until_a_third_word_settles_them() -> None:
    judged = {"ann": {"x": F, "y": F, "z": F}, "bo": {"x": A, "y": F, "z": U}}
    assert contested(judged, "cy") == {"x"}
    assert contested(judged, "ann") == contested(judged, "bo") == frozenset()
    settled = judged | {"cy": {"x": A}}
    assert contested(settled, "di") == frozenset()
    assert contested(settled, "cy") == {"x"}, "the own word stays in the queue, so that it can be undone"
    assert contested(judged | {"cy": {"x": U}}, "di") == {"x"}


def test_a_long_break_begins_a_new_sitting() -> None:
    early, late = [closed("a", 0), closed("b", 10)], [closed("c", 4000), closed("d", 4030)]
    assert [r.item for r in last_sitting([*late, *early])] == ["c", "d"]
    assert [r.item for r in last_sitting([*early, Review("e", State.DRAFT, F, at=late[0].at)])] == ["a", "b"]
    assert last_sitting([]) == ()


def test_a_sitting_counts_pace_and_agreement_before_and_after_the_score() -> None:
    reviews = [
        closed("a", 0, F, F),
        closed("b", 10, A, F),
        closed("c", 40, U, F),
        Review("d", State.DISCARDED, at=(START + timedelta(seconds=1000)).isoformat()),
    ]
    found = sitting(reviews, {"a": Label.FAKE, "b": Label.REAL, "c": Label.FAKE, "d": Label.UNCERTAIN})
    assert (found.submitted, found.discarded, found.seconds) == (3, 1, 20.0)
    assert (found.blind, found.blind_same) == (3, 2)
    assert (found.decided, found.same, found.changed) == (2, 2, 2)
    assert sitting([], {}).seconds is None


def test_one_judgement_for_many_is_a_draft_of_each_and_one_undo_takes_it_back() -> None:
    start = queue()
    many = decide_many(start, ["m2", "m0", "gone"], A)
    assert {i: r.state for i, r in many.reviews.items()} == {"m0": State.DRAFT, "m2": State.DRAFT}
    assert all(r.blind is A and r.seen for r in many.reviews.values())
    done = submit_many(many, ["m0", "m1", "m2"])
    assert submitted(done.reviews) == {"m0": A, "m2": A}
    assert undo(done).reviews == many.reviews
    back = undo(undo(done))
    assert {r.state for r in back.reviews.values()} == {State.PENDING}
    assert all(r.seen for r in back.reviews.values())


def test_what_is_closed_is_not_judged_again_with_many() -> None:
    done = submit_many(decide_many(queue(), ["m0"], F), ["m0"])
    assert decide_many(done, ["m0"], A) == done


def test_tags_stay_through_undo_and_consent_is_given_on_submission_only() -> None:
    drafted = annotate(decide_many(queue(), ["m0"], F), "m0", tags=("face swap", "face swap", "region: eyes"))
    assert drafted.review("m0").tags == ("face swap", "region: eyes")
    assert allow(queue(), drafted, True) == drafted
    done = allow(drafted, submit_many(drafted, ["m0"]), True)
    assert done.review("m0").consent
    assert undo(done).review("m0").tags == ("face swap", "region: eyes")
    assert annotate(done, "m0", note="n").review("m0").tags == done.review("m0").tags
