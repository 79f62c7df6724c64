"""Settings: what is looked at, limits and memory, kept in the user's own file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import streamlit as st

from core import user_config
from core.registry import ensemble, ensemble_ids
from core.settings import FaceSettings, Sampling, get_settings
from core.store.retention import sweep
from pages.workbench.common import action, escape, settings, store, view

_PREFIX = "set-"


@view
def show() -> None:
    st.title("Settings")
    st.caption(
        escape(
            f"Kept in {user_config.config_file(settings()).resolve()}. They hold for analyses from now on; settings "
        )
        + "from the environment come first\\."
    )
    with st.form("settings", border=False):
        st.markdown("### What is looked at")
        left, right = st.columns(2, gap="medium")
        with left:
            _choice("preset", "Preset", ensemble_ids(), lambda name: ensemble(name).title)
            _choice("sampling.strategy", "Which frames", list(get_args(Sampling.model_fields["strategy"].annotation)))
            _number("sampling.frames", "Frames of a clip", 1, 4096)
        with right:
            _choice("faces.finder", "Face finder", list(get_args(FaceSettings.model_fields["finder"].annotation)))
            _number("faces.max_faces", "Most faces in a frame", 1, 64)
            _number("faces.min_frames", "Frames a person needs to count", 1, 64)
        st.markdown("### Limits and memory")
        left, right = st.columns(2, gap="medium")
        with left:
            _number("limits.max_bytes", "Largest file in bytes", 1, 10**12)
            _number("limits.max_audio_seconds", "Sound read at most, in s", 1, 4 * 3600)
        with right:
            _number("runtime.pool_bytes", "Memory for models in bytes", 10**8, 10**12)
            _number("cache.max_bytes", "Disk for cached results in bytes", 10**6, 10**12)
        _number("retention_days", "Forget analyses after this many days (0 = never)", 0, 3650)
        st.form_submit_button("Save", type="primary", on_click=_save, key="settings-save")
    st.button("Back to the defaults", key="settings-defaults", on_click=_defaults)
    for preset in ensemble_ids():
        with st.expander(f"Preset {escape(ensemble(preset).title)}"):
            st.markdown(escape(ensemble(preset).summary))
            limits = ensemble(preset).limits
            st.caption(f"Fake from {limits.fake:.2f}, real up to {limits.real:.2f}.")


def _value(name: str) -> Any:
    found: Any = settings()
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _choice(name: str, title: str, options: list[str], words: Callable[[str], str] = str) -> None:
    st.selectbox(title, options, index=options.index(_value(name)), format_func=words, key=_PREFIX + name)


def _number(name: str, title: str, low: int, high: int) -> None:
    st.number_input(title, low, high, int(_value(name)), step=1, key=_PREFIX + name)


@action
def _save() -> None:
    given = {k.removeprefix(_PREFIX): v for k, v in st.session_state.items() if str(k).startswith(_PREFIX)}
    changes = {name: value for name, value in given.items() if value != _value(name)}
    if not changes:
        return
    user_config.save(settings(), changes)
    get_settings.cache_clear()
    sweep(settings(), store())


@action
def _defaults() -> None:
    names = [str(k).removeprefix(_PREFIX) for k in st.session_state if str(k).startswith(_PREFIX)]
    user_config.save(settings(), dict.fromkeys(names))
    get_settings.cache_clear()
    for name in names:
        del st.session_state[_PREFIX + name]
