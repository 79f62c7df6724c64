"""Results by the hash of everything that they depend on.

The cache holds text only and never unpickles: :class:`_TextDisk` refuses pickled rows, so that someone who can write
to the folder cannot run code in the program (CVE-2025-69872 of diskcache). Losing the cache costs time, nothing else;
therefore every fault here is a miss and a line in the log.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import diskcache
from diskcache.core import MODE_PICKLE

from core.settings import Settings
from core.store.files import closed_folder

log = logging.getLogger(__name__)

_WAIT_S = 5
_T = TypeVar("_T")


def cache_key(facts: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over the canonical JSON of ``facts``.

    Raises:
        TypeError, ValueError: a fact that JSON cannot hold, or a number that is not finite.
    """
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class _TextDisk(diskcache.JSONDisk):
    """JSON values and keys; a pickled one is a fault."""

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> Any:
        if mode == MODE_PICKLE:
            raise ValueError("a cached value is pickled")
        return super().fetch(mode, filename, value, read)

    def get(self, key: Any, raw: bool) -> Any:
        if not raw:
            raise ValueError("a cached key is pickled")
        return super().get(key, raw)


class ResultCache:
    """JSON texts by key, in ``<data_dir>/cache``, readable by this user only and bounded in size."""

    def __init__(self, settings: Settings) -> None:
        self.folder: Path = settings.data_dir / "cache"
        self._enabled = settings.cache.enabled
        self._max_bytes = settings.cache.max_bytes

    def get(self, key: str) -> str | None:
        """The text under ``key``; None where there is none or it cannot be read."""
        value = self._attempt(lambda cache: cache.get(key), None)
        return value if isinstance(value, str) else None

    def put(self, key: str, text: str) -> None:
        """Keep ``text`` under ``key``; the least recently used leave when space runs out."""
        self._attempt(lambda cache: cache.set(key, text), False)

    def forget(self, key: str) -> None:
        """Remove one entry."""
        self._attempt(lambda cache: cache.delete(key), False)

    def clear(self) -> None:
        """Remove all entries."""
        self._attempt(lambda cache: cache.clear(), 0)

    def size_bytes(self) -> int:
        """Space taken on disk."""
        return int(self._attempt(lambda cache: cache.volume(), 0))

    def _attempt(self, action: Callable[[diskcache.Cache], _T], otherwise: _T) -> _T:
        if not self._enabled:
            return otherwise
        try:
            with self._open() as cache:
                return action(cache)
        except sqlite3.OperationalError as exc:
            log.warning("the result cache cannot be used: %s", exc)
        except sqlite3.DatabaseError as exc:
            log.warning("the result cache is damaged and starts empty: %s", exc)
            shutil.rmtree(self.folder, ignore_errors=True)
        except Exception as exc:
            log.warning("a cached result cannot be used: %s", exc, exc_info=True)
        return otherwise

    def _open(self) -> diskcache.Cache:
        closed_folder(self.folder)
        return diskcache.Cache(
            str(self.folder),
            timeout=_WAIT_S,
            disk=_TextDisk,
            size_limit=self._max_bytes,
            eviction_policy="least-recently-used",
        )
