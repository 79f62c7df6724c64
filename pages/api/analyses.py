"""Routes that analyse: at once for small files, as jobs for any, as batches for many."""

from __future__ import annotations

import asyncio
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, Query, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from core import registry, schema
from core.errors import LimitError, UnsupportedMediaError, WorkbenchError
from core.media.decoding import decoder
from core.store.history import shared_store
from core.types import Analysis, MediaKind
from pages.api.book import Batch, Book
from pages.api.common import (
    VISITOR,
    Caller,
    Source,
    TheBook,
    TheCaller,
    TheService,
    TheSource,
    left,
    problems,
    received,
)
from pages.api.models import BatchItem, BatchStatus, JobStatus, Problem
from pages.demo.jobs import Job
from pages.demo.service import Service

router = APIRouter(tags=["analyses"], responses=problems)

MAX_BATCH = 20

_STEP_S = 0.1
_PresetName = Annotated[str, Form(description="which models look at it; empty: the server's own choice")]
_Wait = Annotated[float, Query(ge=0, le=60, description="seconds to wait for the result before a job is answered")]
_Id = Annotated[str, Path(min_length=1, max_length=64)]
_or_job: dict[int | str, dict[str, Any]] = {
    202: {"model": JobStatus, "description": "It takes longer: ask for the job."}
}


@router.post("/analyse/image", response_model=Analysis, responses=_or_job)
async def analyse_image(
    request: Request, service: TheService, book: TheBook, caller: TheCaller, source: TheSource,
    preset: _PresetName = "", wait: _Wait = 30.0,
) -> Response:  # fmt: skip
    """Analyse a still picture."""
    return await _at_once(request, service, book, caller, source, preset, wait, MediaKind.IMAGE)


@router.post("/analyse/video", response_model=Analysis, responses=_or_job)
async def analyse_video(
    request: Request, service: TheService, book: TheBook, caller: TheCaller, source: TheSource,
    preset: _PresetName = "", wait: _Wait = 30.0,
) -> Response:  # fmt: skip
    """Analyse a clip or an animated picture."""
    return await _at_once(request, service, book, caller, source, preset, wait, MediaKind.VIDEO)


@router.post("/analyse/audio", response_model=Analysis, responses=_or_job)
async def analyse_audio(
    request: Request, service: TheService, book: TheBook, caller: TheCaller, source: TheSource,
    preset: _PresetName = "", wait: _Wait = 30.0,
) -> Response:  # fmt: skip
    """Analyse a sound recording."""
    return await _at_once(request, service, book, caller, source, preset, wait, MediaKind.AUDIO)


@router.post("/jobs", status_code=202)
async def submit(
    service: TheService, book: TheBook, caller: TheCaller, source: TheSource, preset: _PresetName = ""
) -> JobStatus:
    """Send a file of any kind, or the address of one, and get a job for it."""
    service.shares.request(caller.client)
    return status(await _submit(service, book, caller, source, preset, None), service, caller)


@router.get("/jobs/{job_id}")
def job_status(job_id: _Id, service: TheService, book: TheBook, caller: TheCaller) -> JobStatus:
    """Stage, percent, place in the queue."""
    return status(book.job(job_id, caller.owner), service, caller)


@router.get("/jobs/{job_id}/result", response_model=Analysis, responses=_or_job)
def job_result(job_id: _Id, service: TheService, book: TheBook, caller: TheCaller) -> Response:
    """The analysis, or the job while there is none yet."""
    return _answer(book.job(job_id, caller.owner), service, caller)


@router.delete("/jobs/{job_id}")
def cancel(job_id: _Id, service: TheService, book: TheBook, caller: TheCaller) -> JobStatus:
    """Stop a job; one that is over stays as it is."""
    job = book.job(job_id, caller.owner)
    job.stop()
    return status(job, service, caller)


@router.post("/batch", status_code=202)
async def submit_batch(
    service: TheService,
    book: TheBook,
    caller: TheCaller,
    files: Annotated[list[UploadFile], File(description=f"up to {MAX_BATCH} files")],
    preset: _PresetName = "",
) -> BatchStatus:
    """Send many files. One that cannot be taken or read never stops the others."""
    service.shares.request(caller.client)
    if len(files) > MAX_BATCH:
        raise LimitError(f"{len(files)} files were sent; {MAX_BATCH} are allowed.", hint="Send them in parts.")
    items: list[tuple[str, Job | WorkbenchError]] = []
    for file in files:
        source = Source(file, "")
        try:
            items.append((source.name, await _submit(service, book, caller, source, preset, None)))
        except WorkbenchError as error:
            items.append((source.name, error))
    return _batch(book.add_batch(caller.owner, items), service, caller)


@router.get("/batch/{batch_id}")
def batch_status(batch_id: _Id, service: TheService, book: TheBook, caller: TheCaller) -> BatchStatus:
    """All files of a batch with the state of each."""
    return _batch(book.batch(batch_id, caller.owner), service, caller)


@router.delete("/batch/{batch_id}")
def cancel_batch(batch_id: _Id, service: TheService, book: TheBook, caller: TheCaller) -> BatchStatus:
    """Stop those files of a batch that are not done."""
    batch = book.batch(batch_id, caller.owner)
    for _, item in batch.items:
        if isinstance(item, Job):
            item.stop()
    return _batch(batch, service, caller)


def status(job: Job, service: Service, caller: Caller) -> JobStatus:
    """Where a job stands."""
    step = job.progress
    return JobStatus(
        id=job.id,
        name=job.name,
        state=job.state,
        stage=step.stage,
        percent=100.0 if job.state == "done" else round(100 * step.fraction, 1),
        detail=step.detail,
        position=service.lanes.position(job),
        wait_s=service.lanes.estimate_s(job),
        error=Problem(**job.error.to_dict()) if job.error is not None else None,
        visitor=caller.visitor,
    )


async def _submit(
    service: Service, book: Book, caller: Caller, source: Source, preset: str, kind: MediaKind | None
) -> Job:
    if preset:
        registry.ensemble(preset)
    path, name = await received(source, service, caller.client)

    def enter() -> Job:
        if kind is not None:
            try:
                _check_kind(service, path, name, kind)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        return service.analyse(path, preset, name, owner=caller.owner, client=caller.client, temporary=True)

    return book.add(await run_in_threadpool(enter))


def _check_kind(service: Service, path: FilePath, name: str, kind: MediaKind) -> None:
    found = decoder(service.settings).identify(path, name=name).kind
    if found is not kind:
        raise UnsupportedMediaError(
            f"This is {_spoken(found)}, not {_spoken(kind)}.", hint=f"Send it to /api/v1/analyse/{found.value}."
        )


def _spoken(kind: MediaKind) -> str:
    return {MediaKind.IMAGE: "a picture", MediaKind.VIDEO: "a video", MediaKind.AUDIO: "a sound recording"}[kind]


async def _at_once(
    request: Request,
    service: Service,
    book: Book,
    caller: Caller,
    source: Source,
    preset: str,
    wait_s: float,
    kind: MediaKind,
) -> Response:
    service.shares.request(caller.client)
    job = await _submit(service, book, caller, source, preset, kind)
    for _ in range(round(wait_s / _STEP_S)):
        if job.over:
            break
        await asyncio.sleep(_STEP_S)
        if await left(request):
            job.stop()
    return await run_in_threadpool(_answer, job, service, caller)


def _answer(job: Job, service: Service, caller: Caller) -> Response:
    headers = {VISITOR: caller.visitor}
    if job.error is not None:
        raise job.error
    if job.result is None:
        body = status(job, service, caller).model_dump(mode="json")
        return JSONResponse(body, 202, {**headers, "Location": f"/api/v1/jobs/{job.id}"})
    shared_store(service.settings).record(job.result, origin="api", visitor=caller.owner)
    return Response(schema.dump(job.result), 200, headers, "application/json")


def _batch(batch: Batch, service: Service, caller: Caller) -> BatchStatus:
    items = [_item(name, outcome, service, caller) for name, outcome in batch.items]
    over = [i for i in items if i.error is not None or (i.job is not None and i.job.state not in ("queued", "running"))]
    failed = [i for i in over if i.error is not None or (i.job is not None and i.job.state != "done")]
    return BatchStatus(
        id=batch.id,
        total=len(items),
        finished=len(over),
        failed=len(failed),
        items=items,
        visitor=caller.visitor,
    )


def _item(name: str, outcome: Job | WorkbenchError, service: Service, caller: Caller) -> BatchItem:
    if isinstance(outcome, Job):
        return BatchItem(name=outcome.name, job=status(outcome, service, caller))
    return BatchItem(name=name, error=Problem(**outcome.to_dict()))
