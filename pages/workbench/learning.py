"""Learning: what people's labels add up to, fine-tuning on them, versions of detectors, and other long commands."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from core.commands.common import data_root
from core.registry import card, detector_ids
from core.settings import CONFIGS
from core.store.feedback import LabelStats, Truth
from core.store.label_export import as_csv, as_jsonl
from core.tasks import Task, Tasks, TaskState
from core.weights import versions
from pages.workbench.common import action, escape, settings, store, view
from pages.workbench.own_media import own_media
from pages.workbench.tables import figures, table

_STATES = {
    TaskState.RUNNING: ":material/hourglass_top: running",
    TaskState.DONE: ":material/check: done",
    TaskState.FAILED: ":material/error: failed",
    TaskState.STOPPED: ":material/stop_circle: stopped",
}


_EVERY_S = 2.0


@st.cache_resource
def _tasks() -> Tasks:
    return Tasks(settings())


@view
def show() -> None:
    st.title("Learning")
    _labels(store().label_stats())
    st.markdown("## Fine-tune on the labels")
    st.caption(
        "A detector is taught what people said, next to the material it was first trained on. The new version is used "
        "only if it is better on labelled files that it has not seen and costs at most .01 AUC on a frozen test set."
    )
    detectors = [name for name in detector_ids() if (CONFIGS / "training" / f"{name}.yaml").is_file()]
    chosen = st.selectbox("Detector", detectors, format_func=lambda name: card(name).title, key="tune-detector")
    if chosen:
        _start(chosen)
        _versions(chosen)
    st.markdown("## Add media of your own")
    own_media(lambda title, arguments: _tasks().start(title, arguments))
    st.markdown("## Other tasks")
    _other(detectors)
    _running()


def _labels(stats: LabelStats) -> None:
    if not stats.total:
        st.info("No label was given yet.", icon=":material/inbox:")
        return
    counts = {
        "Labels": stats.total,
        "Files": stats.media,
        "Reviewers": stats.reviewers,
        "Said fake": stats.by_truth[Truth.FAKE],
        "Said real": stats.by_truth[Truth.REAL],
    }
    figures({name: f"{value:,}" for name, value in counts.items()})
    judged = stats.agree + stats.disagree
    if judged:
        st.caption(
            f"People agreed with the program in {stats.agree} of {judged} labels on what it called fake or real."
        )
    given = store().labels()
    allowed = sum(label.consent for label in given)
    st.caption(f"{allowed} of {len(given)} labels may be used for training.")
    with st.container(horizontal=True, gap="small"):
        st.download_button("Labels as CSV", as_csv(given), "labels.csv", "text/csv", key="labels-csv")
        st.download_button(
            "Labels as JSON lines", as_jsonl(given), "labels.jsonl", "application/jsonl", key="labels-jsonl"
        )


def _start(detector: str) -> None:
    folder = st.text_input(
        "Folder with the first training's media",
        str(data_root()),
        key="tune-data",
        help="The folder that holds manifest.csv; needed so that nothing is forgotten.",
    )
    alone = st.checkbox("All labels are mine, and I stand by them", key="tune-alone")
    st.button("Fine-tune", key="tune", type="primary", on_click=_tune, args=(detector, folder, alone))


@action
def _tune(detector: str, folder: str, alone: bool) -> None:
    arguments = ["finetune", "run", detector, *(["--data", folder] if folder else [])]
    _tasks().start(f"Fine-tune {card(detector).title}", [*arguments, *(["--sole-reviewer"] if alone else [])])


def _versions(detector: str) -> None:
    found = versions.versions(detector, settings())
    if not found:
        st.caption("The shipped weights are in use; no other version was made yet.")
        return
    better = sum(bool(one.report.get("promoted")) for one in found)
    st.caption(f"{len(found)} trainings so far; {better} of them made the detector better and were taken over.")
    rows = []
    for one in reversed(found):
        old, new = one.report.get("old", {}), one.report.get("new", {})
        rows.append(
            {
                "Version": f"{one.number}{' (in use)' if one.current else ''}",
                "Made": str(one.report.get("made_at", "")),
                "AUC on new labels": _change(new),
                "AUC on the frozen set": _change(old),
                "Came to": str(one.report.get("reason", "")),
            }
        )
    table(rows, "", "versions")
    losses = found[-1].report.get("losses")
    if losses:
        st.line_chart(pd.DataFrame({"loss": losses}), height=160, x_label="tenths of the latest training")
    if versions.current(detector, settings()) != versions.SHIPPED:
        st.button("Go back to the version before", key="rollback", on_click=_back, args=(detector,))


def _change(found: dict[str, float]) -> str:
    return f"{found['second']:.3f} → {found['first']:.3f}" if "first" in found else "–"


@action
def _back(detector: str) -> None:
    versions.rollback(detector, settings())


def _other(detectors: list[str]) -> None:
    kinds = {
        "Measure a detector": "evaluate",
        "Train a detector from the beginning": "train",
        "What the training media hold": "data",
        "Check this machine": "doctor",
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox("Task", list(kinds), key="task-kind", width=320)
        detector = st.selectbox("Of", detectors, key="task-detector", width=220)
        st.button("Start", key="task-start", on_click=_launch, args=(kind, kinds[kind], detector))


@action
def _launch(title: str, command: str, detector: str) -> None:
    folder = st.session_state.get("tune-data", "")
    data = ["--data", folder] if folder else []
    config = str(Path("configs", "training", f"{detector}.yaml"))
    arguments = {"doctor": ["doctor"], "data": ["data", "report", *data]}.get(command, [command, config, *data])
    named = title if command in ("doctor", "data") else f"{title}: {detector}"
    _tasks().start(named, arguments)


def _running() -> None:
    busy = any(task.state is TaskState.RUNNING for task in _tasks().all())
    st.fragment(_list, run_every=_EVERY_S if busy else None)(busy)


def _list(busy: bool) -> None:
    """While a task runs, this part of the page is drawn again and again; once it has ended, all of it once."""
    found = _tasks().all()
    if busy and not any(task.state is TaskState.RUNNING for task in found):
        st.rerun()
    if not found:
        st.caption("Nothing was started yet.")
    for task in found[:10]:
        _one(task)


def _one(task: Task) -> None:
    with st.container(border=True, key=f"task-{task.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"**{escape(task.title)}** · {_STATES[task.state]}")
            st.caption(escape(task.started_at))
            if task.state is TaskState.RUNNING:
                st.button("Stop", key=f"stop-{task.id}", on_click=_stop, args=(task.id,))
        if task.lines:
            with st.expander(escape(task.last[:160])):
                st.code("\n".join(task.lines), language=None, wrap_lines=True)


@action
def _stop(ident: str) -> None:
    _tasks().stop(ident)
