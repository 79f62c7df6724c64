"""The review queue: order, steps, undo, blindness, agreement."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from core.review import (
    KEYS,
    Action,
    Item,
    Judgement,
    Queue,
    Review,
    State,
    act,
    agreement,
    annotate,
    changed,
    current,
    decide,
    disagreement,
    discard,
    order,
    priority,
    progress,
    refill,
    resume,
    score_visible,
    skip,
    submit,
    uncertainty,
    undo,
    upcoming,
)
from core.types import (
    Analysis,
    Contribution,
    Label,
    MediaFacts,
    MediaInfo,
    MediaKind,
    Thresholds,
    Verdict,
)

PROBABILITY = st.floats(0.0, 1.0)
ACTIONS = st.lists(st.sampled_from(Action), max_size=40)


def make_analysis(
    item_id: str, p_fake: float | None, members: tuple[float, ...] = (), created_at: str = ""
) -> Analysis:
    label = Label.NOT_APPLICABLE if p_fake is None else Label.UNCERTAIN
    verdict = Verdict(
        label,
        p_fake,
        Thresholds(0.7, 0.3),
        contributions=tuple(Contribution(f"d{i}", 1 / len(members), p, None) for i, p in enumerate(members)),
    )
    facts = MediaFacts(f"{item_id}.png", "0" * 64, 1, "png", MediaInfo(MediaKind.IMAGE, "png"))
    return Analysis(item_id, "default", facts, verdict, (), (), (), (), (), created_at=created_at)


def make_queue(n: int = 3) -> Queue:
    return Queue(tuple(Item(f"m{i}", f"m{i}.png", 1.0 - i / 10) for i in range(n)))


def table_id(queue: Queue) -> str:
    item = current(queue)
    assert item is not None
    return item.id


def run(queue: Queue, *actions: Action) -> Queue:
    for action in actions:
        queue = act(queue, action)
    return queue


def test_the_least_certain_comes_first_and_a_medium_without_a_score_last() -> None:
    analyses = [make_analysis("sure", 0.99), make_analysis("none", None), make_analysis("torn", 0.5)]
    assert [item.id for item in order(analyses)] == ["torn", "sure", "none"]


def test_disagreement_lifts_an_item_over_an_equally_uncertain_one() -> None:
    calm = make_analysis("calm", 0.5, (0.5, 0.5))
    split = make_analysis("split", 0.5, (0.1, 0.9))
    assert [item.id for item in order([calm, split])] == ["split", "calm"]


def test_a_certain_verdict_is_not_lifted_by_disagreement() -> None:
    assert priority(make_analysis("sure", 1.0, (0.0, 1.0))) == 0.0


def test_disagreement_has_the_documented_ends() -> None:
    assert disagreement([]) == disagreement([0.4]) == disagreement([0.4, 0.4]) == 0.0
    assert disagreement([0.0, 1.0]) == pytest.approx(1.0)


@given(PROBABILITY)
def test_uncertainty_is_symmetric_and_bounded(p: float) -> None:
    assert 0.0 <= uncertainty(p) <= 1.0
    assert uncertainty(p) == pytest.approx(uncertainty(1.0 - p))


@given(PROBABILITY, st.lists(PROBABILITY, max_size=6))
def test_priority_stays_in_its_range(p: float, members: list[float]) -> None:
    assert 0.0 <= priority(make_analysis("x", p, tuple(members))) <= 1.0 + 1e-12


@given(st.permutations(range(6)), st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9]), min_size=6, max_size=6))
def test_the_order_does_not_depend_on_how_items_arrive(places: list[int], scores: list[float]) -> None:
    analyses = [make_analysis(f"m{i}", p) for i, p in enumerate(scores)]
    assert order(analyses) == order([analyses[i] for i in places])


def test_the_older_of_two_equal_items_comes_first() -> None:
    new, old = make_analysis("a", 0.5, created_at="2026-02"), make_analysis("b", 0.5, created_at="2026-01")
    assert [item.id for item in order([new, old])] == ["b", "a"]


def test_the_first_judgement_is_a_draft_that_uncovers_the_score() -> None:
    queue = make_queue()
    assert not score_visible(queue.review("m0"))
    queue = decide(queue, Judgement.FAKE)
    assert queue.review("m0") == Review("m0", State.DRAFT, Judgement.FAKE, Judgement.FAKE, seen=True)
    assert score_visible(queue.review("m0"))
    assert table_id(queue) == "m0"


@pytest.mark.parametrize("second", [Action.FAKE, Action.SUBMIT])
def test_the_same_judgement_again_or_submit_closes_the_item(second: Action) -> None:
    queue = run(make_queue(), Action.FAKE, second)
    assert queue.review("m0").state is State.SUBMITTED
    assert table_id(queue) == "m1"


def test_a_changed_mind_keeps_the_blind_judgement() -> None:
    review = run(make_queue(), Action.FAKE, Action.AUTHENTIC, Action.SUBMIT).review("m0")
    assert (review.judgement, review.blind) == (Judgement.AUTHENTIC, Judgement.FAKE)


def test_a_judgement_after_undo_is_not_called_blind() -> None:
    review = run(make_queue(), Action.FAKE, Action.UNDO, Action.AUTHENTIC).review("m0")
    assert (review.judgement, review.blind) == (Judgement.AUTHENTIC, None)


def test_undo_hides_the_score_again() -> None:
    review = run(make_queue(), Action.FAKE, Action.UNDO).review("m0")
    assert review.state is State.PENDING
    assert not score_visible(review)
    assert review.seen


def test_nothing_is_submitted_without_a_judgement() -> None:
    queue = make_queue()
    assert submit(queue) == queue


def test_a_skipped_item_returns_after_all_others() -> None:
    queue = skip(make_queue())
    assert [item.id for item in upcoming(queue)] == ["m1", "m2", "m0"]
    queue = skip(queue)
    assert [item.id for item in upcoming(queue)] == ["m2", "m0", "m1"]
    queue = skip(skip(queue))
    assert [item.id for item in upcoming(queue)] == ["m1", "m2", "m0"]


def test_discarded_items_leave_the_queue_without_a_judgement() -> None:
    queue = discard(make_queue())
    assert queue.review("m0") == Review("m0", State.DISCARDED)
    assert table_id(queue) == "m1"


def test_undo_brings_a_closed_item_back_as_it_was() -> None:
    drafted = decide(make_queue(), Judgement.UNSURE)
    assert undo(submit(drafted)).reviews == drafted.reviews


def test_a_note_is_kept_in_every_state_and_survives_undo() -> None:
    queue = annotate(make_queue(), "m0", "odd teeth")
    assert queue.review("m0") == Review("m0", note="odd teeth")
    queue = annotate(decide(queue, Judgement.FAKE), "m0", "odd teeth and ears")
    assert undo(queue).review("m0").note == "odd teeth and ears"


def test_progress_counts_what_is_done() -> None:
    queue = run(make_queue(4), Action.FAKE, Action.FAKE, Action.DISCARD, Action.UNSURE)
    now = progress(queue)
    assert (now.done, now.total, now.drafts, now.discarded) == (2, 4, 1, 1)
    assert now.fraction == 0.5
    assert progress(Queue(())).fraction == 0.0


@pytest.mark.parametrize("action", Action)
def test_an_empty_queue_ignores_every_key(action: Action) -> None:
    assert act(Queue(()), action) == Queue(())


def test_every_action_has_a_key_and_keys_are_written_in_lower_case() -> None:
    assert set(KEYS.values()) == set(Action)
    assert all(key == key.lower() for key in KEYS)


@given(ACTIONS)
def test_undoing_every_step_restores_the_queue_but_for_what_was_seen(actions: list[Action]) -> None:
    start = make_queue(4)
    queue = run(start, *actions)
    while queue.steps:
        queue = undo(queue)
    assert queue.skipped == ()
    assert {r.item: replace(r, seen=False) for r in queue.reviews.values()} == {
        item_id: Review(item_id) for item_id in queue.reviews
    }
    assert upcoming(queue) == start.items


@given(ACTIONS)
def test_no_item_is_ever_lost_or_doubled(actions: list[Action]) -> None:
    queue = run(make_queue(4), *actions)
    closed = [i.id for i in queue.items if queue.review(i.id).state in (State.SUBMITTED, State.DISCARDED)]
    assert sorted([*closed, *(i.id for i in upcoming(queue))]) == ["m0", "m1", "m2", "m3"]
    assert len(closed) == progress(queue).done


@given(ACTIONS)
def test_the_score_is_never_shown_before_a_judgement(actions: list[Action]) -> None:
    queue = run(make_queue(4), *actions)
    for review in queue.reviews.values():
        assert not score_visible(review) or review.seen
        assert review.state is not State.SUBMITTED or review.judgement is not None


@given(ACTIONS)
def test_a_queue_resumed_from_the_store_stands_where_it_was_left_and_can_be_undone(actions: list[Action]) -> None:
    left = run(make_queue(4), *actions)
    again = resume(left.items, left.reviews)
    assert again.reviews == left.reviews
    assert progress(again) == progress(left)
    while again.steps:
        again = undo(again)
    assert all(again.review(item.id).state is State.PENDING for item in again.items)


@given(ACTIONS, st.sets(st.sampled_from(["m0", "m1", "m2", "m3"])))
def test_a_refilled_queue_forgets_what_is_gone_and_keeps_the_rest(actions: list[Action], gone: set[str]) -> None:
    queue = run(make_queue(4), *actions)
    items = tuple(item for item in queue.items if item.id not in gone)
    after = refill(queue, items, queue.reviews)
    assert {step.before.item for step in after.steps}.isdisjoint(gone)
    assert [i.id for i in upcoming(after)] == [i.id for i in upcoming(queue) if i.id not in gone]
    assert all(after.review(item.id) == queue.review(item.id) for item in items)


@given(ACTIONS)
def test_storing_what_each_step_changed_rebuilds_the_reviews(actions: list[Action]) -> None:
    queue = make_queue(4)
    stored: dict[str, Review] = {}
    for action in actions:
        after = act(queue, action)
        stored.update({r.item: r for r in changed(queue, after)})
        queue = after
    assert {i.id: stored.get(i.id, Review(i.id)) for i in queue.items} == {
        i.id: queue.review(i.id) for i in queue.items
    }


@given(st.lists(st.tuples(st.sampled_from(Judgement), st.sampled_from(Judgement)), min_size=1, max_size=30))
def test_kappa_equals_that_of_scikit_learn(pairs: list[tuple[Judgement, Judgement]]) -> None:
    first = {str(i): a for i, (a, _) in enumerate(pairs)}
    second = {str(i): b for i, (_, b) in enumerate(pairs)}
    result = agreement("ann", first, "bob", second)
    assert result.n == len(pairs)
    constant = len(set(itertools.chain.from_iterable(pairs))) == 1
    if constant:
        assert result.kappa is None
        assert result.observed == 1.0
    else:
        expected = cohen_kappa_score([a.value for a, _ in pairs], [b.value for _, b in pairs])
        assert result.kappa == pytest.approx(expected, abs=1e-9)


def test_agreement_counts_only_what_both_judged() -> None:
    result = agreement("ann", {"x": Judgement.FAKE, "y": Judgement.FAKE}, "bob", {"y": Judgement.AUTHENTIC})
    assert (result.n, result.observed) == (1, 0.0)
    assert agreement("ann", {}, "bob", {}).kappa is None
