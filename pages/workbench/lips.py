"""Sound and lips of an analysis: the curve, the course over time, and the moment that was clicked."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import wording
from core.figures import shown_curves, sync_curve, sync_over_time
from core.sync import words
from core.types import Analysis, SyncStretch
from pages.workbench.common import bullets, escape, guarded, theme
from pages.workbench.frames import kept_file

_QUIET = {"displayModeBar": False}
_BEFORE_S, _AFTER_S = 1.0, 2.0


def sound_and_lips(analysis: Analysis, place: str) -> None:
    """What was found, how to read it, and the plots."""
    st.markdown(bullets(words.told(analysis)))
    figure = sync_curve(analysis, theme=theme())
    st.plotly_chart(figure, theme=None, config=_QUIET, key=f"sync-{place}", alt="Agreement of sound and lips by shift")
    if any(curve.t_s for curve in shown_curves(analysis)):
        _moments(analysis, place)
        st.caption(f"{words.READING} {words.OVER_TIME}")
    methods = ", ".join(dict.fromkeys(curve.method for curve in analysis.sync))
    if methods:
        st.caption(f"Measured by {escape(methods)}.")


def _moments(analysis: Analysis, place: str) -> None:
    """The map and the strip; beside them plays what was clicked, at first the stretch that fits least."""
    chart, chosen = f"strip-{place}-{analysis.id[:12]}", f"heard-{place}-{analysis.id[:12]}"
    left, right = st.columns([1.7, 1], gap="medium")
    with left:
        st.plotly_chart(
            sync_over_time(analysis, theme=theme()).update_layout(clickmode="event+select"),
            theme=None,
            key=chart,
            on_select=partial(_clicked, chart, chosen),
            selection_mode="points",
            config=_QUIET,
            alt=words.over_time(analysis),
        )
    at = st.session_state.get(chosen)
    part = worst_part(analysis) if at is None else SyncStretch(max(0.0, at - _BEFORE_S), at + _AFTER_S, 0.0)
    if part is not None:
        with right, guarded():
            st.markdown(f"#### From {wording.clock(part.start_s)} to {wording.clock(part.end_s)}")
            st.video(str(kept_file(analysis.media)), start_time=part.start_s, end_time=part.end_s)


def worst_part(analysis: Analysis) -> SyncStretch | None:
    """The stretch that fits least of the person shown first; the first moments where none stands out."""
    curve = shown_curves(analysis)[0]
    if curve.worst:
        return curve.worst[0]
    return SyncStretch(max(0.0, curve.t_s[0] - _BEFORE_S), curve.t_s[0] + _AFTER_S, 0.0) if curve.t_s else None


def _clicked(chart: str, chosen: str) -> None:
    points = [p for p in st.session_state[chart].selection.points if p.get("customdata")]
    if points:
        st.session_state[chosen] = float(points[0]["customdata"][0])
