"""Review: judge what nobody has labelled yet, most instructive first, without being led by the score."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.review import (
    KEYS,
    Action,
    Item,
    Judgement,
    Queue,
    Review,
    State,
    act,
    current,
    progress,
    score_visible,
)
from core.types import Analysis
from pages.workbench.bulk import bulk_view
from pages.workbench.common import action, escape, guarded, reviewer, reviewer_box, store, view
from pages.workbench.consent import consent_box
from pages.workbench.hotkeys import listen
from pages.workbench.intake import preset_box, uploader
from pages.workbench.media import player
from pages.workbench.queue_panel import queue_panel
from pages.workbench.remarks import remarks, said_by_others
from pages.workbench.result import result_view
from pages.workbench.reviewers import agreement_table
from pages.workbench.sitting import sitting_view
from pages.workbench.words import SIDES, WORDS, models_say
from pages.workbench.worklist import SCOPES, Scope, keep, load

_BUTTONS = (
    (Action.AUTHENTIC, "Authentic", "1", "A"),
    (Action.FAKE, "Fake", "2", "F"),
    (Action.UNSURE, "Unsure", "3", "U"),
)
_ONE, _MANY = "One by one", "Many at once"


@view
def show() -> None:
    st.title("Review")
    scope, many = _head()
    queue = load(reviewer(), scope)
    _how_far(queue)
    item = current(queue)
    if many and item is not None:
        bulk_view(queue, scope)
    else:
        _focus(queue, item, scope)
    _drawer("This sitting", "timer", lambda: sitting_view(reviewer()))
    _drawer("Add files to the queue", "upload", _add_files)
    _drawer("Agreement between reviewers", "group", agreement_table)


def _drawer(title: str, icon: str, draw: Callable[[], None]) -> None:
    """What is drawn only while it is open, so that going from one item to the next stays quick."""
    with st.expander(title, icon=f":material/{icon}:", key=f"review-{icon}", on_change="rerun") as drawer:
        if drawer.open:
            with guarded():
                draw()


def _add_files() -> None:
    uploader("review", preset_box("review"), "They are analysed one after another; a bad file stops no other")
    queue_panel(lambda analysis_id: None)


def _focus(queue: Queue, item: Item | None, scope: Scope) -> None:
    listen(KEYS, item.id if item else "", lambda key, pressed: _do(KEYS[key], pressed, scope))
    if item is None:
        _nothing_left(queue, scope)
    else:
        _on_the_table(store().get(item.id), queue.review(item.id), bool(queue.steps), scope)


def _head() -> tuple[Scope, bool]:
    """What is asked about, and whether many items are on the table."""
    left, right = st.columns([1, 2.4], gap="medium", vertical_alignment="bottom")
    with left:
        reviewer_box()
    with right, st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Queue", list(Scope), default=Scope.OPEN, format_func=SCOPES.__getitem__, key="review-scope", required=True
        )
        shown = st.segmented_control("Show", (_ONE, _MANY), default=_ONE, key="review-show", required=True)
    consent_box("review")
    return chosen or Scope.OPEN, shown == _MANY


def _how_far(queue: Queue) -> None:
    now = progress(queue)
    parts = [f"{now.done} of {now.total} done"]
    parts += [f"{now.drafts} judged, not submitted"] if now.drafts else []
    parts += [f"{now.discarded} discarded"] if now.discarded else []
    st.progress(now.fraction, text=" · ".join(parts))


def _nothing_left(queue: Queue, scope: Scope) -> None:
    if queue.items:
        st.success("Everything in this queue is done.", icon=":material/check:")
    elif scope is Scope.SPLIT:
        st.info("Other reviewers contradict each other nowhere.", icon=":material/handshake:")
    else:
        st.info("There is nothing to review. Add files below, or analyse some first.", icon=":material/inbox:")
    _undo_button(bool(queue.steps), "", scope)


def _on_the_table(analysis: Analysis, review: Review, can_undo: bool, scope: Scope) -> None:
    left, right = st.columns([1.7, 1], gap="medium")
    with left:
        player(analysis)
    with right:
        if score_visible(review):
            _uncovered(analysis, review, scope)
        else:
            st.markdown("### What is it?")
            st.caption("Name and score are covered until you have judged, so that they cannot lead you.")
        _judgement_buttons(analysis.id, review, scope)
        remarks(review, scope)
        _other_buttons(analysis.id, review, can_undo, scope)
    if score_visible(review):
        _drawer("The evidence", "query_stats", lambda: result_view(analysis.id, "review", with_labels=False))


def _uncovered(analysis: Analysis, review: Review, scope: Scope) -> None:
    word = review.judgement or Judgement.UNSURE
    st.markdown(f"### You say {WORDS[word]}")
    st.markdown(f"The models: **{escape(models_say(analysis))}**")
    st.caption(escape(analysis.media.name))
    if scope is Scope.SPLIT:
        said_by_others(analysis.id, reviewer())
    said = SIDES.get(word)
    if said and analysis.verdict.label.value in ("fake", "real") and said is not analysis.verdict.label:
        st.warning(
            "You and the models disagree. Look at the evidence, then submit or change.", icon=":material/alt_route:"
        )


def _judgement_buttons(item_id: str, review: Review, scope: Scope) -> None:
    with st.container(horizontal=True, gap="small"):
        for kind, title, *keys in _BUTTONS:
            chosen = review.judgement is not None and review.judgement.value == kind.value
            st.button(
                f"{title} {' '.join(f'`{key}`' for key in keys)}",
                key=f"do-{kind.value}-{item_id}",
                type="primary" if chosen else "secondary",
                on_click=_do,
                args=(kind, item_id, scope),
            )


def _other_buttons(item_id: str, review: Review, can_undo: bool, scope: Scope) -> None:
    with st.container(horizontal=True, gap="small"):
        if review.state is State.DRAFT:
            _button(Action.SUBMIT, "Submit", "Enter", item_id, scope)
        _button(Action.SKIP, "Skip", "S", item_id, scope)
        _button(Action.DISCARD, "Discard", "X", item_id, scope)
        _undo_button(can_undo, item_id, scope)


def _undo_button(can_undo: bool, item_id: str, scope: Scope) -> None:
    _button(Action.UNDO, "Undo", "Ctrl+Z", item_id, scope, disabled=not can_undo)


def _button(what: Action, title: str, keys: str, item_id: str, scope: Scope, *, disabled: bool = False) -> None:
    st.button(
        f"{title} `{keys}`",
        key=f"do-{what.value}-{item_id}",
        type="primary" if what is Action.SUBMIT else "tertiary",
        disabled=disabled,
        on_click=_do,
        args=(what, item_id, scope),
    )


@action
def _do(what: Action, item_id: str, scope: Scope) -> None:
    """Carry out a button or key. One that was meant for another item than the one on the table is ignored."""
    queue = load(reviewer(), scope)
    item = current(queue)
    if what is not Action.UNDO and (item is None or item.id != item_id):
        return
    keep(reviewer(), scope, queue, act(queue, what))
