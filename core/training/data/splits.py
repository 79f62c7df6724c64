"""Which identities are trained on and which validate: decided once by identity, written to a file, then obeyed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import ConfigError
from core.training.data.crops import CropRow


def split_identities(rows: Sequence[CropRow], share: float, seed: int) -> dict[str, str]:
    """sha256 of each file in ``rows`` -> "train" or "val". All files of an identity go the same way; at least one
    identity of each source validates where it has three or more."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        by_source[row.source].add(row.identity)
    rng = np.random.default_rng(seed)
    chosen: set[str] = set()
    for source in sorted(by_source):
        people = sorted(by_source[source])
        count = max(1, round(share * len(people))) if len(people) >= 3 else 0
        chosen.update(str(p) for p in rng.choice(people, size=count, replace=False))
    return {row.sha256: "val" if row.identity in chosen else "train" for row in rows}


def load_or_make(path: Path, rows: Sequence[CropRow], share: float, seed: int) -> dict[str, str]:
    """The split in ``path``; written there first if there is none.

    Raises:
        ConfigError: the file does not cover the data at hand.
    """
    if path.is_file():
        split: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["files"]
        missing = {row.sha256 for row in rows} - set(split)
        if missing:
            raise ConfigError(
                f"{path.name} does not know {len(missing)} files of the data.", hint="Remove it to draw a new split."
            )
        return split
    split = split_identities(rows, share, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"by": "identity", "seed": seed, "share": share, "files": dict(sorted(split.items()))}
    path.write_text(json.dumps(document, indent=0) + "\n", encoding="utf-8")
    return split
