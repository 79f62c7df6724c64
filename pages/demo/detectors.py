"""The page of the detectors: which are here, how to get the others, and how well each was measured to do."""

from __future__ import annotations

from html import escape

import gradio as gr

from core.settings import Settings
from core.weights import words
from core.weights.files import Presence
from core.weights.manage import Entry, overview
from pages.demo import cards

_TONES = {Presence.PRESENT: "good", Presence.VOUCHED: "good", Presence.DAMAGED: "bad", Presence.UNKNOWN: "bad"}


def place_detectors(site: gr.Blocks, settings: Settings) -> None:
    """All detectors with the state of their weights, as it is when the page is opened; inside one of ``site``'s
    routes."""
    gr.HTML(cards.header("Which detectors there are, and which can run here."), apply_default_css=False)
    shown = gr.HTML(elem_id="um-detectors", apply_default_css=False)
    site.load(lambda: listing(settings), None, [shown], queue=False, show_progress="hidden", api_visibility="private")


def listing(settings: Settings) -> str:
    """Every detector, those that can run first."""
    entries = sorted(overview(settings), key=lambda entry: not words.usable(entry))
    if not entries:
        return '<p class="um-faint">No detector is installed yet.</p>'
    articles = "".join(article(entry, settings) for entry in entries)
    return f'<div class="um-about"><p class="um-faint">{escape(words.headline(entries))}</p>{articles}</div>'


def article(entry: Entry, settings: Settings) -> str:
    """One detector: its state, its files, how to get them, and its card."""
    if entry.card is None or entry.error is not None:
        return cards.failure(entry.error, f"The card of {entry.id} cannot be read") if entry.error else ""
    return cards.detector(entry.card, state(entry, settings))


def state(entry: Entry, settings: Settings) -> str:
    """What is there of a detector's weights and what to type for the rest."""
    rows = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in words.file_rows(entry, settings)
    )
    command = words.command(entry)
    get = f'<p class="um-get">To get them: <code>{escape(command)}</code></p>' if command else ""
    tone = _TONES.get(entry.presence, "info")
    return (
        f'<p class="um-note um-{tone}"><b>{escape(entry.presence.value.capitalize())}.</b> '
        f"{escape(words.STATE_SUMMARIES[entry.presence])}</p>{get}"
        f'<table class="um-table um-card-facts um-files"><tbody>{rows}</tbody></table>'
    )
