"""Explain: what of a frame or a sound a detector reacted to, and views that help the eye."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from core import wording
from core.explain.aids import AIDS, NO_SCORE, Aid
from core.explain.choices import frame_detectors, sound_detectors
from core.explain.methods import METHODS, Method
from core.explain.overlay import OPACITY, overlay
from core.faces import words as face_words
from core.figures import attention, heads, sound_heat
from core.types import RGB, Analysis, MediaKind
from pages import engine
from pages.workbench.common import bullets, escape, guarded, settings, theme
from pages.workbench.frames import decode, kept_file, most_telling, nearest
from pages.workbench.heat_player import play_through

if TYPE_CHECKING:
    from core.explain.frames import FrameHeat
    from core.explain.sound import SoundHeat


def explain_view(analysis: Analysis, place: str) -> None:
    """Heat map beside the frame, aids, and the spectrogram where something listened."""
    key = f"{place}-{analysis.id[:12]}"
    faces, voices = frame_detectors(analysis), sound_detectors(analysis)
    if not (faces or voices or analysis.frames):
        st.caption("There is nothing to explain: no model that looks at frames or listens to voices gave a score.")
        return
    t_s = _moment(analysis, key)
    if faces:
        with guarded():
            _heat(analysis, faces, t_s, key)
    elif analysis.frames:
        st.caption("No model that looks at single frames gave a score, so there is no heat map.")
    if analysis.frames:
        with guarded():
            _aids(analysis, t_s, key)
    if voices:
        with guarded():
            _sound(analysis, voices, t_s, key)
    _over_time(analysis, key)


def _over_time(analysis: Analysis, key: str) -> None:
    """What detectors of clips tell of themselves: which frames they attended to, and what each head says."""
    told = {attention: wording.attention, heads: wording.heads}
    for draw, words in told.items():
        if said := [line for score in analysis.scores if (line := words(score))]:
            st.markdown("### Which frames counted" if draw is attention else "### Head by head")
            st.plotly_chart(draw(analysis, theme=theme()), theme=None, config={"displayModeBar": False},
                            key=f"{draw.__name__}-{key}", alt=" ".join(said))  # fmt: skip
            if draw is attention:
                st.caption(face_words.ATTENTION)
            st.markdown(bullets(said))


def _moment(analysis: Analysis, key: str) -> float:
    """The frame that is explained: the one chosen on the timeline, until another is chosen here."""
    times = [frame.t_s for frame in analysis.frames]
    start = st.session_state.get(f"moment-{key}", most_telling(analysis))
    if len(times) < 2:
        return times[0] if times else start
    at = nearest(times, start)
    return float(
        st.select_slider("Frame", times, times[at], format_func=wording.clock, key=f"explain-at-{key}-{times[at]:.3f}")
    )


def _heat(analysis: Analysis, detectors: dict[str, str], t_s: float, key: str) -> None:
    people = sorted(track.id for track in analysis.tracks)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        detector = st.selectbox(
            "Model", list(detectors), format_func=lambda name: detectors[name], key=f"explain-model-{key}", width=260
        )
        method = st.selectbox("Method", [None, *METHODS], format_func=_method, key=f"explain-method-{key}", width=220)
        driver = analysis.verdict.track_id
        track_id = driver
        if len(people) > 1:
            index = people.index(driver) if driver in people else 0
            track_id = st.selectbox(
                "Person", people, index, format_func=wording.person, key=f"explain-person-{key}", width=140
            )
        opacity = st.slider("Opacity", 0, 100, round(100 * OPACITY), format="%d%%", key=f"explain-opacity-{key}",
                            width=180)  # fmt: skip
    with st.spinner("Asking the model where it looks…"):
        found = _explained(analysis, t_s, track_id, detector, method)
    left, right = st.columns([1.7, 1], gap="medium")
    with left:
        st.image(overlay(found.rgb, found.heat, opacity / 100), width="stretch", output_format="JPEG",
                 caption=f"{wording.clock(found.t_s)} · {METHODS[found.method].title}")  # fmt: skip
    with right:
        one, two = st.columns(2, gap="small")
        one.image(found.crop, width="stretch", caption="What the model saw")
        two.image(overlay(found.crop, found.crop_heat, opacity / 100), width="stretch", caption="What it reacted to")
        st.markdown(bullets(found.words))
    if analysis.media.info.kind is MediaKind.VIDEO:
        ask = partial(_asked, analysis, detector, method)
        play_through(analysis, track_id, ask, opacity, f"{key}-{track_id}-{detector}-{method}")


def _asked(analysis: Analysis, detector: str, method: Method | None, t_s: float, track_id: int | None) -> FrameHeat:
    path = kept_file(analysis.media)
    return _worker().submit(engine.explain_frame, analysis, path, t_s, track_id, detector, method, settings()).result()


def _method(method: Method | None) -> str:
    return "Best for this model" if method is None else METHODS[method].title


@st.cache_resource(show_spinner=False)
def _worker() -> ThreadPoolExecutor:
    """Models run here one after another, whatever number of pages is open."""
    return ThreadPoolExecutor(1, thread_name_prefix="explain")


@st.cache_data(max_entries=24, show_spinner=False, hash_funcs={Analysis: lambda analysis: analysis.id})
def _explained(analysis: Analysis, t_s: float, track_id: int | None, detector: str, method: Method | None) -> FrameHeat:
    return _asked(analysis, detector, method, t_s, track_id)


def _aids(analysis: Analysis, t_s: float, key: str) -> None:
    st.markdown("### Aids for the eye")
    st.caption(NO_SCORE)
    chosen = st.segmented_control(
        "View", list(AIDS), format_func=lambda aid: AIDS[aid].title, key=f"aid-{key}", label_visibility="collapsed"
    )
    if chosen is None or analysis.media.info.kind is MediaKind.AUDIO:
        return
    media = analysis.media
    rgb = decode(str(kept_file(media)), media.sha256, media.info.kind, t_s)
    left, right = st.columns(2, gap="medium")
    left.image(rgb, width="stretch", output_format="JPEG", caption="The frame")
    right.image(_aid(rgb, chosen), width="stretch", caption=AIDS[chosen].title)
    st.markdown(escape(AIDS[chosen].says))


@st.cache_data(max_entries=12, show_spinner=False)
def _aid(rgb: RGB, name: Aid) -> RGB:
    return AIDS[name].make(rgb)


def _sound(analysis: Analysis, detectors: dict[str, str], t_s: float, key: str) -> None:
    st.markdown("### What was heard")
    detector = st.selectbox(
        "Model that listens", list(detectors), format_func=lambda name: detectors[name], key=f"explain-ear-{key}",
        width=260,
    )  # fmt: skip
    with st.spinner("Asking the model what it hears…"):
        found = _heard(analysis, t_s, detector)
    figure = sound_heat(found.level_db, found.heat, found.hz, found.t_s, theme=theme())
    st.plotly_chart(figure, theme=None, config={"displayModeBar": False}, key=f"heard-{key}-{detector}",
                    alt="Spectrogram with what speaks for and against a fake")  # fmt: skip
    st.caption(
        "Orange speaks for a fake, blue against it, relative to the strongest place in this window (gradient times "
        "input). It explains the score; it is no score itself."
    )


@st.cache_data(max_entries=12, show_spinner=False, hash_funcs={Analysis: lambda analysis: analysis.id})
def _heard(analysis: Analysis, t_s: float, detector: str) -> SoundHeat:
    path = kept_file(analysis.media)
    return _worker().submit(engine.explain_sound, analysis, path, t_s, detector, settings()).result()
