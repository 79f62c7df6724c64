"""Files that a user vouched for, by detector and file name: ``<data_dir>/weights/trusted.json``."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import StorageError
from core.settings import Settings
from core.store.files import private_folder
from core.weights.lock import exclusive

log = logging.getLogger(__name__)

_HEX = frozenset("0123456789abcdef")


def _path(settings: Settings) -> Path:
    return settings.data_dir / "weights" / "trusted.json"


def read(settings: Settings) -> Mapping[tuple[str, str], str]:
    """The vouched sha256 by (detector id, file name). A list that cannot be read vouches for nothing."""
    return {
        (detector, file): entry["sha256"]
        for detector, files in _entries(settings).items()
        for file, entry in files.items()
    }


def _entries(settings: Settings) -> dict[str, dict[str, dict[str, Any]]]:
    path = _path(settings)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        log.warning("the list of weights that were vouched for cannot be read; it counts as empty")
        return {}
    if not isinstance(data, dict):
        return {}
    return {str(name): _sound(files) for name, files in data.items() if isinstance(files, dict)}


def _sound(files: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: entry for name, entry in files.items() if isinstance(entry, dict) and _is_hash(entry.get("sha256"))}


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= _HEX


def vouch(settings: Settings, detector: str, file: str, sha256: str, size_bytes: int) -> None:
    """Remember that the user vouches for a file of a detector.

    Raises:
        StorageError: it cannot be written.
    """
    path = _path(settings)
    try:
        private_folder(path.parent)
        with exclusive(path.with_suffix(".lock")):
            entries = _entries(settings)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            entries.setdefault(detector, {})[file] = {"sha256": sha256, "size_bytes": size_bytes, "vouched_at": now}
            part = path.with_suffix(".part")
            part.write_text(json.dumps(entries, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            part.replace(path)
    except OSError as exc:
        raise StorageError(
            f"It could not be noted that you vouch for the file: {exc.strerror}.",
            hint="Make the data folder writable, or choose another one with UNMASK_DATA_DIR.",
        ) from exc
