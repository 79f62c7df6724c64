"""What happens on the main page when something is chosen, pressed, moved or sent."""

from __future__ import annotations

import base64
import json
import logging
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from core import registry, wording
from core.errors import NotFoundError, StorageError, WorkbenchError
from core.examples import Example
from core.fusion.verdict import relabel
from core.reports import Table, to_csv, to_json
from core.reports.content import Item
from core.reports.package import evidence_package
from core.reports.page import to_html_page
from core.store.history import shared_store
from core.store.uploads import Uploads
from core.types import Analysis, Progress, Stage, Thresholds
from pages import engine
from pages.demo import cards, evidence, feedback
from pages.demo.access import client_of
from pages.demo.evidence import Shown
from pages.demo.jobs import Job
from pages.demo.result import VIEW, filled, frame_or_reason, view
from pages.demo.service import Service
from pages.demo.visitor import visitor

log = logging.getLogger(__name__)

_FAILED = "This file could not be analysed"


class Handlers:
    """Handlers of the main page. Each returns the values of the components it is wired to, in their order; nothing
    of a visitor is kept here."""

    def __init__(self, service: Service, tries: Sequence[Example]) -> None:
        self._service = service
        self.settings = service.settings
        self._tries = {example.id: example for example in tries}

    def chosen(self, path: str | None) -> list[Any]:
        """(preview, run, status) for a file that was chosen or taken away."""
        if not path:
            return [gr.update(value="", visible=False), gr.update(interactive=False), gr.skip()]
        try:
            shown = evidence.preview(Path(path), self.settings)
        except WorkbenchError as error:
            return [gr.update(value="", visible=False), gr.update(interactive=True), _told(cards.failure(error))]
        return [gr.update(value=shown, visible=True), gr.update(interactive=True), gr.skip()]

    def picked(self, event: gr.EventData) -> Any:
        """(file) for an example that was clicked."""
        example = self._tries.get(str(event._data.get("id")))
        return gr.skip() if example is None else str(example.path)

    def fetch(self, address: str, request: gr.Request) -> list[Any]:
        """(file, status) for an address whose file shall be fetched. It is kept where Gradio keeps uploads."""
        target = Path(gr.utils.get_upload_folder()) / secrets.token_hex(16) / "file"
        try:
            self._service.shares.request(client := client_of(request, self.settings.server.proxies))
            target.parent.mkdir(parents=True)
            name = self._service.fetch(address or "", target, client)
            return [str(target.rename(target.with_name(name))), gr.skip()]
        except WorkbenchError as error:
            shutil.rmtree(target.parent, ignore_errors=True)
            return [gr.skip(), _told(cards.failure(error, "This address could not be read"))]

    def begin(self) -> list[Any]:
        """(status, result, feedback, run, stop) before the analysis has its turn."""
        waiting = _told(cards.progress(Progress(Stage.QUEUED, 0.0)))
        hidden = gr.update(visible=False)
        return [waiting, hidden, hidden, hidden, gr.update(visible=True, interactive=True)]

    def run(self, path: str | None, preset: str, request: gr.Request, tab: str = "") -> Iterator[list[Any]]:
        """(status, job, shown, run, stop) while the analysis runs and after it."""
        done = [gr.update(visible=True), gr.update(visible=False)]
        if not path:
            missing = NotFoundError("No file was chosen.", hint="Choose a picture, a clip or a recording first.")
            yield [_told(cards.failure(missing, "Nothing to analyse")), None, None, *done]
            return
        try:
            job = self._service.analyse(
                Path(path),
                preset,
                Path(path).name,
                owner=visitor(request, tab),
                client=client_of(request, self.settings.server.proxies),
            )
        except WorkbenchError as error:
            yield [_told(cards.failure(error)), None, None, *done]
            return
        last = ""
        for step in job.follow():
            if (now := cards.progress(self._placed(step, job))) != last:
                yield [now, job, None, gr.skip(), gr.skip()]
            last = now
        if job.result is None:
            yield [_told(_failure(job)), None, None, *done]
            return
        yield [self._record(job.result, visitor(request, tab)), None, Shown(job.result, Path(path)), *done]

    def _placed(self, step: Progress, job: Job) -> Progress:
        """A step with the place in the queue while there is one."""
        place, wait_s = self._service.lanes.position(job), self._service.lanes.estimate_s(job)
        return step if place is None else replace(step, detail=wording.place_in_queue(place, wait_s))

    def _record(self, analysis: Analysis, owner: str) -> Any:
        """(status): keep the result in the history; if that fails, the visitor loses nothing by it."""
        try:
            shared_store(self.settings).record(analysis, origin="demo", visitor=owner)
        except StorageError as error:
            log.error("the history could not be written: %s", error)
            return _told(
                cards.note("This result could not be kept in the history: download it if you need it later.", "bad")
            )
        return gr.update(value="", visible=False)

    def stop(self, job: Job | None) -> Any:
        """(stop) when the analysis shall end."""
        if job is not None:
            job.stop()
        return gr.update(interactive=False)

    def show(self, shown: Shown | None) -> list[Any]:
        """(result…, feedback panel, feedback…) for a new result, or none."""
        return [*filled(shown, self.settings), gr.update(visible=shown is not None), *feedback.cleared()]

    def real_moved(self, shown: Shown | None, real: float, fake: float) -> list[Any]:
        """(shown, real, fake, view…): the same scores read anew. The line takes the other one along when they meet."""
        return _read_anew(shown, (real, fake), (real, max(real, fake)))

    def fake_moved(self, shown: Shown | None, real: float, fake: float) -> list[Any]:
        """As :meth:`real_moved`, for the other line."""
        return _read_anew(shown, (real, fake), (min(real, fake), fake))

    def lines_reset(self, shown: Shown | None) -> list[Any]:
        """As :meth:`real_moved`, back to the lines of the preset."""
        if shown is None:
            return _unmoved()
        limits = registry.ensemble(shown.analysis.preset).limits
        return _read_anew(shown, (-1, -1), (round(100 * limits.real), round(100 * limits.fake)))

    def seek(self, shown: Shown | None, heat: bool, event: gr.EventData) -> list[Any]:
        """(frame, moment) for a point of the timeline that was clicked."""
        if shown is None:
            return [gr.skip(), gr.skip()]
        t_s = float(event._data.get("t_s") or 0.0)
        return [frame_or_reason(shown, t_s, self.settings, heat=heat), round(t_s, 2)]

    def look(self, shown: Shown | None, t_s: float, heat: bool) -> Any:
        """(frame) for the moment to which the slider was moved, with or without the heat map."""
        return gr.skip() if shown is None else frame_or_reason(shown, t_s, self.settings, heat=heat)

    def save_pdf(self, shown: Shown | None) -> Any:
        """(saver) with the report on paper."""
        if shown is None:
            return gr.skip()
        from core.reports.pdf import to_pdf  # its libraries take a while to load

        return _bytes(shown, ".pdf", "application/pdf", to_pdf(self._item(shown)))

    def save_html(self, shown: Shown | None) -> Any:
        """(saver) with the report as a page."""
        if shown is None:
            return gr.skip()
        return _file(shown.analysis, ".html", "text/html", to_html_page(self._item(shown)))

    def save_package(self, shown: Shown | None) -> Any:
        """(saver) with the evidence package, without the file itself."""
        if shown is None:
            return gr.skip()
        return _bytes(shown, ".evidence.zip", "application/zip", evidence_package(self._item(shown)))

    def _item(self, shown: Shown) -> Item:
        pictures = engine.report_pictures(shown.analysis, shown.path, self.settings)
        return Item(shown.analysis, pictures=pictures)

    def save_json(self, shown: Shown | None) -> Any:
        """(saver) with the whole analysis."""
        return (
            gr.skip() if shown is None else _file(shown.analysis, ".json", "application/json", to_json(shown.analysis))
        )

    def save_scores(self, shown: Shown | None) -> Any:
        """(saver) with one row a model and person."""
        return gr.skip() if shown is None else _csv(shown.analysis, "scores")

    def save_frames(self, shown: Shown | None) -> Any:
        """(saver) with one row a frame."""
        return gr.skip() if shown is None else _csv(shown.analysis, "frames")

    def suggest(self, shown: Shown | None, right: str | None) -> Any:
        """(truth): what follows from right or wrong; the visitor can still change it."""
        truth = feedback.likely_truth(shown.analysis.verdict.label, right == "right") if shown and right else None
        return gr.skip() if truth is None else truth

    def send(
        self,
        shown: Shown | None,
        right: str | None,
        truth: str | None,
        comment: str,
        consent: bool,
        request: gr.Request,
        tab: str = "",
    ) -> list[Any]:
        """(shown, send, undo, note): keep the label. What was typed stays if it could not be kept."""
        if shown is None or truth not in ("real", "fake", "unsure"):
            why = "Please say what it truly is: real, fake or not sure."
            return [shown, gr.skip(), gr.skip(), cards.note(why, "bad")]
        try:
            if consent:
                Uploads(self.settings).keep(shown.path, shown.analysis.media.sha256)
            label = shared_store(self.settings).add_label(
                shown.analysis,
                truth,
                reviewer=visitor(request, tab),
                agrees=None if right is None else right == "right",
                comment=comment,
                consent=consent,
            )
        except WorkbenchError as error:
            return [shown, gr.skip(), gr.skip(), cards.note(str(error), "bad")]
        thanks = "Thank you, your answer was saved" + (" together with the file." if consent else ".")
        return [replace(shown, label_id=label.id), *feedback.SENT, cards.note(thanks, "good")]

    def take_back(self, shown: Shown | None, request: gr.Request, tab: str = "") -> list[Any]:
        """(shown, send, undo, note): undo the label that was just sent."""
        if shown is None or shown.label_id is None:
            return [shown, *feedback.OPEN, ""]
        try:
            shared_store(self.settings).undo_label(shown.label_id, reviewer=visitor(request, tab))
        except WorkbenchError as error:
            return [shown, gr.skip(), gr.skip(), cards.note(str(error), "bad")]
        note = cards.note("Your answer was taken back. You can change it and send it again.")
        return [replace(shown, label_id=None), *feedback.OPEN, note]


def _told(html: str) -> Any:
    return gr.update(value=html, visible=True)


def _failure(job: Job) -> str:
    error = job.error or NotFoundError("There is no result.", hint="Please try again.")
    return cards.failure(error, "Stopped" if error.code == "cancelled" else _FAILED)


def _unmoved() -> list[Any]:
    """(shown, real, fake, view…) as they are."""
    return [gr.skip()] * (3 + len(VIEW))


def _read_anew(shown: Shown | None, sent: tuple[float, float], lines: tuple[float, float]) -> list[Any]:
    """Sliders are moved only where they differ from what the visitor ``sent``, so that none is pulled from a hand."""
    if shown is None:
        return _unmoved()
    real, fake = lines
    analysis = relabel(shown.analysis, Thresholds(fake=fake / 100, real=real / 100))
    moves = [gr.skip() if there == line else line for there, line in zip(sent, lines, strict=True)]
    return [replace(shown, analysis=analysis), *moves, *view(analysis)]


def _csv(analysis: Analysis, table: Table) -> str:
    # The mark at the start makes spreadsheets read the text as UTF-8.
    return _file(analysis, f"-{table}.csv", "text/csv", "\ufeff" + to_csv(analysis, table))


def _bytes(shown: Shown, ending: str, media_type: str, data: bytes) -> str:
    name = f"unmask-{shown.analysis.id[:12]}{ending}"
    content = base64.b64encode(data).decode("ascii")
    return json.dumps({"name": name, "type": media_type, "base64": content, "at": time.time_ns()})


def _file(analysis: Analysis, ending: str, media_type: str, text: str) -> str:
    """What ``download.js`` saves; the time makes every press a change."""
    name = f"unmask-{analysis.id[:12]}{ending}"
    return json.dumps({"name": name, "type": media_type, "text": text, "at": time.time_ns()})
