"""The project's own list of media: ``manifest.csv``."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from core.errors import ConfigError
from core.training.data.manifest import Item, identity_of

COLUMNS = ("path", "sha256", "modality", "label", "method", "source", "identity", "split", "licence")
_NEEDED = tuple(column for column in COLUMNS if column not in ("identity", "licence"))
_VALUES = {
    "modality": ("image", "video", "audio"),
    "label": ("real", "fake"),
    "split": ("train", "calib", "test"),
}


class Table:
    """A folder with a ``manifest.csv``; paths in it are relative to the folder."""

    name = "manifest"
    title = "manifest.csv"
    expects = f"a manifest.csv with the columns {', '.join(COLUMNS)}"

    def fits(self, root: Path) -> bool:
        return (root / "manifest.csv").is_file()

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        return read_table(root / "manifest.csv")


def read_table(path: Path) -> list[Item]:
    """All rows of a manifest. Without a column ``identity``, names tell who is shown as far as they can.

    Raises:
        ConfigError: no such file, a missing column, an unknown value (the message names its line), a path that leaves
            the folder or that stands twice.
    """
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.DictReader(stream)
            missing = [column for column in _NEEDED if column not in (rows.fieldnames or ())]
            if missing:
                raise ConfigError(
                    f"{path.name}: no column {', '.join(missing)}.", hint=f"It needs {', '.join(_NEEDED)}."
                )
            items = [_item(row, number, path.name) for number, row in enumerate(rows, 2)]
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"The manifest {path} cannot be read.", hint="Give a UTF-8 CSV file.") from exc
    seen: set[str] = set()
    for one in items:
        if one.path in seen:
            raise ConfigError(f"{path.name}: {one.path} stands twice.", hint="Keep one of the two rows.")
        seen.add(one.path)
    return items


def _item(row: dict[str, str | None], number: int, name: str) -> Item:
    for column, allowed in _VALUES.items():
        if row[column] not in allowed:
            raise ConfigError(
                f"{name}, line {number}: {column} is '{row[column]}'.", hint=f"It must be one of {', '.join(allowed)}."
            )
    path, source = row["path"] or "", row["source"] or ""
    if not path or Path(path).is_absolute() or ".." in Path(path).parts:
        raise ConfigError(f"{name}, line {number}: the path '{path}' leaves the folder.", hint="Use relative paths.")
    return Item(
        path=path,
        sha256=row["sha256"] or "",
        modality=row["modality"] or "",
        fake=row["label"] == "fake",
        method=row["method"] or "unknown",
        source=source,
        identity=row.get("identity") or identity_of(source, path),
        split=row["split"] or "",
        licence=row.get("licence") or "",
    )


def write_table(items: Iterable[Item], path: Path) -> None:
    """Write a manifest that :func:`read_table` reads back as it was."""
    part = path.with_suffix(".part")
    with part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for one in items:
            facts = {column: getattr(one, column) for column in COLUMNS if column != "label"}
            writer.writerow({**facts, "label": "fake" if one.fake else "real"})
    part.replace(path)
