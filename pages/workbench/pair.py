"""Two analyses of the history side by side: other presets, other weights, or another file."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core import wording
from core.figures.several import side_by_side
from core.store.history import HistoryEntry
from core.types import Analysis, Score
from pages.workbench.common import LABEL_COLOURS, escape, store, theme
from pages.workbench.tables import table

_MOST = 200


def other_box(analysis_id: str) -> str | None:
    """Which analysis to set beside one: those of the same file first. None until one is chosen."""
    sha256 = store().get(analysis_id).media.sha256
    same = store().entries(text=sha256, limit=_MOST)
    entries = {e.id: e for e in (*same, *store().entries(limit=_MOST)) if e.id != analysis_id}
    return st.selectbox(
        "Compare with",
        list(entries),
        index=None,
        format_func=lambda key: _line(entries[key], sha256),
        key=f"pair-{analysis_id[:12]}",
        placeholder="Compare with another analysis",
        label_visibility="collapsed",
        width=420,
    )


def pair_view(first: Analysis, second: Analysis) -> None:
    """Verdicts, figures of every model, and what differs in how they were made."""
    columns = st.columns(2, gap="medium")
    for column, analysis in zip(columns, (first, second), strict=True):
        with column, st.container(border=True):
            verdict = analysis.verdict
            st.markdown(f"## :{LABEL_COLOURS[verdict.label]}[{wording.VERDICT_TITLES[verdict.label]}]")
            st.caption(f"{escape(analysis.media.name)} · preset {escape(analysis.preset)}")
    same = first.media.sha256 == second.media.sha256
    st.markdown("Both are of the same file." if same else ":material/warning: These are two different files.")
    st.plotly_chart(
        side_by_side(first, second, theme=theme()), theme=None, config={"displayModeBar": False}, key="pair-figure",
        alt="P(fake) of both by model",
    )  # fmt: skip
    st.markdown("### What differs")
    table(_facts(first, second), "Nothing in how they were made.", "pair-facts")
    st.markdown("### Models")
    table(_models(first, second), "Neither asked a model.", "pair-models")


def _line(entry: HistoryEntry, sha256: str) -> str:
    number = f" {wording.percent(entry.p_fake)}" if entry.p_fake is not None else ""
    mark = "same file · " if entry.media_sha256 == sha256 else ""
    return (
        f"{mark}{entry.name} · {wording.VERDICT_TITLES[entry.label]}{number} · {entry.preset} · {entry.created_at[:16]}"
    )


def _facts(first: Analysis, second: Analysis) -> list[dict[str, str]]:
    """The rows in which both differ."""
    told = [_told(first), _told(second)]
    return [
        {"": name, "First": told[0][name], "Second": told[1][name]}
        for name in told[0]
        if told[0][name] != told[1][name]
    ]


def _told(analysis: Analysis) -> Mapping[str, str]:
    verdict, made = analysis.verdict, analysis.environment
    return {
        "File": analysis.media.name,
        "Preset": analysis.preset,
        "P(fake)": wording.percent(verdict.p_fake),
        "Range": wording.interval(verdict.interval) or "–",
        "Rule": wording.thresholds(verdict.thresholds),
        "Frames looked at": str(len(analysis.frames)),
        "People": str(len(analysis.people)),
        "Program": "–" if made is None else f"Unmask {made.unmask}, PyTorch {made.torch}, {made.device}",
        "Analysed": analysis.created_at[:19].replace("T", " "),
    }


def _models(first: Analysis, second: Analysis) -> list[dict[str, str]]:
    a, b = _by_model(first), _by_model(second)
    return [_model(a.get(key), b.get(key)) for key in dict.fromkeys((*a, *b))]


def _by_model(analysis: Analysis) -> dict[tuple[str, int | None], Score]:
    return {(score.detector, score.track_id): score for score in analysis.scores}


def _model(first: Score | None, second: Score | None) -> dict[str, str]:
    one = first or second
    if one is None:
        return {}
    change = "–"
    if first and second and first.p_fake is not None and second.p_fake is not None:
        change = f"{100 * (second.p_fake - first.p_fake):+.0f}"
    return {
        "Model": one.title,
        "About": wording.person(one.track_id),
        "First": _said(first),
        "Second": _said(second),
        "Points": change,
        "Weights": _weights(first, second),
    }


def _weights(first: Score | None, second: Score | None) -> str:
    """Whether both used the same weights, or the beginnings of the hashes."""
    hashes = [score.weights_sha256[:12] if score and score.weights_sha256 else "–" for score in (first, second)]
    return "the same" if hashes[0] == hashes[1] != "–" else " → ".join(hashes)


def _said(score: Score | None) -> str:
    if score is None:
        return "not asked"
    return wording.STATUS_WORDS[score.status] if score.p_fake is None else wording.percent(score.p_fake)
