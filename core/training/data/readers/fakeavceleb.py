"""FakeAVCeleb (Khalid et al., 2021)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

from core.errors import ConfigError
from core.training.data.manifest import CLIPS, Item
from core.training.data.readers.base import item, media_under, misfit, not_empty

LICENCE = "CC BY-NC 4.0 (on request)"
LISTING = "meta_data.csv"
Judged = Literal["clip", "picture", "sound"]
_TYPES = tuple(f"{picture}Video-{sound}Audio" for picture in ("Real", "Fake") for sound in ("Real", "Fake"))
# The file's own header has no name for the folder, which stands behind the file's name.
_COLUMNS = ("source", "target1", "target2", "method", "category", "type", "race", "gender", "path", "folder")


class FakeAvCeleb:
    """``<type>/<race>/<gender>/<id>/*.mp4`` with type ``RealVideo-FakeAudio`` and the like, and ``meta_data.csv``,
    which names the method of each file (without it the type is the method).

    The identity is the person whose clip it is (``source``).

    Args:
        judged: what has to be forged for a clip to count as a fake: anything in it (``clip``), its ``picture`` or its
            ``sound``. A face detector is measured with ``picture``: a cloned voice under a real picture is real to it.
    """

    name = "fakeavceleb"
    title = "FakeAVCeleb"
    expects = f"{', '.join(f'{one}/' for one in _TYPES)} with <race>/<gender>/<id>/*.mp4, and {LISTING} for the methods"

    def __init__(self, judged: Judged = "clip") -> None:
        self._judged = judged

    def fits(self, root: Path) -> bool:
        return any((root / one).is_dir() for one in _TYPES)

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        methods = _methods(root)
        made = []
        for kind in _TYPES:
            for path in media_under(root / kind, CLIPS):
                inside = path.relative_to(root)
                if len(inside.parts) != 5:
                    raise misfit(self, root, f"{inside.as_posix()} is not where it should be")
                made.append(
                    item(
                        root,
                        path,
                        method=methods.get(inside.as_posix(), kind) if self._is_fake(kind) else None,
                        source="fakeavceleb",
                        identity=f"fakeavceleb/{inside.parts[3]}",
                        split=split,
                        licence=LICENCE,
                    )
                )
        return not_empty(made, self, root)

    def _is_fake(self, kind: str) -> bool:
        picture, sound = kind.startswith("Fake"), kind.endswith("FakeAudio")
        return {"clip": picture or sound, "picture": picture, "sound": sound}[self._judged]


def _methods(root: Path) -> dict[str, str]:
    """Path of each listed file, relative to the root, → its method."""
    listing = root / LISTING
    if not listing.is_file():
        return {}
    with listing.open(newline="", encoding="utf-8") as stream:
        rows = csv.reader(stream)
        header = next(rows, [])
        if tuple(header[: len(_COLUMNS) - 1]) != _COLUMNS[:-1]:
            raise ConfigError(
                f"FakeAVCeleb: {LISTING} has other columns.", hint=f"Its header starts with {','.join(_COLUMNS[:-1])}."
            )
        return dict(_method_row(row, number) for number, row in enumerate(rows, 2) if row)


def _method_row(row: list[str], number: int) -> tuple[str, str]:
    facts = dict(zip(_COLUMNS, row, strict=False))
    if not facts.get("path"):
        raise ConfigError(f"FakeAVCeleb: line {number} of {LISTING} names no file.", hint="Fetch the file again.")
    folder = "/".join((facts["type"], facts["race"], facts["gender"], facts["source"]))
    inside = facts.get("folder", "").strip("/")
    for kind in _TYPES:
        if kind in inside.split("/"):
            folder = inside[inside.index(kind) :]
    return f"{folder}/{facts['path']}", facts["method"]
