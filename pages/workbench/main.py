"""The views of the workbench and how to get from one to another."""

from __future__ import annotations

import streamlit as st

from pages.workbench import analyse, detectors, history, review
from pages.workbench.common import apply_style, icon, remember_reviewer


def main() -> None:
    """Draw the view that was asked for."""
    st.set_page_config(page_title="Unmask workbench", page_icon=icon(), layout="wide")
    apply_style()
    page = st.navigation(
        [
            st.Page(analyse.show, title="Analyse", icon=":material/biotech:", url_path="analyse", default=True),
            st.Page(review.show, title="Review", icon=":material/rate_review:", url_path="review"),
            st.Page(history.show, title="History", icon=":material/history:", url_path="history"),
            st.Page(detectors.show, title="Detectors", icon=":material/model_training:", url_path="detectors"),
        ],
        position="top",
    )
    remember_reviewer()
    page.run()


if __name__ == "__main__":
    main()
