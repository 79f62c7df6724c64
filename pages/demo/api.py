"""Named endpoints, which are also MCP tools. Their descriptions are written for people and for agents."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import gradio as gr

from core import schema
from core.errors import ConfigError, NotFoundError, WorkbenchError
from core.fusion.verdict import relabel as relabelled
from core.settings import Settings
from core.store.feedback import Truth
from core.store.history import shared_store
from core.types import Thresholds
from pages.demo.access import client_of
from pages.demo.fetching import uploads_only
from pages.demo.service import Service

INFERENCE = "inference"
_VISITOR = "api"

P = ParamSpec("P")
R = TypeVar("R")


def place(service: Service) -> None:
    """Register the endpoints ``/analyse``, ``/relabel`` and ``/feedback`` on the current page, unseen."""
    endpoints = Endpoints(service)
    settings = service.settings
    with gr.Row(visible=False):
        file, preset = uploads_only(gr.File(label="file")), gr.Textbox(value=settings.preset, label="preset")
        ident = gr.Textbox(label="analysis_id")
        fake, real = gr.Number(0.7, label="fake"), gr.Number(0.3, label="real")
        truth, comment = gr.Textbox(label="truth"), gr.Textbox(label="comment")
        out = gr.JSON(label="answer")
        hidden = gr.Button()
    shared: dict[str, Any] = {"outputs": [out], "show_progress": "hidden"}
    hidden.click(
        endpoints.analyse,
        [file, preset],
        api_name="analyse",
        concurrency_id=INFERENCE,
        concurrency_limit=followers(settings),
        **shared,
    )
    hidden.click(endpoints.relabel, [ident, fake, real], api_name="relabel", queue=False, **shared)
    hidden.click(endpoints.feedback, [ident, truth, comment], api_name="feedback", queue=False, **shared)


def followers(settings: Settings) -> int:
    """How many callers Gradio lets through to the queue of :mod:`pages.demo.jobs`, which is the one that decides."""
    return settings.server.queue + settings.server.lanes + 8


def told(function: Callable[P, R]) -> Callable[P, R]:
    """Tell a client the message and the hint of an expected failure, and nothing of any other."""

    @wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except WorkbenchError as error:
            _tell(error)

    return inner


def _tell(error: WorkbenchError) -> NoReturn:
    raise gr.Error(str(error), print_exception=False) from error


class Endpoints:
    """What the endpoints do."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._settings = service.settings

    @told
    def analyse(self, file: str, preset: str = "default", request: gr.Request | None = None) -> dict[str, Any]:
        """Tell how likely a picture, video clip or sound recording is a deepfake, and why.

        The answer holds the verdict (label fake, real, uncertain or not_applicable, with P(fake) from 0 to 1 and its
        reasons), the score of every model with its status, a timeline for each person, the comparison of sound and
        lips, and facts about the file. A file without a face or voice is not_applicable, never fake and never real.

        Args:
            file: the image, video or audio file.
            preset: which ensemble of models looks at it.

        Returns:
            The analysis; its "id" is what relabel and feedback ask for.
        """
        if not file:
            raise NotFoundError("No file was sent.", hint="Send an image, video or audio file.")
        path = Path(file)
        client = client_of(request, self._settings.server.proxies)
        job = self._service.analyse(path, preset, path.name, owner=_VISITOR, client=client)
        for _ in job.follow():
            pass
        if job.result is None:
            _tell(job.error or NotFoundError("There is no result.", hint="Please try again."))
        shared_store(self._settings).record(job.result, origin="api", visitor=_VISITOR)
        return json.loads(schema.dump(job.result))

    @told
    def relabel(self, analysis_id: str, fake: float = 0.7, real: float = 0.3) -> dict[str, Any]:
        """Read the scores of an earlier analysis with other thresholds. No model runs again.

        Args:
            analysis_id: the "id" that analyse returned.
            fake: P(fake) from which on the label is fake, 0 to 1.
            real: P(fake) up to which the label is real, 0 to 1, not above fake. Between the two it is uncertain.

        Returns:
            The verdict under these thresholds.
        """
        analysis = relabelled(self._analysis(analysis_id), _thresholds(fake, real))
        return json.loads(schema.dump(analysis))["verdict"]

    @told
    def feedback(self, analysis_id: str, truth: str, comment: str = "") -> dict[str, Any]:
        """Tell what an analysed file truly is, so that the models can be made better. The file itself is not kept.

        Args:
            analysis_id: the "id" that analyse returned.
            truth: "real", "fake" or "unsure".
            comment: how you know, in up to 4,000 characters.

        Returns:
            What was saved.
        """
        if truth not in list(Truth):
            raise ConfigError(f"'{truth}' is no answer.", hint="Say real, fake or unsure.")
        label = shared_store(self._settings).add_label(self._analysis(analysis_id), truth, comment=comment or "")
        return {"saved": True, "truth": label.truth.value, "agrees": label.agrees, "created_at": label.created_at}

    def _analysis(self, analysis_id: str) -> Any:
        return shared_store(self._settings).get((analysis_id or "").strip(), visitor=_VISITOR)


def _thresholds(fake: float, real: float) -> Thresholds:
    try:
        return Thresholds(fake=float(fake), real=float(real))
    except (TypeError, ValueError) as exc:
        raise ConfigError(
            f"The thresholds fake={fake} and real={real} do not fit.", hint="They need 0 <= real <= fake <= 1."
        ) from exc
