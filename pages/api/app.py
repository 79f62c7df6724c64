"""The API as an application of its own, mounted at ``/api`` beside the pages."""

from __future__ import annotations

import logging

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from core import __version__
from core.errors import InternalError, WorkbenchError
from pages.api import analyses, docs, records, system
from pages.api.book import Book
from pages.api.common import on_http_error, on_invalid, on_workbench_error
from pages.demo.service import Service

log = logging.getLogger(__name__)

_ABOUT = """How likely is a picture, clip or voice a deepfake, and why?

Send a small file to /v1/analyse/image, video or audio and get the analysis; send any file to /v1/jobs and get an id to
ask for. Every P(fake) runs from 0 to 1, and 1 means fake.

Callers are told apart by the header X-Unmask-Visitor: a secret of your own making, or the one that the first answer
gave you. Jobs and history are seen only with the same one.

Whatever goes wrong is answered with code, message and hint."""


def create_api(service: Service) -> FastAPI:
    """The API over what ``service`` shares with the pages."""
    api = FastAPI(
        title="Unmask API",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        servers=[{"url": "/api"}],
        root_path_in_servers=False,
    )
    api.state.service = service
    api.state.book = Book(service.settings.server.keep_results_s)
    versioned = APIRouter(prefix="/v1")
    for part in (analyses, records, system):
        versioned.include_router(part.router)
    api.include_router(versioned)
    api.add_exception_handler(WorkbenchError, on_workbench_error)
    api.add_exception_handler(RequestValidationError, on_invalid)
    api.add_exception_handler(HTTPException, on_http_error)
    api.add_exception_handler(Exception, _on_fault)

    @api.get("/docs", include_in_schema=False)
    def documentation() -> HTMLResponse:
        return HTMLResponse(docs.page(api.openapi()))

    return api


async def _on_fault(_: Request, error: Exception) -> JSONResponse:
    log.error("the API failed", exc_info=error)
    told = InternalError("The server met an unexpected fault.", hint="Try again; if it stays, report it.")
    return JSONResponse(told.to_dict(), 500)
