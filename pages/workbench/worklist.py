"""The review queue of a session: what the history and the store say, with the order of skips and the steps to undo."""

from __future__ import annotations

from enum import StrEnum

import streamlit as st

from core.review import Item, Queue, changed, order, refill, resume
from pages.workbench.common import store

_MOST = 500
"""How many of the newest analyses are asked about; as they are dealt with, older ones follow."""


class Scope(StrEnum):
    """Which analyses are asked about."""

    OPEN = "open"
    MINE = "mine"


SCOPES = {Scope.OPEN: "Nobody has labelled", Scope.MINE: "I have not judged"}


def load(reviewer: str, scope: Scope) -> Queue:
    """The reviewer's queue as it stands now: what is open, and what this reviewer has dealt with."""
    reviews = store().reviews(reviewer)
    asked = store().entries(labelled=False if scope is Scope.OPEN else None, limit=_MOST)
    items = _items(str(store().path), tuple(sorted({entry.id for entry in asked} | reviews.keys())))
    before = st.session_state.get(_key(reviewer, scope))
    queue = resume(items, reviews) if before is None else refill(before, items, reviews)
    st.session_state[_key(reviewer, scope)] = queue
    return queue


def keep(reviewer: str, scope: Scope, before: Queue, after: Queue) -> None:
    """Write a step to the store at once; only then does the session take it over.

    Raises:
        StorageError: it was not saved; the queue stays as it was.
    """
    store().save_reviews(reviewer, changed(before, after))
    st.session_state[_key(reviewer, scope)] = after


@st.cache_data(max_entries=8, show_spinner=False)
def _items(database: str, ids: tuple[str, ...]) -> tuple[Item, ...]:
    """The order of a set of analyses does not change while they are the same, so it is worked out once."""
    return order(store().get(analysis_id) for analysis_id in ids)


def _key(reviewer: str, scope: Scope) -> str:
    return f"queue-{scope.value}-{reviewer}"
