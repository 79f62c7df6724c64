"""What a reviewer adds to a judgement: method, region and note; and what other reviewers said."""

from __future__ import annotations

import streamlit as st

from core.review import METHODS, REGION, REGIONS, Review, State, annotate
from pages.workbench.common import action, escape, reviewer, store
from pages.workbench.tables import table
from pages.workbench.words import WORDS
from pages.workbench.worklist import Scope, keep, load


def remarks(review: Review, scope: Scope) -> None:
    """Fields for one item; every change is kept at once."""
    who = reviewer()
    place = f"{review.item}-{who}"
    methods, regions, box = f"methods-{place}", f"regions-{place}", f"note-{place}"

    @action
    def tagged() -> None:
        queue = load(who, scope)
        chosen = (*st.session_state[methods], *(REGION + name for name in st.session_state[regions]))
        foreign = [t for t in queue.review(review.item).tags if t not in METHODS and t not in _REGION_TAGS]
        keep(who, scope, queue, annotate(queue, review.item, tags=(*chosen, *foreign)))

    @action
    def written() -> None:
        queue, note = load(who, scope), st.session_state[box]
        if note != queue.review(review.item).note:
            keep(who, scope, queue, annotate(queue, review.item, note))

    here = [tag.removeprefix(REGION) for tag in review.tags if tag in _REGION_TAGS]
    suspected = [tag for tag in review.tags if tag in METHODS]
    for title, names, chosen, key in (
        ("Method suspected", METHODS, suspected, methods),
        ("Where", REGIONS, here, regions),
    ):
        st.pills(title, names, selection_mode="multi", default=chosen, key=key, on_change=tagged, wrap=True)
    st.text_area(
        "Note",
        value=review.note,
        key=box,
        height=80,
        on_change=written,
        placeholder="What gives it away? Esc leaves the field.",
    )


def said_by_others(item: str, me: str) -> None:
    """The submitted words of other reviewers on an item."""
    rows = []
    for name, reviews in store().all_reviews().items():
        review = reviews.get(item)
        if name != me and review and review.state is State.SUBMITTED and review.judgement:
            why = ", ".join((*review.tags, *([review.note] if review.note else [])))
            rows.append({"Reviewer": name, "Says": WORDS[review.judgement], "Because": why or "–"})
    table(rows, "")
    st.caption(escape("Your word settles it; unsure leaves it open for someone else."))


_REGION_TAGS = tuple(REGION + name for name in REGIONS)
