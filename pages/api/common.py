"""What the routes share: who asks, what is wrong, how a file comes in."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, File, Form, Header, Request, Response, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from core import errors
from core.errors import BusyError, ConfigError, LimitError, StorageError, WorkbenchError
from core.media.guard import clean_name
from pages.api.book import Book
from pages.api.models import Problem
from pages.demo.access import client_of
from pages.demo.service import Service

VISITOR = "X-Unmask-Visitor"

_VISITOR = re.compile(r"[A-Za-z0-9_-]{16,64}")
_BLOCK = 1 << 20
_STATUS: dict[type[WorkbenchError], int] = {
    errors.LimitError: 413,
    errors.UnsupportedMediaError: 415,
    errors.EmptyMediaError: 422,
    errors.DamagedMediaError: 422,
    errors.ConfigError: 422,
    errors.NotFoundError: 404,
    errors.AccessError: 403,
    errors.BusyError: 429,
    errors.CancelledError: 409,
    errors.WeightsError: 409,
    errors.StorageError: 503,
    errors.InternalError: 500,
}
_WORDS = {
    400: "The request cannot be understood.",
    404: "There is nothing at this address.",
    405: "This address does not take requests of this kind.",
    413: "The request is too large.",
}

problems: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "description": what}
    for code, what in {
        403: "Not allowed.",
        404: "No such thing, or another visitor's.",
        409: "It cannot be done as things stand.",
        413: "Over a limit.",
        415: "Not a medium that can be read, or not of the kind that was asked for.",
        422: "A wrong value, or a file that is empty or damaged.",
        429: "Over the share of one client, or the queue is full; Retry-After says when to come back.",
        503: "The server's own store fails.",
    }.items()
}


def status_of(error: WorkbenchError) -> int:
    """The HTTP status that fits an error."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 400)


def problem(error: WorkbenchError) -> JSONResponse:
    """An error as the API tells it."""
    headers = {"Retry-After": str(round(error.retry_s))} if isinstance(error, BusyError) else {}
    return JSONResponse(error.to_dict(), status_of(error), headers)


async def on_workbench_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, WorkbenchError)
    return problem(error)


async def on_invalid(_: Request, error: Exception) -> Response:
    """A value that does not fit, by name; the value itself is not repeated."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = ".".join(str(part) for part in first.get("loc", ())) or "request"
    told = ConfigError(f"'{name}' is wrong: {first['msg']}.", hint="The page /api/docs says what each field takes.")
    return JSONResponse({**told.to_dict(), "code": "invalid"}, 422)


async def on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = _WORDS.get(error.status_code, "The request was refused.")
    told = {"code": "http", "message": words, "hint": "The page /api/docs lists what there is."}
    return JSONResponse(told, error.status_code, error.headers)


class Caller:
    """Who sent a request: ``visitor`` is the secret by which they are told apart, ``owner`` what is kept of it."""

    def __init__(self, visitor: str, client: str) -> None:
        self.visitor, self.client = visitor, client
        self.owner = "api-" + hashlib.sha256(visitor.encode()).hexdigest()[:24]


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def book_of(request: Request) -> Book:
    book: Book = request.app.state.book
    return book


def caller_of(
    request: Request,
    response: Response,
    visitor: Annotated[
        str | None,
        Header(
            alias=VISITOR,
            description="a secret of your own making, or the one that the first answer gave you: 16 to 64 letters, "
            "digits, - or _",
        ),
    ] = None,
) -> Caller:
    """The caller of this request; one without a name is given one.

    Raises:
        ConfigError: a name that is too short to be a secret.
    """
    if visitor is not None and not _VISITOR.fullmatch(visitor):
        raise ConfigError(f"The header {VISITOR} is wrong.", hint="Send 16 to 64 letters, digits, - or _.")
    name = visitor or secrets.token_urlsafe(24)
    response.headers[VISITOR] = name
    return Caller(name, client_of(request, service_of(request).settings.server.proxies))


class Source:
    """What shall be analysed: a file that was sent, or the address of one."""

    def __init__(self, file: UploadFile | None, url: str) -> None:
        self.file, self.url = file, url

    @property
    def name(self) -> str:
        """What a file that was sent is called, safe to show."""
        return clean_name((self.file.filename if self.file else "") or "file")


def source_of(
    file: Annotated[UploadFile | None, File(description="picture, video or sound")] = None,
    url: Annotated[
        str, Form(max_length=4000, description="address of a file instead, where the server reads addresses")
    ] = "",
) -> Source:
    """The file or the address of a request.

    Raises:
        ConfigError: neither or both were sent.
    """
    if (file is None) == (not url):
        raise ConfigError("One file or one address is needed.", hint="Send either 'file' or 'url'.")
    return Source(file, url)


TheSource = Annotated[Source, Depends(source_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
TheService = Annotated[Service, Depends(service_of)]
TheBook = Annotated[Book, Depends(book_of)]


async def received(source: Source, service: Service, client: str) -> tuple[Path, str]:
    """Write an upload, or what lies at an address, into a private file of its own.

    Returns:
        The path, and a name that is safe to show.

    Raises:
        WorkbenchError: it is larger than allowed, cannot be written, or the address is not read here.
    """
    path = await run_in_threadpool(service.fresh_file)
    if source.file is None:
        return path, await run_in_threadpool(service.fetch, source.url, path, client)
    try:
        await _copy(source.file, path, service.settings.limits.max_bytes)
    except OSError as exc:
        path.unlink(missing_ok=True)
        raise StorageError("The upload could not be kept.", hint="The server may be out of space; try later.") from exc
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path, source.name


async def _copy(upload: UploadFile, path: Path, most: int) -> None:
    size = 0
    with path.open("xb") as out:
        while block := await upload.read(_BLOCK):
            size += len(block)
            if size > most:
                raise LimitError(
                    f"The file has more than the {most / 1e6:,.0f} MB that are allowed.",
                    hint="Cut out the part that matters.",
                )
            await run_in_threadpool(out.write, block)


async def left(request: Request) -> bool:
    """Whether the caller has gone away."""
    waiting: Callable[[], Awaitable[bool]] = request.is_disconnected
    return await waiting()
