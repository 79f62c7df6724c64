"""The page that puts two files side by side, on the same axis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from core import figures, wording
from core.errors import NotFoundError, WorkbenchError
from core.types import Analysis
from pages.demo import cards
from pages.demo.access import client_of
from pages.demo.api import followers
from pages.demo.chart import chart, drawn
from pages.demo.fetching import uploads_only
from pages.demo.intake import presets_by_title
from pages.demo.jobs import Job
from pages.demo.service import Service
from pages.demo.visitor import place_visitor, visitor

_QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_KEPT_S = 6 * 3600
_EMPTY = '<p class="um-faint">The verdict on the {} file will appear here.</p>'


class CompareHandlers:
    """What happens on the page."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def run(
        self, first: str | None, second: str | None, preset: str, request: gr.Request, tab: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """(left, right, panel, both, job, run, stop) while the two are analysed, one after the other."""
        if not first or not second:
            missing = NotFoundError("Two files are needed.", hint="Choose one on each side.")
            told = cards.failure(missing, "Nothing to compare")
            yield told, _EMPTY.format("second"), *_both([]), None, *_buttons(True)
            return
        caller = visitor(request, tab), client_of(request, self._service.settings.server.proxies)
        shown = [_EMPTY.format("first"), _EMPTY.format("second")]
        found: list[Analysis] = []
        for side, path in enumerate((first, second)):
            for html, job, analysis in self._one(Path(path), preset, caller):
                shown[side] = html
                found += [analysis] if analysis is not None else []
                yield *shown, *_both([]), job, *_buttons(False)
        yield *shown, *_both(found), None, *_buttons(True)

    def _one(
        self, path: Path, preset: str, caller: tuple[str, str]
    ) -> Iterator[tuple[str, Job | None, Analysis | None]]:
        owner, client = caller
        try:
            job = self._service.analyse(path, preset, path.name, owner=owner, client=client)
        except WorkbenchError as error:
            yield cards.failure(error, path.name), None, None
            return
        last = ""
        for step in job.follow():
            if (now := cards.progress(step)) != last:
                yield now, job, None
            last = now
        if job.result is None:
            why = job.error or NotFoundError("There is no result.", hint="Please try again.")
            yield cards.failure(why, path.name), None, None
        else:
            yield cards.note(job.result.media.name) + cards.verdict(job.result.verdict), None, job.result

    def stop(self, job: Job | None) -> Any:
        """(stop)."""
        if job is not None:
            job.stop()
        return gr.update(interactive=False)


def place_compare(site: gr.Blocks, service: Service) -> None:
    """The page, inside one of ``site``'s routes."""
    do = CompareHandlers(service)
    gr.HTML(cards.header("Two files side by side, on the same axis."), apply_default_css=False)
    who = place_visitor(site)
    with gr.Column(elem_classes="um-panel"):
        with gr.Row():
            first = uploads_only(gr.File(label="First file", height=150, elem_id="um-first"))
            second = uploads_only(gr.File(label="Second file", height=150, elem_id="um-second"))
        preset = gr.Dropdown(presets_by_title(), value=service.settings.preset, label="Preset", elem_id="um-preset")
        with gr.Row(elem_classes="um-buttons"):
            run = gr.Button("Compare", variant="primary", size="lg", elem_id="um-run")
            stop = gr.Button("Stop", size="lg", visible=False, elem_id="um-stop")
    with gr.Row():
        with gr.Column(elem_classes="um-panel", min_width=300):
            left = gr.HTML(_EMPTY.format("first"), elem_id="um-left", apply_default_css=False)
        with gr.Column(elem_classes="um-panel", min_width=300):
            right = gr.HTML(_EMPTY.format("second"), elem_id="um-right", apply_default_css=False)
    with gr.Column(elem_classes="um-panel", visible=False) as panel:
        gr.HTML("<h2>Both on one axis</h2>", apply_default_css=False)
        both = chart("um-both")
    job = gr.State(None, time_to_live=_KEPT_S)
    run.click(
        do.run, [first, second, preset, who], [left, right, panel, both, job, run, stop], concurrency_id="compare",
        concurrency_limit=followers(service.settings), show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    stop.click(do.stop, [job], [stop], **_QUICK)


def _both(found: list[Analysis]) -> tuple[Any, Any]:
    """The panel with the figure, which is there for two results only."""
    if len(found) != 2:
        return gr.update(visible=False), gr.skip()
    words = "; ".join(f"{a.media.name}: {wording.percent(a.verdict.p_fake)}" for a in found)
    return gr.update(visible=True), drawn(figures.side_by_side(*found), f"Probability of a fake of both files. {words}")


def _buttons(over: bool) -> tuple[Any, Any]:
    return gr.update(visible=over), gr.update(visible=not over, interactive=True)
