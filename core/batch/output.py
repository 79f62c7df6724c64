"""Rows of a batch as a table in a file, whose ending chooses the format."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from core.batch.rows import COLUMNS, Row
from core.errors import ConfigError, StorageError
from core.reports.tables import escape

_WHOLE = {"person", "people", "width_px", "height_px"}
_REAL = {"p_fake", "low", "high", "agreement", "fake_from", "real_up_to", "duration_s", "seconds"}


def writer_for(path: Path) -> Callable[[Path, Sequence[Row]], None]:
    """What writes this format.

    Raises:
        ConfigError: no such format.
    """
    known = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
    if path.suffix.lower() not in known:
        raise ConfigError(
            f"Rows cannot be written as '{path.suffix or path.name}'.", hint=f"Give one of {', '.join(known)}."
        )
    return known[path.suffix.lower()]


def write(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows; the file is there whole or as it was.

    Raises:
        ConfigError: no such format.
        StorageError: it cannot be written.
    """
    into = writer_for(path)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        into(fresh, rows)
        fresh.replace(path)
    except OSError as exc:
        fresh.unlink(missing_ok=True)
        raise StorageError(
            f"The rows cannot be written to '{path.name}': {exc.strerror or exc}.",
            hint="Give a file in a folder that exists and is writable, with space left.",
        ) from exc


def _jsonl(path: Path, rows: Sequence[Row]) -> None:
    lines = (json.dumps({name: row[name] for name in COLUMNS}, allow_nan=False) for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(COLUMNS)
        out.writerows([escape(row[name]) for name in COLUMNS] for row in rows)


def _parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    def kind(name: str) -> pa.DataType:
        return pa.int64() if name in _WHOLE else pa.float64() if name in _REAL else pa.string()

    schema = pa.schema([(name, kind(name)) for name in COLUMNS])
    parquet.write_table(pa.Table.from_pylist([{n: row[n] for n in COLUMNS} for row in rows], schema=schema), path)
