"""Routes about the server itself: health, models, fine-tuning."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core import __version__, registry
from core.errors import AccessError, BusyError, LimitError
from core.store.history import shared_store
from core.tasks import Task, Tasks
from core.weights import words
from core.weights.manage import Entry, overview
from pages.api.common import TheCaller, TheService, problems
from pages.api.models import Detector, FineTuneIn, FineTuneOut, Health, Models, Preset
from pages.demo.service import Service

router = APIRouter(tags=["server"], responses=problems)

_bearer = HTTPBearer(auto_error=False, description="the word of UNMASK_SERVER__ADMIN_TOKEN")


@router.get("/health/live")
def live(service: TheService) -> Health:
    """The process answers."""
    waiting, running = service.lanes.load()
    return Health(status="ok", version=__version__, waiting=waiting, running=running)


@router.get("/health/ready", responses={503: {"model": Health, "description": "The models are still being loaded."}})
def ready(service: TheService, response: Response) -> Health:
    """The store can be opened and the networks' library is loaded."""
    shared_store(service.settings).count()
    loaded = "core.pipeline" in sys.modules
    response.status_code = 200 if loaded else 503
    waiting, running = service.lanes.load()
    return Health(status="ok" if loaded else "starting", version=__version__, waiting=waiting, running=running)


@router.get("/models")
def models(service: TheService) -> Models:
    """Presets, and detectors with the state of their weights."""
    return Models(
        presets=[_preset(name) for name in registry.ensemble_ids()],
        detectors=[_detector(entry) for entry in overview(service.settings)],
    )


@router.post("/finetune", status_code=202)
def finetune(
    wanted: FineTuneIn,
    service: TheService,
    caller: TheCaller,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> FineTuneOut:
    """Start a fine-tuning of one detector on what people said. Needs the server's admin token.

    What comes out is used only if it measures better.
    """
    service.shares.request(caller.client)
    _admit(service, credentials)
    card = registry.card(wanted.detector)
    tasks = Tasks(service.settings)
    try:
        ident = tasks.start(f"Fine-tuning of {card.title}", ["finetune", "run", card.id])
    except LimitError as error:
        raise BusyError(error.message, hint=error.hint, retry_s=600.0) from error
    return _tuning(tasks.get(ident))


@router.get("/finetune/{task_id}")
def finetune_status(
    task_id: Annotated[str, Path(pattern=r"^[0-9a-f-]{1,40}$")],
    service: TheService,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> FineTuneOut:
    """How a fine-tuning goes. Needs the server's admin token."""
    _admit(service, credentials)
    return _tuning(Tasks(service.settings).get(task_id))


def _admit(service: Service, credentials: HTTPAuthorizationCredentials | None) -> None:
    token = service.settings.server.admin_token
    if token is None or not token.get_secret_value():
        raise AccessError(
            "Fine-tuning cannot be started over the API here.", hint="The operator has set no admin token."
        )
    sent = credentials.credentials if credentials is not None else ""
    if not secrets.compare_digest(sent.encode(), token.get_secret_value().encode()):
        raise AccessError("The admin token is wrong or missing.", hint="Send it as Authorization: Bearer ….")


def _tuning(task: Task) -> FineTuneOut:
    return FineTuneOut(id=task.id, state=task.state.value, started_at=task.started_at, last=task.last)


def _preset(name: str) -> Preset:
    ensemble = registry.ensemble(name)
    return Preset(id=name, title=ensemble.title, members=[member.detector for member in ensemble.members])


def _detector(entry: Entry) -> Detector:
    card = entry.card
    return Detector(
        id=entry.id,
        title=card.title if card else entry.id,
        modality=card.modality.value if card else "",
        weights=entry.presence.value,
        usable=words.usable(entry),
        licence=words.licence(card) if card else "",
        measured=[f"{m.name} {m.value:.3f} [{m.low:.3f}, {m.high:.3f}] n={m.n} on {m.dataset}" for m in card.measured]
        if card
        else [],
    )
