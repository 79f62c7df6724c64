"""Folders, files and text as the stores keep them: readable by this user only, and always encodable."""

from __future__ import annotations

import os
from pathlib import Path


def private_folder(folder: Path) -> Path:
    """Make a folder with its missing parents, each with mode 0700; what is there already keeps its mode.

    Raises:
        OSError: it cannot be made.
    """
    for part in (*reversed(folder.parents), folder):
        part.mkdir(mode=0o700, exist_ok=True)
    return folder


def closed_folder(folder: Path) -> Path:
    """A private folder that is closed to others even if it was open before.

    Raises:
        OSError: it cannot be made or closed.
    """
    private_folder(folder)
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)
    return folder


def private_file(path: Path) -> Path:
    """Make an empty file (mode 0600) unless there is one.

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    return path


def encodable(text: str) -> str:
    """Text with what UTF-8 cannot hold (lone surrogates of odd file names) replaced by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
