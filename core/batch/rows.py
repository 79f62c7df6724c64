"""One file of many: the row that it leaves. All engines make rows here."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TypeAlias

from core.errors import WorkbenchError
from core.reports.tables import COLUMNS as FILE_COLUMNS
from core.settings import Settings
from core.store.files import encodable
from core.types import Analysis

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = dict[str, Cell]

_OF_FILE = tuple(name for name in FILE_COLUMNS["files"] if name != "file")
COLUMNS = ("path", "status", *_OF_FILE, "scores", "seconds", "error", "message", "hint")
"""What a row holds, in order. ``status`` is ok or error; ``scores`` is JSON, a detector a key; ``error`` is a code of
:mod:`core.errors`. What a file does not have is None."""

_VARYING = ("seconds", "created_at")


def row_of(path: Path, settings: Settings) -> Row:
    """Analyse one file; never raises for what a file can do."""
    from core.pipeline import analyse

    start = time.perf_counter()
    try:
        analysis = analyse(path, settings)
    except WorkbenchError as error:
        return failed(path, error, time.perf_counter() - start)
    return _row(path, "ok", time.perf_counter() - start, **_facts(analysis))


def failed(path: Path, error: WorkbenchError, seconds: float = 0.0) -> Row:
    """The row of a file that could not be analysed."""
    return _row(path, "error", seconds, error=error.code, message=error.message, hint=error.hint)


def lasting(row: Row) -> Row:
    """Without what differs from run to run."""
    return {name: value for name, value in row.items() if name not in _VARYING}


def _facts(analysis: Analysis) -> Row:
    from core.reports.tables import to_csv_rows

    (facts,) = to_csv_rows(analysis, "files")
    scores = [
        {"detector": s.detector, "person": s.track_id, "status": s.status.value, "p_fake": s.p_fake, "reason": s.reason}
        for s in analysis.scores
    ]
    known: Row = {name: facts[name] for name in _OF_FILE}
    return known | {"scores": json.dumps(scores, allow_nan=False, ensure_ascii=False)}


def _row(path: Path, status: str, seconds: float, **known: Cell) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    return row | {"path": encodable(str(path)), "status": status, "seconds": round(seconds, 3), **known}
