"""The page of what this visitor has analysed, told apart by the tab of the browser."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from core import figures, wording
from core.errors import WorkbenchError
from core.store.history import HistoryEntry, shared_store
from core.store.privacy import erase
from pages.demo import cards
from pages.demo.chart import chart, drawn
from pages.demo.service import Service
from pages.demo.visitor import place_visitor, visitor

_QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_SHOWN = 100
_NOTHING_OPEN = '<p class="um-faint">The result that you choose from the list will appear here.</p>'
_PICK = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) trigger("pick", { act: button.dataset.act, id: button.dataset.id });
});
"""


class VisitHandlers:
    """What happens on the page. A visitor reaches nobody else's results."""

    def __init__(self, service: Service) -> None:
        self._settings = service.settings

    def listing(self, request: gr.Request, tab: str = "") -> str:
        """(list)."""
        try:
            entries = shared_store(self._settings).entries(visitor=visitor(request, tab), limit=_SHOWN)
        except WorkbenchError as error:
            return cards.failure(error, "The history cannot be read")
        return _listing(entries)

    def picked(self, event: gr.EventData, request: gr.Request, tab: str = "") -> tuple[Any, ...]:
        """(list, verdict, consensus) after a row was opened or deleted."""
        act, ident = str(event._data.get("act")), str(event._data.get("id"))
        owner = visitor(request, tab)
        try:
            if act == "delete":
                erase(self._settings, ident, visitor=owner)
                return self.listing(request, tab), cards.note("It was deleted.", "good"), ""
            analysis = shared_store(self._settings).get(ident, visitor=owner)
        except WorkbenchError as error:
            return self.listing(request, tab), cards.failure(error, "This cannot be done"), ""
        words = wording.consensus_words(analysis)
        shown = cards.note(analysis.media.name) + cards.verdict(analysis.verdict) + cards.details(analysis)
        return gr.skip(), shown, drawn(figures.consensus_bars(analysis), words)


def place_visits(site: gr.Blocks, service: Service) -> None:
    """The page, inside one of ``site``'s routes."""
    do = VisitHandlers(service)
    gr.HTML(cards.header("What you have analysed in this tab."), apply_default_css=False)
    who = place_visitor(site)
    with gr.Column(elem_classes="um-panel"):
        rows = gr.HTML(_listing([]), js_on_load=_PICK, elem_id="um-visits", apply_default_css=False)
        gr.HTML(
            '<p class="um-faint">This list belongs to this tab: close it and the list is out of reach. Delete removes '
            "a result from the server for good.</p>",
            apply_default_css=False,
        )
    with gr.Column(elem_classes="um-panel"):
        verdict = gr.HTML(_NOTHING_OPEN, elem_id="um-visit", apply_default_css=False)
        consensus = chart("um-consensus")
    who.change(do.listing, [who], [rows], **_QUICK)
    rows.pick(do.picked, [who], [rows, verdict, consensus], **_QUICK)


def _listing(entries: list[HistoryEntry]) -> str:
    if not entries:
        return '<p class="um-faint">Nothing yet. Analyse a file, then come back.</p>'
    body = "".join(_row(entry) for entry in entries)
    return (
        '<div class="um-scroll" tabindex="0" role="region" aria-label="Your results">'
        '<table class="um-table um-results"><thead><tr>'
        "<th scope=col>File</th><th scope=col>Verdict</th><th scope=col>P(fake)</th><th scope=col>When (UTC)</th>"
        f"<th scope=col>Do</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(entry: HistoryEntry) -> str:
    name, ident = escape(entry.name), escape(entry.id)
    return (
        f"<tr><th scope=row>{name}</th><td>{wording.VERDICT_TITLES[entry.label]}</td>"
        f"<td>{wording.percent(entry.p_fake)}</td><td>{escape(entry.created_at[:16].replace('T', ' '))}</td>"
        f'<td class="um-acts"><button type="button" data-act="open" data-id="{ident}" aria-label="Show {name}">Show'
        f'</button> <button type="button" data-act="delete" data-id="{ident}" aria-label="Delete {name}">Delete'
        "</button></td></tr>"
    )
