"""The workbench's views, drawn without a browser."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis.strategies import text
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.errors import StorageError
from core.review import Judgement, Review, State
from core.settings import get_settings
from core.store.feedback import Truth
from core.types import Label
from pages.workbench import intake
from pages.workbench.common import DEFAULT_REVIEWER, escape, store, uploads
from tests.analyses import clip, landscape, picture

PERSON = DEFAULT_REVIEWER


def analyse_page() -> None:
    from pages.workbench.analyse import show

    show()


def review_page() -> None:
    from pages.workbench.review import show

    show()


def history_page() -> None:
    from pages.workbench.history import show

    show()


@pytest.fixture(autouse=True)
def _own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("UNMASK_DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    intake.jobs.clear()
    yield
    store().close()
    intake.jobs.clear()
    get_settings.cache_clear()


def keep(analysis, tmp_path):
    """Record an analysis of a real small picture file, so that the views have something to show."""
    out = BytesIO()
    Image.new("RGB", (320, 240), (90, 120, len(analysis.media.name))).save(out, "PNG")
    file = tmp_path / "upload.png"
    file.write_bytes(out.getvalue())
    sha256 = hashlib.sha256(out.getvalue()).hexdigest()
    uploads().keep(file, sha256)
    kept = replace(analysis, media=replace(analysis.media, sha256=sha256))
    store().record(kept, origin="workbench")
    return kept


@pytest.fixture
def still(tmp_path):
    return keep(picture(), tmp_path)


def draw(page, *, opened: str = "", **query) -> AppTest:
    """A page, with the drawer of the key ``opened`` pulled out."""
    at = AppTest.from_function(page, default_timeout=60)
    if opened:
        at.session_state[opened] = True
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception, at.exception
    return at


def button(at: AppTest, start: str):
    return next(b for b in at.button if (b.key or "").startswith(start))


def texts(at: AppTest) -> str:
    parts = [*at.markdown, *at.caption, *at.error, *at.success, *at.info, *at.warning, *at.title]
    return "\n".join(part.value for part in parts)


def test_a_result_shows_verdict_reasons_and_every_model(still) -> None:
    at = draw(history_page, analysis=still.id)
    assert "Looks real" in texts(at)
    assert escape(still.media.name) in texts(at)
    assert "Person 1" in texts(at)
    assert list(at.table[0].value.index) == ["Net A"]


def test_a_threshold_changes_the_label_and_nothing_that_was_recorded(still) -> None:
    at = draw(history_page, analysis=still.id)
    at.slider[0].set_value((5, 10)).run()
    assert "Looks fake" in texts(at)
    assert store().get(still.id) == still


def test_a_clip_whose_file_is_gone_still_shows_its_analysis() -> None:
    gone = clip()
    store().record(gone, origin="workbench")
    at = draw(history_page, analysis=gone.id)
    assert "Looks fake" in texts(at)
    assert escape("Upload it again to see its frames.") in at.error[0].value


def test_an_unknown_analysis_is_told_with_a_hint() -> None:
    at = draw(history_page, analysis="0" * 64)
    assert "not in the history" in at.error[0].value
    assert "deleted" in at.error[0].value


@pytest.mark.parametrize(
    ("press", "truth", "agrees"),
    [
        ("right-", Truth.REAL, True),
        ("wrong-", Truth.FAKE, False),
        ("truth-fake-", Truth.FAKE, False),
        ("truth-unsure-", Truth.UNSURE, None),
    ],
)
def test_a_label_is_kept_at_once_and_can_be_taken_back(still, press, truth, agrees) -> None:
    at = draw(history_page, analysis=still.id)
    button(at, press).click().run()
    (label,) = store().labels()
    assert (label.truth, label.agrees, label.reviewer) == (truth, agrees, PERSON)
    button(at, "take-back-").click().run()
    assert store().labels() == []


def test_a_label_is_about_the_verdict_as_it_was_shown(still) -> None:
    at = draw(history_page, analysis=still.id)
    at.slider[0].set_value((5, 10)).run()
    button(at, "wrong-").click().run()
    (label,) = store().labels()
    assert (label.label, label.truth) == (Label.FAKE, Truth.REAL)


def test_a_comment_stays_with_the_label_when_the_truth_changes(still) -> None:
    at = draw(history_page, analysis=still.id)
    button(at, "truth-fake-").click().run()
    next(t for t in at.text_input if t.label == "Comment").input("odd teeth").run()
    button(at, "truth-real-").click().run()
    (label,) = store().labels()
    assert (label.truth, label.comment) == (Truth.REAL, "odd teeth")


def test_a_field_that_is_shown_again_says_nothing_by_itself(still) -> None:
    at = draw(history_page, analysis=still.id)
    field = next(t for t in at.text_input if t.label == "Comment")
    field.input("x").run()
    assert [label.comment for label in store().labels()] == ["x"]
    button(at, "take-back-").click().run()
    again = next(t for t in at.text_input if t.label == "Comment")
    assert (again.value, again.key == field.key) == ("", False)
    again.input("").run()
    assert store().labels() == []


def test_history_filters_by_name_and_verdict(still) -> None:
    store().record(replace(landscape(), id="9" * 64), origin="workbench")
    at = draw(history_page)
    assert "2 analyses" in texts(at)
    at.selectbox(key="history-label").select(Label.NOT_APPLICABLE).run()
    assert "1 analysis" in texts(at)
    at.text_input(key="history-text").input("no such name").run()
    assert "Nothing here matches" in texts(at)


def test_delete_removes_analysis_and_file(still) -> None:
    at = draw(history_page, analysis=still.id)
    at.button(key="delete").click().run()
    assert store().count() == 0
    assert uploads().path_of(still.media.sha256) is None
    assert "Nothing analysed yet" in texts(at)


def test_review_covers_name_and_score_until_the_first_judgement(still) -> None:
    at = draw(review_page)
    before = texts(at)
    assert escape(still.media.name) not in before
    assert "P(fake)" not in before
    assert "12%" not in before
    button(at, "do-fake-").click().run()
    assert "The models: **Looks real, P" in texts(at)
    assert "disagree" in texts(at)


def test_a_judgement_is_stored_at_once_as_a_draft_and_submitted_as_a_label(still) -> None:
    at = draw(review_page)
    button(at, "do-fake-").click().run()
    assert store().reviews(PERSON)[still.id].state is State.DRAFT
    assert store().labels() == []
    button(at, "do-submit-").click().run()
    review = store().reviews(PERSON)[still.id]
    assert (review.state, review.judgement, review.blind) == (State.SUBMITTED, Judgement.FAKE, Judgement.FAKE)
    assert [label.truth for label in store().labels()] == [Truth.FAKE]
    assert "Everything in this queue is done" in texts(at)


def test_undo_takes_the_label_back_even_on_a_freshly_loaded_page(still) -> None:
    at = draw(review_page)
    button(at, "do-fake-").click().run()
    button(at, "do-fake-").click().run()
    assert len(store().labels()) == 1
    again = draw(review_page)
    button(again, "do-undo-").click().run()
    assert store().labels() == []
    assert store().reviews(PERSON)[still.id].state is State.DRAFT


def test_a_note_is_kept_before_any_judgement(still) -> None:
    at = draw(review_page)
    at.text_area[0].input("blurred ear").run()
    assert store().reviews(PERSON)[still.id].note == "blurred ear"


def test_each_reviewer_has_a_queue_of_their_own(still) -> None:
    at = draw(review_page)
    button(at, "do-fake-").click().run()
    next(t for t in at.text_input if t.label == "Reviewer").input("bo").run()
    button(at, "do-authentic-").click().run()
    assert store().reviews("bo")[still.id].judgement is Judgement.AUTHENTIC
    assert store().reviews(PERSON)[still.id].judgement is Judgement.FAKE


def test_agreement_shows_once_two_people_judged_the_same(tmp_path, still) -> None:
    other = keep(replace(picture(), id="8" * 64), tmp_path)
    for name, judgements in (("ann", (Judgement.FAKE, Judgement.AUTHENTIC)), ("bo", (Judgement.FAKE, Judgement.FAKE))):
        reviews = [_submitted(a.id, j) for a, j in zip((still, other), judgements, strict=True)]
        store().save_reviews(name, reviews)
    at = draw(review_page, opened="review-group")
    assert at.table[-1].value.to_dict("records") == [
        {"Reviewers": "ann and bo", "Items": "2", "Same answer": "50%", "Cohen's kappa": "0.00"}
    ]


def test_a_store_that_fails_is_told_and_nothing_is_claimed_to_be_saved(still, monkeypatch) -> None:
    at = draw(review_page)

    def fail(*_args, **_kwargs):
        raise StorageError("The disk is full.", hint="Make room.")

    monkeypatch.setattr("core.store.reviews.ReviewBook.save_reviews", fail)
    button(at, "do-fake-").click().run()
    assert "The disk is full" in at.error[0].value
    assert "Make room" in at.error[0].value
    assert "You say" not in texts(at)


def test_an_unexpected_fault_shows_a_log_entry_and_no_details(still, monkeypatch, caplog) -> None:
    def fail(*_args, **_kwargs):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr("core.store.history.Store.count", fail)
    at = draw(history_page)
    shown = at.error[0].value
    assert "secret detail" not in texts(at)
    assert "ZeroDivisionError" not in texts(at)
    fault = next(record.fault for record in caplog.records if hasattr(record, "fault"))
    assert fault in shown


def test_analyse_starts_empty_with_a_field_and_a_word_on_what_to_do() -> None:
    at = draw(analyse_page)
    assert "Upload something" in texts(at)


def test_a_file_name_is_shown_letter_for_letter(tmp_path) -> None:
    name = "<b>![](http://evil.example/x.png) $x$ :material/home: [x](y) a_b_*c* `d`.png"
    base = picture()
    kept = keep(replace(base, media=replace(base.media, name=name)), tmp_path)
    at = draw(history_page, analysis=kept.id)
    shown = next(c.value for c in at.caption if "preset" in c.value)
    assert shown.startswith(escape(name))


@given(text())
def test_escaped_text_holds_no_markup_and_all_its_letters(written: str) -> None:
    shown = escape(written)
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(written.split())
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_{}\[\]()<>#!|~$:]", shown)


def test_what_no_view_caught_is_told_by_log_entry_only(caplog) -> None:
    def page() -> None:
        from pages.workbench.common import last_resort

        assert last_resort(ZeroDivisionError("secret detail"))

    at = draw(page)
    assert "log entry" in at.error[0].value
    assert "secret detail" not in at.error[0].value
    assert "secret detail" in caplog.text


def _submitted(item_id: str, judgement: Judgement):
    return Review(item_id, State.SUBMITTED, judgement, judgement, seen=True)
