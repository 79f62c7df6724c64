"""Chapters and tables of the page."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.runtime.engines import versions
from core.runtime.machine import machine


@dataclass(frozen=True, slots=True)
class Chapter:
    title: str
    command: str
    text: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self, measured: str) -> str:
        """The chapter; ``measured`` says when and where."""
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        table = "\n".join("| " + " | ".join(row) + " |" for row in lines)
        return f"## {self.title}\n\n{self.text}\n\n{table}\n\n`{self.command}`. {measured}\n"


def where() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy = os.getloadavg()[0]
    return f"{machine('cpu')}, {memory:.0f} GB; {versions()}; load {busy:.1f} when the measuring began"


def seconds(action: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def median(action: Callable[[], object], times: int = 3) -> float:
    return statistics.median(seconds(action)[0] for _ in range(times))
