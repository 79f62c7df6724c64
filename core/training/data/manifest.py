"""Lists of media with label, method, source, identity and split, from a ``manifest.csv`` or a known folder layout."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import ConfigError, NotFoundError

Split = Literal["train", "calib", "test"]
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
CLIPS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg"}


@dataclass(frozen=True, slots=True)
class Item:
    """One file. ``path`` is relative to the data root, ``fake`` is the label, ``identity`` groups all files that
    show the same person (as far as names tell)."""

    path: str
    sha256: str
    modality: str
    fake: bool
    method: str
    source: str
    identity: str
    split: str
    licence: str = ""


def read_manifest(root: Path, *, modalities: Iterable[str] = ("image", "video")) -> list[Item]:
    """Read ``root/manifest.csv`` (columns path, modality, label, method, source, split, sha256, licence).

    Raises:
        NotFoundError: there is no manifest in ``root``.
        ConfigError: a column is missing or a label is neither real nor fake.
    """
    path = root / "manifest.csv"
    if not path.is_file():
        raise NotFoundError(
            f"There is no manifest.csv in {root}.", hint="Give the data folder with --data or in UNMASK_DATA."
        )
    wanted = set(modalities)
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return [_item(row) for row in csv.DictReader(stream) if row["modality"] in wanted]
    except KeyError as exc:
        raise ConfigError(
            f"manifest.csv: no column or value {exc}.", hint="See docs/training.md for its columns."
        ) from exc


def _item(row: dict[str, str]) -> Item:
    return Item(
        path=row["path"],
        sha256=row["sha256"],
        modality=row["modality"],
        fake={"real": False, "fake": True}[row["label"]],
        method=row["method"],
        source=row["source"],
        identity=identity_of(row["source"], row["path"]),
        split=row["split"],
        licence=row.get("licence", ""),
    )


def identity_of(source: str, path: str) -> str:
    """Who a file shows, as far as its name tells: the person of LFW, the member id of a portrait, else the name
    without its clip number."""
    stem = Path(path).stem.split("__")[-1]
    if source == "lfw":
        return "lfw/" + re.sub(r"_\d+$", "", stem).lower()
    if source == "us_congress":
        return "us_congress/" + stem.lower()
    person = re.split(r"[-_ ]?clip[-_ ]?\d", stem, flags=re.IGNORECASE)[0]
    family = "styletalk" if source.startswith("styletalk") else source
    return f"{family}/{person.lower()}"


# --- layouts of public collections -------------------------------------------------------------------------------


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    kinds = PICTURES | CLIPS
    yield from sorted(p for p in folder.rglob("*") if p.suffix.lower() in kinds and p.is_file())


def _entry(root: Path, path: Path, *, fake: bool, method: str, source: str, identity: str, split: str) -> Item:
    modality = "video" if path.suffix.lower() in CLIPS else "image"
    return Item(path.relative_to(root).as_posix(), _hash(path), modality, fake, method, source, identity, split)


def read_folders(root: Path, *, split: str = "test") -> list[Item]:
    """Any folder with ``real/`` and ``fake/`` in it (WildDeepfake-like); one level below ``fake/`` names the method."""
    items = []
    for label in ("real", "fake"):
        for path in _files(root / label):
            parts = path.relative_to(root / label).parts
            method = parts[0] if label == "fake" and len(parts) > 1 else ("fake" if label == "fake" else "pristine")
            items.append(
                _entry(
                    root, path, fake=label == "fake", method=method, source=root.name, identity=path.stem, split=split
                )
            )
    return _not_empty(items, root, "folders real/ and fake/")


def read_faceforensics(root: Path, *, split: str = "test") -> list[Item]:
    """FaceForensics++: ``original_sequences/*/<c>/videos`` and ``manipulated_sequences/<method>/<c>/videos``.

    A fake ``071_054`` belongs to the identity of its target ``071``.
    """
    items = []
    for branch, fake in (("original_sequences", False), ("manipulated_sequences", True)):
        for path in _files(root / branch):
            method = path.relative_to(root / branch).parts[0] if fake else "pristine"
            identity = "ff/" + path.stem.split("_")[0]
            items.append(_entry(root, path, fake=fake, method=method, source="ff++", identity=identity, split=split))
    return _not_empty(items, root, "FaceForensics++")


def read_celebdf(root: Path, *, split: str = "test") -> list[Item]:
    """Celeb-DF v2: Celeb-real, YouTube-real, Celeb-synthesis; only the files of List_of_testing_videos.txt if given."""
    listing = root / "List_of_testing_videos.txt"
    chosen = (
        {line.split()[-1] for line in listing.read_text().splitlines() if line.strip()} if listing.is_file() else None
    )
    items = []
    for folder, fake in (("Celeb-real", False), ("YouTube-real", False), ("Celeb-synthesis", True)):
        for path in _files(root / folder):
            if chosen is not None and path.relative_to(root).as_posix() not in chosen:
                continue
            identity = f"celebdf/{path.stem.split('_')[0]}" if folder != "YouTube-real" else f"celebdf/yt{path.stem}"
            method = "Celeb-synthesis" if fake else "pristine"
            items.append(
                _entry(root, path, fake=fake, method=method, source="celeb-df", identity=identity, split=split)
            )
    return _not_empty(items, root, "Celeb-DF v2")


def read_dfdc(root: Path, *, split: str = "test") -> list[Item]:
    """DFDC: folders with ``metadata.json`` ({file: {label: REAL | FAKE, original}}); identity = original clip."""
    import json

    items = []
    for meta in sorted(root.rglob("metadata.json")):
        for name, facts in sorted(json.loads(meta.read_text(encoding="utf-8")).items()):
            path = meta.parent / name
            if not path.is_file():
                continue
            fake = facts["label"] == "FAKE"
            identity = "dfdc/" + Path(facts.get("original") or name).stem
            items.append(
                _entry(
                    root,
                    path,
                    fake=fake,
                    method="DFDC" if fake else "pristine",
                    source="dfdc",
                    identity=identity,
                    split=split,
                )
            )
    return _not_empty(items, root, "DFDC (metadata.json)")


def _not_empty(items: list[Item], root: Path, what: str) -> list[Item]:
    if not items:
        raise NotFoundError(f"No media in the layout of {what} under {root}.", hint="Check the folder and --layout.")
    return items


LAYOUTS: dict[str, Callable[..., list[Item]]] = {
    "manifest": lambda root, **_: read_manifest(root),
    "folders": read_folders,
    "ff++": read_faceforensics,
    "celeb-df": read_celebdf,
    "dfdc": read_dfdc,
}


def read_items(root: Path, layout: str = "manifest", *, split: str = "test") -> list[Item]:
    """Items of ``root`` by layout name (a key of :data:`LAYOUTS`)."""
    if layout not in LAYOUTS:
        raise NotFoundError(f"There is no layout '{layout}'.", hint=f"There are: {', '.join(LAYOUTS)}.")
    return LAYOUTS[layout](root, split=split)
