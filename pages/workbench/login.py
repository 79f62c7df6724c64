"""The optional login of the workbench: names and password hashes in the setting ``workbench.login``."""

from __future__ import annotations

import time

import streamlit as st

from core.passwords import hash_password, is_password
from core.settings import Settings

_WHO = "signed_in"
_TRIES = "login_tries"
_PAUSE_S = 1.0
_MOST_TRIES = 10


def admitted(settings: Settings) -> bool:
    """Whether this visitor may go on; draws the form where not. Without names in the settings everyone may."""
    users = settings.workbench.login
    if not users or st.session_state.get(_WHO) in users:
        return True
    st.title("Unmask workbench")
    with st.form("login"):
        name = st.text_input("Name", autocomplete="username")
        password = st.text_input("Password", type="password", autocomplete="current-password")
        sent = st.form_submit_button("Sign in", type="primary")
    if sent and _check(name, password, settings):
        st.session_state[_WHO] = name
        st.rerun()
    return False


def _check(name: str, password: str, settings: Settings) -> bool:
    """Slow on purpose; an unknown name takes as long as a wrong password."""
    tries = st.session_state.get(_TRIES, 0) + 1
    st.session_state[_TRIES] = tries
    if tries > _MOST_TRIES:
        st.error("Too many tries. Close this page and wait before you try again.")
        return False
    time.sleep(_PAUSE_S)
    stored = settings.workbench.login.get(name)
    right = is_password(password, stored.get_secret_value() if stored is not None else _nobody())
    if not right or stored is None:
        st.error("Name or password is wrong. Try again, or ask whoever runs this server.")
        return False
    return True


@st.cache_resource
def _nobody() -> str:
    """A hash that no password fits, for names that are not there."""
    return hash_password(f"{time.time_ns()}-nobody-has-this-one")
