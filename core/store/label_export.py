"""Labels for elsewhere: JSON lines, CSV, or a data-set folder as the Hugging Face hub reads it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

from core.errors import ConfigError, StorageError
from core.reports.tables import escape
from core.settings import Settings
from core.store.feedback import Label
from core.store.history import Store, shared_store
from core.store.uploads import Uploads

FIELDS = ("media_sha256", "truth", "reviewer", "agrees", "p_fake", "label", "tags", "comment", "consent", "created_at")


def rows(labels: list[Label]) -> list[dict[str, Any]]:
    """Labels as plain values, in the order in which they were given."""
    return [
        {
            "media_sha256": one.media_sha256,
            "truth": one.truth.value,
            "reviewer": one.reviewer,
            "agrees": one.agrees,
            "p_fake": one.p_fake,
            "label": one.label.value,
            "tags": list(one.tags),
            "comment": one.comment,
            "consent": one.consent,
            "created_at": one.created_at,
        }
        for one in labels
    ]


def export_labels(settings: Settings, target: Path, store: Store | None = None) -> int:
    """Write the labels that stand to ``target``; returns how many.

    ``.jsonl`` and ``.csv`` hold all of them. Anything else is a folder: ``metadata.jsonl`` (with ``file_name``) and the
    media, and of these only what was given for training.

    Raises:
        ConfigError: the target ends like some other kind of file.
        StorageError: it cannot be written.
    """
    if target.suffix not in ("", ".jsonl", ".csv"):
        raise ConfigError(f"Labels are not written as '{target.suffix}'.", hint="Name a .jsonl, a .csv or a folder.")
    labels = (store or shared_store(settings)).labels()
    try:
        if target.suffix == ".jsonl":
            target.write_text(as_jsonl(labels), encoding="utf-8")
        elif target.suffix == ".csv":
            target.write_text(as_csv(labels), encoding="utf-8", newline="")
        else:
            return _folder(settings, labels, target)
    except OSError as exc:
        raise StorageError(f"{target} cannot be written.", hint="Name another place.") from exc
    return len(labels)


def _folder(settings: Settings, labels: list[Label], target: Path) -> int:
    media, uploads = target / "media", Uploads(settings)
    media.mkdir(parents=True, exist_ok=True)
    lines = []
    given = [one for one in labels if one.consent and one.media_sha256]
    for one, row in zip(given, rows(given), strict=True):
        path = uploads.path_of(one.media_sha256 or "")
        if path is not None:
            if not (media / path.name).is_file():
                shutil.copyfile(path, media / path.name)
            lines.append({"file_name": f"media/{path.name}", **row})
    (target / "metadata.jsonl").write_text(_jsonl(lines), encoding="utf-8")
    return len(lines)


def _jsonl(values: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in values)


def as_jsonl(labels: list[Label]) -> str:
    """One JSON object a label."""
    return _jsonl(rows(labels))


def as_csv(labels: list[Label]) -> str:
    """One row a label. Cells that a spreadsheet would take for a formula are made harmless."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(FIELDS)
    for row in rows(labels):
        table.writerow([escape("; ".join(row[f]) if f == "tags" else row[f]) for f in FIELDS])
    return out.getvalue()
