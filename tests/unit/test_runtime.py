"""Model pool, batching and device choice."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from core.errors import ConfigError
from core.runtime import memory
from core.runtime.batching import run_batched
from core.runtime.device import resolve_device
from core.runtime.pool import ModelPool


@dataclass
class Fake:
    memory_bytes: int = 10


def test_a_model_is_loaded_once_by_many_threads() -> None:
    pool, built = ModelPool("cpu", 100), []

    def build(device: str) -> Fake:
        time.sleep(0.02)
        built.append(device)
        return Fake()

    def use() -> None:
        with pool.lease("m", build):
            time.sleep(0.005)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == ["cpu"]


def test_longest_unused_leaves_first_and_never_while_in_use() -> None:
    pool = ModelPool("cpu", 25)
    for key in ("a", "b"):
        with pool.lease(key, lambda _: Fake()):
            pass
    with pool.lease("a", lambda _: Fake()), pool.lease("c", lambda _: Fake()), pool.lease("d", lambda _: Fake()):
        assert {e.key for e in pool.entries()} >= {"a", "c", "d"}
    assert {e.key for e in pool.entries()} == {"c", "d"} or sum(e.memory_bytes for e in pool.entries()) <= 25
    assert "b" not in {e.key for e in pool.entries()}


def test_a_failed_load_leaves_nothing_and_is_tried_again() -> None:
    pool = ModelPool("cpu", 100)

    def broken(_: str) -> Fake:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"), pool.lease("m", broken):
        pass
    assert pool.entries() == []
    with pool.lease("m", lambda _: Fake()) as model:
        assert model.memory_bytes == 10


def test_batches_are_halved_when_memory_runs_out_and_nothing_is_lost() -> None:
    sizes = []

    def forward(part: np.ndarray) -> np.ndarray:
        sizes.append(len(part))
        if len(part) > 2:
            raise torch.OutOfMemoryError("full")
        return part[:, 0].astype(np.float32)

    items = np.arange(7, dtype=np.uint8)[:, None]
    assert run_batched(forward, items, 8).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert sizes == [7, 4, 2, 2, 2, 1]
    assert run_batched(forward, items[:0], 8).tolist() == []


def test_out_of_memory_on_a_single_item_is_raised() -> None:
    def forward(_: np.ndarray) -> np.ndarray:
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError):
        run_batched(forward, np.zeros((2, 1), np.uint8), 2)


def test_device_names() -> None:
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") in {"cpu", "cuda"}
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="not on this machine"):
            resolve_device("cuda:0")


def test_memory_is_given_back_where_that_can_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    memory.keep_heaps_few()
    memory.give_back()
    memory._glibc.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory._glibc() is None
    memory.give_back()
    memory._glibc.cache_clear()
