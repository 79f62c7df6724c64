"""The page for many files: one after the other, a table that fills, figures over all, one CSV."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr

from core import figures, wording
from core.errors import LimitError, StorageError, WorkbenchError
from core.reports.batch import to_batch_csv
from core.store.history import shared_store
from core.types import Analysis, Progress
from pages.demo import cards
from pages.demo.access import client_of
from pages.demo.api import followers
from pages.demo.chart import ASSETS, chart, drawn
from pages.demo.fetching import uploads_only
from pages.demo.intake import presets_by_title
from pages.demo.jobs import Job
from pages.demo.service import Service
from pages.demo.visitor import place_visitor, visitor

MAX_FILES = 50

Outcome: TypeAlias = Analysis | WorkbenchError

_QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_KEPT_S = 6 * 3600


@dataclass(frozen=True, slots=True)
class Row:
    """One file of the table."""

    name: str
    outcome: Outcome | None = None
    step: Progress | None = None


class BatchHandlers:
    """What happens on the page."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def run(
        self, paths: list[str] | None, preset: str, request: gr.Request, tab: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """(table, counts, probabilities, job, outcomes, run, stop, save) while the files are worked off."""
        rows = [Row(Path(path).name) for path in paths or ()]
        if not rows or len(rows) > MAX_FILES:
            yield _answer(rows, None, _told(len(rows)), over=True)
            return
        caller = visitor(request, tab), client_of(request, self._service.settings.server.proxies)
        yield _answer(rows, None)
        for number, path in enumerate(paths or ()):
            for row, job in self._one(Path(path), preset, caller):
                rows[number] = row
                yield _answer(rows, job)
            if isinstance(last := rows[number].outcome, WorkbenchError) and last.code == "cancelled":
                break
        yield _answer(rows, None, over=True)

    def _one(self, path: Path, preset: str, caller: tuple[str, str]) -> Iterator[tuple[Row, Job | None]]:
        owner, client = caller
        row = Row(path.name)
        try:
            job = self._service.lanes.submit(
                path,
                self._service.settings.model_copy(update={"preset": preset}),
                path.name,
                owner=owner,
                client=client,
            )
        except WorkbenchError as error:
            yield replace(row, outcome=error), None
            return
        for step in job.follow():
            if step != row.step:
                row = replace(row, step=step)
                yield row, job
        if job.result is not None:
            self._record(job.result, owner)
        yield replace(row, outcome=job.result or job.error), None

    def _record(self, analysis: Analysis, owner: str) -> None:
        try:
            shared_store(self._service.settings).record(analysis, origin="demo", visitor=owner)
        except StorageError:
            return  # the result is on the page and in its CSV

    def stop(self, job: Job | None) -> Any:
        """(stop): end the file at work; those behind it are left."""
        if job is not None:
            job.stop()
        return gr.update(interactive=False)

    def save(self, outcomes: Sequence[tuple[str, Outcome]]) -> Any:
        """(saver) with one row a file."""
        text = "\ufeff" + to_batch_csv(outcomes)
        return json.dumps({"name": "unmask-batch.csv", "type": "text/csv", "text": text, "at": time.time_ns()})


def place_batch(site: gr.Blocks, service: Service) -> None:
    """The page, inside one of ``site``'s routes."""
    do = BatchHandlers(service)
    gr.HTML(cards.header("Many files at once: one table, one CSV."), apply_default_css=False)
    who = place_visitor(site)
    with gr.Column(elem_classes="um-panel"):
        files = uploads_only(
            gr.File(label=f"Up to {MAX_FILES} files", file_count="multiple", height=168, elem_id="um-files")
        )
        preset = gr.Dropdown(presets_by_title(), value=service.settings.preset, label="Preset", elem_id="um-preset")
        with gr.Row(elem_classes="um-buttons"):
            run = gr.Button("Analyse all", variant="primary", size="lg", elem_id="um-run")
            stop = gr.Button("Stop", size="lg", visible=False, elem_id="um-stop")
    with gr.Column(elem_classes="um-panel"):
        table = gr.HTML(_table([]), elem_id="um-batch", apply_default_css=False)
        counts, probabilities = chart("um-counts"), chart("um-probabilities")
        save = gr.Button("Download CSV", size="sm", visible=False, elem_id="um-batch-csv")
    saver = gr.HTML(
        html_template="<i></i>", js_on_load=(ASSETS / "download.js").read_text(encoding="utf-8"), visible="hidden"
    )
    job, outcomes = gr.State(None, time_to_live=_KEPT_S), gr.State([], time_to_live=_KEPT_S)
    run.click(
        do.run, [files, preset, who], [table, counts, probabilities, job, outcomes, run, stop, save],
        concurrency_id="batch", concurrency_limit=followers(service.settings), show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
    stop.click(do.stop, [job], [stop], **_QUICK)
    save.click(do.save, [outcomes], [saver], **_QUICK)


def _answer(rows: Sequence[Row], job: Job | None, above: str = "", *, over: bool = False) -> tuple[Any, ...]:
    done = [(row.name, row.outcome) for row in rows if row.outcome is not None]
    found = [outcome for _, outcome in done if isinstance(outcome, Analysis)]
    plots: list[Any] = [gr.skip(), gr.skip()]
    if over and done:
        words = f"{len(found)} of {len(rows)} files were analysed."
        plots = [
            drawn(figures.verdict_counts(found, len(done) - len(found)), words),
            drawn(figures.probabilities(found), "Probability of a fake of every file; the table says the same."),
        ]
    buttons = gr.update(visible=over), gr.update(visible=not over, interactive=True), gr.update(visible=bool(done))
    return above + _table(rows), *plots, job, done, *buttons


def _table(rows: Sequence[Row]) -> str:
    if not rows:
        return '<p class="um-faint">The results will appear here, one row a file.</p>'
    body = "".join(f"<tr><th scope=row>{escape(row.name)}</th>{_cells(row)}</tr>" for row in rows)
    done = sum(row.outcome is not None for row in rows)
    return (
        f'<p role="status">{done} of {len(rows)} files</p><div class="um-scroll" tabindex="0" role="region" '
        'aria-label="Results"><table class="um-table um-results"><thead><tr><th scope=col>File</th>'
        f"<th scope=col>Verdict</th><th scope=col>P(fake)</th><th scope=col>Why</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cells(row: Row) -> str:
    if isinstance(row.outcome, Analysis):
        verdict = row.outcome.verdict
        share = "–" if verdict.p_fake is None else wording.percent(verdict.p_fake)
        why = verdict.reasons[0] if verdict.reasons else ""
        return (
            f'<td class="um-{verdict.label.value}">{wording.VERDICT_TITLES[verdict.label]}</td><td>{share}</td>'
            f"<td>{escape(why)}</td>"
        )
    if row.outcome is not None:
        return f"<td>Not analysed</td><td>–</td><td>{escape(str(row.outcome))}</td>"
    if row.step is None:
        return "<td>Waiting</td><td>–</td><td></td>"
    return f"<td>{wording.STAGE_TITLES[row.step.stage]}</td><td>–</td><td>{round(100 * row.step.fraction)}%</td>"


def _told(count: int) -> str:
    told = LimitError(f"{count} files were chosen.", hint=f"Choose 1 to {MAX_FILES} files.")
    return cards.failure(told, "Nothing was analysed")
