"""Routes about what was analysed and what people say of it."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from core import schema
from core.errors import ConfigError
from core.fusion.verdict import relabel
from core.store.feedback import Truth
from core.store.history import shared_store
from core.store.privacy import erase
from core.types import Analysis, Thresholds, Verdict
from pages.api.common import VISITOR, TheCaller, TheService, problems
from pages.api.models import FeedbackIn, FeedbackOut, History, HistoryItem, LearningStatistics, Said

router = APIRouter(tags=["records"], responses=problems)

_Id = Annotated[str, Path(min_length=1, max_length=100)]
_Share = Annotated[float, Query(ge=0, le=1)]


@router.get("/history")
def history(
    service: TheService,
    caller: TheCaller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> History:
    """What this visitor has analysed, newest first."""
    store = shared_store(service.settings)
    entries = store.entries(visitor=caller.owner, limit=limit, offset=offset)
    items = [
        HistoryItem(
            analysis_id=e.id,
            created_at=e.created_at,
            name=e.name,
            kind=e.kind,
            preset=e.preset,
            label=e.label,
            p_fake=e.p_fake,
        )
        for e in entries
    ]
    return History(total=store.count(visitor=caller.owner), items=items)


@router.get("/history/{analysis_id}", response_model=Analysis)
def recall(analysis_id: _Id, service: TheService, caller: TheCaller) -> Response:
    """One analysis of this visitor."""
    analysis = shared_store(service.settings).get(analysis_id, visitor=caller.owner)
    return Response(schema.dump(analysis), 200, {VISITOR: caller.visitor}, "application/json")


@router.delete("/history/{analysis_id}", status_code=204)
def forget(analysis_id: _Id, service: TheService, caller: TheCaller) -> None:
    """Delete an analysis of this visitor for good."""
    erase(service.settings, analysis_id, visitor=caller.owner)


@router.get("/history/{analysis_id}/verdict", response_model=Verdict)
def read_anew(analysis_id: _Id, service: TheService, caller: TheCaller, fake: _Share = 0.7, real: _Share = 0.3) -> Any:
    """The verdict under other thresholds. No model runs again."""
    if real > fake:
        raise ConfigError("The threshold 'real' lies above 'fake'.", hint="They need 0 <= real <= fake <= 1.")
    analysis = shared_store(service.settings).get(analysis_id, visitor=caller.owner)
    read = relabel(analysis, Thresholds(fake=fake, real=real))
    return json.loads(schema.dump(read))["verdict"]


@router.post("/feedback", status_code=201)
def give_feedback(word: FeedbackIn, service: TheService, caller: TheCaller) -> FeedbackOut:
    """Say what an analysed medium truly is. The file itself is not kept."""
    service.shares.request(caller.client)
    store = shared_store(service.settings)
    analysis = store.get(word.analysis_id, visitor=caller.owner)
    label = store.add_label(analysis, Truth(word.truth), reviewer=caller.owner, comment=word.comment)
    return FeedbackOut(saved=True, truth=label.truth.value, agrees=label.agrees, created_at=label.created_at)


@router.get("/learning")
def learning(service: TheService) -> LearningStatistics:
    """Counts over all labels that people gave and that stand."""
    stats = shared_store(service.settings).label_stats()
    return LearningStatistics(
        total=stats.total,
        real=stats.by_truth[Truth.REAL],
        fake=stats.by_truth[Truth.FAKE],
        unsure=stats.by_truth[Truth.UNSURE],
        agree=stats.agree,
        disagree=stats.disagree,
        open=stats.open,
        media=stats.media,
        table=[
            Said(label=label, truth=truth.value, count=count) for (label, truth), count in sorted(stats.table.items())
        ],
    )
