"""Stage "running models": every member of the preset, about every person; whoever cannot answer says why."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from core.errors import WeightsMissingError, WorkbenchError
from core.registry import Card, member_cards
from core.stages.asking.answers import Answer, Asker, silent
from core.stages.context import Context
from core.stages.early_exit import early_exit, spares
from core.stages.reading import Material
from core.types import FaceTrack, Modality, Score, Status, Timeline
from core.weights.files import as_found

log = logging.getLogger(__name__)

_ASKERS = {
    Modality.IMAGE: "faces",
    Modality.CLIP: "clips",
    Modality.AUDIO: "voices",
    Modality.AUDIO_VISUAL: "lips",
}


@dataclass(frozen=True, slots=True)
class Scored:
    scores: tuple[Score, ...]
    timelines: tuple[Timeline, ...]


def score(material: Material, tracks: Sequence[FaceTrack], context: Context) -> Scored:
    """Ask all members. A member that fails is a row with status and reason and never stops the others; those that a
    gate spares say so."""
    answers: list[Answer] = []
    cards = list(member_cards(context.preset))
    spared: str | None = None
    for done, card in enumerate(cards):
        context.step(done / len(cards), card.title)
        if spared is not None and spares(card):
            answers.append(silent(card, Status.NOT_APPLICABLE, spared))
            continue
        answers += ask(card, material, tracks, context)
        if done == 0:
            spared = early_exit(context.preset, context.settings, answers, tracks)
    return Scored(tuple(a.score for a in answers), tuple(a.line for a in answers if a.line))


def ask(card: Card, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    """The rows of one member."""
    started = time.perf_counter()
    try:
        return _asked(card, material, tracks, context)
    finally:
        log.info("detector done", extra={"detector": card.id, "seconds": round(time.perf_counter() - started, 4)})


def _asked(card: Card, material: Material, tracks: Sequence[FaceTrack], context: Context) -> list[Answer]:
    try:
        card, weights = as_found(card, context.settings)
        return _asker(card)(card, weights, material, tracks, context)
    except WeightsMissingError as error:
        return [silent(card, Status.UNAVAILABLE, str(error))]
    except WorkbenchError as error:
        return [silent(card, Status.ERROR, str(error))]
    except (RuntimeError, MemoryError) as error:
        log.exception("detector failed", extra={"detector": card.id})
        return [silent(card, Status.ERROR, f"it failed while running ({type(error).__name__})")]


def _asker(card: Card) -> Asker:
    """Imported when needed: a picture does not wait for what listens."""
    follows_points = card.modality is Modality.CLIP and card.clip is None
    name = "landmarks" if follows_points else _ASKERS[card.modality]
    return cast(Asker, importlib.import_module(f"core.stages.asking.{name}").ask)
