"""Analyse: files in, verdict and evidence out."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import streamlit as st

from core.examples import Example, examples
from pages.workbench.common import action, settings, store, view
from pages.workbench.intake import preset_box, take_file, uploader
from pages.workbench.queue_panel import queue_panel
from pages.workbench.result import result_view

_OPENED = "analysis"


@view
def show() -> None:
    st.title("Analyse")
    opened = _opened()
    left, right = st.columns([1.7, 1], gap="medium")
    with right:
        preset = preset_box("analyse")
    with left:
        uploader("analyse", preset, "Drop pictures, clips or sound here")
    _examples(preset)
    queue_panel(_open)
    if opened:
        result_view(opened, "analyse")
    else:
        st.caption("Upload something, or take an example. The verdict, with the plots that show why, appears here.")


def _open(analysis_id: str) -> None:
    st.query_params[_OPENED] = st.session_state[_OPENED] = analysis_id


def _opened() -> str | None:
    """What is shown: by the address, or else what was open before the analyst went to another view."""
    opened = st.query_params.get(_OPENED, st.session_state.get(_OPENED))
    if opened and store().count(text=opened):
        _open(opened)
        return opened
    _close()
    return None


def _close() -> None:
    st.query_params.pop(_OPENED, None)
    st.session_state.pop(_OPENED, None)


@st.cache_resource(show_spinner=False)
def _made() -> Future[tuple[Example, ...]]:
    """The examples; making them takes some seconds the first time, so it is done in the background."""
    return ThreadPoolExecutor(1, thread_name_prefix="examples").submit(examples, settings())


def _examples(preset: str) -> None:
    made = _made()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not made.done():
            st.fragment(_wait_for_examples, run_every=1.0)()
            return
        st.caption("Examples", width="content")
        for example in made.result():
            st.button(
                example.title,
                key=f"example-{example.id}",
                help=example.caption,
                on_click=_take_example,
                args=(example, preset),
            )


def _wait_for_examples() -> None:
    if _made().done():
        st.rerun()
    st.caption("The examples are being made …")


@action
def _take_example(example: Example, preset: str) -> None:
    _close()
    take_file(example.path, preset)
