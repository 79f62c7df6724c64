"""DFDC, the DeepFake Detection Challenge data (Dolhansky et al., 2020)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.training.data.manifest import Item
from core.training.data.readers.base import item, load_json, misfit, not_empty

LICENCE = "DFDC terms of use"
_SPLITS = {"train": "train", "validation": "calib", "test": "test"}


class Dfdc:
    """Part folders (``dfdc_train_part_00`` …) with clips and a ``metadata.json``:
    ``{clip: {label: REAL | FAKE, original, split}}``, or the test set's ``{clip: {is_fake: 0 | 1}}``.

    The identity is the original clip: names tell no more. Clips that the metadata names but the folder lacks are
    skipped, so a sample of the collection can be read.
    """

    name = "dfdc"
    title = "DFDC"
    expects = "folders with .mp4 files and a metadata.json each"

    def fits(self, root: Path) -> bool:
        return bool(_metadata(root))

    def read(self, root: Path, *, split: str = "test") -> list[Item]:
        listings = _metadata(root)
        if not listings:
            raise misfit(self, root, "no metadata.json")
        made = []
        for listing in listings:
            for name, facts in sorted(load_json(listing, dict, self.title).items()):
                path = listing.parent / Path(name).name
                if path.is_file():
                    made.append(_clip(root, path, facts, split))
        return not_empty(made, self, root)


def _metadata(root: Path) -> list[Path]:
    return [path for pattern in ("metadata.json", "*/metadata.json") for path in sorted(root.glob(pattern))]


def _clip(root: Path, path: Path, facts: Any, split: str) -> Item:
    original = facts.get("original") if isinstance(facts, dict) else None
    return item(
        root,
        path,
        method="DFDC" if _is_fake(path, facts) else None,
        source="dfdc",
        identity=f"dfdc/{Path(original).stem if isinstance(original, str) and original else path.stem}",
        split=_SPLITS.get(str(facts.get("split")), split),
        licence=LICENCE,
    )


def _is_fake(path: Path, facts: Any) -> bool:
    if isinstance(facts, dict):
        if facts.get("label") in ("REAL", "FAKE"):
            return bool(facts["label"] == "FAKE")
        if facts.get("is_fake") in (0, 1):
            return bool(facts["is_fake"])
    raise ConfigError(
        f"DFDC: metadata.json gives no label for {path.name}.", hint="Each entry needs label REAL or FAKE, or is_fake."
    )
