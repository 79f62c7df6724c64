"""Lists of media with label, method, source, identity and split, from a ``manifest.csv``."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
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
    """Read ``root/manifest.csv`` (columns path, modality, label, method, source, split, sha256, licence;
    where it has a column identity, that says who is shown, else names do).

    Raises:
        NotFoundError: there is no manifest in ``root``.
        ConfigError: a column is missing or a label is neither real nor fake.
    """
    path = root / "manifest.csv"
    if not path.is_file():
        raise NotFoundError(
            f"There is no manifest.csv in {root}.", hint="Give the data folder with --data or in UNMASK_TRAINING_DATA."
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
        identity=row.get("identity") or identity_of(row["source"], row["path"]),
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
