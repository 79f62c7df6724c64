"""How far reviewers agree."""

from __future__ import annotations

from itertools import combinations

import streamlit as st

from core.review import Agreement, Judgement, State, agreement
from pages.workbench.common import escape, store


def agreement_table() -> None:
    """Every pair of reviewers that has something in common."""
    pairs = [a for a in _pairs() if a.n]
    if not pairs:
        st.caption("Agreement shows once two reviewers have submitted judgements of the same items.")
        return
    st.table(
        [
            {
                "Reviewers": escape(f"{pair.first} and {pair.second}"),
                "Items": str(pair.n),
                "Same answer": "–" if pair.observed is None else f"{pair.observed:.0%}",
                "Cohen's kappa": "undefined" if pair.kappa is None else f"{pair.kappa:.2f}",
            }
            for pair in pairs
        ],
        border="horizontal",
        hide_index=True,
    )
    st.caption(
        "Kappa is agreement beyond chance: 0 is what guessing gives, 1 is full agreement. "
        "It is undefined where both gave one and the same answer throughout."
    )


def _pairs() -> list[Agreement]:
    judged = {name: _submitted(name) for name in store().reviewers()}
    return [agreement(a, judged[a], b, judged[b]) for a, b in combinations(sorted(judged), 2)]


def _submitted(reviewer: str) -> dict[str, Judgement]:
    return {
        item: review.judgement
        for item, review in store().reviews(reviewer).items()
        if review.state is State.SUBMITTED and review.judgement is not None
    }
