"""Labels and reviews: append-only, undoable, and counted once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core import review as queue_logic
from core.errors import LimitError, NotFoundError
from core.review import Judgement, Review, State
from core.store.feedback import Truth
from core.store.history import Store
from core.types import Label
from tests.unit.store_samples import make_analysis


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "h.sqlite3", wait_s=2.0)
    yield opened
    opened.close()


def _rows(store: Store) -> int:
    with sqlite3.connect(store.path) as db:
        count = db.execute("SELECT count(*) FROM labels").fetchone()[0]
    db.close()
    return int(count)


def test_a_label_keeps_what_the_program_said(store: Store) -> None:
    analysis = make_analysis()
    label = store.add_label(
        analysis, "real", reviewer="anna", comment="my own\nclip 🙂", tags=["phone", "dark"], consent=True
    )
    assert store.labels() == [label]
    assert (label.analysis_id, label.media_sha256) == (analysis.id, analysis.media.sha256)
    assert (label.p_fake, label.label) == (0.9, Label.FAKE)
    assert (label.truth, label.agrees, label.comment) == (Truth.REAL, False, "my own\nclip 🙂")
    assert (label.tags, label.consent, label.reviewer, label.retracted) == (("phone", "dark"), True, "anna", False)


@pytest.mark.parametrize(
    ("said", "truth", "agrees"),
    [
        (Label.FAKE, Truth.FAKE, True),
        (Label.FAKE, Truth.REAL, False),
        (Label.REAL, Truth.REAL, True),
        (Label.REAL, Truth.FAKE, False),
        (Label.FAKE, Truth.UNSURE, None),
        (Label.UNCERTAIN, Truth.FAKE, None),
        (Label.NOT_APPLICABLE, Truth.REAL, None),
    ],
)
def test_agreement_follows_from_the_verdict(store: Store, said: Label, truth: Truth, agrees: bool | None) -> None:
    assert store.add_label(make_analysis(label=said), truth).agrees is agrees


def test_agreement_that_was_said_is_kept(store: Store) -> None:
    assert store.add_label(make_analysis(), Truth.UNSURE, agrees=False).agrees is False


def test_an_unknown_truth_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="maybe"):
        store.add_label(make_analysis(), "maybe")
    assert _rows(store) == 0


def test_a_comment_has_a_limit(store: Store) -> None:
    store.add_label(make_analysis(), Truth.REAL, comment="x" * 4000)
    with pytest.raises(LimitError, match="4,001"):
        store.add_label(make_analysis(), Truth.REAL, comment="x" * 4001)
    with pytest.raises(LimitError, match="tags"):
        store.add_label(make_analysis(), Truth.REAL, tags=["t"] * 21)
    assert _rows(store) == 1


def test_text_that_utf8_cannot_hold_is_kept_readable(store: Store) -> None:
    label = store.add_label(make_analysis(), Truth.REAL, comment="a\udcffb", reviewer="r\udcff", tags=["\udcff"])
    assert (label.comment, label.reviewer, label.tags) == ("a?b", "r?", ("?",))
    assert store.undo_label(label.id, reviewer="r\udcff") is None


def test_a_change_of_mind_replaces_but_keeps_the_old_row(store: Store) -> None:
    analysis = make_analysis()
    store.add_label(analysis, Truth.FAKE, reviewer="anna")
    second = store.add_label(analysis, Truth.REAL, reviewer="anna")
    assert store.labels() == [second]
    assert [(x.truth, x.retracted) for x in store.labels(retracted=True)] == [(Truth.FAKE, True), (Truth.REAL, False)]


def test_people_without_a_name_do_not_replace_each_other(store: Store) -> None:
    store.add_label(make_analysis(), Truth.FAKE)
    store.add_label(make_analysis(), Truth.REAL)
    assert [x.truth for x in store.labels()] == [Truth.FAKE, Truth.REAL]


def test_undo_takes_back_one_step_and_loses_no_row(store: Store) -> None:
    analysis = make_analysis()
    store.add_label(analysis, Truth.FAKE, reviewer="anna", comment="first")
    second = store.add_label(analysis, Truth.REAL, reviewer="anna")
    back = store.undo_label(second.id, reviewer="anna")
    assert back is not None
    assert (back.truth, back.comment) == (Truth.FAKE, "first")
    assert store.labels() == [back]
    assert store.undo_label(back.id, reviewer="anna") is None
    assert store.labels() == []
    assert _rows(store) == 5


def test_only_ones_own_standing_label_can_be_taken_back(store: Store) -> None:
    label = store.add_label(make_analysis(), Truth.FAKE, reviewer="anna")
    with pytest.raises(NotFoundError):
        store.undo_label(label.id, reviewer="bert")
    with pytest.raises(NotFoundError):
        store.undo_label(99, reviewer="anna")
    store.undo_label(label.id, reviewer="anna")
    with pytest.raises(NotFoundError):
        store.undo_label(label.id, reviewer="anna")


def test_labels_can_be_filtered(store: Store) -> None:
    a, b = make_analysis("a"), make_analysis("b")
    store.add_label(a, Truth.FAKE, reviewer="anna", consent=True)
    store.add_label(b, Truth.REAL, reviewer="anna")
    store.add_label(b, Truth.REAL, reviewer="bert")
    assert len(store.labels(analysis_id=b.id)) == 2
    assert len(store.labels(media_sha256=a.media.sha256)) == 1
    assert len(store.labels(reviewer="anna")) == 2
    assert [x.analysis_id for x in store.labels(consent=True)] == [a.id]
    assert len(store.labels(consent=False)) == 2


def test_stats_count_what_stands(store: Store) -> None:
    a, b = make_analysis("a"), make_analysis("b", label=Label.REAL)
    store.add_label(a, Truth.REAL, reviewer="anna")
    store.add_label(a, Truth.FAKE, reviewer="anna")
    store.add_label(a, Truth.UNSURE, reviewer="bert")
    store.add_label(b, Truth.FAKE)
    gone = store.add_label(b, Truth.REAL)
    store.undo_label(gone.id)
    stats = store.label_stats()
    assert stats.total == 3
    assert stats.by_truth == {Truth.FAKE: 2, Truth.REAL: 0, Truth.UNSURE: 1}
    assert (stats.agree, stats.disagree, stats.open) == (1, 1, 1)
    assert (stats.media, stats.reviewers) == (2, 2)
    assert stats.table == {
        (Label.FAKE, Truth.FAKE): 1,
        (Label.FAKE, Truth.UNSURE): 1,
        (Label.REAL, Truth.FAKE): 1,
    }


def test_stats_of_nothing(store: Store) -> None:
    stats = store.label_stats()
    assert stats.total == stats.agree == stats.reviewers == 0
    assert stats.table == {}


# ---- reviews ----------------------------------------------------------------------------------------------------


@pytest.fixture
def item(store: Store) -> str:
    analysis = make_analysis()
    store.record(analysis, origin="workbench")
    return analysis.id


def test_a_draft_survives_and_is_no_label(store: Store, item: str) -> None:
    draft = Review(item, State.DRAFT, Judgement.FAKE, blind=Judgement.AUTHENTIC, note="n", seen=True)
    store.save_reviews("anna", [draft])
    assert store.reviews("anna") == {item: draft}
    assert store.reviews("bert") == {}
    assert store.reviewers() == ["anna"]
    assert store.labels() == []


def test_a_submitted_review_is_one_label(store: Store, item: str) -> None:
    review = Review(item, State.SUBMITTED, Judgement.AUTHENTIC, note="sure")
    store.save_reviews("anna", [review])
    store.save_reviews("anna", [review])
    (label,) = store.labels(retracted=True)
    assert (label.truth, label.reviewer, label.comment, label.agrees) == (Truth.REAL, "anna", "sure", False)
    assert (label.p_fake, label.label) == (0.9, Label.FAKE)


def test_another_judgement_replaces_the_label(store: Store, item: str) -> None:
    store.save_reviews("anna", [Review(item, State.SUBMITTED, Judgement.AUTHENTIC)])
    store.save_reviews("anna", [Review(item, State.SUBMITTED, Judgement.UNSURE)])
    assert [x.truth for x in store.labels()] == [Truth.UNSURE]


@pytest.mark.parametrize("state", [State.PENDING, State.DRAFT, State.DISCARDED])
def test_reopening_takes_the_label_back(store: Store, item: str, state: State) -> None:
    store.save_reviews("anna", [Review(item, State.SUBMITTED, Judgement.FAKE)])
    store.save_reviews("anna", [Review(item, state, Judgement.FAKE)])
    assert store.labels() == []
    assert store.reviews("anna")[item].state is state


def test_a_label_given_elsewhere_is_not_taken_back_by_a_draft(store: Store, item: str) -> None:
    store.add_label(make_analysis(), Truth.FAKE, reviewer="anna")
    store.save_reviews("anna", [Review(item, State.DRAFT, Judgement.FAKE)])
    assert len(store.labels()) == 1


def test_a_review_needs_a_name_and_an_entry(store: Store, item: str) -> None:
    with pytest.raises(ValueError, match="name"):
        store.save_reviews("", [Review(item)])
    with pytest.raises(NotFoundError):
        store.save_reviews("anna", [Review("gone", State.SUBMITTED, Judgement.FAKE)])


def test_a_whole_queue_can_be_walked_closed_and_resumed(store: Store) -> None:
    analyses = [make_analysis(str(i), p_fake=0.4 + i / 10) for i in range(3)]
    for analysis in analyses:
        store.record(analysis, origin="workbench")
    queue = queue_logic.Queue(queue_logic.order(analyses))
    for action in ("fake", "submit", "authentic", "submit", "undo", "skip"):
        after = queue_logic.act(queue, queue_logic.Action(action))
        store.save_reviews("anna", queue_logic.changed(queue, after))
        queue = after
    assert store.reviews("anna") == dict(queue.reviews)
    assert [x.truth for x in store.labels()] == [Truth.FAKE]


def test_tags_and_consent_of_a_review_are_those_of_its_label(store) -> None:
    analysis = make_analysis()
    store.record(analysis, origin="workbench")
    review = Review(
        analysis.id, State.SUBMITTED, Judgement.FAKE, tags=("face swap", "region: eyes"), consent=True, note="n"
    )
    store.save_reviews("anna", [review])
    (label,) = store.labels(consent=True)
    assert label.tags == review.tags
    (kept,) = store.reviews("anna").values()
    assert kept == review
    assert kept.at
    store.save_reviews("anna", [review])
    assert [one.id for one in store.labels()] == [label.id]
    store.save_reviews("anna", [replace(review, consent=False)])
    assert [one.consent for one in store.labels()] == [False]
    assert store.all_reviews() == {"anna": store.reviews("anna")}
