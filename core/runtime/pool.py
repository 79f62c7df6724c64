"""Loaded models, shared by everything in the process.

A model is loaded once, whoever asks first; others wait for that load only. When the pool holds more than its share
of memory, models that nobody uses leave, longest unused first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol, TypeVar, cast

from core.runtime.device import resolve_device
from core.runtime.memory import keep_heaps_few
from core.settings import RuntimeSettings


class Loaded(Protocol):
    """What the pool needs to know of a model."""

    @property
    def memory_bytes(self) -> int: ...


_M = TypeVar("_M", bound=Loaded)


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    model: Any = None
    memory_bytes: int = 0
    users: int = 0


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """One loaded model, for status pages."""

    key: str
    memory_bytes: int
    in_use: int


class ModelPool:
    """Models by key on one device, holding at most about ``max_bytes`` while nobody uses more."""

    def __init__(self, device: str, max_bytes: int) -> None:
        self.device = device
        self.max_bytes = max_bytes
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def lease(self, key: str, build: Callable[[str], _M]) -> Iterator[_M]:
        """Borrow the model under ``key``, made by ``build(device)`` if it is not loaded yet.

        A failing ``build`` raises to its caller and leaves nothing behind, so that the next lease tries again.
        """
        slot = self._enter(key)
        try:
            with slot.lock:
                if slot.model is None:
                    made = build(self.device)
                    slot.memory_bytes, slot.model = made.memory_bytes, made
            yield cast(_M, slot.model)
        finally:
            self._leave(key, slot)

    def entries(self) -> list[PoolEntry]:
        """What is loaded now, longest unused first."""
        with self._lock:
            return [PoolEntry(k, s.memory_bytes, s.users) for k, s in self._slots.items() if s.model is not None]

    def _enter(self, key: str) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            slot.users += 1
            self._slots.move_to_end(key)
            return slot

    def _leave(self, key: str, slot: _Slot) -> None:
        with self._lock:
            slot.users -= 1
            if slot.model is None and not slot.users:
                self._slots.pop(key, None)
            self._evict()

    def _evict(self) -> None:
        held = sum(s.memory_bytes for s in self._slots.values() if s.model is not None)
        for key, slot in list(self._slots.items()):
            if held <= self.max_bytes:
                return
            if not slot.users and slot.model is not None:
                held -= slot.memory_bytes
                del self._slots[key]


@lru_cache(maxsize=4)
def _pool(device: str, max_bytes: int, _backend: str) -> ModelPool:
    keep_heaps_few()
    return ModelPool(resolve_device(device), max_bytes)


def shared_pool(runtime: RuntimeSettings) -> ModelPool:
    """The process-wide pool for these settings."""
    return _pool(runtime.device, runtime.pool_bytes, runtime.backend)
