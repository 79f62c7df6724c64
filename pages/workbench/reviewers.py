"""How far reviewers agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import combinations

import streamlit as st

from core.review import Agreement, Judgement, agreement
from core.review_stats import krippendorff_alpha, submitted
from pages.workbench.common import escape, store


def agreement_table() -> None:
    """Every pair of reviewers that has something in common, and all of them together."""
    judged = {name: submitted(reviews) for name, reviews in store().all_reviews().items()}
    pairs = [a for a in _pairs(judged) if a.n]
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
    _together(judged)
    st.caption(
        "Kappa is agreement beyond chance: 0 is what guessing gives, 1 is full agreement. "
        "It is undefined where both gave one and the same answer throughout. Alpha says the same of any number of "
        "reviewers who need not have judged all items."
    )


def _together(judged: Mapping[str, Mapping[str, Judgement]]) -> None:
    counts = Counter(item for words in judged.values() for item in words)
    shared = sum(count > 1 for count in counts.values())
    alpha = krippendorff_alpha(judged)
    value = "undefined" if alpha is None else f"{alpha:.2f}"
    people = sum(bool(words) for words in judged.values())
    st.markdown(
        f"Krippendorff's alpha of all {people} reviewers: **{value}**, n = {shared} items that two or more judged"
    )


def _pairs(judged: Mapping[str, Mapping[str, Judgement]]) -> list[Agreement]:
    return [agreement(a, judged[a], b, judged[b]) for a, b in combinations(sorted(judged), 2)]
