"""The views of the workbench and how to get from one to another."""

from __future__ import annotations

import streamlit as st

from core.settings import get_settings
from pages.workbench import (
    analyse,
    compare,
    detectors,
    evaluate,
    history,
    learning,
    preferences,
    review,
    system,
)
from pages.workbench.common import apply_style, icon, remember_reviewer
from pages.workbench.login import admitted


def main() -> None:
    """Draw the view that was asked for."""
    st.set_page_config(page_title="Unmask workbench", page_icon=icon(), layout="wide")
    apply_style()
    if not admitted(get_settings()):
        return
    page = st.navigation(
        [
            st.Page(analyse.show, title="Analyse", icon=":material/biotech:", url_path="analyse", default=True),
            st.Page(compare.show, title="Compare", icon=":material/compare:", url_path="compare"),
            st.Page(review.show, title="Review", icon=":material/rate_review:", url_path="review"),
            st.Page(history.show, title="History", icon=":material/history:", url_path="history"),
            st.Page(evaluate.show, title="Evaluate", icon=":material/monitoring:", url_path="evaluate"),
            st.Page(learning.show, title="Learning", icon=":material/school:", url_path="learning"),
            st.Page(detectors.show, title="Detectors", icon=":material/model_training:", url_path="detectors"),
            st.Page(preferences.show, title="Settings", icon=":material/tune:", url_path="settings"),
            st.Page(system.show, title="System", icon=":material/memory:", url_path="system"),
        ],
        position="top",
    )
    remember_reviewer()
    system.log()
    page.run()


if __name__ == "__main__":
    main()
