"""History: find an analysis again, open it, set another beside it, delete it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core import wording
from core.store.history import HistoryEntry
from core.store.privacy import erase
from core.types import Label, MediaKind
from pages.workbench.common import action, fresh_key, settings, store, used, view
from pages.workbench.downloads import session_buttons
from pages.workbench.labels import TRUTH_WORDS
from pages.workbench.pair import other_box, pair_view
from pages.workbench.result import result_view

_OPENED = "analysis"
_PAGE = 50
_TABLE = "history-table"


@view
def show() -> None:
    opened = st.query_params.get(_OPENED)
    if opened:
        _one(opened)
    else:
        _list()


def _one(analysis_id: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.button("All analyses", icon=":material/arrow_back:", key="back-to-list", on_click=_close)
        other = other_box(analysis_id)
        with st.popover("Delete", icon=":material/delete:"):
            st.markdown("The analysis goes for good, with its labels and, unless another needs it, the file.")
            st.button("Delete for good", key="delete", type="primary", on_click=_delete, args=(analysis_id,))
    if other is None:
        result_view(analysis_id, "history")
    else:
        pair_view(store().get(analysis_id), store().get(other))


def _list() -> None:
    st.title("History")
    text, label, kind, labelled = _filters()
    total = store().count(text=text, label=label, kind=kind, labelled=labelled)
    if not total:
        st.caption(
            "Nothing here matches." if any((text, label, kind, labelled is not None)) else "Nothing analysed yet."
        )
        return
    pages = -(-total // _PAGE)
    page = st.number_input("Page", 1, pages, 1, key="history-page") if pages > 1 else 1
    rows = store().entries(
        text=text, label=label, kind=kind, labelled=labelled, limit=_PAGE, offset=(int(page) - 1) * _PAGE
    )
    st.caption(f"{total} {'analysis' if total == 1 else 'analyses'}, newest first. Click a row to open it.")
    session_buttons(tuple(row.id for row in rows))
    _table(rows)


def _filters() -> tuple[str, Label | None, MediaKind | None, bool | None]:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        text = st.text_input("Search", key="history-text", placeholder="Part of a name or hash", width=320)
        label = st.selectbox("Verdict", [None, *Label], format_func=_verdict, key="history-label", width=180)
        kind = st.selectbox("Kind", [None, *MediaKind], format_func=_kind, key="history-kind", width=130)
        labelled = st.selectbox("Labels", [None, True, False], format_func=_labelled, key="history-labelled", width=150)
    return text, label, kind, labelled


def _verdict(label: Label | None) -> str:
    return "All" if label is None else wording.VERDICT_TITLES[label]


def _kind(kind: MediaKind | None) -> str:
    return "All" if kind is None else kind.value.capitalize()


def _labelled(value: bool | None) -> str:
    return {None: "All", True: "Labelled", False: "Not labelled"}[value]


def _table(rows: list[HistoryEntry]) -> None:
    frame = pd.DataFrame([_cells(row) for row in rows])
    event = st.dataframe(
        frame,
        hide_index=True,
        key=fresh_key(_TABLE),
        on_select="rerun",
        selection_mode="single-cell",
        column_config={
            "P(fake)": st.column_config.ProgressColumn(min_value=0.0, max_value=1.0, format="percent", width="small"),
            "Analysed": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width="medium"),
        },
        alt="Analyses",
    )
    cells = event.selection.cells
    if cells:
        used(_TABLE)
        _open(rows[cells[0][0]].id)
        st.rerun()


def _cells(row: HistoryEntry) -> dict[str, object]:
    return {
        "Verdict": wording.VERDICT_TITLES[row.label],
        "P(fake)": row.p_fake,
        "Name": row.name,
        "Label": TRUTH_WORDS[row.truth] if row.truth else "",
        "Kind": row.kind.value,
        "Preset": row.preset,
        "Analysed": pd.Timestamp(row.created_at),
        "From": row.origin,
    }


def _open(analysis_id: str) -> None:
    st.query_params[_OPENED] = analysis_id


def _close() -> None:
    st.query_params.pop(_OPENED, None)


@action
def _delete(analysis_id: str) -> None:
    erase(settings(), analysis_id, store=store())
    _close()
