"""Who a visitor is, for as long as a tab of the browser is open: a random word that only this tab knows."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import gradio as gr

_TAB = re.compile(r"[0-9a-f]{32}")
_KNOW = """() => {
  let word = sessionStorage.getItem("um-visitor");
  if (!/^[0-9a-f]{32}$/.test(word ?? "")) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    word = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
    sessionStorage.setItem("um-visitor", word);
  }
  return word;
}"""


def place_visitor(page: gr.Blocks) -> gr.Textbox:
    """A hidden field with the tab's word, the same on all pages. Inside one of ``page``'s routes."""
    field = gr.Textbox(visible="hidden", label="visitor", elem_id="um-visitor")
    page.load(None, None, [field], js=_KNOW, queue=False, show_progress="hidden", api_visibility="private")
    return field


def visitor(request: Any, tab: str | None = "") -> str:
    """The name under which things of this visitor are kept: a hash of the tab's word, or the page's own id."""
    if tab and _TAB.fullmatch(tab):
        return f"demo-{hashlib.sha256(tab.encode()).hexdigest()[:24]}"
    return f"demo-{getattr(request, 'session_hash', None) or 'unknown'}"
