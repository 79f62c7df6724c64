"""What can be taken away: of one analysis, or of a session of several."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath
from typing import TypeAlias

import streamlit as st

from core.reports import to_csv, to_json
from core.reports.content import Item
from core.reports.package import evidence_package
from core.reports.page import to_html_page
from core.reports.pdf import to_pdf
from core.settings import Settings
from core.store.history import Store
from core.types import Analysis
from pages import engine
from pages.workbench.common import settings, store, uploads

Make: TypeAlias = Callable[[], str | bytes]
Offer: TypeAlias = tuple[str, str | bytes | Make, str, str]

_PDF, _HTML, _ZIP = "application/pdf", "text/html", "application/zip"


def download_buttons(analysis: Analysis, place: str) -> None:
    """Reports for people, JSON with everything, and three tables."""
    stem = PurePath(analysis.media.name).stem or "analysis"
    path = uploads().path_of(analysis.media.sha256)
    item = partial(_item, analysis, path, store(), settings())
    media = {analysis.media.sha256: path} if path else {}
    _offer(
        (
            ("Report, PDF", lambda: to_pdf(item()), f"{stem}.pdf", _PDF),
            ("Report, HTML", lambda: to_html_page(item()), f"{stem}.html", _HTML),
            ("Evidence package", lambda: evidence_package(item()), f"{stem}.evidence.zip", _ZIP),
            ("Evidence with the file", lambda: evidence_package(item(), media), f"{stem}.evidence-full.zip", _ZIP),
        ),
        place,
    )
    _offer(
        (
            ("JSON, everything", to_json(analysis), f"{stem}.json", "application/json"),
            ("CSV, verdict", to_csv(analysis, "files"), f"{stem}.csv", "text/csv"),
            ("CSV, scores", to_csv(analysis, "scores"), f"{stem}.scores.csv", "text/csv"),
            ("CSV, frames", to_csv(analysis, "frames"), f"{stem}.frames.csv", "text/csv"),
        ),
        place,
    )
    st.caption(
        "With the thresholds as they are set above. Times in seconds, boxes in pixels, every P(fake) in 0 to 1. "
        "Reports hold the labels, and heat maps where the file is kept; they take a moment. "
        "An evidence package can be checked with: python -m core.cli verify package.zip"
    )


def session_buttons(analysis_ids: tuple[str, ...]) -> None:
    """One report on all the analyses of a list, without heat maps."""
    book = store()
    with st.popover("Report on these", icon=":material/download:"):
        st.caption(f"One report on the {len(analysis_ids)} listed here, with an overview and all labels.")
        every = partial(_session, analysis_ids, book)
        _offer(
            (
                ("PDF", lambda: to_pdf(every()), "session.pdf", _PDF),
                ("HTML", lambda: to_html_page(every()), "session.html", _HTML),
                ("CSV", lambda: to_csv([item.analysis for item in every()]), "session.csv", "text/csv"),
                ("Evidence package", lambda: evidence_package(every()), "session.evidence.zip", _ZIP),
            ),
            "session",
        )


def _item(analysis: Analysis, path: Path | None, book: Store, values: Settings) -> Item:
    labels = tuple(book.labels(analysis_id=analysis.id))
    return Item(analysis, labels, engine.report_pictures(analysis, path, values))


def _session(analysis_ids: tuple[str, ...], book: Store) -> list[Item]:
    return [Item(book.get(key), tuple(book.labels(analysis_id=key))) for key in analysis_ids]


def _offer(offers: tuple[Offer, ...], place: str) -> None:
    """Buttons; what is given as a function is made when its button is pressed."""
    with st.container(horizontal=True, gap="small"):
        for title, data, name, mime in offers:
            st.download_button(
                title,
                data,
                file_name=name,
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"{name}-{place}",
            )
