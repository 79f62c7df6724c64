"""The page on which a file becomes a verdict: layout and wiring."""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

from core.errors import StorageError
from core.examples import Example, examples
from core.settings import Settings
from pages.demo import api, cards
from pages.demo.feedback import Feedback, place_feedback
from pages.demo.handlers import Handlers
from pages.demo.intake import Intake, place_intake
from pages.demo.result import Result, place_result
from pages.demo.service import Service
from pages.demo.visitor import place_visitor

log = logging.getLogger(__name__)

TITLE = "Unmask: is it genuine?"
_LINE = "Is this picture, clip or voice genuine? See what the models find, and why."
# On a phone the result lies below the examples.
_SCROLL = "() => { if (innerWidth < 900) document.querySelector('#um-outcome').scrollIntoView({behavior: 'smooth'}); }"
_KEPT_S = 6 * 3600
_WAITS: dict[str, Any] = {"concurrency_limit": 4, "show_progress": "minimal", "api_visibility": "private"}
_QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def analyse_page(service: Service) -> gr.Blocks:
    """The main page of the demo with its events and named endpoints."""
    settings = service.settings
    tries = _examples(settings)
    do = Handlers(service, tries)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, _KEPT_S)) as page:
        gr.HTML(cards.header(_LINE), apply_default_css=False)
        who = place_visitor(page)
        shown = gr.State(None, time_to_live=_KEPT_S)
        with gr.Row(elem_id="um-columns"):
            with gr.Column(scale=5, min_width=300, elem_id="um-intake", elem_classes="um-panel"):
                intake = place_intake(settings, tries)
            with gr.Column(scale=9, min_width=300, elem_id="um-outcome"):
                status = gr.HTML(cards.welcome(), elem_id="um-status", apply_default_css=False)
                result = place_result()
                answer = place_feedback()
        _wire_run(do, (intake, who), status, shown, result, answer)
        _wire_result(do, result, shown)
        _wire_feedback(do, answer, shown, who)
        api.place(service)
    return page


def _examples(settings: Settings) -> tuple[Example, ...]:
    """The page works without them."""
    try:
        return examples(settings)
    except StorageError:
        log.exception("the examples could not be made")
        return ()


def _wire_run(
    do: Handlers, asked: tuple[Intake, gr.Textbox], status: gr.HTML, shown: gr.State, result: Result, answer: Feedback
) -> None:
    intake, who = asked
    job = gr.State(None, time_to_live=_KEPT_S)
    begin: dict[str, Any] = {
        "fn": do.begin,
        "outputs": [status, result.column, answer.panel, intake.run, intake.stop],
        **_QUICK,
    }
    scroll: dict[str, Any] = {"fn": None, "js": _SCROLL, **_QUICK}
    work: dict[str, Any] = {
        "fn": do.run,
        "inputs": [intake.file, intake.preset, who],
        "outputs": [status, job, shown, intake.run, intake.stop],
        "concurrency_id": api.INFERENCE,
        "concurrency_limit": api.followers(do.settings),
        "show_progress": "hidden",
        "api_visibility": "private",
    }
    show: dict[str, Any] = {
        "fn": do.show,
        "inputs": [shown],
        "outputs": [*result.outputs, answer.panel, *answer.outputs],
        **_QUICK,
    }
    intake.file.change(do.chosen, [intake.file], [intake.preview, intake.run, status], **_QUICK)
    fetch: dict[str, Any] = {"fn": do.fetch, "inputs": [intake.address], "outputs": [intake.file, status]}
    gr.on([intake.fetch.click, intake.address.submit], **fetch, **_WAITS)
    intake.run.click(**begin).then(**scroll).then(**work).then(**show).then(**scroll)
    intake.gallery.pick(do.picked, None, [intake.file], **_QUICK).then(**begin).then(**scroll).then(**work).then(
        **show
    ).then(**scroll)
    intake.stop.click(do.stop, [job], [intake.stop], **_QUICK)


def _wire_result(do: Handlers, result: Result, shown: gr.State) -> None:
    lines = [result.real, result.fake]
    live: dict[str, Any] = {"outputs": [shown, *lines, *result.view], "trigger_mode": "always_last", **_QUICK}
    result.real.input(do.real_moved, [shown, *lines], **live)
    result.fake.input(do.fake_moved, [shown, *lines], **live)
    result.reset.click(do.lines_reset, [shown], **live)
    look = [shown, result.moment, result.heat]
    result.timeline.seek(do.seek, [shown, result.heat], [result.frame, result.moment], **_QUICK)
    result.strip.seek(do.seek, [shown, result.heat], [result.frame, result.moment], **_QUICK)
    result.attention.seek(do.seek, [shown, result.heat], [result.frame, result.moment], **_QUICK)
    result.moment.input(do.look, look, [result.frame], trigger_mode="always_last", **_QUICK)
    result.heat.input(do.look, look, [result.frame], trigger_mode="always_last", **_QUICK)
    saves = (do.save_pdf, do.save_html, do.save_package, do.save_json, do.save_scores, do.save_frames)
    for button, save in zip(result.downloads, saves, strict=True):
        button.click(save, [shown], [result.saver], **_QUICK)


def _wire_feedback(do: Handlers, answer: Feedback, shown: gr.State, who: gr.Textbox) -> None:
    said = [shown, answer.send, answer.undo, answer.note]
    answer.right.input(do.suggest, [shown, answer.right], [answer.truth], **_QUICK)
    answer.send.click(do.send, [shown, *answer.fields, who], said, **_QUICK)
    answer.undo.click(do.take_back, [shown, who], said, **_QUICK)
