"""Deleting what a person wants gone, wherever it is kept."""

from __future__ import annotations

from core.settings import Settings
from core.store.cache import ResultCache
from core.store.history import Store, shared_store
from core.store.uploads import Uploads


def erase(settings: Settings, analysis_id: str, *, visitor: str | None = None, store: Store | None = None) -> None:
    """Delete an analysis with its labels, its cached result and, unless another entry needs it, the medium.

    Args:
        settings: where things are kept.
        analysis_id: what to delete.
        visitor: whose entry; None for everyone's.
        store: the history; by default the process-wide one.

    Raises:
        NotFoundError: it is not in the history.
        StorageError: something could not be deleted.
    """
    orphans = (store or shared_store(settings)).delete(analysis_id, visitor=visitor)
    ResultCache(settings).forget(analysis_id)
    uploads = Uploads(settings)
    for sha256 in orphans:
        uploads.remove(sha256)
