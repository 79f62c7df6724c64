"""The page of the detectors: which are here, how to get the others, and how well each was measured to do."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import gradio as gr

from core.registry import Card, Metric
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
    """One detector: whether it can run, how well it was measured to do and, folded, the rest of its card."""
    card = entry.card
    if card is None or entry.error is not None:
        return cards.failure(entry.error, f"The card of {entry.id} cannot be read") if entry.error else ""
    about = _facts([*words.facts(card), *words.file_rows(entry, settings)])
    return (
        f"<article class=um-card><h2>{escape(card.title)}</h2><p>{escape(card.summary)}</p>{_state(entry)}"
        f"{_scores(card)}{_folded('Network, files, training data and licence', about)}</article>"
    )


def _state(entry: Entry) -> str:
    command = words.command(entry)
    get = f'<p class="um-get">To get them: <code>{escape(command)}</code></p>' if command else ""
    tone = _TONES.get(entry.presence, "info")
    return (
        f'<p class="um-note um-{tone}"><b>{escape(entry.presence.value.capitalize())}.</b> '
        f"{escape(words.STATE_SUMMARIES[entry.presence])}</p>{get}"
    )


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="um-table um-card-facts"><tbody>{cells}</tbody></table>'


def _scores(card: Card) -> str:
    if not card.measured:
        return '<p class="um-faint">No measured figures yet.</p>'
    main = "".join(_row(f"{metric.name}, {metric.dataset}", metric) for metric in words.main_figures(card))
    groups = "".join(_group(name, metrics) for name, metrics in words.measured_by_data(card).items())
    return (_figures(main) if main else "") + _folded(f"All {len(card.measured)} measured figures", _figures(groups))


def _figures(rows: str) -> str:
    head = "<tr><th>Measured</th><th>Value</th><th>95% interval</th><th>n</th></tr>"
    return f'<table class="um-table um-figures"><thead>{head}</thead>{rows}</table>'


def _group(name: str, metrics: Iterable[Metric]) -> str:
    rows = "".join(_row(metric.name, metric) for metric in metrics)
    return f"<tbody><tr><th colspan=4 scope=rowgroup>{escape(name.capitalize())}</th></tr>{rows}</tbody>"


def _row(name: str, metric: Metric) -> str:
    return (
        f"<tr><th scope=row>{escape(name)}</th><td>{metric.value:.3f}</td>"
        f"<td>{metric.low:.3f} to {metric.high:.3f}</td><td>{metric.n:,}</td></tr>"
    )


def _folded(title: str, inner: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{inner}</details>"
