"""Where a file says it comes from, and whether it was seen before."""

from __future__ import annotations

import streamlit as st

from core.provenance import words
from core.provenance.look_up import private_facts
from core.types import Analysis
from pages.workbench.common import bullets, guarded, settings, store
from pages.workbench.frames import kept_file
from pages.workbench.tables import table


def provenance_view(analysis: Analysis) -> None:
    """Content credentials, metadata and earlier sightings; what is private only on request."""
    st.markdown("### Where it says it comes from")
    found = analysis.provenance
    if found is None:
        st.caption("This analysis was made before provenance was looked at. Analyse the file again to see it.")
    else:
        table([{"": name, "Value": value} for name, value in words.rows(found)], "The file says nothing of its origin.")
        st.markdown(bullets(words.notes(found)))
        st.caption(words.BESIDE)
    with guarded():
        _seen(analysis)
    with st.expander("Private facts in the file", key=f"private-{analysis.id[:12]}", on_change="rerun") as private:
        if private.open:
            with guarded():
                _private(analysis)


def _seen(analysis: Analysis) -> None:
    before = store().seen_before(analysis)
    if before:
        st.markdown("### Seen before")
        st.markdown(bullets(words.seen(item) for item in before))
        st.caption(
            "Files look the same when the perceptual hashes of their frames nearly agree; compare them yourself."
        )


def _private(analysis: Analysis) -> None:
    facts = private_facts(kept_file(analysis.media), analysis.media, settings().limits)
    table([{"": name, "Value": value} for name, value in facts], "There are none that are known.")
    st.caption("Position, serial numbers and names are read from the file now. They are not stored and in no report.")
