"""Taking a folder of labelled media into the manifest that the trainers read."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigError, StorageError
from core.training.data.manifest import CLIPS, PICTURES, Split
from core.training.data.readers.base import SOUNDS, media_under, modality_of, need_folder, sha256_of
from core.training.data.readers.table import COLUMNS, read_table

MOST_FILES = 20_000
_KINDS = (*PICTURES, *CLIPS, *SOUNDS)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is said of all files of a folder. ``source`` is a short name of where they come from, ``identity`` who they
    show (empty: each file's name tells, as far as it can), ``method`` how fakes were made."""

    folder: Path
    fake: bool
    source: str
    licence: str
    identity: str = ""
    method: str = ""
    split: Split = "train"


@dataclass(frozen=True, slots=True)
class Added:
    """How many files came in, and how many were there already."""

    added: int
    known: int


def check(root: Path, said: Labelled) -> list[Path]:
    """The media files of the folder, once all that was said of it makes sense. Opens none of them.

    Raises:
        ConfigError: the message names what is wrong.
    """
    need_folder(root, "data folder")
    if not said.folder.is_dir():
        raise ConfigError(f"There is no folder {said.folder}.", hint="Give the path of a folder on this machine.")
    if said.folder.resolve() in (root.resolve(), *root.resolve().parents):
        raise ConfigError("The folder holds the data folder itself.", hint="Give a folder with the new media alone.")
    for what, value in (("source", said.source), ("identity", said.identity or "x"), ("method", said.method or "x")):
        if not _NAME.fullmatch(value):
            raise ConfigError(
                f"The {what} '{value}' is no short name.", hint="Use up to 60 letters, digits, '.', '_' and '-'."
            )
    if not said.licence.strip():
        raise ConfigError("No licence was given.", hint="Say under which licence or permission the files are used.")
    if said.split == "train" and said.fake:
        raise ConfigError(
            "Fakes are not trained on: detectors are taught on real faces and on fakes made from them.",
            hint="Take fakes in for calibration (calib) or for measuring (test).",
        )
    files = list(media_under(said.folder, _KINDS))
    if not files or len(files) > MOST_FILES:
        raise ConfigError(
            f"The folder holds {len(files):,} pictures, clips and recordings; 1 to {MOST_FILES:,} can be taken in.",
            hint=f"Endings that count: {', '.join(sorted(_KINDS))}.",
        )
    return files


def add_folder(root: Path, said: Labelled) -> Added:
    """Take the files of a folder into ``root/manifest.csv``, which is made where it is missing.

    Files outside ``root`` are copied to ``root/added/<source>``; those inside stay where they are. A file that is
    listed already (by its sha256) is left out.

    Raises:
        ConfigError: as :func:`check`; a file is listed with the other label or in another split, or the identity is in
            another split already.
        StorageError: the files or the manifest cannot be written.
    """
    files = check(root, said)
    manifest = root / "manifest.csv"
    listed = {one.sha256: one for one in read_table(manifest)} if manifest.is_file() else {}
    if said.identity:
        _same_split(said, [one.split for one in listed.values() if one.identity == said.identity])
    new: dict[str, Path] = {}
    known = 0
    for path in files:
        sha256 = sha256_of(path)
        before = listed.get(sha256)
        if before is not None and (before.fake, before.split) != (said.fake, said.split):
            raise ConfigError(
                f"{path.name} is listed already as {'fake' if before.fake else 'real'} for {before.split}.",
                hint="A file has one label and one split: take it out of one of the two.",
            )
        known += before is not None or sha256 in new
        if before is None:
            new.setdefault(sha256, path)
    try:
        _write(manifest, [_row(root, said, sha256, path) for sha256, path in new.items()])
    except OSError as exc:
        raise StorageError(
            f"The data folder could not be written: {exc.strerror or type(exc).__name__}.",
            hint=f"Check that {root} is writable and has space.",
        ) from exc
    return Added(len(new), known)


def _same_split(said: Labelled, splits: Sequence[str]) -> None:
    others = sorted(set(splits) - {said.split})
    if others:
        raise ConfigError(
            f"'{said.identity}' is in {', '.join(others)} already.",
            hint="Nobody may be in two splits: figures would be too good.",
        )


def _row(root: Path, said: Labelled, sha256: str, path: Path) -> dict[str, str]:
    modality = modality_of(path)
    return {
        "path": _placed(root, said, sha256, path),
        "sha256": sha256,
        "modality": modality,
        "label": "fake" if said.fake else "real",
        "method": (said.method or "unknown") if said.fake else ("bonafide" if modality == "audio" else "pristine"),
        "source": said.source,
        "identity": said.identity,
        "split": said.split,
        "licence": " ".join(said.licence.split()),
    }


def _placed(root: Path, said: Labelled, sha256: str, path: Path) -> str:
    """Where the file lies below ``root``, after it was copied there if it lay elsewhere. A copy keeps the name behind
    ``__``, by which an identity is told."""
    if path.resolve().is_relative_to(root.resolve()):
        return path.resolve().relative_to(root.resolve()).as_posix()
    target = root / "added" / said.source / f"{sha256[:16]}__{path.name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)
    return target.relative_to(root).as_posix()


def _write(manifest: Path, rows: Sequence[dict[str, str]]) -> None:
    """Append rows: all of them or none. Columns of the manifest that are not known here stay as they are."""
    old: list[dict[str, str]] = []
    columns = list(COLUMNS)
    if manifest.is_file():
        with manifest.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            columns = list(reader.fieldnames or ())
            columns += [name for name in ("identity", "licence") if name not in columns]
            old = list(reader)
    part = manifest.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        writer.writerows([*old, *rows])
    part.replace(manifest)
