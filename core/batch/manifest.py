"""What of a batch is done: a file of rows that survives a stop at any moment.

The first line says what the rows were made with; each further one is a file that is done. A line cut off by a stop is
left out, and its file done again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from core.batch.rows import Row
from core.errors import ConfigError, StorageError
from core.settings import Settings
from core.store.files import encodable

_FORMAT = 1


class Manifest:
    """Rows that are there, by file; open it, add rows, close it.

    Raises:
        ConfigError: it was begun with other settings.
        StorageError: it cannot be read or written.
    """

    def __init__(self, path: Path, settings: Settings, *, fresh: bool = False) -> None:
        self.path = path
        self._rows: dict[str, tuple[list[int], Row]] = {}
        self._key = _settings_key(settings)
        try:
            if fresh:
                path.unlink(missing_ok=True)
            whole = self._read() if path.is_file() else 0
            self._out: TextIO = path.open("a", encoding="utf-8")
            self._out.truncate(whole)
        except OSError as exc:
            raise StorageError(
                f"The list of what is done cannot be kept in '{path.name}': {exc.strerror}.",
                hint="Give an output file in a folder that exists and is writable.",
            ) from exc
        if not whole:
            self._write({"format": _FORMAT, "settings": self._key})

    def done(self, path: Path) -> Row | None:
        """The row of a file that is done and has not changed since; failures are tried again."""
        state, row = self._rows.get(encodable(str(path)), ([], None))
        return row if row is not None and row["status"] == "ok" and state == _state(path) else None

    def add(self, path: Path, row: Row) -> None:
        """Keep a row for good."""
        self._rows[encodable(str(path))] = (_state(path), row)
        self._write({"file": _state(path), "row": row})

    def rows(self, paths: Sequence[Path]) -> list[Row]:
        """The rows of these files, in their order."""
        known = (self._rows.get(encodable(str(path))) for path in paths)
        return [entry[1] for entry in known if entry is not None]

    def close(self) -> None:
        """Nothing is lost without it."""
        self._out.close()

    def _write(self, entry: dict[str, Any]) -> None:
        self._out.write(json.dumps(entry, allow_nan=False) + "\n")
        self._out.flush()
        os.fsync(self._out.fileno())

    def _read(self) -> int:
        """Take over the whole lines, and return how many bytes they are."""
        whole = 0
        for place, line in enumerate(self.path.read_bytes().splitlines(keepends=True)):
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                break
            if place == 0:
                self._check(entry)
            else:
                self._rows[str(entry["row"]["path"])] = (entry["file"], entry["row"])
            whole += len(line)
        return whole

    def _check(self, head: dict[str, Any]) -> None:
        if head != {"format": _FORMAT, "settings": self._key}:
            raise ConfigError(
                f"'{self.path.name}' was begun with other settings, weights or another version.",
                hint="Use the same ones, give another output file, or begin anew with --fresh.",
            )


def _settings_key(settings: Settings) -> str:
    from core import __version__
    from core.registry import ensemble, member_cards
    from core.weights.files import identity

    members = [[card.id, identity(card, settings)] for card in member_cards(ensemble(settings.preset))]
    facts = [__version__, settings.result_facts(), members]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _state(path: Path) -> list[int]:
    """Changes when the file does; nothing for one that is not there."""
    try:
        stat = path.stat()
    except OSError:
        return []
    return [stat.st_size, stat.st_mtime_ns]
