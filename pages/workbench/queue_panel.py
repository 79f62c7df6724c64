"""The list of files on their way: how far each is, what came out, what failed and why."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core import wording
from core.errors import NotFoundError, WorkbenchError
from core.types import Stage
from pages.workbench.common import LABEL_COLOURS, action, error_card, escape, guarded, store
from pages.workbench.intake import jobs, remove
from pages.workbench.jobs import Job

_EVERY_S = 0.6
_SHOWN = 40


def queue_panel(on_open: Callable[[str], None]) -> None:
    """Files on their way, newest first; ``on_open`` is called with the id of an analysis to show.

    The list belongs to the server, not to the session: a page that is loaded again shows what still runs.
    """
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
            if job.error is not None:
                _failed(job, job.error)
            elif job.active:
                _progress(job)
        _done([job for job in reversed(now[-_SHOWN:]) if job.analysis_id is not None], on_open)
    st.session_state["active-jobs"] = active
    if before - active:
        _open_finished(before - active, on_open)
        st.rerun()


def _open_finished(ids: set[str], on_open: Callable[[str], None]) -> None:
    """Show the first that is done, unless the analyst is already looking at something."""
    done = [job.analysis_id for job in jobs().all() if job.id in ids and job.analysis_id]
    if done and "analysis" not in st.query_params:
        on_open(done[0])


def _failed(job: Job, error: WorkbenchError) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width=720):
            error_card(error, job.upload.name)
        st.button("Analyse again", key=f"again-{job.id}", on_click=_again, args=(job,))
        st.button("Remove", key=f"drop-{job.id}", type="tertiary", on_click=_drop, args=(job,))


def _progress(job: Job) -> None:
    step = job.progress
    detail = f" · {escape(step.detail)}" if step.detail and step.stage is not Stage.QUEUED else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width=720):
            name = f"**{escape(job.upload.name)}** · {wording.STAGE_TITLES[step.stage]}{detail}"
            st.progress(min(1.0, step.fraction), text=name)
        st.button("Stop", key=f"stop-{job.id}", type="tertiary", on_click=jobs().stop, args=(job.id,))


def _done(finished: list[Job], on_open: Callable[[str], None]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for job in finished:
            _link(job, job.analysis_id or "", on_open)
        if len(finished) > 1:
            st.button("Clear list", type="tertiary", key="clear-jobs", on_click=_clear)


def _link(job: Job, analysis_id: str, on_open: Callable[[str], None]) -> None:
    try:
        verdict = store().get(analysis_id).verdict
    except NotFoundError:
        jobs().forget(job.id)
        return
    number = f" {wording.percent(verdict.p_fake)}" if verdict.p_fake is not None else ""
    said = f"{wording.VERDICT_TITLES[verdict.label]}{number}"
    if st.button(f"{escape(job.upload.name)} · :{LABEL_COLOURS[verdict.label]}[{said}]", key=f"open-{job.id}"):
        on_open(analysis_id)
        st.rerun()


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
