"""The list of files on their way: how far each is, what came out, what failed and why."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import wording
from core.errors import NotFoundError
from core.types import Stage
from pages.workbench.common import LABEL_COLOURS, action, error_card, escape, guarded, store
from pages.workbench.intake import jobs, remove
from pages.workbench.jobs import Job

_EVERY_S = 0.6
_SHOWN = 40


def queue_panel(on_open: Callable[[str], None]) -> None:
    """Files on their way, newest first; ``on_open`` is called with the id of an analysis to show."""
    if not jobs().all():
        return
    busy = any(job.active for job in jobs().all())
    st.fragment(_panel, run_every=_EVERY_S if busy else None)(on_open)


def _panel(on_open: Callable[[str], None]) -> None:
    with guarded():
        now = jobs().all()
        active = {job.id for job in now if job.active}
        before = st.session_state.get("active-jobs", set())
        for job in reversed(now[-_SHOWN:]):
            _row(job, on_open)
        if len(now) > len(active) and len(now) > 1:
            st.button("Clear finished", type="tertiary", key="clear-jobs", on_click=_clear)
    st.session_state["active-jobs"] = active
    if before - active:
        _open_finished(before - active, on_open)
        st.rerun()


def _open_finished(ids: set[str], on_open: Callable[[str], None]) -> None:
    """Show what is done, unless the analyst is already looking at something."""
    for job in jobs().all():
        if job.id in ids and job.analysis_id and "analysis" not in st.query_params:
            on_open(job.analysis_id)


def _row(job: Job, on_open: Callable[[str], None]) -> None:
    if job.error is not None:
        error_card(job.error, job.upload.name)
        with st.container(horizontal=True, gap="small"):
            st.button("Analyse again", key=f"again-{job.id}", on_click=_again, args=(job,))
            st.button("Remove", key=f"drop-{job.id}", type="tertiary", on_click=_drop, args=(job,))
    elif job.active:
        _progress(job)
    elif job.analysis_id is not None:
        _done(job, job.analysis_id, on_open)


def _progress(job: Job) -> None:
    step = job.progress
    detail = f" · {step.detail}" if step.detail and step.stage is not Stage.QUEUED else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(
            min(1.0, step.fraction),
            text=f"**{escape(job.upload.name)}** · {wording.STAGE_TITLES[step.stage]}{escape(detail)}",
        )
        st.button("Stop", key=f"stop-{job.id}", type="tertiary", on_click=jobs().stop, args=(job.id,))


def _done(job: Job, analysis_id: str, on_open: Callable[[str], None]) -> None:
    try:
        verdict = store().get(analysis_id).verdict
    except NotFoundError:
        jobs().forget(job.id)
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        opened = st.query_params.get("analysis") == analysis_id
        st.button(
            escape(job.upload.name),
            key=f"open-{job.id}",
            type="primary" if opened else "secondary",
            on_click=on_open,
            args=(analysis_id,),
        )
        number = f" · {wording.percent(verdict.p_fake)}" if verdict.p_fake is not None else ""
        st.badge(f"{wording.VERDICT_TITLES[verdict.label]}{escape(number)}", color=LABEL_COLOURS[verdict.label])


@action
def _again(job: Job) -> None:
    jobs().forget(job.id)
    jobs().start(job.upload)


@action
def _drop(job: Job) -> None:
    jobs().forget(job.id)
    remove(job.upload)


def _clear() -> None:
    """Failed files stay until they are removed one by one, for that deletes them."""
    for job in jobs().all():
        if job.analysis_id is not None:
            jobs().forget(job.id)
