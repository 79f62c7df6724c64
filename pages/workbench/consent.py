"""Whether the labels of this session may be used for training."""

from __future__ import annotations

import streamlit as st

_CONSENT = "consent"
CONSENT_HELP = (
    "With it, the file may be used for fine-tuning on this machine and goes along when labels are exported as a data "
    "set. Without it, a label only counts on the page Evaluate and in reports. It holds for labels from now on."
)


def consent() -> bool:
    """What was said last."""
    return bool(st.session_state.get(_CONSENT, False))


def allow_training(value: bool) -> None:
    """Labels from now on may train the detectors, or may not."""
    st.session_state[_CONSENT] = value


def consent_box(place: str) -> None:
    """Where that is said for a whole session."""
    key = f"{_CONSENT}-{place}"
    st.checkbox(
        "My labels may train the detectors",
        value=consent(),
        key=key,
        on_change=lambda: allow_training(bool(st.session_state[key])),
        help=CONSENT_HELP,
    )
