"""The review queue of a session: what the history and the store say, with the order of skips and the steps to undo."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import streamlit as st

from core.review import Item, Queue, Review, allow, changed, order, refill, resume
from core.review_stats import contested, submitted
from pages.workbench.common import store
from pages.workbench.consent import consent

_MOST = 500
"""How many of the newest analyses are asked about; as they are dealt with, older ones follow."""


class Scope(StrEnum):
    """Which analyses are asked about."""

    OPEN = "open"
    MINE = "mine"
    SPLIT = "split"


SCOPES = {
    Scope.OPEN: "Nobody has labelled",
    Scope.MINE: "I have not judged",
    Scope.SPLIT: "Contested",
}


def load(reviewer: str, scope: Scope) -> Queue:
    """The reviewer's queue as it stands now: what is open, and what this reviewer has dealt with."""
    reviews = store().reviews(reviewer)
    items = _items(str(store().path), tuple(sorted(_asked(reviewer, scope, reviews))))
    before = st.session_state.get(_key(reviewer, scope))
    queue = resume(items, reviews) if before is None else refill(before, items, reviews)
    st.session_state[_key(reviewer, scope)] = queue
    return queue


def keep(reviewer: str, scope: Scope, before: Queue, after: Queue) -> None:
    """Write a step to the store at once; only then does the session take it over. What it submits may be used for
    training if the session's consent says so.

    Raises:
        StorageError: it was not saved; the queue stays as it was.
    """
    after = allow(before, after, consent())
    store().save_reviews(reviewer, changed(before, after))
    st.session_state[_key(reviewer, scope)] = after


def _asked(reviewer: str, scope: Scope, reviews: Mapping[str, Review]) -> set[str]:
    if scope is Scope.SPLIT:
        judged = {name: submitted(words) for name, words in store().all_reviews().items()}
        return set(contested(judged, reviewer))
    found = store().entries(labelled=False if scope is Scope.OPEN else None, limit=_MOST)
    return {entry.id for entry in found} | reviews.keys()


@st.cache_data(max_entries=8, show_spinner=False)
def _items(database: str, ids: tuple[str, ...]) -> tuple[Item, ...]:
    """The order of a set of analyses does not change while they are the same, so it is worked out once."""
    return order(store().get(analysis_id) for analysis_id in ids)


def _key(reviewer: str, scope: Scope) -> str:
    return f"queue-{scope.value}-{reviewer}"
