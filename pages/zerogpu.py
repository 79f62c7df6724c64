"""Running an analysis on a GPU that Hugging Face lends for a moment (ZeroGPU)."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from core.settings import Settings
from core.types import Analysis
from pages.engine import load_analyse

_SECONDS = 90

Lent: TypeAlias = Callable[[Path, Settings, str], Analysis]


def analyse_without_steps(source: Path, settings: Settings, name: str) -> Analysis:
    """An analysis that tells nothing on its way: the process with the GPU takes and returns plain values only."""
    return load_analyse()(source, settings, None, name=name)


def lent_gpu(settings: Settings) -> Lent | None:
    """The analysis behind ``spaces.GPU`` where the profile asks for it and the package is there; else None."""
    if settings.profile != "zerogpu":
        return None
    try:
        spaces = importlib.import_module("spaces")
    except ImportError:
        return None
    lent: Lent = spaces.GPU(duration=_SECONDS)(analyse_without_steps)
    return lent
