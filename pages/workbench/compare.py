"""Compare: one file through several presets, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core import wording
from core.errors import NotFoundError
from core.figures import consensus_bars, verdict_bar
from core.registry import ensemble, ensemble_ids
from core.store.history import HistoryEntry
from core.types import Analysis
from core.weights.roster import headline, roster
from pages.workbench.common import LABEL_COLOURS, action, bullets, escape, settings, store, theme, view
from pages.workbench.intake import take_kept, uploader
from pages.workbench.queue_panel import queue_panel
from pages.workbench.tables import table

_QUIET = {"displayModeBar": False}
_SHOWN = 30
_ACROSS = 3


@view
def show() -> None:
    st.title("Compare presets")
    files = _files()
    left, right = st.columns([1.7, 1], gap="medium")
    with right:
        uploader("compare", settings().preset, "Another file")
    queue_panel(_open)
    if not files:
        st.caption("Upload a file here, or analyse one first: then see what each preset makes of it.")
        return
    with left:
        chosen = st.selectbox(
            "File", files, index=_place(files), format_func=lambda f: f"{f.name} · {f.created_at[:16]}", key="compare"
        )
        presets = st.multiselect(
            "Presets", ensemble_ids(), default=ensemble_ids(), format_func=_title, key="compare-presets"
        )
    found = _latest(chosen.media_sha256)
    missing = [name for name in presets if name not in found]
    if missing:
        st.button(
            f"Analyse with {len(missing)} more preset{'s' if len(missing) > 1 else ''}",
            key="compare-run",
            type="primary",
            icon=":material/compare_arrows:",
            on_click=_run,
            args=(chosen, missing),
        )
    _table([found[name] for name in presets if name in found])
    _side_by_side([found[name] for name in presets if name in found])


def _title(name: str) -> str:
    return ensemble(name).title


def _open(analysis_id: str) -> None:
    """What was just analysed is the file that is compared."""
    st.session_state["compare-opened"] = store().get(analysis_id).media.sha256
    st.session_state.pop("compare", None)


def _place(files: Sequence[HistoryEntry]) -> int:
    opened = st.session_state.get("compare-opened")
    return next((i for i, file in enumerate(files) if file.media_sha256 == opened), 0)


def _files() -> list[HistoryEntry]:
    """The files of the history, each once, newest first."""
    newest: dict[str, HistoryEntry] = {}
    for entry in store().entries(limit=10 * _SHOWN):
        newest.setdefault(entry.media_sha256, entry)
    return list(newest.values())[:_SHOWN]


def _latest(sha256: str) -> dict[str, Analysis]:
    """The newest analysis of a file by each preset."""
    found: dict[str, str] = {}
    for entry in store().entries(text=sha256, limit=200):
        found.setdefault(entry.preset, entry.id)
    return {preset: store().get(analysis_id) for preset, analysis_id in found.items()}


@action
def _run(chosen: HistoryEntry, presets: Sequence[str]) -> None:
    st.session_state["compare-opened"] = chosen.media_sha256
    if not take_kept(chosen.media_sha256, chosen.name, presets):
        raise NotFoundError("The file itself is no longer kept here.", hint="Upload it again, then compare.")


def _table(analyses: Sequence[Analysis]) -> None:
    table([_row(a) for a in analyses], "No preset has looked at this file yet.", "compare")


def _row(analysis: Analysis) -> dict[str, str]:
    verdict = analysis.verdict
    voters = {c.detector for c in verdict.contributions}
    asked = {s.detector for s in analysis.scores}
    seconds = sum(t.seconds for t in analysis.timings)
    return {
        "Preset": _title(analysis.preset) if analysis.preset in ensemble_ids() else analysis.preset,
        "Verdict": wording.VERDICT_TITLES[verdict.label],
        "P(fake)": wording.percent(verdict.p_fake),
        "Range": wording.interval(verdict.interval) or "–",
        "Voted": f"{len(voters)} of {len(asked)}",
        "The figure is": wording.probability_kind(verdict.calibrated) if verdict.p_fake is not None else "–",
        "Rule": wording.thresholds(verdict.thresholds),
        "Took": f"{seconds:.1f} s",
    }


def _side_by_side(analyses: Sequence[Analysis]) -> None:
    for start in range(0, len(analyses), _ACROSS):
        columns = st.columns(_ACROSS, gap="medium")
        for column, analysis in zip(columns, analyses[start : start + _ACROSS], strict=False):
            with column, st.container(border=True):
                _one(analysis)


def _one(analysis: Analysis) -> None:
    verdict, key = analysis.verdict, f"{analysis.preset}-{analysis.id[:12]}"
    st.markdown(f"#### {escape(_title(analysis.preset))}")
    st.markdown(f":{LABEL_COLOURS[verdict.label]}[**{wording.VERDICT_TITLES[verdict.label]}**]")
    if verdict.p_fake is not None:
        st.plotly_chart(
            verdict_bar(analysis, theme=theme()), theme=None, config=_QUIET, key=f"bar-{key}", alt="P(fake)"
        )
    st.caption(escape(headline(roster(ensemble(analysis.preset), settings()))))
    st.plotly_chart(
        consensus_bars(analysis, theme=theme()), theme=None, config=_QUIET, key=f"models-{key}",
        alt=wording.consensus_words(analysis),
    )  # fmt: skip
    with st.expander("Why"):
        st.markdown(bullets(verdict.reasons))
