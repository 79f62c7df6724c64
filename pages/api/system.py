"""Routes about the server itself: health, models, fine-tuning."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from core import __version__, registry
from core.errors import AccessError, ConfigError
from core.store.history import shared_store
from core.weights import words
from core.weights.manage import Entry, overview
from pages.api.common import TheCaller, TheService, problems
from pages.api.models import Detector, FineTuneOut, Health, Models, Preset

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
    service: TheService,
    caller: TheCaller,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
) -> FineTuneOut:
    """Start a fine-tuning on what people said. Needs the server's admin token."""
    service.shares.request(caller.client)
    token = service.settings.server.admin_token
    if token is None:
        raise AccessError(
            "Fine-tuning cannot be started over the API here.", hint="The operator has set no admin token."
        )
    sent = credentials.credentials if credentials is not None else ""
    if not secrets.compare_digest(sent.encode(), token.get_secret_value().encode()):
        raise AccessError("The admin token is wrong or missing.", hint="Send it as Authorization: Bearer ….")
    raise ConfigError(
        "This server has no fine-tuning that it could start.",
        hint="Train on the command line: docs/training.md says how.",
    )


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
