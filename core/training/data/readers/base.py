"""What readers of collections share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from core.errors import ConfigError
from core.training.data.manifest import CLIPS, PICTURES, Item

SOUNDS = {".flac", ".wav", ".mp3", ".m4a", ".ogg", ".opus"}
_CHUNK = 1 << 20


class Reader(Protocol):
    """One layout. ``expects`` says in a few words what must lie in the folder."""

    name: str
    title: str
    expects: str

    def fits(self, root: Path) -> bool:
        """Whether the folder looks like this layout; opens no media."""
        ...

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        """The items under ``root``.

        Raises:
            ConfigError: the folder does not have the layout.
        """
        ...


def need_folder(root: Path, title: str) -> None:
    """Raise ConfigError unless ``root`` is a folder."""
    if not root.is_dir():
        raise ConfigError(
            f"{title}: there is no folder {root}.", hint="Give the folder with --data or in UNMASK_TRAINING_DATA."
        )


def misfit(reader: Reader, root: Path, what: str) -> ConfigError:
    """The error for a folder that does not have the layout: ``what`` is missing or wrong in it."""
    return ConfigError(f"{reader.title}: {what} in {root}.", hint=f"This layout needs {reader.expects}.")


def not_empty(items: list[Item], reader: Reader, root: Path) -> list[Item]:
    """``items``, or the layout error if there are none."""
    if not items:
        raise misfit(reader, root, "no media file")
    return items


def sha256_of(path: Path) -> str:
    """sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def media_under(folder: Path, kinds: Iterable[str] = (*PICTURES, *CLIPS)) -> Iterator[Path]:
    """All media files below ``folder`` by path, hidden ones left out."""
    wanted = set(kinds)
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in wanted and not path.name.startswith(".") and path.is_file():
                yield path


def modality_of(path: Path) -> str:
    """image, video or audio, by the ending."""
    ending = path.suffix.lower()
    return "audio" if ending in SOUNDS else "video" if ending in CLIPS else "image"


def item(
    root: Path,
    path: Path,
    *,
    method: str | None,
    source: str,
    identity: str,
    split: str,
    licence: str,
) -> Item:
    """An item; it is a fake if and only if ``method`` names how it was made."""
    modality = modality_of(path)
    return Item(
        path=path.relative_to(root).as_posix(),
        sha256=sha256_of(path),
        modality=modality,
        fake=method is not None,
        method=method or ("bonafide" if modality == "audio" else "pristine"),
        source=source,
        identity=identity,
        split=split,
        licence=licence,
    )


def load_json(path: Path, kind: type, title: str) -> Any:
    """A JSON document whose top is a ``kind``.

    Raises:
        ConfigError: not JSON, or another top.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as exc:
        raise ConfigError(f"{title}: {path.name} is not readable JSON.", hint="Fetch the file again.") from exc
    if not isinstance(document, kind):
        raise ConfigError(f"{title}: {path.name} does not hold a {kind.__name__}.", hint="Fetch the file again.")
    return document


def read_lines(path: Path, columns: int, title: str) -> list[Sequence[str]]:
    """The lines of a list split at white space; blank lines are skipped.

    Raises:
        ConfigError: a line has fewer than ``columns`` columns or the file is not text.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (ValueError, OSError) as exc:
        raise ConfigError(f"{title}: {path.name} is not readable text.", hint="Fetch the file again.") from exc
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    for number, row in rows:
        if len(row) < columns:
            raise ConfigError(
                f"{title}: line {number} of {path.name} has {len(row)} columns.", hint=f"{columns} are needed."
            )
    return [row for _, row in rows]


class Groups:
    """Sets of names that belong together, joined pair by pair."""

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}

    def root(self, name: str) -> str:
        """The representative of ``name``'s set: its smallest member."""
        while (above := self._parent.get(name, name)) != name:
            name = above
        return name

    def join(self, first: str, second: str) -> None:
        low, high = sorted((self.root(first), self.root(second)))
        if low != high:
            self._parent[high] = low
