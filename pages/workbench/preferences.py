"""Settings: what is looked at, limits and memory, kept in the user's own file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import streamlit as st
from pydantic import BaseModel

from core import user_config
from core.registry import ensemble, ensemble_ids
from core.settings import FaceSettings, RuntimeSettings, Sampling, get_settings
from core.store.retention import sweep
from pages.workbench.common import action, escape, settings, store, view

_PREFIX = "set-"


@view
def show() -> None:
    st.title("Settings")
    st.caption(
        f"Kept in {escape(str(user_config.config_file(settings()).resolve()))}. They hold for analyses from now on; "
        "settings from the environment come first."
    )
    with st.form("settings", border=False):
        st.markdown("### What is looked at")
        _across(_WHAT)
        st.markdown("### Finding faces")
        _across(_FACES)
        st.markdown("### Limits")
        _across(_LIMITS)
        st.markdown("### This machine")
        _across(_MACHINE)
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


def _across(fields: Sequence[Callable[[], None]]) -> None:
    """Fields in two columns, in order from the left to the right."""
    columns = st.columns(2, gap="medium")
    for place, field in enumerate(fields):
        with columns[place % 2]:
            field()


def _choice(
    name: str, title: str, options: Callable[[], Sequence[str]], words: Callable[[str], str] = str
) -> Callable[[], None]:
    def draw() -> None:
        now = _value(name)
        known = list(dict.fromkeys((*options(), now)))
        st.selectbox(title, known, index=known.index(now), format_func=words, key=_PREFIX + name)

    return draw


def _number(name: str, title: str, low: float, high: float, step: float = 1) -> Callable[[], None]:
    def draw() -> None:
        now = _value(name)
        kind = int if isinstance(step, int) else float
        least, most = kind(min(low, now)), kind(max(high, now))
        st.number_input(title, least, most, kind(now), step=kind(step), key=_PREFIX + name)

    return draw


def _switch(name: str, title: str) -> Callable[[], None]:
    def draw() -> None:
        st.checkbox(title, _value(name), key=_PREFIX + name)

    return draw


def _title(preset: str) -> str:
    return ensemble(preset).title if preset in ensemble_ids() else preset


def _options(model: type[BaseModel], field: str) -> Callable[[], Sequence[str]]:
    return lambda: get_args(model.model_fields[field].annotation)


_WHAT = (
    _choice("preset", "Preset", ensemble_ids, _title),
    _choice("sampling.strategy", "Which frames of a clip", _options(Sampling, "strategy")),
    _number("sampling.frames", "Frames of a clip", 1, 4096),
    _number("sampling.all_below_s", "Shorter clips are read whole, in s", 0.0, 60.0, 0.1),
    _number("uncertainty.mirrored", "Pictures of a person also judged in the mirror", 0, 64),
    _number("uncertainty.scales", "Pictures of a person also judged at other scales", 0, 64),
    _number("uncertainty.dropout", "Passes with dropout at work", 0, 64),
    _switch("uncertainty.early_exit", "Presets with a gate may stop early"),
)
_FACES = (
    _choice("faces.finder", "Face finder", _options(FaceSettings, "finder")),
    _number("faces.min_confidence", "How sure it must be", 0.0, 1.0, 0.01),
    _number("faces.working_px", "Longer side of the copy that is searched, in px", 160, 4096),
    _number("faces.search_every", "Frames from one search of the whole frame to the next", 1, 64),
    _number("faces.max_faces", "Most faces in a frame", 1, 64),
    _number("faces.min_frames", "Frames that a person needs to count", 1, 64),
    _switch("enhance.enabled", "Brighten and sharpen poor frames for the search"),
)
_LIMITS = (
    _number("limits.max_bytes", "Largest file, in bytes", 1, 10**12),
    _number("limits.max_pixels", "Largest picture, in pixels", 1, 10**10),
    _number("limits.max_seconds", "Longest clip, in s", 1.0, 86400.0, 1.0),
    _number("limits.max_audio_seconds", "Sound read at most, in s", 1.0, 86400.0, 1.0),
)
_MACHINE = (
    _choice("runtime.backend", "How networks are run", _options(RuntimeSettings, "backend")),
    _number("runtime.batch", "Faces looked at in one go", 1, 1024),
    _number("runtime.pool_bytes", "Memory for models, in bytes", 10**8, 10**12),
    _number("cache.max_bytes", "Disk for cached results, in bytes", 10**6, 10**12),
    _number("retention_days", "Forget analyses after so many days (0 = never)", 0, 36500),
    _switch("cache.enabled", "Answer a repeated file from the cache"),
    _switch("offline", "Download nothing, also not on request"),
)


@action
def _save() -> None:
    given = {str(k).removeprefix(_PREFIX): v for k, v in st.session_state.items() if str(k).startswith(_PREFIX)}
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
