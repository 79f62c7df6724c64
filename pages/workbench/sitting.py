"""What the reviewer has done since the last long break, with reports on it."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.errors import NotFoundError
from core.judging import Rate, rate
from core.review_stats import Sitting, last_sitting, sitting
from core.types import Label
from pages.workbench.common import store
from pages.workbench.downloads import session_buttons
from pages.workbench.tables import figures

_COVERED, _FINAL = "Agreed at first", "Agreed at last"


def sitting_view(who: str) -> None:
    """Figures and downloads of the last sitting."""
    closed = [
        (review, label) for review in last_sitting(store().reviews(who).values()) if (label := _said(review.item))
    ]
    if not closed:
        st.caption("Nothing was submitted or discarded yet.")
        return
    reviews = [review for review, _ in closed]
    found = sitting(reviews, {review.item: label for review, label in closed})
    values = {
        "Submitted": str(found.submitted),
        "Discarded": str(found.discarded),
        "Time for one": "–" if found.seconds is None else f"{found.seconds:.0f} s",
        _COVERED: _share(rate(found.blind_same, found.blind)),
        _FINAL: _share(rate(found.same, found.decided)),
    }
    notes = {
        _COVERED: f"like the program, score covered; {_interval(rate(found.blind_same, found.blind))}",
        _FINAL: f"like the program, as submitted; {_interval(rate(found.same, found.decided))}",
    }
    figures(values, notes)
    st.caption(_words(found))
    session_buttons(tuple(review.item for review in reviews))


def _said(analysis_id: str) -> Label | None:
    """The program's verdict; None where the analysis was deleted."""
    try:
        return store().get(analysis_id).verdict.label
    except NotFoundError:
        return None


def _share(value: Rate) -> str:
    return "–" if value.value is None else wording.percent(value.value)


def _interval(value: Rate) -> str:
    return f"95 % interval {value.low:.0%} to {value.high:.0%}, n = {value.n}" if value.n else "n = 0"


def _words(found: Sitting) -> str:
    parts = [f"Changed once the score was seen: {found.changed}."] if found.changed else []
    return " ".join(
        [*parts, "Pauses of over five minutes are left out of the time; half an hour begins a new sitting."]
    )
