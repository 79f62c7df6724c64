"""Keyboard control: one listener for all keys of a page.

Streamlit's own button shortcuts take a single key each and fire while a note is being typed (Ctrl+Z there would undo a
decision), so the keys are heard by a component that leaves text fields alone. Every press carries what was on the
table when it was made: a press that comes too late never hits the next item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

_SCRIPT = """
const typing = (element) =>
  element.isContentEditable || ["TEXTAREA", "SELECT"].includes(element.tagName) ||
  (element.tagName === "INPUT" && !["checkbox", "radio"].includes(element.type));

const pressable = (element) =>
  element.closest?.("button, a, summary") && !element.closest("[data-testid=stButtonGroup]");

const name = (event) => (event.ctrlKey || event.metaKey ? "ctrl+" : "") + event.key.toLowerCase();

export default function ({ data, setTriggerValue }) {
  document.unmaskKeys?.abort();
  const listening = new AbortController();
  document.unmaskKeys = listening;
  document.addEventListener("keydown", (event) => {
    const key = name(event);
    const target = event.composedPath()[0];
    if (typing(target)) {
      if (key === "escape") target.blur();
      return;
    }
    if (event.repeat || event.altKey || !data.keys.includes(key)) return;
    if (key === "enter" && pressable(target)) return;
    event.preventDefault();
    setTriggerValue("pressed", { key, item: data.item });
  }, { signal: listening.signal });
  document.documentElement.dataset.hotkeys = data.item;
  return () => {
    listening.abort();
    delete document.documentElement.dataset.hotkeys;
  };
}
"""

_KEY = "hotkeys"
_component = st.components.v2.component("unmask_hotkeys", js=_SCRIPT)


def listen(keys: Iterable[str], item: str, pressed: Callable[[str, str], None]) -> None:
    """Call ``pressed(key, item)`` for each press of one of ``keys`` (lower case, ``ctrl+`` before a letter)."""

    def heard() -> None:
        event = st.session_state[_KEY].pressed
        if event:
            pressed(str(event["key"]), str(event["item"]))

    _component(key=_KEY, data={"keys": list(keys), "item": item}, on_pressed_change=heard, height=1)
