"""What this machine is doing: processor, memory, disk, graphics cards, loaded models, and the latest log lines."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from core.logs import JsonFormatter, current
from core.settings import Settings

_MOMENT_S = 0.1

if TYPE_CHECKING:
    from core.runtime.pool import PoolEntry


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card: ``load`` in [0, 1], memory in bytes."""

    name: str
    load: float
    used_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Loads in [0, 1], sizes in bytes; ``process_bytes`` is what this program holds."""

    cpu_load: float
    cores: int
    memory_used: int
    memory_total: int
    process_bytes: int
    disk_free: int
    gpus: tuple[Gpu, ...]


def machine(settings: Settings) -> Machine:
    """The state now; the processor's load is measured for a moment."""
    memory = psutil.virtual_memory()
    place = next(p for p in (settings.data_dir, *settings.data_dir.resolve().parents) if p.exists())
    return Machine(
        cpu_load=psutil.cpu_percent(_MOMENT_S) / 100.0,
        cores=psutil.cpu_count() or 1,
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        process_bytes=psutil.Process().memory_info().rss,
        disk_free=shutil.disk_usage(place).free,
        gpus=_gpus(),
    )


def _gpus() -> tuple[Gpu, ...]:
    """Cards that the driver knows; none where there is no driver or its library is not installed."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
        return tuple(_gpu(pynvml, i) for i in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:
        return ()


def _gpu(nvml: Any, number: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(number)
    memory, load = nvml.nvmlDeviceGetMemoryInfo(handle), nvml.nvmlDeviceGetUtilizationRates(handle)
    name = nvml.nvmlDeviceGetName(handle)
    return Gpu(name if isinstance(name, str) else name.decode(), load.gpu / 100.0, int(memory.used), int(memory.total))


def models(settings: Settings) -> list[PoolEntry]:
    """What the model pool holds; nothing is loaded to find out."""
    pool = sys.modules.get("core.runtime.pool")
    return [] if pool is None else list(pool.shared_pool(settings.runtime).entries())


class RecentLog(logging.Handler):
    """Keeps the latest lines in memory, as :mod:`core.logs` writes them."""

    def __init__(self, lines: int = 2000) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self._lines: deque[dict[str, Any]] = deque(maxlen=lines)

    def emit(self, record: logging.LogRecord) -> None:
        record.request = current()
        self._lines.append(json.loads(self.format(record)))

    def lines(self, request: str = "") -> list[dict[str, Any]]:
        """The lines, oldest first; of one request where one is named."""
        return [line for line in list(self._lines) if not request or line.get("request") == request]


def watch(lines: int = 2000) -> RecentLog:
    """Keep what ``core`` and ``pages`` log from now on."""
    found = RecentLog(lines)
    for name in ("core", "pages"):
        logging.getLogger(name).addHandler(found)
    return found
