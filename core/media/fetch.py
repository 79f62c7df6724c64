"""Media from an address on the network, without letting anyone reach into this one.

Off unless the settings say otherwise. The host is resolved here, every address it has must be public, and the
connection goes to the very address that was checked (no second look-up that could answer otherwise). Each redirect is
checked anew. Size and time are bounded, and what arrives is a file like any other: its content decides what it is.
"""

from __future__ import annotations

import contextlib
import fnmatch
import http.client
import ipaddress
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qs, quote, unquote, urljoin, urlsplit

from core.errors import AccessError, DamagedMediaError, LimitError, NotFoundError, UnsupportedMediaError
from core.media.buckets import SCHEME, read_object
from core.media.guard import clean_name
from core.settings import Settings

log = logging.getLogger(__name__)

Resolve: TypeAlias = Callable[[str, int], list[str]]
"""Host and port to its addresses; raises OSError."""

_REDIRECTS = 5
_BLOCK = 1 << 18
_STEP_S = 10.0
_HEADERS = {"User-Agent": "Unmask", "Accept": "image/*, video/*, audio/*, application/octet-stream;q=0.9, */*;q=0.1"}
_DRIVE = re.compile(r"/(?:file/)?d/([\w-]{10,})")
_QUERY = "=&%/?:@!$'()*+,;~"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that was fetched and the name that its address gives it."""

    path: Path
    name: str


def fetch(address: str, target: Path, settings: Settings, *, resolve: Resolve | None = None) -> Fetched:
    """Fetch a medium into ``target``.

    Args:
        address: https address, share link of Google Drive or Dropbox, or ``s3://bucket/key`` of an allowed bucket.
        target: a path that does not exist yet.
        resolve: how hosts become addresses; the system's way unless given.

    Raises:
        AccessError: fetching is off, or the scheme, the host, its address or the bucket is not allowed.
        ConfigError: what reading of buckets needs is not installed, or not set.
        LimitError: too large, too slow, or too many redirects.
        NotFoundError: the host or the file is not there.
        DamagedMediaError: the connection broke off.
        UnsupportedMediaError: the address is none.
    """
    if not settings.fetch.enabled:
        raise not_read()
    deadline = time.monotonic() + settings.fetch.seconds
    try:
        if address.strip().lower().startswith(SCHEME):
            fits = partial(_fits, most=settings.limits.max_bytes)
            return Fetched(target, clean_name(read_object(address.strip(), target, settings.fetch, deadline, fits)))
        return _over_http(direct(address.strip()), target, settings, resolve or _resolve, deadline)
    except (OSError, http.client.HTTPException) as exc:
        target.unlink(missing_ok=True)
        log.info("a fetch failed", extra={"kind": type(exc).__name__})
        if time.monotonic() > deadline:
            raise _too_slow() from exc
        raise DamagedMediaError(
            "The file could not be fetched: the connection failed.",
            hint="Try again, or download it and choose it here.",
        ) from exc
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def not_read() -> AccessError:
    """What is said where fetching is off."""
    return AccessError("Addresses are not read here.", hint="Download the file and choose it here.")


def _too_slow() -> LimitError:
    return LimitError("The file took too long to arrive.", hint="Download it and choose it here.")


def direct(address: str) -> str:
    """The address of the file behind a share link; others as they are."""
    parts = _split(address)
    host = (parts.hostname or "").lower()
    if host == "drive.google.com":
        found = _DRIVE.search(parts.path)
        ident = found.group(1) if found else next(iter(parse_qs(parts.query).get("id", ())), "")
        return f"https://drive.google.com/uc?export=download&id={quote(ident)}" if ident else address
    if host in ("dropbox.com", "www.dropbox.com"):
        query = "&".join([*(p for p in parts.query.split("&") if p and not p.startswith("dl=")), "dl=1"])
        return parts._replace(query=query).geturl()
    return address


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port  # one that is no number is found out here
    except ValueError as exc:
        raise _no_address() from exc
    return parts


def _no_address() -> UnsupportedMediaError:
    return UnsupportedMediaError("This is no address.", hint="It should begin with https://.")


def is_public(address: str) -> bool:
    """Whether an IP address lies on the public network: not private, loopback, link-local (where clouds keep their
    metadata), reserved, multicast, nor a mapped or translated form of one that does."""
    try:
        ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _over_http(address: str, target: Path, settings: Settings, resolve: Resolve, deadline: float) -> Fetched:
    for _ in range(_REDIRECTS + 1):
        scheme, host, port, path = _checked(address, settings)
        connection = _connect(scheme, host, port, _pinned(host, port, resolve), deadline)
        late = _watched(connection, deadline)
        try:
            connection.request("GET", path, headers=_HEADERS)
            with connection.getresponse() as answer:
                if answer.status in (301, 302, 303, 307, 308):
                    address = direct(urljoin(address, answer.headers.get("Location", "")))
                    continue
                if answer.status != 200:
                    raise NotFoundError(
                        f"The file is not there: the server answered {answer.status}.",
                        hint="Check that the link works without signing in.",
                    )
                _receive(answer, target, settings.limits.max_bytes, deadline)
                return Fetched(target, _name(answer, path))
        finally:
            late.cancel()
            connection.close()
    raise LimitError("The address leads from one to the next too often.", hint="Give the address of the file itself.")


def _checked(address: str, settings: Settings) -> tuple[str, str, int, str]:
    parts = _split(address)
    scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower().rstrip("."), parts.port
    if not scheme:
        raise _no_address()
    if scheme not in settings.fetch.schemes:
        allowed = [*settings.fetch.schemes, *(["s3"] if settings.fetch.s3_buckets else [])]
        raise AccessError(
            f"Addresses of the kind '{scheme}' are not read here.", hint=f"These are: {', '.join(allowed)}."
        )
    if not host or parts.username is not None or any(c.isspace() or ord(c) < 33 for c in address):
        raise UnsupportedMediaError("This is no address.", hint="Give it without a user name and without spaces.")
    if settings.fetch.hosts and not any(fnmatch.fnmatchcase(host, wanted) for wanted in settings.fetch.hosts):
        raise AccessError(f"Files of '{host}' are not read here.", hint="Download the file and choose it here.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (
        f"?{quote(parts.query, safe=_QUERY)}" if parts.query else ""
    )
    return scheme, host, port or _PORTS[scheme], path


def _pinned(host: str, port: int, resolve: Resolve) -> str:
    """The one address to connect to; all that the host has must be public."""
    try:
        found = resolve(host, port)
    except (OSError, UnicodeError) as exc:
        raise NotFoundError(f"There is no host '{host}'.", hint="Check the spelling of the address.") from exc
    if not found or not all(is_public(ip) for ip in found):
        raise AccessError(
            "This address leads into a private network.", hint="Only files on the public network are read."
        )
    return found[0]


def _resolve(host: str, port: int) -> list[str]:
    return [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _connect(scheme: str, host: str, port: int, ip: str, deadline: float) -> http.client.HTTPConnection:
    """A connection to ``ip`` that speaks to ``host`` (name and certificate)."""
    timeout = max(0.1, min(_STEP_S, deadline - time.monotonic()))
    plain = socket.create_connection((ip, port), timeout)
    try:
        if scheme == "https":
            plain = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise
    connection = http.client.HTTPConnection(f"[{host}]" if ":" in host else host, port, timeout=timeout)
    connection.sock = plain
    return connection


def _watched(connection: http.client.HTTPConnection, deadline: float) -> threading.Timer:
    """Breaks the connection off when the time is over: a server that sends byte by byte would never run into the time
    for a single step."""
    plain = connection.sock

    def end() -> None:
        with contextlib.suppress(OSError):
            plain.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()) + 0.5, end)
    timer.daemon = True
    timer.start()
    return timer


def _receive(answer: http.client.HTTPResponse, target: Path, most: int, deadline: float) -> None:
    told = answer.length or 0
    size, came = told, 0
    with target.open("xb") as out:
        while size <= most and time.monotonic() <= deadline:
            block = answer.read1(_BLOCK)
            if not block:
                break
            came += out.write(block)
            size = max(size, came)
    _fits(size, most)
    if time.monotonic() > deadline:  # also where the watchdog broke it off, which looks like an end
        raise _too_slow()
    if came < told:
        raise DamagedMediaError(
            "The file did not arrive whole: the connection ended early.",
            hint="Try again, or download it and choose it here.",
        )


def _fits(size: int, most: int) -> None:
    if size > most:
        raise LimitError(
            f"The file has more than the {most / 1e6:,.0f} MB that are allowed.", hint="Cut out the part that matters."
        )


def _name(answer: http.client.HTTPResponse, path: str) -> str:
    told = answer.headers.get_filename()
    return clean_name(told or unquote(path.partition("?")[0].rsplit("/", 1)[-1]) or "file")
