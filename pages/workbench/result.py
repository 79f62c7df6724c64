"""One analysis on a page: verdict, what-if thresholds, timeline with frames, models, people, sound, file, downloads."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import streamlit as st

from core import wording
from core.figures import consensus_bars, face_quality, verdict_bar
from core.fusion.verdict import relabel
from core.registry import ensemble, smallest_face_px
from core.types import Analysis, MediaKind, Thresholds
from pages.workbench import tables
from pages.workbench.common import LABEL_COLOURS, bullets, escape, guarded, store, theme
from pages.workbench.downloads import download_buttons
from pages.workbench.explain import explain_view
from pages.workbench.frames import over_time, picture
from pages.workbench.labels import label_panel
from pages.workbench.lips import sound_and_lips
from pages.workbench.moves import moves_view
from pages.workbench.provenance import provenance_view
from pages.workbench.voice import sound_view

_QUIET = {"displayModeBar": False}


def result_view(analysis_id: str, place: str, *, with_labels: bool = True) -> None:
    """Draw an analysis from the history; ``place`` keeps the keys of several views apart."""
    _result(analysis_id, place, with_labels)


@st.fragment
def _result(analysis_id: str, place: str, with_labels: bool) -> None:
    with guarded():
        recorded = store().get(analysis_id)
        left, right = st.columns([1.7, 1], gap="medium")
        with right:
            seen = relabel(recorded, _what_if(recorded, place))
            if with_labels:
                label_panel(seen, place)
        with left:
            _verdict(seen, place)
        _evidence(seen, place)


def _what_if(analysis: Analysis, place: str) -> Thresholds:
    """Two thresholds on one slider. Moving them changes the label, never a score."""
    preset = analysis.verdict.thresholds
    key = f"limits-{place}-{analysis.id[:12]}"
    st.markdown("### What if the thresholds were others?")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        real, fake = st.slider(
            "Real up to, fake from",
            0,
            100,
            (round(100 * preset.real), round(100 * preset.fake)),
            format="%d%%",
            key=key,
            help="Below the first mark the verdict reads real, from the second on fake. No model runs again.",
        )
    limits = Thresholds(fake=fake / 100, real=real / 100)
    changed = (real, fake) != (round(100 * preset.real), round(100 * preset.fake))
    if changed:
        st.caption(f"The preset says {wording.thresholds(preset)}.")
    return limits if changed else preset


def _verdict(analysis: Analysis, place: str) -> None:
    verdict = analysis.verdict
    with st.container(border=True, key=f"verdict-{place}"):
        st.markdown(f"## :{LABEL_COLOURS[verdict.label]}[{wording.VERDICT_TITLES[verdict.label]}]")
        st.caption(f"{escape(analysis.media.name)} · preset {escape(analysis.preset)}")
        if verdict.p_fake is not None:
            st.plotly_chart(
                verdict_bar(analysis, theme=theme()), theme=None, config=_QUIET, key=f"bar-{place}", alt="P(fake)"
            )
        st.markdown(wording.VERDICT_SUMMARIES[verdict.label])
        facts = [
            wording.probability_kind(verdict.calibrated).capitalize() if verdict.p_fake is not None else "",
            f"Likely range {wording.interval(verdict.interval)}" if verdict.interval else "",
            wording.agreement(verdict).rstrip("."),
        ]
        st.caption(escape(" · ".join(fact for fact in facts if fact)))
        st.markdown(bullets(verdict.reasons))
    for warning in analysis.warnings:
        st.markdown(f":material/warning: {escape(warning)}")
    for note in wording.enhancement_notes(analysis):
        st.caption(f":material/info: {escape(note)}")


def _evidence(analysis: Analysis, place: str) -> None:
    is_video = analysis.media.info.kind is MediaKind.VIDEO
    if is_video:
        left, right = st.columns([1.7, 1], gap="medium")
        over_time(analysis, place, left, right)
    else:
        right, left = st.columns([1, 1.7], gap="medium")
        with right:
            picture(analysis)
    with left:
        _consensus(analysis, place)
    with nullcontext() if is_video else left:
        _details(analysis, place)


def _consensus(analysis: Analysis, place: str) -> None:
    st.markdown("### What each model says")
    st.plotly_chart(
        consensus_bars(analysis, theme=theme()), theme=None, config=_QUIET, key=f"bars-{place}", alt="P(fake) by model"
    )


def _details(analysis: Analysis, place: str) -> None:
    """Tabs; only the one that is open is drawn, so that moving a threshold stays quick."""
    drawers: dict[str, Callable[[], None]] = {
        "Scores": lambda: tables.scores(analysis),
        "People": lambda: _people(analysis, place),
        "Motion": lambda: moves_view(analysis),
        "Sound": lambda: sound_view(analysis, place),
        "Sound and lips": lambda: sound_and_lips(analysis, place),
        "Explain": lambda: explain_view(analysis, place),
        "File": lambda: _file(analysis),
        "Download": lambda: download_buttons(analysis, place),
    }
    tabs = st.tabs(list(drawers), key=f"details-{place}", on_change="rerun")
    for tab, draw in zip(tabs, drawers.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _file(analysis: Analysis) -> None:
    tables.file_facts(analysis)
    provenance_view(analysis)


def _people(analysis: Analysis, place: str) -> None:
    tables.people(analysis)
    if analysis.media.info.kind is MediaKind.VIDEO and analysis.tracks:
        figure = face_quality(analysis, min_size_px=smallest_face_px(ensemble(analysis.preset)), theme=theme())
        st.plotly_chart(figure, theme=None, config=_QUIET, key=f"quality-{place}", alt="Face size over time")
