"""Review: tags, consent, many at once, contradictions, sittings; and two analyses side by side."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.review import Judgement, Review, State
from core.store.feedback import Truth
from pages.workbench.common import escape, store
from tests.analyses import picture
from tests.ui.test_workbench_pages import (
    PERSON,
    _own_data,  # noqa: F401
    button,
    draw,
    history_page,
    keep,
    review_page,
    texts,
)


@pytest.fixture
def three(tmp_path):
    return [keep(replace(picture(0.2 + i / 10), id=f"{i:064x}"), tmp_path) for i in range(3)]


def say(name: str, item: str, judgement: Judgement, note: str = "") -> None:
    store().save_reviews(name, [Review(item, State.SUBMITTED, judgement, judgement, note, seen=True)])


def test_method_region_and_consent_go_with_the_label(three) -> None:
    at = draw(review_page)
    at.checkbox(key="consent-review").check().run()
    pills = {group.label: group for group in at.button_group}
    pills["Method suspected"].set_value(["face swap"]).run()
    {group.label: group for group in at.button_group}["Where"].set_value(["eyes"]).run()
    button(at, "do-fake-").click().run()
    button(at, "do-fake-").click().run()
    (label,) = store().labels()
    assert (label.truth, label.tags, label.consent) == (Truth.FAKE, ("face swap", "region: eyes"), True)


def test_without_the_box_no_label_may_be_used_for_training(three) -> None:
    at = draw(review_page)
    button(at, "do-fake-").click().run()
    button(at, "do-fake-").click().run()
    assert [label.consent for label in store().labels()] == [False]


def test_a_label_of_a_result_may_train_only_if_its_box_is_ticked(three) -> None:
    at = draw(history_page, analysis=three[0].id)
    button(at, "wrong-").click().run()
    assert [label.consent for label in store().labels()] == [False]
    next(c for c in at.checkbox if str(c.key).startswith("consent-history")).check().run()
    assert [(label.consent, label.truth) for label in store().labels()] == [(True, Truth.FAKE)]
    next(c for c in at.checkbox if str(c.key).startswith("consent-history")).uncheck().run()
    assert [label.consent for label in store().labels()] == [False]


def test_many_are_judged_at_once_and_covered_until_then(three) -> None:
    at = draw(review_page)
    next(g for g in at.button_group if g.label == "Show").set_value("Many at once").run()
    assert "Models:" not in texts(at)
    assert escape(three[0].media.name) not in texts(at)
    at.checkbox(key=f"pick-{three[0].id}").check().run()
    at.checkbox(key=f"pick-{three[2].id}").check().run()
    at.button(key="bulk-fake").click().run()
    assert texts(at).count("Models:") == 2
    assert store().labels() == []
    at.button(key="bulk-submit").click().run()
    assert {label.analysis_id for label in store().labels()} == {three[0].id, three[2].id}
    assert not any(c.key == f"pick-{three[0].id}" for c in at.checkbox)
    at.button(key="bulk-undo").click().run()
    assert store().labels() == []


def test_a_third_word_settles_what_two_contradict_each_other_on(three) -> None:
    say("ann", three[0].id, Judgement.FAKE, note="odd ear")
    say("bo", three[0].id, Judgement.AUTHENTIC)
    say("ann", three[1].id, Judgement.FAKE)
    at = draw(review_page)
    next(g for g in at.button_group if g.label == "Queue").set_value("split").run()
    assert not any("Says" in t.value.columns for t in at.table)
    button(at, "do-fake-").click().run()
    told = next(t.value for t in at.table if "Says" in t.value.columns)
    assert dict(told["Says"]) == {"ann": "fake", "bo": "authentic"}
    assert "odd ear" in told["Because"].iloc[0]
    button(at, "do-fake-").click().run()
    assert "Everything in this queue is done" in texts(at)
    other = draw(review_page, reviewer="di")
    other.session_state["reviewer"] = "di"
    next(g for g in other.button_group if g.label == "Queue").set_value("split").run()
    assert "contradict each other nowhere" in texts(other)


def test_a_sitting_tells_pace_and_agreement(three) -> None:
    for one, word in zip(three, (Judgement.AUTHENTIC, Judgement.FAKE, Judgement.AUTHENTIC), strict=True):
        say(PERSON, one.id, word)
    at = draw(review_page)
    assert not at.metric, "nothing is worked out before it is asked for"
    at = draw(review_page, opened="review-timer")
    shown = {metric.label: metric.value for metric in at.metric}
    assert (shown["Submitted"], shown["Agreed at last"]) == ("3", "67%")
    assert "n = 3" in texts(at)


def test_alpha_is_told_for_all_reviewers(three) -> None:
    for name in ("ann", "bo", "cy"):
        for one, word in zip(three, (Judgement.AUTHENTIC, Judgement.FAKE, Judgement.AUTHENTIC), strict=True):
            say(name, one.id, word)
    assert "alpha of all 3 reviewers: **1.00**, n = 3" in texts(draw(review_page, opened="review-group"))


def test_two_analyses_are_set_side_by_side_with_what_differs(three) -> None:
    first, second = three[0], three[1]
    at = draw(history_page, analysis=first.id)
    at.selectbox(key=f"pair-{first.id[:12]}").select(second.id).run()
    assert not at.exception
    assert "same file" in texts(at)
    models = next(t.value for t in at.table if "Weights" in t.value.columns)
    assert list(models["Points"]) == [escape("+10")]
