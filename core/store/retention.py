"""Forgetting what is older than the user wants it kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.settings import Settings
from core.store.history import Store
from core.store.privacy import erase


def sweep(settings: Settings, store: Store, now: datetime | None = None) -> int:
    """Delete analyses that are older than ``settings.retention_days``, with their labels, results and media; 0 keeps
    everything. Returns how many went.

    Raises:
        StorageError: something could not be deleted.
    """
    if not settings.retention_days:
        return 0
    oldest = (now or datetime.now(UTC)) - timedelta(days=settings.retention_days)
    old = [e.id for e in store.entries(limit=10**6) if datetime.fromisoformat(e.created_at) < oldest]
    for analysis_id in dict.fromkeys(old):
        erase(settings, analysis_id, store=store)
    return len(dict.fromkeys(old))
