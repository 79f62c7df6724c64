"""The sound of an analysis: what it is like, where somebody speaks, and the moment that was clicked."""

from __future__ import annotations

from functools import partial

import streamlit as st

from core import wording
from core.audio import words
from core.figures import sound_over_time
from core.types import Analysis, MediaKind
from pages.workbench.common import bullets, guarded, theme
from pages.workbench.frames import kept_file


def sound_view(analysis: Analysis, place: str) -> None:
    """Waveform, spectrogram, speech and P(fake) on one axis; below plays what was clicked."""
    sound = analysis.sound
    if sound is None:
        st.caption("This file has no sound.")
        return
    chart, chosen = f"sound-{place}-{analysis.id[:12]}", f"play-{place}-{analysis.id[:12]}"
    st.plotly_chart(
        sound_over_time(analysis, theme=theme()).update_layout(clickmode="event+select"),
        theme=None,
        key=chart,
        on_select=partial(_clicked, chart, chosen),
        selection_mode="points",
        config={"displayModeBar": False},
        alt=" ".join(words.told(analysis)),
    )
    st.caption(words.READING)
    begin = st.session_state.get(chosen, sound.speech[0][0] if sound.speech else sound.start_s)
    with guarded():
        path = str(kept_file(analysis.media))
        st.caption(f"Plays from {wording.clock(begin)}.")
        play = st.audio if analysis.media.info.kind is MediaKind.AUDIO else st.video
        play(path, start_time=begin, autoplay=chosen in st.session_state)
    st.markdown(bullets(words.told(analysis)))


def _clicked(chart: str, chosen: str) -> None:
    points = [p for p in st.session_state[chart].selection.points if p.get("customdata")]
    if points:
        st.session_state[chosen] = max(0.0, float(points[0]["customdata"][0]))
