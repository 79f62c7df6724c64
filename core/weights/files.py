"""Where weights are looked for, and the check before they are opened.

Order: ``weights/`` of the program, the configured folder (``UNMASK_WEIGHTS_DIR``), the download folder
(``<data_dir>/weights``). In each a file may lie at the top or in a folder named after the detector; the last two are
then searched whole, by file name. A file counts only if its sha256 is the card's, or the one its user vouched for.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from core.errors import ConfigError, WeightsError, WeightsMissingError
from core.registry import Card, WeightsFile
from core.settings import SHIPPED_WEIGHTS, Settings
from core.weights import trusted, versions

_DEPTH = 8


class Presence(StrEnum):
    """What was found of one file. Only the first two may be opened."""

    PRESENT = "present"
    VOUCHED = "vouched for by you"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNKNOWN = "not vouched for"


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a detector and what is there of it. ``path`` and ``sha256`` are None where it is missing.

    ``others`` are files of that name somewhere in the searched folders that are not this one.
    """

    file: WeightsFile
    presence: Presence
    path: Path | None = None
    sha256: str | None = None
    others: tuple[Path, ...] = ()

    @property
    def usable(self) -> bool:
        return self.presence in (Presence.PRESENT, Presence.VOUCHED)


def files_of(card: Card) -> tuple[WeightsFile, ...]:
    """All files of a detector, the main one first.

    Raises:
        ConfigError: a name on the card is not a plain file name.
    """
    main = card.weights
    first = WeightsFile(file=main.file, sha256=main.sha256, size_bytes=main.size_bytes, url=main.url, urls=main.urls)
    every = (first, *main.more)
    for item in every:
        if not item.file or item.file in (".", "..") or set("/\\\0") & set(item.file):
            raise ConfigError(
                f"The card of {card.title} names a weights file '{item.file}', which is not a plain file name.",
                hint=f"Correct configs/detectors/{card.id}.yaml.",
            )
    return every


def download_folder(settings: Settings) -> Path:
    """Where files go that are pulled or added; each detector has a folder of its own in it."""
    return settings.data_dir / "weights"


def target(card: Card, item: WeightsFile, settings: Settings) -> Path:
    return download_folder(settings) / card.id / item.file


# --- hashes --------------------------------------------------------------------------------------------------------


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, remembered while the file stays the same."""
    stat = path.stat()
    return _sha256(path, (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))


@lru_cache(maxsize=256)
def _sha256(path: Path, _state: tuple[int, ...]) -> str:
    return fresh_sha256(path)


def fresh_sha256(path: Path) -> str:
    """SHA-256 of the bytes that are on disk now."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- search --------------------------------------------------------------------------------------------------------


def find(card: Card, settings: Settings) -> tuple[Found, ...]:
    """What is there of each of the card's files."""
    vouched = trusted.read(settings)
    return tuple(_find(card, item, vouched.get((card.id, item.file)), settings) for item in files_of(card))


def _find(card: Card, item: WeightsFile, vouched: str | None, settings: Settings) -> Found:
    good = {item.sha256: Presence.PRESENT} if item.sha256 else {}
    if vouched:
        good.setdefault(vouched, Presence.VOUCHED)
    near = dict.fromkeys(p for p in _near(card, item, settings) if os.path.isfile(p))  # noqa: PTH113 (never raises)
    far: dict[Path, None] = {}
    seen: dict[Path, str] = {}
    for group in (near, _far(item, settings)):
        for path in group:
            if path in seen:
                continue
            seen[path] = _hash_or_nothing(path)
            if seen[path] in good:
                return Found(item, good[seen[path]], path, seen[path])
            if path not in near:
                far[path] = None
    others = tuple(far)
    if near:
        path = next(iter(near))
        return Found(item, Presence.DAMAGED if good else Presence.UNKNOWN, path, seen[path], others)
    if others and not good:
        return Found(item, Presence.UNKNOWN, others[0], seen[others[0]], others)
    return Found(item, Presence.MISSING, others=others)


def _hash_or_nothing(path: Path) -> str:
    """A file that cannot be read is like one whose content is wrong."""
    try:
        return file_sha256(path)
    except OSError:
        return ""


def _near(card: Card, item: WeightsFile, settings: Settings) -> Iterator[Path]:
    for folder in (SHIPPED_WEIGHTS, settings.weights_dir, download_folder(settings)):
        if folder is not None:
            yield folder / item.file
            yield folder / card.id / item.file


def _far(item: WeightsFile, settings: Settings) -> Iterator[Path]:
    for folder in (settings.weights_dir, download_folder(settings)):
        if folder is not None:
            yield from _named(folder, item.file)


def _named(folder: Path, name: str) -> Iterator[Path]:
    """Files of that name in a folder and the folders in it, hidden ones and links to folders left out."""
    for place, folders, files in os.walk(folder):
        deep = len(Path(place).relative_to(folder).parts) >= _DEPTH
        folders[:] = [] if deep else sorted(f for f in folders if not f.startswith("."))
        if name in files:
            yield Path(place, name)


# --- use -----------------------------------------------------------------------------------------------------------


def locate(card: Card, settings: Settings) -> Path | None:
    """The card's main file, the right one where there are several; None where there is none."""
    return find(card, settings)[0].path


def identity(card: Card, settings: Settings) -> list[tuple[str, str | None]]:
    """What a result depends on of a detector's weights: state and sha256 of each file."""
    if (number := versions.current(card.id, settings)) != versions.SHIPPED:
        own = versions.promoted(card, settings)
        return [(f"version {number}", own.weights.sha256 if own else None)]
    return [(found.presence.value, found.sha256) for found in find(card, settings)]


def verified(card: Card, settings: Settings) -> Path:
    """The path of the card's main file, after the hashes of all its files were checked; the others are beside it
    (:func:`companion`).

    Raises:
        WeightsMissingError: a file is nowhere.
        WeightsError: a file is not the one the card names, or nobody vouched for it.
    """
    paths = [_checked(card, found) for found in find(card, settings)]
    return paths[0]


def as_found(card: Card, settings: Settings) -> tuple[Card, Path]:
    """The card as it holds for the weights that are here, and their path; errors as :func:`verified`.

    A version that was made on this machine (:mod:`core.weights.versions`) comes first, with its own card. Weights that
    a user vouched for put their own sha256 on the card, and say so in its title. Where they are not those that the card
    was measured with, its calibration and figures do not apply to them and are left out.
    """
    if (own := versions.promoted(card, settings)) is not None:
        return own, _of_version(own, settings)
    found = find(card, settings)
    paths = [_checked(card, item) for item in found]
    return vouched_card(card, found), paths[0]


def _of_version(card: Card, settings: Settings) -> Path:
    path = versions.weights_file(card, settings)
    if not path.is_file() or file_sha256(path) != card.weights.sha256:
        raise WeightsError(
            f"The weights of {card.title} in {path.parent} are missing or damaged.",
            hint=f"Go back: python -m core.cli finetune rollback {card.id}",
        )
    return path


def companion(card: Card, weights: Path, file: str) -> Path:
    """A further file of a detector, which lies beside its main one.

    Raises:
        ConfigError: the card does not name it.
        WeightsMissingError: it is not there.
        WeightsError: it is not the one the card names.
    """
    item = next((more for more in card.weights.more if more.file == file), None)
    if item is None:
        raise ConfigError(
            f"The card of {card.title} does not name the file {file}, which it needs.",
            hint=f"List it under weights.more in configs/detectors/{card.id}.yaml.",
        )
    path = weights.with_name(file)
    if not path.is_file():
        raise WeightsMissingError(
            f"The file {file} of {card.title} does not lie beside {weights.name}.",
            hint=f"Get it with: {card.weights.how_to_get}",
        )
    found = file_sha256(path)
    if item.sha256 and found != item.sha256:
        raise WeightsError(
            f"The weights file {file} is not the one its card names (sha256 {short(found)} instead of "
            f"{short(item.sha256)}).",
            hint=f"Replace it: {card.weights.how_to_get}",
        )
    return path


def vouched_card(card: Card, found: tuple[Found, ...]) -> Card:
    """``card`` as it holds for the files that were found."""
    if all(item.presence is not Presence.VOUCHED for item in found):
        return card
    main = found[0].sha256 or card.weights.sha256
    changes: dict[str, object] = {
        "title": f"{card.title} (weights vouched for by you)",
        "weights": card.weights.model_copy(update={"sha256": main}),
    }
    if any(item.file.sha256 not in ("", item.sha256) for item in found):
        changes |= {"calibration": None, "golden": None, "measured": (), "reported": {}}
    return card.model_copy(update=changes)


def _checked(card: Card, found: Found) -> Path:
    name, get = found.file.file, card.weights.how_to_get
    if found.usable and found.path is not None:
        return found.path
    if found.presence is Presence.MISSING or found.path is None:
        more = f" There is some other file named {name}." if found.others else ""
        raise WeightsMissingError(
            f"The weights of {card.title} are not on this machine.{more}", hint=f"Get them with: {get}"
        )
    if found.presence is Presence.UNKNOWN:
        raise WeightsError(
            f"The card of {card.title} names no hash, and nobody vouched for the file {name} (sha256 "
            f"{short(found.sha256)}).",
            hint=f"If you know where it comes from: python -m core.cli weights add FILE --as {card.id} --trust",
        )
    raise WeightsError(
        f"The weights file {name} is not the one its card names (sha256 {short(found.sha256)} instead of "
        f"{short(found.file.sha256)}).",
        hint=f"Replace it: {get}",
    )


def short(sha256: str | None) -> str:
    """The beginning of a hash, for messages."""
    return f"{sha256[:12]}…" if sha256 else "unknown"
