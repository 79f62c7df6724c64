"""What processes of a batch do in tests: they must be able to import it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from core.batch.rows import Row, row_of
from core.settings import Settings


def quick(path: Path, settings: Settings) -> Row:
    """A row without an analysis. A file called "poison" always kills its process, one called "once" the first time."""
    if path.stem.startswith("poison"):
        os.kill(os.getpid(), signal.SIGKILL)
    _die_once(path)
    return {"path": str(path), "status": "ok", "label": path.stem}


def real(path: Path, settings: Settings) -> Row:
    """A true analysis in a process that dies the first time it meets a file called "once"."""
    _die_once(path)
    return row_of(path, settings)


def _die_once(path: Path) -> None:
    mark = path.with_suffix(".seen")
    if path.stem.startswith("once") and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
