"""Download of one file: resumed where it was interrupted, checked, and in place only when it is whole."""

from __future__ import annotations

import http.client
import logging
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from core.errors import StorageError, WeightsError
from core.weights.files import fresh_sha256

log = logging.getLogger(__name__)

OnBytes = Callable[[int, int | None], None]
"""Told how many bytes are here, and of how many (None: the server does not say)."""

_BLOCK = 1 << 18
_TIMEOUT_S = 30.0
_ATTEMPTS = 4
_PROGRESS = 1 << 20
_PAUSE_S = 0.5
_LOCAL = ("localhost", "127.0.0.1", "::1")
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_AGAIN = (408, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to download. ``sha256`` is "" where it is not known; then ``size_bytes`` is only about right."""

    name: str
    urls: Sequence[str]
    sha256: str
    size_bytes: int

    @property
    def most_bytes(self) -> int:
        return self.size_bytes if self.sha256 else 2 * self.size_bytes


class _InterruptedError(Exception):
    """The transfer broke off; what arrived is kept and the next attempt goes on from there."""


def fetch(wanted: Wanted, target: Path, on_bytes: OnBytes | None = None) -> str:
    """Download to ``target``, whose folder exists; addresses are tried in order.

    What arrived of an interrupted download stays in ``<target>.part`` and is gone on with, where the server can.

    Returns:
        The sha256 of the file.

    Raises:
        WeightsError: no address gave the file, or what came is another file; then it was removed.
        StorageError: it cannot be written.
    """
    part = target.with_name(target.name + ".part")
    failure = WeightsError(f"There is no address to get {wanted.name} from.", hint="Get the file by hand.")
    for url in wanted.urls:
        try:
            return _fetch_one(wanted, url, part, target, on_bytes)
        except WeightsError as error:
            log.warning("download failed", extra={"file": wanted.name, "why": error.message})
            failure = error
        except OSError as exc:
            raise StorageError(
                f"{wanted.name} cannot be written: {exc.strerror}.",
                hint="Make room or the folder writable, or choose another one with UNMASK_DATA_DIR.",
            ) from exc
    raise failure


def _fetch_one(wanted: Wanted, url: str, part: Path, target: Path, on_bytes: OnBytes | None) -> str:
    check_address(url)
    failed = 0
    while True:
        before = _size(part)
        try:
            _transfer(wanted, url, part, on_bytes)
            break
        except _InterruptedError as exc:
            failed = 0 if _size(part) >= before + _PROGRESS else failed + 1
            if failed == _ATTEMPTS:
                raise WeightsError(
                    f"The download of {wanted.name} from {_host(url)} broke off ({exc}).",
                    hint="Try again: it goes on where it stopped.",
                ) from exc
            time.sleep(_PAUSE_S * failed)
    return _put_in_place(wanted, part, target)


def _put_in_place(wanted: Wanted, part: Path, target: Path) -> str:
    found = fresh_sha256(part)
    if wanted.sha256 and found != wanted.sha256:
        part.unlink()
        raise WeightsError(
            f"What was downloaded as {wanted.name} is another file and was removed: its sha256 is {found}, expected "
            f"was {wanted.sha256}.",
            hint="Try again. If it stays so, the file was replaced at its source: do not use it.",
        )
    part.replace(target)
    _sync_folder(target.parent)
    return found


# --- one transfer --------------------------------------------------------------------------------------------------


def _transfer(wanted: Wanted, url: str, part: Path, on_bytes: OnBytes | None) -> None:
    """Bring ``part`` to its full length."""
    have = _size(part)
    if wanted.sha256 and have == wanted.size_bytes:
        return
    if have > wanted.most_bytes:
        part.unlink()
        have = 0
    answer = _ask(wanted, url, have)
    if answer is None:
        part.unlink()
        answer = _ask(wanted, url, 0)
        assert answer is not None, "a request without a range cannot be out of range"
    with answer:
        start, total = _span(answer, have)
        _admit(wanted, part, start, total)
        with part.open("r+b" if part.exists() else "wb") as out:
            out.seek(start)
            out.truncate()
            _copy(wanted, answer, out, start, total, on_bytes)


def _ask(wanted: Wanted, url: str, have: int) -> Any:
    """The server's answer from byte ``have`` on; None where it has nothing from there on."""
    headers = {"User-Agent": "unmask", "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        return _opener(url).open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as exc:
        with exc:
            if exc.code == 416 and have:
                return None
            if exc.code in _AGAIN:
                raise _InterruptedError(f"the server answered {exc.code}") from exc
            raise WeightsError(
                f"{_host(url)} answered {exc.code} ({exc.reason}) when asked for {wanted.name}.",
                hint="Get the file elsewhere and add it: python -m core.cli weights add FILE --as ID",
            ) from exc
    except (http.client.HTTPException, OSError, ValueError) as exc:
        raise _InterruptedError(str(getattr(exc, "reason", exc)) or type(exc).__name__) from exc


def _span(answer: Any, have: int) -> tuple[int, int | None]:
    """Where the bytes of an answer belong and how long the whole file is; a server may ignore a range."""
    if answer.status == 206:
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            raise _InterruptedError("the server sent another part than was asked for")
        return have, None if match[3] == "*" else int(match[3])
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _admit(wanted: Wanted, part: Path, start: int, total: int | None) -> None:
    """Refuse a file of the wrong size before it is transferred, and one for which there is no room."""
    if total is not None and (total > wanted.most_bytes or (wanted.sha256 and total != wanted.size_bytes)):
        with suppress(FileNotFoundError):
            part.unlink()
        raise WeightsError(
            f"The server has {total:,} bytes under the name {wanted.name}; it should be {wanted.size_bytes:,}. Nothing "
            "was downloaded.",
            hint="The file was replaced at its source, or the address leads elsewhere: do not use it.",
        )
    needed, free = (total or wanted.size_bytes) - start, shutil.disk_usage(part.parent).free
    if needed > free:
        raise StorageError(
            f"{wanted.name} needs {needed / 1e6:,.0f} MB; {free / 1e6:,.0f} MB are free.",
            hint="Free some disk space, or choose another folder with UNMASK_DATA_DIR.",
        )


def _copy(wanted: Wanted, answer: Any, out: IO[bytes], start: int, total: int | None, on_bytes: OnBytes | None) -> None:
    here = start
    try:
        while block := _read(answer):
            here += len(block)
            if here > wanted.most_bytes:
                out.truncate(0)
                raise WeightsError(
                    f"The server sends more than the {wanted.size_bytes:,} bytes of {wanted.name}; it was removed.",
                    hint="The address leads to another file: do not use it.",
                )
            out.write(block)
            if on_bytes is not None:
                on_bytes(here, total)
    finally:
        out.flush()
        os.fsync(out.fileno())
    if (total is not None and here < total) or (wanted.sha256 and here < wanted.size_bytes):
        raise _InterruptedError(f"after {here:,} bytes")


def _read(answer: Any) -> bytes:
    try:
        block: bytes = answer.read(_BLOCK)
    except (http.client.HTTPException, OSError) as exc:
        raise _InterruptedError(str(exc) or type(exc).__name__) from exc
    return block


# --- addresses -----------------------------------------------------------------------------------------------------


def check_address(url: str) -> None:
    """Only https, and http from this machine itself.

    Raises:
        WeightsError: anything else.
    """
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url and bool(parts.hostname)
        secure = plain and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL))
    except ValueError:
        secure = False
    if not secure:
        raise WeightsError(
            f"Weights are downloaded over https only, not from {url.split('?')[0]}.",
            hint="Get the file by hand and add it: python -m core.cli weights add FILE --as ID",
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an address that would itself be allowed."""

    def redirect_request(self, req: urllib.request.Request, *rest: Any, **more: Any) -> urllib.request.Request | None:
        newurl = str(more.get("newurl", rest[-1] if rest else ""))
        try:
            check_address(newurl)
            if urlsplit(req.full_url).scheme == "https":
                check_not_local(newurl)
        except WeightsError:
            rest[0].close()
            raise
        return super().redirect_request(req, *rest, **more)


def check_not_local(url: str) -> None:
    """A server elsewhere may not send its visitors to services of their own machine."""
    if urlsplit(url).hostname in _LOCAL:
        raise WeightsError(
            "The server sends the download to an address of this machine, which is refused.",
            hint="Get the file by hand and add it: python -m core.cli weights add FILE --as ID",
        )


def _opener(url: str) -> urllib.request.OpenerDirector:
    handlers: list[urllib.request.BaseHandler] = [_Redirects()]
    if urlsplit(url).hostname in _LOCAL:
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


def _host(url: str) -> str:
    return urlsplit(url).hostname or "The server"


# --- files ---------------------------------------------------------------------------------------------------------


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
