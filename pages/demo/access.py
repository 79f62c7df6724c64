"""Who asks, and how often: clients told apart by address, each with a share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.errors import BusyError
from core.settings import ServerSettings


class _Address(Protocol):
    @property
    def host(self) -> str: ...


class Caller(Protocol):
    """The part of a request of Gradio or of the API that says where it comes from."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def client(self) -> _Address | None: ...


def client_of(caller: Caller | None, proxies: int) -> str:
    """A short name of the client: a hash of its address, so that no address is kept.

    Args:
        proxies: how many proxies before the server are trusted. The word of the last of them on the address counts;
            what a client itself writes into the header never does.
    """
    if caller is None:
        return "unknown"
    peer = getattr(caller, "client", None)
    address = getattr(peer, "host", None) or "unknown"
    if proxies:
        told = [part.strip() for part in caller.headers.get("x-forwarded-for", "").split(",") if part.strip()]
        if len(told) >= proxies:
            address = told[-proxies]
    return hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()[:16]


class Shares:
    """Counts what each client does within a minute."""

    def __init__(self, server: ServerSettings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._analyses = RateLimitItemPerMinute(server.analyses_per_minute, namespace="analyses")
        self._requests = RateLimitItemPerMinute(server.requests_per_minute, namespace="requests")

    def analysis(self, client: str) -> None:
        """Count an analysis.

        Raises:
            BusyError: this client has had its share for this minute.
        """
        self._count(self._analyses, client, "analyses")

    def request(self, client: str) -> None:
        """Count an upload or a call of the API.

        Raises:
            BusyError: as for :meth:`analysis`.
        """
        self._count(self._requests, client, "requests")

    def _count(self, item: RateLimitItem, client: str, what: str) -> None:
        if not self._limiter.hit(item, client):
            raise BusyError(
                f"More than {item.amount} {what} a minute were asked for from your address.",
                hint="Wait a minute and go on more slowly.",
                retry_s=60.0,
            )
