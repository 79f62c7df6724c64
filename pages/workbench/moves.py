"""How the faces of an analysis move: facts beside the verdict."""

from __future__ import annotations

import streamlit as st

from core.faces import words
from core.types import Analysis
from pages.workbench.common import bullets, escape
from pages.workbench.tables import table


def moves_view(analysis: Analysis) -> None:
    """The facts in words and as a table, and what each of them means."""
    if not analysis.motion:
        st.caption("No model of this preset looked at how faces move in this file.")
        return
    st.caption(words.BESIDE)
    st.markdown(bullets(words.told(analysis)))
    table([dict(zip(words.HEAD, row, strict=True)) for row in words.rows(analysis)], "", "moves")
    st.caption(" · ".join(f"**{name}**: {escape(text)}" for name, text in words.MEANINGS))
