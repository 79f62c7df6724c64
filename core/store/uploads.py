"""Copies of uploaded media under the hash of their bytes, so that a review next week still has the file."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from core.errors import StorageError
from core.settings import Settings
from core.store.files import closed_folder

_SHA256 = re.compile(r"[0-9a-f]{64}")
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_CHUNK = 1 << 20


class Uploads:
    """Files in ``<data_dir>/uploads``, named by their SHA-256; a visitor's file name is never part of a path."""

    def __init__(self, settings: Settings) -> None:
        self.folder: Path = settings.data_dir / "uploads"

    def keep(self, path: Path, sha256: str) -> Path:
        """Copy a file (mode 0600, complete or not at all); one that is there already is left as it is.

        Args:
            path: the upload.
            sha256: hash of its bytes, checked while copying.

        Raises:
            StorageError: it could not be copied, or the file is not the one that was hashed.
        """
        _checked(sha256)
        known = self.path_of(sha256)
        if known is not None:
            return known
        suffix = path.suffix.lower()
        target = self.folder / f"{sha256}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
        try:
            _copy(path, target, sha256)
        except OSError as exc:
            raise StorageError(
                f"The upload could not be kept: {exc.strerror or type(exc).__name__}.",
                hint=f"Check that {self.folder.parent} is writable and has space, then upload the file again.",
            ) from exc
        return target

    def path_of(self, sha256: str) -> Path | None:
        """Where a medium is kept; None if it is not."""
        _checked(sha256)
        return next((p for p in sorted(self.folder.glob(f"{sha256}*")) if p.stem == sha256 and p.is_file()), None)

    def remove(self, sha256: str) -> bool:
        """Delete a medium; False if there was none.

        Raises:
            StorageError: it could not be deleted.
        """
        path = self.path_of(sha256)
        if path is None:
            return False
        try:
            path.unlink(missing_ok=True)
        except OSError as exc:
            raise StorageError(
                f"The upload could not be deleted: {exc.strerror or type(exc).__name__}.",
                hint=f"Check that {self.folder} is writable, then delete it again.",
            ) from exc
        return True


def _checked(sha256: str) -> None:
    if not _SHA256.fullmatch(sha256):
        raise ValueError("a SHA-256 in lower-case hexadecimal is needed")


def _copy(source: Path, target: Path, sha256: str) -> None:
    closed_folder(target.parent)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    part = Path(name)
    try:
        digest = hashlib.sha256()
        with os.fdopen(handle, "wb") as out, source.open("rb") as data:
            while chunk := data.read(_CHUNK):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        if digest.hexdigest() != sha256:
            raise StorageError("The upload changed while it was kept.", hint="Upload the file again.")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
