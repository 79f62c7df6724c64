"""Forgetting what is older than the user wants it kept."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

from core.errors import NotFoundError
from core.settings import Settings
from core.store.history import Store
from core.store.privacy import erase


def sweep(settings: Settings, store: Store, now: datetime | None = None) -> int:
    """Delete what nobody analysed within ``settings.retention_days``, with labels, results and media; 0 keeps
    everything. Returns how many analyses went.

    Raises:
        StorageError: something could not be deleted.
    """
    if not settings.retention_days:
        return 0
    oldest = (now or datetime.now(UTC)) - timedelta(days=settings.retention_days)
    latest: dict[str, datetime] = {}
    for entry in store.entries(limit=10**6):
        latest.setdefault(entry.id, datetime.fromisoformat(entry.created_at))
    old = [analysis_id for analysis_id, at in latest.items() if at < oldest]
    for analysis_id in old:
        with suppress(NotFoundError):
            erase(settings, analysis_id, store=store)
    return len(old)
