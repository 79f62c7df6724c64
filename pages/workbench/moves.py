"""How the faces of an analysis move: facts beside the verdict, and where the networks over time looked."""

from __future__ import annotations

import streamlit as st

from core.faces import words
from core.figures import attention, heads
from core.types import Analysis
from pages.workbench.common import bullets, escape, theme
from pages.workbench.tables import table

_QUIET = {"displayModeBar": False}


def moves_view(analysis: Analysis, place: str) -> None:
    """The facts in words and as a table, then the moments that each network attended to and what its heads say."""
    if not analysis.motion:
        st.caption("No model of this preset looked at how faces move in this file.")
        return
    st.caption(words.BESIDE)
    st.markdown(bullets(words.told(analysis)))
    table([dict(zip(words.HEAD, row, strict=True)) for row in words.rows(analysis)], "", "moves")
    st.caption(" · ".join(f"**{name}**: {escape(text)}" for name, text in words.MEANINGS))
    if any(score.attention is not None and score.attention.t_s for score in analysis.scores):
        st.markdown("#### Which frames the networks attended to")
        figure = attention(analysis, theme=theme())
        st.plotly_chart(figure, theme=None, config=_QUIET, key=f"attention-{place}", alt="Attention over time")
    if any(score.heads for score in analysis.scores):
        st.markdown("#### What each head of a network says")
        figure = heads(analysis, theme=theme())
        st.plotly_chart(figure, theme=None, config=_QUIET, key=f"heads-{place}", alt="P(fake) of each head over time")
