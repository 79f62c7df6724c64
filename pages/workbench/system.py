"""System: load and memory, loaded models, time by stage, and the log of each analysis."""

from __future__ import annotations

import json
from contextlib import suppress
from statistics import median

import streamlit as st

from core import wording
from core.errors import NotFoundError
from core.system import RecentLog, machine, models, watch
from core.types import Stage
from pages.workbench.common import escape, settings, store, view
from pages.workbench.tables import figures, table

_LATEST = 50


@st.cache_resource
def log() -> RecentLog:
    """The latest log lines of this server, kept from the first call on."""
    return watch()


@view
def show() -> None:
    st.title("System")
    _machine()
    st.markdown("### Loaded models")
    _models()
    st.markdown("### Where the time goes")
    _timings()
    st.markdown("### Log")
    _log()


@st.fragment(run_every=3.0)
def _machine() -> None:
    now = machine(settings())
    values = {
        "Processor": f"{now.cpu_load:.0%}",
        "Memory": wording.size(now.memory_used),
        "This program": wording.size(now.process_bytes),
        "Free on disk": wording.size(now.disk_free),
    }
    notes = {"Processor": f"of {now.cores} cores", "Memory": f"of {wording.size(now.memory_total)}"}
    for number, gpu in enumerate(now.gpus, start=1):
        name = f"Graphics card {number}"
        values[name] = f"{gpu.load:.0%}"
        used = f"{wording.size(gpu.used_bytes)} of {wording.size(gpu.total_bytes)}"
        notes[name] = f"{escape(gpu.name)}, {used}"
    figures(values, notes)
    if not now.gpus:
        st.caption("No graphics card with a driver was found.")


def _models() -> None:
    rows = [
        {"Model": entry.key.split(":")[0], "Memory": wording.size(entry.memory_bytes), "In use": str(entry.in_use)}
        for entry in models(settings())
    ]
    table(rows, "None; they are loaded with the first analysis that needs them.", "pool")


def _timings() -> None:
    """Medians over the newest analyses, by kind of file."""
    found = _newest(str(store().path), tuple(entry.id for entry in store().entries(limit=_LATEST)))
    rows = []
    for kind, runs in found.items():
        stages = {stage: [run[stage] for run in runs if stage in run] for stage in Stage}
        told = {wording.STAGE_TITLES[s]: f"{median(times):.2f} s" for s, times in stages.items() if times}
        whole = f"{median(sum(run.values()) for run in runs):.2f} s"
        rows.append({"File": kind, "Analyses": str(len(runs)), "Whole": whole, **told})
    table(
        [{name: row.get(name, "–") for name in _columns(rows)} for row in rows], "Nothing was analysed yet.", "timings"
    )
    if rows:
        st.caption(f"Medians over the {_LATEST} newest analyses; what the cache answered counts with its first run.")


def _columns(rows: list[dict[str, str]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


@st.cache_data(max_entries=4, show_spinner=False)
def _newest(database: str, ids: tuple[str, ...]) -> dict[str, list[dict[Stage, float]]]:
    """Seconds by stage of each analysis that was timed, by kind of file."""
    found: dict[str, list[dict[Stage, float]]] = {}
    for analysis_id in ids:
        with suppress(NotFoundError):
            analysis = store().get(analysis_id)
            if analysis.timings:
                times = {timing.stage: timing.seconds for timing in analysis.timings}
                found.setdefault(analysis.media.info.kind.value, []).append(times)
    return found


def _log() -> None:
    found = log().lines()
    requests = list(dict.fromkeys(str(line["request"]) for line in reversed(found) if "request" in line))
    chosen = st.selectbox("Analysis", ["", *requests], format_func=lambda r: r or "All", key="log-request")
    rows = [
        {
            "Time": str(line["time"])[11:23],
            "Level": str(line["level"]).lower(),
            "Analysis": str(line.get("request", "")),
            "Message": str(line["message"]),
            "More": ", ".join(f"{k} {v}" for k, v in line.items() if k not in _COMMON),
        }
        for line in log().lines(chosen)[-200:]
    ]
    table(rows[::-1], "Nothing was logged yet.", "log")
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in log().lines(chosen))
    st.download_button("Download as JSON lines", text, "unmask-log.jsonl", "application/jsonl", key="log-file")


_COMMON = {"time", "level", "logger", "message", "request", "error"}
