"""Detectors: which are here, how to get the others, and how well each was measured to do."""

from __future__ import annotations

import streamlit as st

from core import wording
from core.registry import Card
from core.weights import words
from core.weights.manage import Entry, overview, place
from pages.workbench.common import error_card, escape, settings, view
from pages.workbench.tables import table


@view
def show() -> None:
    st.title("Detectors")
    with st.spinner("Looking at the weights…"):
        entries = sorted(overview(settings()), key=lambda entry: not words.usable(entry))
    st.caption(escape(words.headline(entries)))
    table([_row(entry) for entry in entries if entry.card], "No detector is installed yet.", "detectors")
    st.caption(escape(words.AUC_SUMMARY))
    for entry in entries:
        if entry.error is not None:
            error_card(entry.error, f"The card of {entry.id} cannot be read")
        elif entry.card is not None:
            with st.expander(f"{escape(entry.card.title)} · {escape(entry.presence.value)}"):
                _details(entry, entry.card)


def _row(entry: Entry) -> dict[str, str]:
    assert entry.card is not None, "entries without a card are shown as errors"
    places = dict.fromkeys(place(found, settings()) for found in entry.found if found.path)
    return {
        "Detector": entry.card.title,
        "Weights": entry.presence.value,
        "Looks at": wording.MODALITY_WORDS[entry.card.modality],
        "AUC, held-out people": words.auc(entry.card, "held-out identities"),
        "AUC, true generators": words.auc(entry.card, "true generators"),
        "Size": wording.size(entry.size_bytes),
        "Where": ", ".join(places) or "–",
        "Licence": words.licence(entry.card).split(";")[0],
    }


def _details(entry: Entry, card: Card) -> None:
    st.markdown(escape(card.summary))
    st.markdown(f"**{escape(entry.presence.value.capitalize())}.** {escape(words.STATE_SUMMARIES[entry.presence])}")
    if command := words.command(entry):
        st.code(command, language="shell", wrap_lines=True)
    facts = [*words.facts(card), *words.file_rows(entry, settings())]
    table([{"": name, "Value": value} for name, value in facts], "")
    table([_measure(m.name, m.value, m.low, m.high, m.n, m.dataset) for m in card.measured], "Not measured yet.",
          f"measured-{card.id}")  # fmt: skip


def _measure(name: str, value: float, low: float, high: float, n: int, dataset: str) -> dict[str, str]:
    return {
        "Measured": name,
        "Value": f"{value:.3f}",
        "95 % interval": f"{low:.3f} to {high:.3f}",
        "n": f"{n:,}",
        "Data": dataset,
    }
