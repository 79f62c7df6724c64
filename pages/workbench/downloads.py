"""What can be taken away from an analysis."""

from __future__ import annotations

from pathlib import PurePath

import streamlit as st

from core.reports import to_csv, to_json
from core.types import Analysis


def download_buttons(analysis: Analysis, place: str) -> None:
    """JSON with everything, and three tables."""
    stem = PurePath(analysis.media.name).stem or "analysis"
    offers = (
        ("JSON, everything", to_json(analysis), f"{stem}.json", "application/json"),
        ("CSV, verdict", to_csv(analysis, "files"), f"{stem}.csv", "text/csv"),
        ("CSV, scores", to_csv(analysis, "scores"), f"{stem}.scores.csv", "text/csv"),
        ("CSV, frames", to_csv(analysis, "frames"), f"{stem}.frames.csv", "text/csv"),
    )
    with st.container(horizontal=True, gap="small"):
        for title, text, name, mime in offers:
            st.download_button(
                title,
                text,
                file_name=name,
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"{name}-{place}",
            )
    st.caption("With the thresholds as they are set above. Times in seconds, boxes in pixels, every P(fake) in 0 to 1.")
