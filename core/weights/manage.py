"""What a user does with weights: see what is there, download, add a file by hand, check again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core import registry
from core.errors import ConfigError, NotFoundError, StorageError, WeightsError, WorkbenchError
from core.registry import Card, WeightsFile
from core.settings import SHIPPED_WEIGHTS, Settings
from core.store.files import private_folder
from core.weights import fetch, trusted
from core.weights.files import Found, Presence, download_folder, files_of, find, fresh_sha256, short, target
from core.weights.lock import exclusive

_BLOCK = 1 << 20

OnProgress = Callable[[str, int, int | None], None]
"""Told the name of a file, the bytes that are here and the bytes it has in all (None: not known)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One detector's weights as lists show them; ``error`` in place of the rest where its card cannot be read."""

    id: str
    card: Card | None = None
    found: tuple[Found, ...] = ()
    error: WorkbenchError | None = None

    @property
    def presence(self) -> Presence:
        """The worst of its files: a detector runs only with all of them."""
        order = (Presence.DAMAGED, Presence.UNKNOWN, Presence.MISSING, Presence.VOUCHED, Presence.PRESENT)
        states = {item.presence for item in self.found}
        return next((state for state in order if state in states), Presence.MISSING)

    @property
    def size_bytes(self) -> int:
        return sum(item.file.size_bytes for item in self.found)


def overview(settings: Settings) -> tuple[Entry, ...]:
    """All detectors of ``configs/detectors``, also those whose card is broken."""
    return tuple(_entry(name, settings) for name in registry.detector_ids())


def _entry(name: str, settings: Settings) -> Entry:
    try:
        card = registry.card(name)
        return Entry(name, card, find(card, settings))
    except WorkbenchError as error:
        return Entry(name, error=error)


def entry(name: str, settings: Settings) -> Entry:
    """One detector.

    Raises:
        NotFoundError: there is none of that name.
        ConfigError: its card is wrong.
    """
    card = registry.card(name)
    return Entry(name, card, find(card, settings))


def place(found: Found, settings: Settings) -> str:
    """Where a file is, in words that name no folder of the machine."""
    if found.path is None:
        return ""
    if found.path.parent == SHIPPED_WEIGHTS:
        return "came with the program"
    if found.path.is_relative_to(download_folder(settings)):
        return "download folder"
    return "folder of your own"


# --- pull ----------------------------------------------------------------------------------------------------------


def pull(
    card: Card,
    settings: Settings,
    *,
    accept_licence: bool = False,
    trust: bool = False,
    on_progress: OnProgress | None = None,
    on_wait: Callable[[], None] | None = None,
) -> tuple[Found, ...]:
    """Download those of a detector's files that are not here.

    Args:
        card: the detector.
        settings: where to, and whether downloading is allowed.
        accept_licence: the user accepts a licence that forbids commercial use.
        trust: the user vouches for a file whose hash the card does not know.
        on_progress: told about every block that arrives.
        on_wait: called when another process is at the same file.

    Returns:
        All the card's files, every one usable.

    Raises:
        WeightsError: not allowed (offline, licence, unknown hash), no address, or the download failed.
        StorageError: a file cannot be written.
    """
    for found in find(card, settings):
        if not found.usable:
            _may_pull(card, found.file, settings, accept_licence=accept_licence, trust=trust)
            _pull(card, found.file, settings, on_progress, on_wait)
    return find(card, settings)


def _may_pull(card: Card, item: WeightsFile, settings: Settings, *, accept_licence: bool, trust: bool) -> None:
    if not addresses(item):
        raise WeightsError(f"There is no address to get {item.file} from.", hint=f"Instead: {card.weights.how_to_get}")
    if settings.offline:
        raise WeightsError(
            f"Unmask is set to work offline, so {item.file} is not downloaded.",
            hint=f"Unset UNMASK_OFFLINE, or bring the file from elsewhere: {_add_command(card)}",
        )
    if card.weights.non_commercial and not accept_licence:
        raise WeightsError(
            f"The weights of {card.title} may not be used commercially (licence: {card.weights.licence}).",
            hint=f"If you accept that: python -m core.cli weights pull {card.id} --accept-licence",
        )
    if not (trust or item.sha256 or (card.id, item.file) in trusted.read(settings)):
        raise WeightsError(
            f"Nobody has published a hash of {item.file}, so it cannot be told whether what comes is the right file.",
            hint=f"If you trust its source: python -m core.cli weights pull {card.id} --trust",
        )


def addresses(item: WeightsFile) -> tuple[str, ...]:
    """Where a file can be downloaded from, best first."""
    return (*((item.url,) if item.url else ()), *item.urls)


def _add_command(card: Card) -> str:
    return f"python -m core.cli weights add FILE --as {card.id}"


def _pull(
    card: Card,
    item: WeightsFile,
    settings: Settings,
    on_progress: OnProgress | None,
    on_wait: Callable[[], None] | None,
) -> None:
    path = _ready(card, item, settings)
    expected = item.sha256 or trusted.read(settings).get((card.id, item.file), "")
    wanted = fetch.Wanted(item.file, addresses(item), expected, item.size_bytes)

    def told(here: int, total: int | None) -> None:
        if on_progress is not None:
            on_progress(item.file, here, total or (item.size_bytes if item.sha256 else None))

    with exclusive(_lock(path), on_wait=on_wait):
        if expected and path.is_file() and fresh_sha256(path) == expected:
            return
        sha256 = fetch.fetch(wanted, path, told)
        if not expected:
            trusted.vouch(settings, card.id, item.file, sha256, path.stat().st_size)


def _ready(card: Card, item: WeightsFile, settings: Settings) -> Path:
    path = target(card, item, settings)
    try:
        private_folder(path.parent)
    except OSError as exc:
        raise _unwritable(path.parent, exc) from exc
    return path


def _lock(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _unwritable(folder: Path, exc: OSError) -> StorageError:
    return StorageError(
        f"The folder '{folder}' cannot be written to: {exc.strerror}.",
        hint="Make it writable, or choose another one with UNMASK_DATA_DIR.",
    )


# --- add -----------------------------------------------------------------------------------------------------------


def add(file: Path, card: Card, settings: Settings, *, trust: bool = False) -> Found:
    """Take a file that the user has as one of a detector's files. It is copied; the original stays where it is.

    Args:
        file: the file.
        card: the detector it belongs to.
        settings: where to.
        trust: the user vouches for it though its hash is not on the card.

    Raises:
        NotFoundError: there is no such file.
        WeightsError: its hash is not on the card and nobody vouches for it, or it is no checkpoint that can be read
            without running code of it.
        StorageError: it cannot be read or copied.
    """
    if not file.is_file():
        raise NotFoundError(f"There is no file {str(file)!r}.", hint="Give the path of the weights file.")
    try:
        sha256 = fresh_sha256(file)
    except OSError as exc:
        raise StorageError(f"{str(file)!r} cannot be read: {exc.strerror}.", hint="Check who may read it.") from exc
    item = _meant(file, sha256, card)
    if sha256 != item.sha256:
        _may_vouch(file, sha256, item, card, trust=trust)
    path = _ready(card, item, settings)
    try:
        with exclusive(_lock(path)):
            _copy(file, path, sha256)
    except OSError as exc:
        raise _unwritable(path.parent, exc) from exc
    if sha256 != item.sha256:
        trusted.vouch(settings, card.id, item.file, sha256, path.stat().st_size)
    return next(found for found in find(card, settings) if found.file == item)


def _meant(file: Path, sha256: str, card: Card) -> WeightsFile:
    """Which of the detector's files this is: by hash, else by name, else the only one."""
    files = files_of(card)
    by_hash = [item for item in files if item.sha256 == sha256]
    by_name = [item for item in files if item.file == file.name]
    if chosen := by_hash or by_name or (files if len(files) == 1 else ()):
        return chosen[0]
    raise ConfigError(
        f"{card.title} needs several files, and it cannot be told which of them {file.name!r} is.",
        hint=f"Give it the name of the one it is: {', '.join(item.file for item in files)}.",
    )


def _may_vouch(file: Path, sha256: str, item: WeightsFile, card: Card, *, trust: bool) -> None:
    if not trust:
        named = f"names another ({item.sha256})" if item.sha256 else "names none"
        raise WeightsError(
            f"The sha256 of {file.name!r} is {sha256}; the card of {card.title} {named}.",
            hint=f"If you know where the file comes from and vouch for it: {_add_command(card)} --trust",
        )
    if card.weights.format in ("safetensors", "pytorch"):
        from core.weights.states import read_checkpoint

        read_checkpoint(file)


def _copy(source: Path, path: Path, sha256: str) -> None:
    part = path.with_name(path.name + ".adding")
    digest = hashlib.sha256()
    with source.open("rb") as before, part.open("wb") as after:
        while block := before.read(_BLOCK):
            digest.update(block)
            after.write(block)
        after.flush()
        os.fsync(after.fileno())
    if digest.hexdigest() != sha256:
        part.unlink()
        raise WeightsError(f"{source.name!r} changed while it was read.", hint="Wait until it is written; then add it.")
    part.replace(path)


# --- verify --------------------------------------------------------------------------------------------------------


def verify(names: Sequence[str], settings: Settings) -> tuple[tuple[str, Found, str], ...]:
    """Hash again what is on disk; nothing that is remembered counts.

    Args:
        names: detectors; all where empty.
        settings: where to look.

    Returns:
        Detector, file and what is wrong with it ("" where nothing is), for every file.

    Raises:
        NotFoundError: there is no detector of that name.
    """
    chosen = [entry(name, settings) for name in names] if names else overview(settings)
    return tuple((item.id, found, _wrong(found)) for item in chosen for found in item.found)


def _wrong(found: Found) -> str:
    if found.path is None:
        return "missing"
    try:
        now = fresh_sha256(found.path)
    except OSError as exc:
        return f"cannot be read: {exc.strerror}"
    if not found.usable:
        return f"{found.presence.value}: its sha256 is {now}" + (
            f", the card's {found.file.sha256}" if found.file.sha256 else ""
        )
    return "" if now == found.sha256 else f"damaged: its sha256 is {short(now)} and was {short(found.sha256)}"
