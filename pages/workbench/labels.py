"""What the analyst says about a result: right or wrong, what it really is, a comment. Every click is kept at once."""

from __future__ import annotations

import streamlit as st

from core.store.feedback import Label as Given
from core.store.feedback import Truth
from core.types import Analysis, Label
from pages.workbench.common import action, escape, fresh_key, reviewer, reviewer_box, store, used
from pages.workbench.consent import CONSENT_HELP, allow_training, consent

TRUTH_WORDS = {Truth.REAL: "real", Truth.FAKE: "fake", Truth.UNSURE: "unsure"}
_COMMENT = "comment"
_SAME = {Label.FAKE: Truth.FAKE, Label.REAL: Truth.REAL}
_OTHER = {Label.FAKE: Truth.REAL, Label.REAL: Truth.FAKE}


def label_panel(analysis: Analysis, place: str) -> None:
    """Buttons and fields for one result; ``place`` keeps keys of several views apart."""
    given = standing(analysis)
    key = f"{place}-{analysis.id[:12]}"
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("### Is this verdict right?", width="content")
        with st.popover(f"as {escape(reviewer())}", type="tertiary"):
            reviewer_box()
    with st.container(horizontal=True, gap="small"):
        for name, agrees, icon in (("Right", True, "check"), ("Wrong", False, "close")):
            st.button(
                name,
                key=f"{name.lower()}-{key}",
                icon=f":material/{icon}:",
                type="primary" if given is not None and given.agrees is agrees else "secondary",
                on_click=_judge,
                args=(analysis, agrees),
            )
    _truth_choice(analysis, given, key)
    _comment(analysis, given, key)
    _consent(analysis, given, key)
    if given is not None:
        _receipt(given, key)


def standing(analysis: Analysis) -> Given | None:
    """This reviewer's label of the analysis that stands."""
    return next(reversed(store().labels(analysis_id=analysis.id, reviewer=reviewer())), None)


def _truth_choice(analysis: Analysis, given: Given | None, key: str) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown("It really is", width="content")
        for truth in (Truth.REAL, Truth.FAKE, Truth.UNSURE):
            st.button(
                TRUTH_WORDS[truth].capitalize(),
                key=f"truth-{truth.value}-{key}",
                type="primary" if given is not None and given.truth is truth else "secondary",
                on_click=_keep,
                args=(analysis, truth),
            )


def _comment(analysis: Analysis, given: Given | None, key: str) -> None:
    box = f"{fresh_key(_COMMENT)}-{key}-{reviewer()}"

    @action
    def changed() -> None:
        now, written = standing(analysis), st.session_state[box]
        if written == (now.comment if now is not None else ""):
            return
        truth = now.truth if now is not None else Truth.UNSURE
        _save(analysis, truth, now.agrees if now is not None else None, comment=written)

    st.text_input(
        "Comment",
        value=given.comment if given is not None else "",
        key=box,
        placeholder="What gives it away?",
        on_change=changed,
    )


def _consent(analysis: Analysis, given: Given | None, key: str) -> None:
    box = f"consent-{key}-{reviewer()}-{given.id if given else 0}"

    @action
    def changed() -> None:
        allow_training(bool(st.session_state[box]))
        now = standing(analysis)
        if now is not None:
            _save(analysis, now.truth, now.agrees, allowed=consent())

    st.checkbox(
        "This label may train the detectors",
        value=given.consent if given is not None else consent(),
        key=box,
        on_change=changed,
        help=CONSENT_HELP,
    )


def _receipt(given: Given, key: str) -> None:
    agrees = {True: ", as the verdict says", False: ", against the verdict", None: ""}[given.agrees]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Saved: {escape(given.reviewer)} says {TRUTH_WORDS[given.truth]}{agrees}.", width="content")
        st.button("Take back", key=f"take-back-{key}", type="tertiary", on_click=_take_back, args=(given.id,))


@action
def _judge(analysis: Analysis, agrees: bool) -> None:
    truth = (_SAME if agrees else _OTHER).get(analysis.verdict.label, Truth.UNSURE)
    _save(analysis, truth, agrees)


@action
def _keep(analysis: Analysis, truth: Truth) -> None:
    _save(analysis, truth, None)


@action
def _take_back(label_id: int) -> None:
    store().undo_label(label_id, reviewer=reviewer())
    used(_COMMENT)


def _save(
    analysis: Analysis, truth: Truth, agrees: bool | None, *, comment: str | None = None, allowed: bool | None = None
) -> None:
    """Keep a label; what is None stays as it was in the label before."""
    before = standing(analysis)
    if allowed is None:
        allowed = before.consent if before is not None else consent()
    kept = before.comment if before is not None else ""
    store().add_label(
        analysis,
        truth,
        reviewer=reviewer(),
        agrees=agrees,
        comment=kept if comment is None else comment,
        tags=before.tags if before is not None else (),
        consent=allowed,
    )
    used(_COMMENT)
