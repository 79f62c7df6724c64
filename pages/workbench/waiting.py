"""Uploads that were taken in and not analysed yet, noted on disk: a server that dies forgets none of them."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import StorageError
from core.settings import Settings
from core.store.files import private_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upload:
    """A kept file, what it was called, and the preset it is meant for."""

    sha256: str
    name: str
    preset: str


class Waiting:
    """One small file an upload in ``<data_dir>/waiting``."""

    def __init__(self, settings: Settings) -> None:
        self.folder: Path = settings.data_dir / "waiting"

    def add(self, upload: Upload) -> None:
        """Note an upload, complete or not at all.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            private_folder(self.folder)
            handle, part = tempfile.mkstemp(dir=self.folder, prefix=".new-")
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(asdict(upload), out)
            Path(part).replace(self._path(upload.sha256))
        except OSError as exc:
            raise StorageError(
                f"The upload could not be noted: {exc.strerror or type(exc).__name__}.",
                hint=f"Check that {self.folder.parent} is writable and has space, then upload the file again.",
            ) from exc

    def remove(self, sha256: str) -> None:
        """Strike an upload off; one that is not there is no fault."""
        self._path(sha256).unlink(missing_ok=True)

    def all(self) -> tuple[Upload, ...]:
        """Every noted upload, oldest first; a damaged note is left out and logged."""
        if not self.folder.is_dir():
            return ()
        notes = sorted(self.folder.glob("*.json"), key=lambda p: (p.stat().st_mtime_ns, p.name))
        return tuple(upload for note in notes if (upload := _read(note)) is not None)

    def _path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.json"


def _read(note: Path) -> Upload | None:
    try:
        return Upload(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        log.warning("a note of an upload cannot be read: %s", note.name)
        return None
